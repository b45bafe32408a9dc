//! Hash maps whose keys are hashes already.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map from hashes.
pub(super) type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

/// A set of hashes of 128 bits.
pub(super) type HashedSet = HashSet<u128, BuildHasherDefault<AsItIs>>;

/// Takes the low 64 bits of a key for its hash.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}
