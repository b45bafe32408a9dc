//! What stands at the end of a delta: where everything is, and what identifies it.

use std::path::Path;

use candle_core::DType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::forecast::Forecast;
use super::frames::damaged;
use crate::error::{Error, Result};

/// A file that is kept whole, or the header of a file of weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptBytes {
    /// The name of the file.
    pub name: String,
    /// Where its frame is.
    pub at: u64,
    /// How many bytes it has.
    pub bytes: usize,
    /// The tensors that follow, of a file of weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensors: Option<Vec<String>>,
}

/// A tensor of the base.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptTensor {
    /// Its name.
    pub name: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// The base's dtype; none for bytes that are no weights.
    pub dtype: Option<String>,
    /// The merged dtype; none if the merged model has no such tensor.
    pub merged: Option<String>,
    /// The rank of the factors that were added, if there are any.
    pub rank: Option<usize>,
    /// Where its frames begin.
    pub at: u64,
    /// What identifies its bits in the base, see [`TreeHash`].
    pub hash: String,
    /// What identifies its bits in the merged model.
    pub merged_hash: String,
}

/// All of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Table {
    /// Small files, whole.
    pub small: Vec<KeptBytes>,
    /// Files of weights.
    pub weights: Vec<KeptBytes>,
    /// The tensors in them.
    pub tensors: Vec<KeptTensor>,
}

impl KeptTensor {
    /// How it is foretold, but for the factors.
    pub fn forecast(&self) -> Result<Forecast> {
        let dtype = |name: &Option<String>| -> Result<Option<DType>> {
            name.as_deref().map(|name| name.parse().map_err(|_| damaged())).transpose()
        };
        Ok(Forecast { shape: self.shape, base: dtype(&self.dtype)?, merged: dtype(&self.merged)?, factors: None })
    }

    /// How many bytes it has in the base.
    pub fn bytes(&self) -> Result<usize> {
        let size = self.forecast()?.size();
        self.shape.0.checked_mul(self.shape.1).and_then(|count| count.checked_mul(size)).ok_or_else(damaged)
    }
}

impl Table {
    /// Refuses names that are not plain names of files.
    pub fn check_names(&self, path: &Path) -> Result<()> {
        let files = self.small.iter().chain(&self.weights);
        let wrong =
            |name: &&KeptBytes| name.name.contains(['/', '\\']) || matches!(name.name.as_str(), "" | "." | "..");
        match files.into_iter().find(wrong) {
            Some(file) => Err(Error::new("a file of the delta")
                .got(format!("{:?}", file.name))
                .expected("a plain file name")
                .at(path.display().to_string())),
            None => Ok(()),
        }
    }
}

/// The SHA-256 over the SHA-256s of a tensor's parts: they are taken on all threads.
#[derive(Default)]
pub(super) struct TreeHash(Sha256);

impl TreeHash {
    /// Takes more parts, in their order.
    pub fn add(&mut self, digests: &[[u8; 32]]) {
        digests.iter().for_each(|digest| self.0.update(digest));
    }

    /// In hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The SHA-256 of a part.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
