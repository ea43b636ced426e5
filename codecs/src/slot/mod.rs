//! A place for a shared value, from which any thread reads it without a lock.
//!
//! A reader *borrows* the value: in place of counting a reference, which all readers of the
//! value would do in the same memory, it names the slot in a *lease*, a word
//! that other threads rarely touch. Taking the value out of the slot looks at all leases
//! and turns each one that names the slot into a counted reference, so that
//! afterwards the value's strong count is complete. Readers that have borrowed it notice
//! when they are done: they then give up that reference in place of the lease.
//!
//! The number of leases follows the processors, and not the threads, so taking a value out
//! costs the same in a program of a thousand threads. While too many guards are alive for the
//! leases, values are counted as in any [`Arc`].
//!
//! The words are hazard pointers (Michael, "Hazard Pointers: Safe Memory Reclamation for
//! Lock-Free Objects", 2004) which name the place in place of the value. That a writer pays
//! what readers owe is an idea of the crate `arc-swap`, whose writers visit each thread.

mod leases;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::SeqCst;

use leases::{Ended, Lease, SlotId, leases};

/// Holds a value, or nothing.
///
/// # Why this is sound
///
/// A slot that is not empty owns one reference to its value. `take` replaces the value
/// by a mark, `busy`, looks at all leases, and then empties the slot, so no value enters the slot
/// while leases are looked at.
///
/// A reader first names the slot in a lease and then reads the value. All of these operations
/// are sequentially consistent. So if the reader finds a value `v`, a `take` that has not yet
/// begun finds the lease, unless the reader has ended it by then. There may have been an
/// earlier `take`, of another value, that was still looking at leases when this one began: it
/// may have turned the lease into a reference to that other value. But it has ended, because
/// `v` could not enter the slot before. So if the lease still names the slot after `v` was
/// read, only a `take` of `v` will ever turn it into a reference, to `v`. Until then, or until
/// the reader ends the lease, the slot or that `take` owns a reference to `v`.
///
/// A slot is named by its address, so it is borrowed for as long as a reader has the value. If
/// a reader is leaked, and the slot then moves, or ends with its value in it, the lease may be
/// turned into a reference to the value of a later slot at that address. That value is leaked
/// too, and until then counts as shared.
pub struct Slot<T> {
    /// Null, `busy`, or from [`Arc::into_raw`] with its reference.
    value: AtomicPtr<T>,
    owns: PhantomData<Arc<T>>,
}

/// In place of a value that is being taken out or counted. Readers find the slot empty.
const fn busy<T>() -> *mut T {
    ptr::without_provenance_mut(1)
}

/// A value: borrowed from a slot, or with a counted reference.
pub struct ValueRef<'a, T> {
    /// From [`Arc::into_raw`]. Valid while `lease` names the slot, and while this owns a
    /// reference.
    value: NonNull<T>,
    /// `None` if this owns a reference. Otherwise it owns the lease, and a reference to `value`
    /// as soon as the lease has become one.
    lease: Option<&'static Lease>,
    owns: PhantomData<(Arc<T>, &'a Slot<T>)>,
}

// SAFETY: As for an `Arc`; leases may be ended by any thread.
unsafe impl<T: Send + Sync> Send for ValueRef<'_, T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for ValueRef<'_, T> {}

impl<T> Slot<T> {
    /// A slot with this value, or an empty one.
    pub fn new(value: Option<Arc<T>>) -> Self {
        // The first call asks the system for the processors, here and not under a lock.
        let _ = leases();
        Self {
            value: AtomicPtr::new(value.map_or(ptr::null_mut(), into_raw)),
            owns: PhantomData,
        }
    }

