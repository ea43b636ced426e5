//! Bounds on serde and bincode: nesting depth, and number of elements.
//!
//! Writing and reading follow the same rule. So no value is written that cannot be read
//! back, and neither a value nor a file can abort the process:
//!
//! * **Depth.** Containers (options, sequences, maps, structs, enums, tuples) may nest
//!   [`MOST_LEVELS`] deep on write, and twice as deep on read: a `Deserialize` may use
//!   more containers for a value than its `Serialize`, and the limit still refuses the
//!   file of another type. The stack grows on the heap as needed, so the limit holds on
//!   threads with little stack and for types with large frames.
//! * **Elements.** All sequences and maps together may have as many elements as the
//!   payload has bytes, plus [`FREE_ELEMENTS`], since elements such as `()` take none.

mod decode;
mod encode;

pub(crate) use decode::Budget;
pub(crate) use encode::encode;

/// Most nested containers in a value that is written. Dropping a value also takes stack
/// for each level, on whichever thread drops it; this many levels are safe in a debug
/// build.
const MOST_LEVELS: u32 = 4096;

/// Elements that the sequences and maps of one value may have in addition to one per byte
/// of the payload.
const FREE_ELEMENTS: u64 = 65_536;

/// Most copies of a value that the frames decoding it hold at once, in a debug build.
const COPIES: usize = 16;

/// The stack that must be left before a few more levels are entered.
const RED_ZONE: usize = 128 * 1024;

/// The size of a new stack segment.
const SEGMENT: usize = 1024 * 1024;

/// Runs `work` with enough stack for a few levels, one of which keeps values of `size`
/// bytes in its frames (several copies of them in a debug build).
#[inline]
fn with_stack<R>(size: usize, work: impl FnOnce() -> R) -> R {
    let red_zone = RED_ZONE.saturating_add(size.saturating_mul(COPIES));
    stacker::maybe_grow(red_zone, SEGMENT.max(red_zone.saturating_mul(2)), work)
}

fn too_deep(levels: u32) -> String {
    format!(
        "the value is nested too deeply: it has more than {levels} levels of containers, and both codecs and drops need stack for each: store it as a list whose items refer to each other by index"
    )
}

fn too_many(len: u64) -> String {
    format!(
        "its sequences and maps have more elements than a payload of {len} bytes may hold: one for each byte, and {FREE_ELEMENTS} more for elements that take no bytes, such as `()`: store the number of such elements instead"
    )
}
