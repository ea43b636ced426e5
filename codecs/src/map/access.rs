//! How mapped pages are brought into memory.

/// How the bytes of a map will be read.
///
/// This is advice: it changes how far the kernel reads ahead on a page fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The access pattern is not known.
    #[default]
    Normal,
    /// From beginning to end: reads far ahead.
    Sequential,
    /// At random offsets: does not read ahead.
    Random,
}

/// When the pages of a map are brought into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefault {
    /// When they are accessed. Accessing a page that is not in the page cache blocks
    /// until the disk has read it, in async code too.
    #[default]
    Lazy,
    /// The kernel is asked to start reading, without waiting for it.
    WillNeed,
    /// Before the value is handed out: the load waits for the disk, and readers of the
    /// value do not. A page that cannot be read is an error, whereas accessing it later
    /// would kill the process with a signal.
    ///
    /// The kernel may reclaim pages when memory is short, so the pages do not necessarily
    /// stay in memory.
    Populate,
}