    /// Reads the value. Takes no lock and does not wait.
    ///
    /// `None` if the slot is empty, if all leases are in use, or if another thread is just
    /// taking or counting the value: [`read_counted`](Self::read_counted) tells which.
    #[inline]
    pub fn read(&self) -> Option<ValueRef<'_, T>> {
        let id = SlotId::of(self);
        let lease = Lease::begin(id)?;
        point();
        let value = NonNull::new(self.value.load(SeqCst)).filter(|value| value.as_ptr() != busy());
        point();
        if let Some(value) = value
            && lease.names(id)
        {
            return Some(ValueRef {
                value,
                lease: Some(lease),
                owns: PhantomData,
            });
        }
        self.end_failed(lease)
    }

    /// Ends a lease that does not protect a value. If it has become a reference, that is to
    /// a value that was in the slot, or was just being taken out, when the lease began.
    #[cold]
    fn end_failed(&self, lease: &'static Lease) -> Option<ValueRef<'_, T>> {
        match lease.end() {
            Ended::Unused => None,
            // SAFETY: A lease is turned into a reference by a `take` of the slot that it names,
            // and `self` is the slot with this address since the lease began.
            Ended::Reference(value) => Some(ValueRef::counted(unsafe { from_raw(value.cast()) })),
        }
    }

    /// Whether the slot has a value, or had one until another thread began to take it out.
    pub fn has_value(&self) -> bool {
        !self.value.load(SeqCst).is_null()
    }

    /// Reads the value with a counted reference. Unlike [`read`](Self::read), it misses a value
    /// only if another thread takes it out, and it waits while one takes or counts it.
    /// Meanwhile `read` finds the slot empty.
    #[cold]
    pub fn read_counted(&self) -> Option<Arc<T>> {
        let value = self.occupy()?;
        // SAFETY: The slot is busy since it had this value.
        Some(unsafe { self.count(value) })
    }

    /// Same as [`read_counted`](Self::read_counted), but does not wait: `None` also if another
    /// thread is just taking or counting the value.
    #[cold]
    pub fn try_read_counted(&self) -> Option<Arc<T>> {
        let now = self.value.load(SeqCst);
        if now.is_null() || now == busy() {
            return None;
        }
        let exchanged = self.value.compare_exchange(now, busy(), SeqCst, SeqCst);
        // SAFETY: The slot is busy since it had this value.
        exchanged.ok().map(|value| unsafe { self.count(value) })
    }

    /// Adds a reference to the value of a slot that was made busy, and puts it back.
    ///
    /// # Safety
    ///
    /// The caller has made the slot busy, and found `value` in it.
    unsafe fn count(&self, value: *mut T) -> Arc<T> {
        // SAFETY: The slot's reference, which this function owns while the slot is busy.
        let value = unsafe { from_raw(value) };
        point();
        self.value.store(into_raw(value.clone()), SeqCst);
        value
    }

    /// Puts a value into the slot, which is empty. Waits while another thread is just
    /// taking a value out.
    ///
    /// # Panics
    ///
    /// If the slot has a value.
    pub fn put(&self, value: Arc<T>) {
        let value = into_raw(value);
        let put = self.settled(|now| now.is_null(), value);
        if put.is_none() {
            // SAFETY: The reference that was to be put into the slot, which did not enter it.
            drop(unsafe { from_raw(value) });
            panic!("a value was put into a slot that has one");
        }
    }

    /// Empties the slot. Afterwards the value's strong count is complete: readers that had
    /// borrowed the value uncounted are now counted.
    ///
    /// Costs a look at each lease: at 128 words on up to four processors, at 32 for each of more
    /// of them, and never at more than 1 024.
    pub fn take(&self) -> Option<Arc<T>> {
        let value = self.occupy()?;
        // SAFETY: The slot's reference, which this function owns from now on.
        let value = unsafe { from_raw(value) };
        let id = SlotId::of(self);
        for lease in leases() {
            point();
            if lease.names(id) {
                let reference = into_raw(value.clone());
                if !lease.become_reference(id, reference.cast()) {
                    // SAFETY: The reference that was just made.
                    drop(unsafe { from_raw(reference) });
                }
            }
        }
        point();
        self.value.store(ptr::null_mut(), SeqCst);
        Some(value)
    }

    /// Makes a slot that has a value busy, and returns the value.
    fn occupy(&self) -> Option<*mut T> {
        self.settled(|now| !now.is_null(), busy())
    }

    /// Waits until the slot is not busy, and changes what is in it if that is as asked for.
    /// Returns what was in it.
    fn settled(&self, is_right: impl Fn(*mut T) -> bool, to: *mut T) -> Option<*mut T> {
        loop {
            point();
            let now = self.value.load(SeqCst);
            if now == busy() {
                std::thread::yield_now();
                continue;
            }
            if !is_right(now) {
                return None;
            }
            point();
            // What is exchanged may be another value at the same address.
            if let Ok(was) = self.value.compare_exchange(now, to, SeqCst, SeqCst) {
                return Some(was);
            }
        }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // No reader has it, except one that was leaked.
        let value = *self.value.get_mut();
        if !value.is_null() {
            debug_assert!(value != busy(), "a slot that is not borrowed is not busy");
            // SAFETY: The slot's reference.
            drop(unsafe { from_raw(value) });
        }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

impl<T> ValueRef<'_, T> {
    /// A value that is not borrowed.
    pub fn counted(value: Arc<T>) -> Self {
        let value = NonNull::new(into_raw(value)).expect("an `Arc` is not null");
        Self {
            value,
            lease: None,
            owns: PhantomData,
        }
    }

    /// Counts the reference, if it is not counted yet.
    pub fn into_counted(self) -> Arc<T> {
        if self.lease.is_some() {
            // SAFETY: `value` is valid, so there is a reference; it is dropped after this.
            unsafe { Arc::increment_strong_count(self.value.as_ptr()) };
            let value = self.value;
            drop(self);
            // SAFETY: The reference that was just added.
            return unsafe { from_raw(value.as_ptr()) };
        }
        let value = std::mem::ManuallyDrop::new(self).value;
        // SAFETY: The reference that this owned.
        unsafe { from_raw(value.as_ptr()) }
    }
}

impl<T> Deref for ValueRef<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: It is valid for as long as this exists.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for ValueRef<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(lease) = self.lease {
            match lease.end() {
                Ended::Unused => return,
                Ended::Reference(value) => {
                    debug_assert_eq!(value.cast(), self.value.as_ptr());
                }
            }
        }
        // SAFETY: The reference that this owns, or that its lease has become.
        drop(unsafe { from_raw(self.value.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for ValueRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Turns a reference into a pointer that is neither null nor [`busy`], and of which
/// the lowest bit is free.
fn into_raw<T>(value: Arc<T>) -> *mut T {
    let value = Arc::into_raw(value).cast_mut();
    assert!(
        value.addr() & 1 == 0,
        "a value in an `Arc` is behind two counts"
    );
    value
}

/// # Safety
///
/// `value` is from [`into_raw`], and its reference is not used otherwise.
unsafe fn from_raw<T>(value: *mut T) -> Arc<T> {
    // SAFETY: The same as for this function.
    unsafe { Arc::from_raw(value) }
}

/// A point at which a model checker may switch threads.
#[inline(always)]
fn point() {
    #[cfg(shuttle)]
    if !std::thread::panicking() {
        shuttle::thread::yield_now();
    }
}
