//! Systems that store bytes, and what a program makes of the bytes.

use std::time::Duration;

use anyhow::Result;

use super::blob::{touch, touch_bytes};
use super::{Blobs, Touch, until_touched};

/// Stores bytes under numbers.
pub trait Bytes: Send + Sync {
    fn put(&self, id: usize, bytes: &[u8]) -> Result<()>;

    /// Returns when everything that was put is where the system wants it.
    fn finish(&self) -> Result<()> {
        Ok(())
    }

    /// Lends the bytes for as long as `look` takes, and gives them up.
    fn lend(&self, id: usize, look: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// Forgets what it keeps in its own memory, where that can be told it.
    fn forget(&self) {}
}

/// The bytes are used as they are.
pub struct Plain<P>(pub P);

impl<P: Bytes> Blobs for Plain<P> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        self.0.put(id, bytemuck::cast_slice(blob))
    }

    fn finish(&self) -> Result<()> {
        self.0.finish()
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let mut sum = 0;
        self.0.lend(id, &mut |bytes| {
            sum = touch_bytes(bytes, how);
            touched();
            Ok(())
        })?;
        Ok(sum)
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        self.0.forget();
        until_touched(|touched| self.load_then(id, how, touched))
    }
}

/// Each load makes numbers of the bytes, with bincode.
pub struct Bincoded<P>(pub P);

impl<P: Bytes> Blobs for Bincoded<P> {
    fn put(&self, id: usize, blob: &[f32]) -> Result<()> {
        let config = bincode::config::legacy();
        self.0
            .put(id, &bincode::serde::encode_to_vec(blob, config)?)
    }

    fn finish(&self) -> Result<()> {
        self.0.finish()
    }

    fn load_then(&self, id: usize, how: Touch, touched: &mut dyn FnMut()) -> Result<u32> {
        let mut sum = 0;
        self.0.lend(id, &mut |bytes| {
            let config = bincode::config::legacy();
            let (blob, _): (Vec<f32>, _) = bincode::serde::decode_from_slice(bytes, config)?;
            sum = touch(&blob, how);
            touched();
            Ok(())
        })?;
        Ok(sum)
    }

    fn first_load(&self, id: usize, how: Touch) -> Result<(Duration, u32)> {
        self.0.forget();
        until_touched(|touched| self.load_then(id, how, touched))
    }
}
