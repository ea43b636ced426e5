//! Which keys have a file in one place, and how many owners each file has.
//!
//! Every key is in one of four states. System calls run outside of the lock while the
//! key is busy, and other threads that want the key wait meanwhile.
//!
//! | | absent | busy | live(n) | pending delete |
//! |---|---|---|---|---|
//! | acquire, known at the place | busy, link, live(1); absent on failure; nothing if a key was unlisted since the stamp | waits | live(n + 1) | live(1) (revived) |
//! | acquire, not known there | the same | waits | live(n + 1), to be compared by its new owner | nothing: delete first |
//! | put | busy, link, live(1); absent on failure | waits | busy, check, live(n) | the same |
//! | try_begin | busy, the caller links, live(1); absent on failure | nothing | nothing | nothing |
//! | adopt | live(n) | impossible | impossible | impossible |
//! | unlist (by the only owner, for [`FileOwnership::Sole`]) | impossible | impossible | live(1): absent, and unlisted; live(n): nothing | impossible |
//! | give up (by an unlisted only owner) | pending delete | impossible | impossible | impossible |
//! | release | impossible | impossible | live(n - 1), pending delete at 0 | impossible |
//! | clear (a queued deletion) | nothing | nothing | nothing | busy, delete, absent |
//! | remove (an explicit deletion) | nothing | waits | busy, delete, absent; live(n) on failure | busy, delete, absent; pending delete on failure |
//! | found (by a scan) | live(1), unless it went during the scan | nothing | nothing | nothing |
//! | not found (by a scan) | nothing | nothing | absent, unless it came during the scan | the same |
//!
//! A file whose only owner is an item that others can find needs no entry: the item is
//! asked for a share. Such a key looks absent here, so a caller asks the items first. If a
//! key is unlisted after that, the caller asks again ([`Stamp`]).
//!
//! Most keys of a persisted directory are found by one scan, and then nothing happens to
//! them: they *rest*. They are kept in a list ([`RestingKeys`]), which takes a third of the
//! memory of entries. A resting key is live(1), and gets an entry once that changes.
//!
//! A busy key is being linked, checked or deleted: a system call on it runs on some
//! thread. A key that has owners who share or release it is never busy, so they never
//! wait.

mod resting;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use uuid::Uuid;

#[cfg(doc)]
use super::FileOwnership;
use crate::hash::{HashMap, HashSet};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::monitor::{Condvar, Mutex, MutexGuard};
use resting::RestingKeys;

const SHARDS: usize = 64;

/// The state of a resting key.
const RESTING: KeyState = KeyState::Live(Live {
    owners: 1,
    at: PlaceId::NONE,
});

/// The keys of one place.
pub(crate) struct Keys {
    shards: Box<[Shard]>,
    /// Number of scans of the place that are under way.
    scans: AtomicUsize,
    /// Held while a scan begins, while it adds what it has found, and while it ends.
    beginning: Mutex<()>,
}

#[derive(Default)]
struct Shard {
    states: Mutex<States>,
    no_longer_busy: Condvar,
    /// Keys that came or went during a scan. Lock order: `states` first.
    beside: Mutex<HashSet<Uuid>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyState {
    /// A system call on it runs. If the file stays whatever the call returns, it counts as
    /// there meanwhile.
    Busy {
        stays: bool,
    },
    Live(Live),
    /// It has no owner, and its deletion is queued. It is known to be at this place too.
    PendingDelete(PlaceId),
}

/// How a caller became an owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    /// It was linked.
    Linked,
    /// It was there, and is known to be at the place.
    Shared,
    /// It was there, but is not known to be at the place: it may be another file of the
    /// same key.
    SharedUnchecked,
    /// The caller is no owner. The file may be another one of the same key, and its
    /// deletion is queued: carry it out first.
    NotYetDeleted,
    /// The caller is no owner. An item may have become the only owner of the file since
    /// the caller asked the items: ask them again.
    AskAgain,
}

/// A moment before which a caller had not yet asked the items for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u32);

/// A file that has owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Live {
    /// Never 0.
    owners: u32,
    /// A place where the file is known to be too.
    at: PlaceId,
}

/// The number of a place of files, at most [`PlaceId::LAST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceId(pub(super) u32);

impl PlaceId {
    /// No place in particular.
    pub(crate) const NONE: Self = Self(0);

    /// It leaves one bit for [`Location`](super::file_share::Location).
    pub(super) const LAST: u32 = (1 << 31) - 1;

