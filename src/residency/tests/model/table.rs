//! The states and events of the table.

/// A state, together with the phase of a load or write that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Absent,
    LoadQueued,
    LoadRunning,
    Clean,
    /// Clean and pinned; likewise the others below.
    CleanPinned,
    Dirty,
    DirtyPinned,
    WriteQueued,
    WriteQueuedPinned,
    WriteRunning,
    /// The write is queued, and a save needs it.
    Saving,
    CheckedOut,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    BeginLoad,
    FinishLoad,
    FailLoad,
    Promote,
    Evict,
    EvictOrKeep,
    EvictUnpinned,
    BeginCheckout,
    CheckIn,
    BeginSave,
    BeginEvictionWrite,
    FinishWrite,
    FailWrite,
    Retire,
}

pub(super) type Pair = (Event, Phase);

/// The pairs that can occur. The others would break the rules of the module: a
/// handle used after it was dropped, or a job that ends without having started.
pub(super) fn all_pairs() -> Vec<Pair> {
    use Event::*;
    use Phase::*;
    const RESIDENT: [Phase; 8] = [
        Clean,
        CleanPinned,
        Dirty,
        DirtyPinned,
        WriteQueued,
        WriteQueuedPinned,
        WriteRunning,
        Saving,
    ];
    let mut pairs = Vec::new();
    for event in [BeginLoad, Promote, BeginCheckout, BeginSave, Retire] {
        pairs.extend([Absent, LoadQueued, LoadRunning, CheckedOut].map(|phase| (event, phase)));
        pairs.extend(RESIDENT.map(|phase| (event, phase)));
    }
    for event in [Evict, EvictOrKeep] {
        pairs.extend(RESIDENT.map(|phase| (event, phase)));
    }
    // A guard may outlive the residency, but not of a value that is checked out.
    pairs.extend(
        [
            CleanPinned,
            DirtyPinned,
            WriteQueuedPinned,
            WriteRunning,
            Dead,
        ]
        .map(|phase| (EvictUnpinned, phase)),
    );
    pairs.extend(
        [
            Absent,
            Clean,
            Dirty,
            WriteQueued,
            WriteRunning,
            Saving,
            CheckedOut,
            Dead,
        ]
        .map(|phase| (BeginEvictionWrite, phase)),
    );
    for phase in [LoadRunning, Dead] {
        pairs.extend([(FinishLoad, phase), (FailLoad, phase)]);
    }
    for phase in [WriteRunning, Dead] {
        pairs.extend([(FinishWrite, phase), (FailWrite, phase)]);
    }
    pairs.push((CheckIn, CheckedOut));
    pairs
}
