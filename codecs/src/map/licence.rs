//! Permission to map files.

/// Permission to map files, given once by code that knows how the files are used.
///
/// A mapped file is memory that others can change. If its bytes change while a value
/// uses them, the value breaks: validated data is no longer what was validated, which
/// is undefined behaviour. If the file is truncated, the next access to the lost part
/// kills the process with a signal. No check can rule this out, so it takes a promise,
/// and making the promise is `unsafe`. Everything that accepts a licence is safe.
///
/// A licence cannot be cloned. It is made at one place in the source, where the promise
/// can be read, and passed on from there.
#[derive(Debug)]
pub struct MapLicence(());

impl MapLicence {
    /// Creates a licence.
    ///
    /// # Safety
    ///
    /// The caller promises the following for every file that anyone maps with this
    /// licence (through a codec that holds it, in a cache directory, in a persisted
    /// directory, or adopted from elsewhere), from the moment the file is mapped until
    /// the last value, clone or slice made from the map is gone:
    ///
    /// * **The file is neither modified in place nor truncated**, whether by this program
    ///   or by another one, and whether through this name or through another hard link of
    ///   the same file.
    /// * **In a cache directory, only this library** creates, replaces or removes names.
    ///   Elsewhere, unlinking a file and replacing it by a rename are fine, because a map
    ///   keeps the file that it was made from.
    /// * **The file system is local and coherent**: what one process reads from a file is
    ///   what any other process wrote last. Network file systems are generally neither.
    ///
    /// The library helps to keep the promise: the files that it creates have no write
    /// permission (a file adopted by a link keeps its mode). It also checks what can be
    /// checked, namely the length when a map is made. Both can be circumvented.
    ///
    /// A disk that fails to write a page back can break the promise too: the kernel may
    /// then drop the page and read older bytes instead. See "When the disk fails to
    /// write" in `guide::zero_copy` of `file_backed`.
    pub const unsafe fn new() -> Self {
        Self(())
    }
}
