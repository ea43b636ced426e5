//! What serde and bincode may be led to: how deep, and how many elements.
//!
//! Writing and reading keep to one rule, so that no value is written that cannot be
//! read again, and neither a value nor a file ends the process:
//!
//! * **Depth.** Containers (options, sequences, maps, structs, enums, tuples) nest no
//!   deeper than [`MOST_LEVELS`] when a value is written, and twice as deep when one
//!   is read: a `Deserialize` may take more containers for a value than its
//!   `Serialize`, and the file of another type is refused all the same. The stack
//!   grows on the heap as it is needed, so that this holds on threads with little
//!   stack and for types whose frames are large.
//! * **Elements.** Sequences and maps hold no more elements together than the payload
//!   has bytes, and [`FREE_ELEMENTS`] more, since elements such as `()` take none.

mod decode;
mod encode;

pub(crate) use decode::Budget;
pub(crate) use encode::encode;

/// Containers that may be nested in a value that is written. A value that is dropped
/// takes stack for each level too, on whatever thread drops it: so many are safe there
/// in a debug build.
const MOST_LEVELS: u32 = 4096;

/// Elements of sequences and maps that one value may hold beyond those that its
/// bytes pay for.
const FREE_ELEMENTS: u64 = 65_536;

/// So many copies of a value may be in the frames of a debug build that make it.
const COPIES: usize = 16;

/// The least stack that a few levels are begun with.
const RED_ZONE: usize = 128 * 1024;

/// What the stack grows by.
const SEGMENT: usize = 1024 * 1024;

/// Runs `work` where there is stack for some levels, of which one keeps values of
/// `size` bytes in its frames: in a debug build several of them.
#[inline]
fn with_stack<R>(size: usize, work: impl FnOnce() -> R) -> R {
    let red_zone = RED_ZONE.saturating_add(size.saturating_mul(COPIES));
    stacker::maybe_grow(red_zone, SEGMENT.max(red_zone.saturating_mul(2)), work)
}

fn too_deep(levels: u32) -> String {
    format!(
        "the value nests too deep: more than {levels} containers are inside of each other, and both codecs and drops take stack for each; store it as a list whose items refer to each other by index"
    )
}

fn too_many(len: u64) -> String {
    format!(
        "its sequences and maps have more elements than a payload of {len} bytes may hold, which are one for each byte, and {FREE_ELEMENTS} more for those that take none, such as `()`: store the number of such elements"
    )
}
