//! The values that are stored: numbers, in the forms that the systems want.

use std::hint::black_box;

use crate::harness::seed::Rng;

/// How much of a loaded blob is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The element in the middle.
    One,
    /// Every element.
    All,
}

impl Touch {
    pub const BOTH: [Self; 2] = [Self::One, Self::All];

    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
        }
    }
}

/// Touches numbers. The result tells whether they are the right ones.
#[inline]
pub fn touch(blob: &[f32], touch: Touch) -> u32 {
    match touch {
        Touch::One => blob[blob.len() / 2].to_bits(),
        Touch::All => blob
            .iter()
            .fold(0_u32, |sum, value| sum.wrapping_add(value.to_bits())),
    }
}

/// Touches numbers that lie somewhere as bytes.
#[inline]
pub fn touch_bytes(bytes: &[u8], how: Touch) -> u32 {
    let word = |word: &[u8]| u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
    match how {
        Touch::One => word(&bytes[bytes.len() / 8 * 4..]),
        Touch::All => bytes
            .chunks_exact(4)
            .fold(0_u32, |sum, bytes| sum.wrapping_add(word(bytes))),
    }
}

/// Blobs of one length; they differ in their first and their middle element.
pub struct Template(Vec<f32>);

impl Template {
    pub fn new(bytes: usize) -> Self {
        let mut rng = Rng::new(bytes as u64);
        Self((0..(bytes / 4).max(4)).map(|_| rng.unit() as f32).collect())
    }

    /// The blob of a number.
    pub fn blob(&mut self, id: usize) -> &[f32] {
        let middle = self.0.len() / 2;
        self.0[0] = id as f32;
        self.0[middle] = (id * 3) as f32;
        black_box(&self.0)
    }
}

/// A protobuf message around bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstBlob {
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
}

impl ProstBlob {
    pub fn new(blob: &[f32]) -> Self {
        Self {
            data: bytemuck::cast_slice(blob).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_bytes_are_touched_alike() {
        for bytes in [16, 20, 4096] {
            let mut template = Template::new(bytes);
            let blob = template.blob(7).to_vec();
            for how in Touch::BOTH {
                let expected = touch(&blob, how);
                assert_eq!(touch_bytes(bytemuck::cast_slice(&blob), how), expected);
            }
        }
    }
}
