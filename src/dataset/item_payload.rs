//! Reading the payloads of items without their codecs.

use file_backed_codecs::frame::Footer;
use uuid::Uuid;

use super::Inspection;
use super::cause::DatasetCause;
use super::manifest::ItemRecord;
use crate::Error;
use crate::error::Operation;
use crate::fbstore::Stamped as _;

impl Inspection {
    /// Reads the payload of an item, which is its file without the footer, and passes it to
    /// `sink` in order, in pieces of up to 1 MiB. So an item of any length takes 1 MiB of
    /// memory.
    ///
    /// A file that is not the one of the commit is refused before `sink` is called. The
    /// checksum of the payload is known only at its end: until this returns without an error,
    /// what `sink` has got may be damaged.
    ///
    /// # Errors
    ///
    /// The first error of `sink`, with which the reading ends; [`Error::is_not_found`] if there
    /// is no such file; [`Error::is_damaged`] if it is damaged, or not the file that was
    /// committed.
    ///
    /// # Blocking
    ///
    /// Reads on this thread.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::Write as _;
    /// use file_backed::dataset::Inspection;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let found = Inspection::blocking_open("album")?;
    /// let sunset = found.names().get("2026/sunset.jpg").ok_or("there is no such name")?;
    /// let mut file = std::fs::File::create_new("sunset.jpg")?;
    /// found.blocking_read_payload(sunset.key::<()>().uuid(), |bytes| {
    ///     file.write_all(bytes)?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn blocking_read_payload<E: From<Error>>(
        &self,
        key: Uuid,
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Footer, E> {
        let expected = self.committed(key).map(|entry| ItemRecord::of(key, entry));
        let check = |footer: &Footer| match expected {
            Some(record) if record.differs_from(footer.fingerprint()) => {
                Err(DatasetCause::OtherFile.into())
            }
            _ => Ok(()),
        };
        let read = self.prepared().read_payload(key, check, sink);
        read.map_err(|error| Error::of_key(Operation::Inspect, key, error))?
    }
}
