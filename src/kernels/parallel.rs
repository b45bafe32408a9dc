//! Work split into chunks of a fixed size, so that what is computed together never depends on how
//! many threads there are. A single chunk runs on the calling thread: waking others costs more.

use rayon::prelude::*;

/// Elements of a chunk in elementwise work: 64 KiB of f32.
pub(super) const CHUNK: usize = 16 * 1024;

/// Calls `f(index, chunk)` for each chunk of `chunk` elements; the last may be shorter.
pub(super) fn chunks_mut<T: Send>(values: &mut [T], chunk: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let chunk = chunk.max(1);
    if values.len() <= chunk {
        if !values.is_empty() {
            f(0, values);
        }
        return;
    }
    values.par_chunks_mut(chunk).enumerate().for_each(|(index, chunk)| f(index, chunk));
}

/// Calls `f` for each item, each of which is worth a task of its own.
pub(super) fn each<T: Send>(mut items: Vec<T>, f: impl Fn(T) + Send + Sync) {
    if items.len() <= 1 {
        return items.pop().map_or((), f);
    }
    items.into_par_iter().with_max_len(1).for_each(f);
}

/// Calls `f` for each item, many to a task.
pub(super) fn each_of_many<T: Send>(items: Vec<T>, f: impl Fn(T) + Send + Sync) {
    items.into_par_iter().for_each(f);
}

/// The results of `f(0)`, …, `f(count − 1)`, in that order.
pub(super) fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
    if count <= 1 {
        return (0..count).map(f).collect();
    }
    (0..count).into_par_iter().map(f).collect()
}
