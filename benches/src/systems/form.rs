//! Values that hold the numbers of a blob, as a codec wants them.

use anyhow::Result;
use file_backed::fbstore::Mapped;

use super::Touch;
use super::blob::{ProstBlob, touch, touch_bytes};

/// A value that holds numbers.
pub trait Form: Send + Sync + 'static {
    type Value: Send + Sync + 'static;

    fn value(blob: &[f32]) -> Result<Self::Value>;
    fn touch(value: &Self::Value, how: Touch) -> u32;
    /// Bytes that the value has of its own.
    fn weigh(value: &Self::Value) -> u64;
}

/// Numbers, through bincode.
pub struct Bin;

impl Form for Bin {
    type Value = Vec<f32>;

    fn value(blob: &[f32]) -> Result<Vec<f32>> {
        Ok(blob.to_vec())
    }

    #[inline]
    fn touch(value: &Vec<f32>, how: Touch) -> u32 {
        touch(value, how)
    }

    fn weigh(value: &Vec<f32>) -> u64 {
        (value.capacity() * 4) as u64
    }
}

/// A protobuf message of bytes.
pub struct Prost;

impl Form for Prost {
    type Value = ProstBlob;

    fn value(blob: &[f32]) -> Result<ProstBlob> {
        Ok(ProstBlob::new(blob))
    }

    #[inline]
    fn touch(value: &ProstBlob, how: Touch) -> u32 {
        touch_bytes(&value.data, how)
    }

    fn weigh(value: &ProstBlob) -> u64 {
        value.data.capacity() as u64
    }
}

/// An archive of numbers.
pub struct Archive;

impl Form for Archive {
    type Value = Mapped<Vec<f32>>;

    fn value(blob: &[f32]) -> Result<Self::Value> {
        Mapped::new(&blob.to_vec()).map_err(anyhow::Error::from)
    }

    #[inline]
    fn touch(value: &Self::Value, how: Touch) -> u32 {
        // The archived numbers are little-endian floats: the same bytes.
        let numbers = value.as_slice();
        match how {
            Touch::One => numbers[numbers.len() / 2].to_native().to_bits(),
            Touch::All => numbers.iter().fold(0_u32, |sum, value| {
                sum.wrapping_add(value.to_native().to_bits())
            }),
        }
    }

    fn weigh(value: &Self::Value) -> u64 {
        value.as_bytes().len() as u64
    }
}