    /// The number of a new place. After 2³¹ of them, numbers repeat, and a comparison of
    /// files may be skipped.
    pub(crate) fn next() -> Self {
        // Not the model checker's: it outlives the schedules.
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        Self((NEXT.fetch_add(1, Ordering::Relaxed) & Self::LAST).max(1))
    }
}

impl Live {
    fn state(owners: u32, at: PlaceId) -> KeyState {
        KeyState::Live(Self { owners, at })
    }
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            scans: AtomicUsize::new(0),
            beginning: Mutex::new(()),
        }
    }

    /// Begins a scan of the place. Keys that come or go from now on are recorded, so
    /// that the scan does not undo them; see [`KeyScan::found`].
    pub(crate) fn begin_scan(&self) -> KeyScan<'_> {
        let _only_one = self.beginning.lock();
        self.scans.fetch_add(1, Ordering::SeqCst);
        KeyScan(self)
    }

    /// Take it before asking the items for a key.
    pub(crate) fn stamp(&self, key: Uuid) -> Stamp {
        self.shard(key).states.lock().stamp()
    }

    /// Makes the caller an owner of the key's file at `place`. Calls `link` to create the
    /// file if it is not there. `since` is from before the caller asked the items.
    pub(crate) fn acquire<E>(
        &self,
        since: Stamp,
        place: PlaceId,
        key: Uuid,
        link: impl FnOnce() -> Result<(), E>,
    ) -> Result<Acquired, E> {
        let shard = self.shard(key);
        let mut states = shard.settled(key);
        match states.get(key) {
            Some(state) if state.is_known_at(place) => {
                states.set(key, state.with_one_more());
                Ok(Acquired::Shared)
            }
            Some(state @ KeyState::Live(_)) => {
                states.set(key, state.with_one_more());
                Ok(Acquired::SharedUnchecked)
            }
            Some(_) => Ok(Acquired::NotYetDeleted),
            None if states.stamp() != since => Ok(Acquired::AskAgain),
            None => {
                let busy = self.make_busy(states, shard, key, false, None);
                link()?;
                busy.linked(place);
                Ok(Acquired::Linked)
            }
        }
    }

    /// Puts a file under a key of the place: calls `link` if it is not there, and `check`
    /// if it is.
    pub(crate) fn put<E>(
        &self,
        key: Uuid,
        link: impl FnOnce() -> Result<(), E>,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let shard = self.shard(key);
        let states = shard.settled(key);
        let before = states.get(key);
        let stays = before.is_some_and(KeyState::is_live);
        let busy = self.make_busy(states, shard, key, stays, before);
        match before {
            Some(_) => check(),
            None => {
                link()?;
                busy.linked(PlaceId::NONE);
                Ok(())
            }
        }
    }

    /// Marks a key as busy until the result is dropped. Its state is then `after`.
    fn make_busy<'a>(
        &'a self,
        mut states: MutexGuard<'_, States>,
        shard: &'a Shard,
        key: Uuid,
        stays: bool,
        after: Option<KeyState>,
    ) -> Busy<'a> {
        states.set(key, KeyState::Busy { stays });
        Busy {
            keys: self,
            shard,
            key,
            after,
        }
    }

    /// Makes the caller an owner if the file is there, is known to be at `place` too, and
    /// the key is not busy.
    pub(crate) fn try_acquire(&self, place: PlaceId, key: Uuid) -> bool {
        let mut states = self.shard(key).states.lock();
        match states.get(key).filter(|state| state.is_known_at(place)) {
            Some(state) => {
                states.set(key, state.with_one_more());
                true
            }
            None => false,
        }
    }

    /// Marks a key without a state as busy, so that the caller can create its file.
    /// Never waits, so a caller may have many keys busy at once. `since` is from before
    /// the caller asked the items.
    pub(crate) fn try_begin(&self, since: Stamp, key: Uuid) -> Option<Busy<'_>> {
        let shard = self.shard(key);
        let states = shard.states.lock();
        if states.get(key).is_some() || states.stamp() != since {
            return None;
        }
        Some(self.make_busy(states, shard, key, false, None))
    }

    /// Adds a file that is known to be there, and at this place too, with this many
    /// owners.
    pub(crate) fn adopt(&self, key: Uuid, owners: u32, at: PlaceId) {
        let mut states = self.shard(key).states.lock();
        debug_assert_eq!(states.get(key), None, "a file is adopted only once");
        states.set(key, Live::state(owners, at));
    }

    /// Removes the entry of a file that has one owner, the caller, which is an item that
    /// others can find. Returns the place where the file is known to be too.
    pub(crate) fn unlist(&self, key: Uuid) -> Option<PlaceId> {
        let mut states = self.shard(key).states.lock();
        match states.get(key) {
            Some(KeyState::Live(Live { owners: 1, at })) => {
                states.unlist(key);
                Some(at)
            }
            _ => None,
        }
    }

    /// The only owner of a file that was unlisted gives it up: the caller then queues a
    /// deletion.
    pub(crate) fn give_up(&self, key: Uuid, at: PlaceId) {
        let mut states = self.shard(key).states.lock();
        debug_assert_eq!(states.get(key), None, "the only owner is not listed");
        states.set(key, KeyState::PendingDelete(at));
    }

    /// Notes that a file, which the caller owns, is known to be at this place too.
    pub(crate) fn set_known_at(&self, place: PlaceId, key: Uuid) {
        let mut states = self.shard(key).states.lock();
        if let Some(KeyState::Live(live)) = states.get(key) {
            states.set(key, Live::state(live.owners, place));
        }
    }

    /// Whether a file is known to be at this place too.
    pub(crate) fn is_known_at(&self, place: PlaceId, key: Uuid) -> bool {
        let state = self.shard(key).states.lock().get(key);
        state.is_some_and(|state| state.is_known_at(place))
    }

    /// Notes that the file of the key at this place is gone or is another one.
    pub(crate) fn forget_place(&self, place: PlaceId, key: Uuid) {
        let mut states = self.shard(key).states.lock();
        match states.get(key) {
            Some(KeyState::Live(live)) if live.at == place => {
                states.set(key, Live::state(live.owners, PlaceId::NONE));
            }
            Some(KeyState::PendingDelete(at)) if at == place => {
                states.set(key, KeyState::PendingDelete(PlaceId::NONE));
            }
            _ => {}
        }
    }

    /// Adds an owner to a file that the caller owns already.
    pub(crate) fn share(&self, key: Uuid) {
        let shared = self.try_acquire(PlaceId::NONE, key);
        debug_assert!(shared, "only an owner can share a file");
    }

    /// Removes an owner. Returns true if it was the last: the caller then queues a
    /// deletion.
    pub(crate) fn release(&self, key: Uuid) -> bool {
        let mut states = self.shard(key).states.lock();
        let Some(KeyState::Live(live)) = states.get(key) else {
            debug_assert!(false, "a key has owners until it is released");
            return false;
        };
        let is_last = live.owners == 1;
        let after = match is_last {
            true => KeyState::PendingDelete(live.at),
            false => Live::state(live.owners - 1, live.at),
        };
        states.set(key, after);
        is_last
    }

    /// Carries out a queued deletion, unless the key was revived meanwhile. Returns
    /// true if it was carried out.
    pub(crate) fn clear<E>(
        &self,
        key: Uuid,
        delete: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let shard = self.shard(key);
        let states = shard.states.lock();
        if !matches!(states.get(key), Some(KeyState::PendingDelete(_))) {
            return Ok(false);
        }
        // The file has no owner even if the deletion fails: it is left for the sweep.
        let _busy = self.make_busy(states, shard, key, false, None);
        delete().map(|()| true)
    }

    /// Deletes a key's file, regardless of its owners.
    pub(crate) fn remove<E>(
        &self,
        key: Uuid,
        delete: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let shard = self.shard(key);
        let states = shard.settled(key);
        let Some(before) = states.get(key) else {
            return Ok(());
        };
        let busy = self.make_busy(states, shard, key, false, Some(before));
        delete()?;
        busy.done(None);
        Ok(())
    }

    pub(crate) fn contains(&self, key: Uuid) -> bool {
        let state = self.shard(key).states.lock().get(key);
        state.is_some_and(KeyState::is_there)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.states.lock().len())
            .sum()
    }

    pub(crate) fn all(&self) -> Vec<Uuid> {
        // First, because a resting key may get an entry meanwhile, but never the reverse.
        let resting = self.resting();
        let mut keys: Vec<_> = resting.iter().flat_map(|resting| resting.iter()).collect();
        let resting = keys.len();
        for shard in &self.shards {
            let states = shard.states.lock();
            for (key, state) in &states.by_key {
                let is_new = || keys[..resting].binary_search(key).is_err();
                if state.state().is_there() && is_new() {
                    keys.push(*key);
                }
            }
        }
        keys
    }

    fn resting(&self) -> Option<Arc<RestingKeys>> {
        self.shards[0].states.lock().resting.clone()
    }

    /// Adds keys that are known to be there. Those that have a state keep it.
    #[cfg(feature = "dataset")]
    pub(crate) fn add_found(&self, present: &[Uuid]) {
        for key in present {
            let mut states = self.shard(*key).states.lock();
            if states.get(*key).is_none() {
                states.set(*key, RESTING);
            }
            if self.scans.load(Ordering::SeqCst) > 0 {
                self.shard(*key).beside.lock().insert(*key);
            }
        }
    }

    /// The table of a place that has exactly these keys.
    #[cfg(any(test, feature = "dataset"))]
    pub(crate) fn of_known(present: &[Uuid]) -> Self {
        let keys = Self::new();
        keys.begin_scan().found(present);
        keys
    }

    fn shard(&self, key: Uuid) -> &Shard {
        // The last byte, because the first ones choose the directory shard: this way a
        // scan of one directory spreads over all of these shards.
        &self.shards[shard_of(key)]
    }
}

