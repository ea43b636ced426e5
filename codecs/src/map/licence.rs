//! Leave to map files.

/// Leave to map files, given once by whoever knows how they are treated.
///
/// A mapped file is memory that others can reach. If its bytes change while a
/// value is made of them, the value breaks: validated data is no longer what
/// was validated, which is undefined behaviour; and if the file is truncated,
/// the next access to the lost part ends the process with a signal. No check
/// can rule that out, so it is a promise, and making it is `unsafe`. Everything
/// that takes a licence is safe.
///
/// A licence is not cloned: it is made at one place in the source, where the
/// promise can be read, and handed on from there.
#[derive(Debug)]
pub struct MapLicence(());

impl MapLicence {
    /// Makes a licence.
    ///
    /// # Safety
    ///
    /// The caller promises, of every file that anyone maps with this licence
    /// (through a codec that holds it, in a cache directory, in a persisted
    /// directory, or adopted from elsewhere), and from the moment it is mapped
    /// until the last value, clone or slice made of the map is gone:
    ///
    /// * **Nobody modifies it in place and nobody truncates it**: not this
    ///   program, not another one, not through another hard link of the same
    ///   file.
    /// * **In a cache directory, only this library** creates, replaces or
    ///   removes names. Elsewhere, unlinking a file and replacing it by a
    ///   rename are fine, because a map keeps the file that it was made of.
    /// * **The file system is local and coherent**: what one process reads from
    ///   a file is what any other process wrote last. Network file systems in
    ///   general are neither.
    ///
    /// The library helps to keep the promise (the files that it makes carry no
    /// write permission; one that is adopted by a link keeps its mode) and checks
    /// what can be checked (the length, when a map is made), but both can be
    /// circumvented.
    ///
    /// A disk that fails to write a page back can break it too: the kernel may then
    /// drop the page and read older bytes in its place. `guide::zero_copy` of
    /// `file_backed` tells what that means ("When the disk fails to write").
    pub const unsafe fn new() -> Self {
        Self(())
    }
}
