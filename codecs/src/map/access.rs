//! How mapped pages come into memory.

/// How the bytes of a map are going to be read.
///
/// It is advice: the kernel reads more or less ahead when a page is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing is known.
    #[default]
    Normal,
    /// From the beginning to the end: reads far ahead.
    Sequential,
    /// Here and there: reads nothing ahead.
    Random,
}

/// When the pages of a map come into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefault {
    /// When they are touched. Whoever touches a page that is not in the page
    /// cache waits for the disk, also in async code.
    #[default]
    Lazy,
    /// The kernel is told to begin reading, and nobody waits.
    WillNeed,
    /// Before the value is handed out: whoever loads waits for the disk, and
    /// whoever reads the value does not. A page that cannot be read is an error,
    /// where touching it later would end the process with a signal.
    ///
    /// The kernel may take pages back when memory is short, so it is no promise
    /// for all times.
    Populate,
}
