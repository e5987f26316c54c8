//! What stands at the front of a stream whose rest is somebody else's.

/// How far a reader came with the bytes that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<T> {
    /// At least so many bytes more belong to it: reading them takes nothing away from what follows.
    Needs(usize),
    /// It is whole, and so long.
    Whole(T, usize),
}
