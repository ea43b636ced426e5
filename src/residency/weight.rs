//! What a resident value weighs.

/// The maximum weight of a value, 1 TiB. It keeps the sum over as many values as
/// can exist from overflowing.
pub(crate) const HEAVIEST: u64 = 1 << 40;

/// The bit of [`Weight::AtLeast`], above every weight.
const AT_LEAST: u64 = 1 << 63;

/// The cost of a resident value in bytes, of memory or of its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Known(u64),
    /// A lower bound. The value is not written yet, and its encoded length, which the
    /// write reports, may be larger.
    AtLeast(u64),
}

impl Weight {
    /// The known bytes: all of them, or the lower bound.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Known(bytes) | Self::AtLeast(bytes) => bytes,
        }
    }

    pub(super) fn to_bits(self) -> u64 {
        match self {
            Self::Known(bytes) => bytes.min(HEAVIEST),
            Self::AtLeast(bytes) => bytes.min(HEAVIEST) | AT_LEAST,
        }
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        match bits & AT_LEAST {
            0 => Self::Known(bits),
            _ => Self::AtLeast(bits & !AT_LEAST),
        }
    }
}
