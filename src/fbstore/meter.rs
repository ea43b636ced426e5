//! Counts the bytes that go through files.

use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

use file_backed_codecs::Source;

use crate::backing_store::Traffic;

/// Bytes written and read by one store.
#[derive(Default)]
pub(super) struct Meter {
    written: AtomicU64,
    read: AtomicU64,
}

impl Meter {
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            written: self.written.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
        }
    }

    /// Counts what is written to `file`.
    pub(super) fn writing<'a>(&'a self, file: &'a mut dyn Write) -> impl Write + 'a {
        Writing {
            file,
            written: &self.written,
        }
    }

    /// Counts what is read from `file`. A map of it reads nothing.
    pub(super) fn reading<'a>(&'a self, file: &'a dyn Source) -> impl Source + 'a {
        Reading {
            file,
            read: &self.read,
        }
    }
}

struct Writing<'a> {
    file: &'a mut dyn Write,
    written: &'a AtomicU64,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Reading<'a> {
    file: &'a dyn Source,
    read: &'a AtomicU64,
}

impl Reading<'_> {
    fn count(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Source for Reading<'_> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)?;
        self.count(buf.len());
        Ok(())
    }

    fn read_exact_uninit_at<'b>(
        &self,
        buf: &'b mut [MaybeUninit<u8>],
        offset: u64,
    ) -> io::Result<&'b mut [u8]> {
        let read = self.file.read_exact_uninit_at(buf, offset)?;
        self.count(read.len());
        Ok(read)
    }

    fn file(&self) -> Option<&File> {
        self.file.file()
    }
}
