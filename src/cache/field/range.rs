//! Ranges of bytes (RFC 9110 §14).

/// A satisfiable part of a representation: `first` to `last`, both included, of `complete` bytes
/// (RFC 9110 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The offset of the last byte, at least `first`.
    pub last: u64,
    /// The length of the complete representation.
    pub complete: u64,
}

impl ByteRange {
    /// How many bytes the range has.
    pub fn len(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Never: a range has at least one byte.
    pub fn is_empty(&self) -> bool {
        false
    }
}