fn shard_of(key: Uuid) -> usize {
    usize::from(key.as_bytes()[15]) % SHARDS
}

impl KeyState {
    /// Whether the file is there and known to be at this place too.
    fn is_known_at(self, place: PlaceId) -> bool {
        match self {
            Self::Live(Live { at, .. }) | Self::PendingDelete(at) => {
                place == PlaceId::NONE || place == at
            }
            Self::Busy { .. } => false,
        }
    }

    /// A busy key gets no owner.
    fn with_one_more(self) -> Self {
        match self {
            Self::Live(live) => Live::state(live.owners + 1, live.at),
            Self::PendingDelete(at) => Live::state(1, at),
            busy @ Self::Busy { .. } => busy,
        }
    }

    fn is_live(self) -> bool {
        matches!(self, Self::Live(_))
    }

    fn is_busy(self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Whether the file is there, and is not about to be deleted.
    fn is_there(self) -> bool {
        self.is_live() || self == Self::Busy { stays: true }
    }
}

/// A state in eight bytes: the owners, none for a pending delete, and the place. A busy key
/// has the highest number of owners, and a place if its file stays.
#[derive(Clone, Copy)]
struct PackedState(u32, PlaceId);

impl PackedState {
    const BUSY: u32 = u32::MAX;

    fn new(state: KeyState) -> Self {
        match state {
            KeyState::Busy { stays } => Self(Self::BUSY, PlaceId(stays.into())),
            KeyState::Live(live) => Self(live.owners, live.at),
            KeyState::PendingDelete(at) => Self(0, at),
        }
    }

