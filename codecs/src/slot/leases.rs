//! The leases under which threads borrow values.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicPtr, AtomicUsize};

use super::{Slot, point};

/// The right to use the value of a slot without counting a reference.
///
/// A word: null, the [`SlotId`] of the slot whose value is borrowed, or a counted reference
/// to that value, marked by its lowest bit. The thread that begins a
/// lease owns the word until the lease ends; other threads only ever turn it into a reference.
pub(super) struct Lease(AtomicPtr<()>);

/// Names a slot while it is alive: its address, of which the lowest bit is 0.
#[derive(Clone, Copy)]
pub(super) struct SlotId(*mut ());

/// What a lease was when it was ended.
pub(super) enum Ended {
    Unused,
    /// The reference that it had become, which the caller owns.
    Reference(*mut ()),
}

/// The leases of one group of threads, in memory of their own.
#[repr(align(64))]
struct Group([Lease; LEASES]);

/// With eight bytes each, they fill a line of the processor's cache.
const LEASES: usize = if cfg!(shuttle) { 2 } else { 8 };

/// All groups that may be in use: always the same, since a lease that is not looked at protects
/// nothing.
#[cfg(not(shuttle))]
#[inline]
fn groups() -> &'static [Group] {
    const MOST: usize = 128;

    static GROUPS: [Group; MOST] = [const { Group::new() }; MOST];
    /// 0 until it is known.
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    #[cold]
    fn decide() -> usize {
        // Threads that run at the same time shall rarely share a group.
        let processors = std::thread::available_parallelism().map_or(4, usize::from);
        let count = (4 * processors).clamp(16, MOST);
        match COUNT.compare_exchange(0, count, Relaxed, Relaxed) {
            Ok(_) => count,
            Err(decided) => decided,
        }
    }
    match COUNT.load(Relaxed) {
        0 => &GROUPS[..decide()],
        count => &GROUPS[..count],
    }
}

/// One group for each model, so that those that run at the same time do not change each other's
/// schedules. All threads of a model are one thread of the system.
#[cfg(shuttle)]
fn groups() -> &'static [Group] {
    thread_local! {
        static GROUP: &'static Group = Box::leak(Box::new(Group::new()));
    }
    std::slice::from_ref(GROUP.with(|group| *group))
}

/// The leases that may be in use.
pub(super) fn leases() -> impl Iterator<Item = &'static Lease> {
    groups().iter().flat_map(|group| &group.0)
}

/// The group of this thread.
#[inline]
fn own_group() -> &'static Group {
    thread_local! {
        static GROUP: Cell<Option<&'static Group>> = const { Cell::new(None) };
    }

    #[cold]
    fn choose() -> &'static Group {
        static THREADS: AtomicUsize = AtomicUsize::new(0);

        let groups = groups();
        let group = &groups[THREADS.fetch_add(1, Relaxed) % groups.len()];
        GROUP.set(Some(group));
        group
    }
    GROUP.get().unwrap_or_else(choose)
}

impl Group {
    const fn new() -> Self {
        Self([const { Lease(AtomicPtr::new(ptr::null_mut())) }; LEASES])
    }

    #[inline]
    fn begin(&self, id: SlotId) -> Option<&Lease> {
        self.0.iter().find(|lease| lease.try_begin(id))
    }
}

impl Lease {
    /// Names a slot in a free lease. `None` if all are in use.
    #[inline]
    pub(super) fn begin(id: SlotId) -> Option<&'static Self> {
        #[cold]
        fn begin_elsewhere(id: SlotId) -> Option<&'static Lease> {
            groups().iter().find_map(|group| group.begin(id))
        }
        own_group().begin(id).or_else(|| begin_elsewhere(id))
    }

    #[inline]
    fn try_begin(&self, id: SlotId) -> bool {
        let free = ptr::null_mut();
        self.0.load(Relaxed) == free && self.0.compare_exchange(free, id.0, SeqCst, Relaxed).is_ok()
    }

    #[inline]
    pub(super) fn names(&self, id: SlotId) -> bool {
        self.0.load(SeqCst) == id.0
    }

    /// Ends a lease that the caller began.
    #[inline]
    pub(super) fn end(&self) -> Ended {
        point();
        // Meanwhile others have at most turned it into a reference.
        let ended = self.0.swap(ptr::null_mut(), SeqCst);
        match ended.addr() & 1 {
            0 => Ended::Unused,
            _ => Ended::Reference(ended.map_addr(|address| address & !1)),
        }
    }

    /// Turns a lease into a reference, which then belongs to the reader. Returns false, and does
    /// nothing, if it no longer names the slot. The lowest bit of the reference is 0.
    pub(super) fn become_reference(&self, id: SlotId, reference: *mut ()) -> bool {
        let marked = reference.map_addr(|address| address | 1);
        point();
        self.0
            .compare_exchange(id.0, marked, SeqCst, SeqCst)
            .is_ok()
    }
}

impl SlotId {
    #[inline]
    pub(super) fn of<T>(slot: &Slot<T>) -> Self {
        Self(ptr::from_ref(slot).cast_mut().cast())
    }
}
