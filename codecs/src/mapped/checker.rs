//! The context that archives are validated in.

use std::alloc::Layout;
use std::any::TypeId;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use rkyv::erased::{ErasedPtr, Metadata};
use rkyv::rancor::{BoxedError, Source as _};
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::{SharedValidator, ValidationState};
use rkyv::validation::{ArchiveContext, SharedContext};

use super::tables::{Suspects, Tables};
use super::trees;

/// The context that archives are validated in: rkyv's own context, plus the checks that
/// rkyv's collections omit.
///
/// It appears in the bounds of [`Archivable`](super::Archivable), as
/// `Strategy<ArchiveChecker<'_>, BoxedError>`. Derived types support it, and so do
/// implementations of `CheckBytes<C>` for every `C: Fallible + ArchiveContext` (with
/// shared pointers, also `SharedContext`). An implementation for rkyv's `HighValidator`
/// alone does not: make it generic over the context.
///
/// # What it adds
///
/// rkyv 0.8.18 accepts archives whose collections then read out of bounds. This context
/// refuses them. It does not know the types; it goes by the calls that rkyv's
/// implementations make to a context:
///
/// * A B-tree asks for the same node twice before it enters it. Leaves without entries
///   and inner nodes without a first child are refused (`trees.rs`).
/// * A hash table asks for its entries and control bytes as one range. If a pointer with
///   a length and a capacity leads to such a range, this context compares the control
///   bytes that a lookup reads but rkyv does not compare (`tables.rs`).
pub struct ArchiveChecker<'a> {
    bounds: ArchiveValidator<'a>,
    shared: SharedValidator,
    bytes: &'a [u8],
    /// The range that was checked last, until it is entered.
    asked: Asked,
    tables: Tables,
}

#[derive(Clone, Copy)]
struct Asked {
    /// 0 means none.
    address: usize,
    size: usize,
    align: usize,
    /// Size of the previous range, if it was at the same address: the part of a B-tree's
    /// node that leaves and inner nodes share.
    shared_part: Option<usize>,
}

impl Asked {
    const NOTHING: Self = Self {
        address: 0,
        size: 0,
        align: 1,
        shared_part: None,
    };
}

impl<'a> ArchiveChecker<'a> {
    pub(super) fn new(bytes: &'a [u8], max_depth: NonZeroUsize) -> Self {
        Self {
            bounds: ArchiveValidator::with_max_depth(bytes, Some(max_depth)),
            shared: SharedValidator::new(),
            bytes,
            asked: Asked::NOTHING,
            tables: Tables::default(),
        }
    }

    /// After validation: the parts that look like damaged hash tables.
    pub(super) fn into_suspects(self) -> Suspects {
        self.tables.into_suspects()
    }

    fn position(&self, address: usize) -> usize {
        address - self.bytes.as_ptr().addr()
    }

    /// Checks a node of a B-tree that is being entered.
    #[inline(never)]
    fn check_node(&self, range: Range<usize>, shared_part: usize) -> Result<(), BoxedError> {
        trees::check_node(&self.bytes[range], shared_part).map_err(BoxedError::new)
    }
}

// SAFETY: rkyv's own validator answers every call; this context only refuses more.
unsafe impl ArchiveContext<BoxedError> for ArchiveChecker<'_> {
    #[inline]
    fn check_subtree_ptr(&mut self, ptr: *const u8, layout: &Layout) -> Result<(), BoxedError> {
        self.bounds.check_subtree_ptr(ptr, layout)?;
        let address = ptr.addr();
        self.asked = Asked {
            address,
            size: layout.size(),
            align: layout.align(),
            shared_part: (address == self.asked.address).then_some(self.asked.size),
        };
        Ok(())
    }

    #[inline]
    unsafe fn push_subtree_range(
        &mut self,
        root: *const u8,
        end: *const u8,
    ) -> Result<Range<usize>, BoxedError> {
        let range = self.position(root.addr())..self.position(end.addr());
        let asked = std::mem::replace(&mut self.asked, Asked::NOTHING);
        if let Some(shared_part) = asked.shared_part {
            self.check_node(range.clone(), shared_part)?;
        }
        self.tables.enter(self.bytes, range, asked.align)?;
        // SAFETY: the caller has promised that both lie inside of the archive.
        unsafe { self.bounds.push_subtree_range(root, end) }
    }

    #[inline]
    unsafe fn pop_subtree_range(&mut self, range: Range<usize>) -> Result<(), BoxedError> {
        self.asked = Asked::NOTHING;
        // The popped range ended where the current range begins.
        let end = self.position(range.start);
        self.tables.leave(self.bytes, end)?;
        // SAFETY: the caller has promised that the range is from `push_subtree_range`,
        // which returns those of `bounds`.
        unsafe { self.bounds.pop_subtree_range(range) }
    }
}

impl SharedContext<BoxedError> for ArchiveChecker<'_> {
    fn start_shared(
        &mut self,
        shared_type_id: TypeId,
        ptr: ErasedPtr,
        metadata_is_eq: unsafe fn(Metadata, Metadata) -> bool,
    ) -> Result<ValidationState, BoxedError> {
        self.shared
            .start_shared(shared_type_id, ptr, metadata_is_eq)
    }

    fn finish_shared(&mut self, shared_type_id: TypeId, ptr: ErasedPtr) -> Result<(), BoxedError> {
        self.shared.finish_shared(shared_type_id, ptr)
    }
}

impl fmt::Debug for ArchiveChecker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveChecker")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