    fn state(self) -> KeyState {
        match self {
            Self(Self::BUSY, stays) => KeyState::Busy {
                stays: stays != PlaceId::NONE,
            },
            Self(0, at) => KeyState::PendingDelete(at),
            Self(owners, at) => Live::state(owners, at),
        }
    }
}

/// The states of some keys.
#[derive(Default)]
struct States {
    /// Those that differ from the one of a resting key.
    by_key: HashMap<Uuid, PackedState>,
    /// The keys that a scan has found and that nothing has happened to since.
    resting: Option<Arc<RestingKeys>>,
    /// How many of the resting keys belong to this shard of the table.
    resting_len: usize,
    /// Rises when a key is unlisted.
    unlisted: u32,
}

impl States {
    fn stamp(&self) -> Stamp {
        Stamp(self.unlisted)
    }

    fn get(&self, key: Uuid) -> Option<KeyState> {
        if let Some(state) = self.by_key.get(&key) {
            return Some(state.state());
        }
        self.find_resting(key).map(|_| RESTING)
    }

    fn set(&mut self, key: Uuid, state: KeyState) {
        self.end_rest(key);
        self.by_key.insert(key, PackedState::new(state));
    }

    fn remove(&mut self, key: Uuid) {
        self.end_rest(key);
        self.by_key.remove(&key);
    }

    fn unlist(&mut self, key: Uuid) {
        self.remove(key);
        self.unlisted = self.unlisted.wrapping_add(1);
    }

    fn len(&self) -> usize {
        self.by_key.len() + self.resting_len
    }

    fn find_resting(&self, key: Uuid) -> Option<usize> {
        self.resting.as_ref()?.find(key)
    }

