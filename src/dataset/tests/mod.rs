//! Every file operation of a commit that fails or is cut off by a power cut. The dice are
//! for the tests of the modules of this room.

pub(super) mod dice;
mod faults;
mod power;
