//! What stands for gzip: runs of bytes, quick to make and to undo, and told by its beginning.

use bytes::Bytes;

/// A body with the coding.
pub fn coded(plain: &[u8]) -> Bytes {
    let runs = plain.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(u8::MAX.into()));
    let runs = runs.flat_map(|run| [run[0], run.len() as u8]);
    MAGIC.into_iter().chain(runs).collect()
}

/// A body without the coding; none if it does not have it.
pub fn decoded(body: &[u8]) -> Option<Bytes> {
    let (runs, rest) = body.strip_prefix(&MAGIC)?.as_chunks::<2>();
    let bytes = runs.iter().flat_map(|[byte, count]| std::iter::repeat_n(*byte, (*count).into()));
    rest.is_empty().then(|| bytes.collect())
}

/// Whether a body has the coding.
pub fn is_coded(body: &[u8]) -> bool {
    body.starts_with(&MAGIC)
}

const MAGIC: [u8; 2] = [0x1f, 0x8b];