    fn end_rest(&mut self, key: Uuid) {
        let Some(resting) = &self.resting else { return };
        if let Some(index) = resting.find(key) {
            resting.remove(index);
            self.resting_len -= 1;
        }
    }
}

impl Shard {
    fn is_beside_a_scan(&self, key: Uuid) -> bool {
        self.beside.lock().contains(&key)
    }

    /// Waits until no system call runs on the key.
    fn settled(&self, key: Uuid) -> MutexGuard<'_, States> {
        let mut states = self.states.lock();
        while states.get(key).is_some_and(KeyState::is_busy) {
            self.no_longer_busy.wait(&mut states);
        }
        states
    }
}

/// A scan of the place. It takes time, so files may come and go meanwhile.
pub(crate) struct KeyScan<'a>(&'a Keys);

impl KeyScan<'_> {
    /// Adds the keys that were found, and removes those that were not: another program
    /// has deleted their files. Keys that came or went during the scan are left
    /// unchanged.
    pub(crate) fn found(self, present: &[Uuid]) {
        let _only_one = self.0.beginning.lock();
        match self.0.resting() {
            None => {
                let resting = Arc::new(RestingKeys::of(present));
                self.rest(&resting);
                self.remove_entries_but(|key| resting.has_been_given(key));
            }
            Some(resting) => {
                let present: HashSet<_> = present.iter().copied().collect();
                self.add(&present);
                self.end_rest_but(&resting, |key| present.contains(&key));
                self.remove_entries_but(|key| present.contains(&key));
            }
        }
    }

    /// Adds keys to a table of which none rests.
    fn rest(&self, resting: &Arc<RestingKeys>) {
        let mut lens = [0; SHARDS];
        for key in resting.iter() {
            lens[shard_of(key)] += 1;
        }
        // The first one last: it is the one that tells whether there is a list.
        for (shard, len) in self.0.shards.iter().zip(lens).rev() {
            let mut states = shard.states.lock();
            states.resting = (!resting.is_empty()).then(|| resting.clone());
            states.resting_len = len;
            let beside: Vec<_> = shard.beside.lock().iter().copied().collect();
            let changed: Vec<_> = states.by_key.keys().copied().chain(beside).collect();
            changed.into_iter().for_each(|key| states.end_rest(key));
        }
    }

    fn add(&self, present: &HashSet<Uuid>) {
        for key in present {
            let shard = self.0.shard(*key);
            let mut states = shard.states.lock();
            if states.get(*key).is_none() && !shard.is_beside_a_scan(*key) {
                states.set(*key, RESTING);
            }
        }
    }

    fn end_rest_but(&self, resting: &RestingKeys, is_present: impl Fn(Uuid) -> bool) {
        for key in resting.iter().filter(|key| !is_present(*key)) {
            let shard = self.0.shard(key);
            let mut states = shard.states.lock();
            if !shard.is_beside_a_scan(key) {
                states.end_rest(key);
            }
        }
    }

    fn remove_entries_but(&self, is_present: impl Fn(Uuid) -> bool) {
        for shard in &self.0.shards {
            shard.states.lock().by_key.retain(|key, state| {
                state.state().is_busy() || is_present(*key) || shard.is_beside_a_scan(*key)
            });
        }
    }
}

impl Drop for KeyScan<'_> {
    fn drop(&mut self) {
        let _only_one = self.0.beginning.lock();
        if self.0.scans.fetch_sub(1, Ordering::SeqCst) == 1 {
            for shard in &self.0.shards {
                *shard.beside.lock() = HashSet::default();
            }
        }
    }
}

/// A system call that runs on a key. Dropping it, even while unwinding, puts the key
/// into the state that a failure leaves.
pub(crate) struct Busy<'a> {
    keys: &'a Keys,
    shard: &'a Shard,
    key: Uuid,
    after: Option<KeyState>,
}

impl Busy<'_> {
    pub(crate) fn key(&self) -> Uuid {
        self.key
    }

    /// The file is there and at this place too, and the caller owns it.
    pub(crate) fn linked(self, at: PlaceId) {
        self.done(Some(Live::state(1, at)));
    }

    fn done(mut self, after: Option<KeyState>) {
        self.after = after;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut states = self.shard.states.lock();
        match self.after {
            Some(state) => states.set(self.key, state),
            None => states.remove(self.key),
        }
        if self.keys.scans.load(Ordering::SeqCst) > 0 {
            self.shard.beside.lock().insert(self.key);
        }
        drop(states);
        self.shard.no_longer_busy.notify_all();
    }
}
