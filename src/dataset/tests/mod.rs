//! Every file operation of a commit that fails or is cut off by a power cut.

mod faults;
mod power;
