//! The states and events of the table.

/// A state, with the part of a load or a write that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Absent,
    LoadQueued,
    LoadRunning,
    Clean,
    /// And somebody reads it.
    CleanInUse,
    Dirty,
    DirtyInUse,
    WriteQueued,
    WriteQueuedInUse,
    WriteRunning,
    /// Queued, and a save wants it.
    Saving,
    CheckedOut,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    BeginLoad,
    FinishLoad,
    FailLoad,
    Rescue,
    Evict,
    EvictOverdue,
    BeginTake,
    CheckIn,
    BeginSave,
    EvictionTurn,
    FinishWrite,
    FailWrite,
    Retire,
}

pub(super) type Pair = (Event, Phase);

/// Those that can come up. What is left out needs somebody to break the rules of
/// the module first: a handle that is used after its end, or a job that ends
/// without having begun.
pub(super) fn all_pairs() -> Vec<Pair> {
    use Event::*;
    use Phase::*;
    const RESIDENT: [Phase; 8] = [
        Clean,
        CleanInUse,
        Dirty,
        DirtyInUse,
        WriteQueued,
        WriteQueuedInUse,
        WriteRunning,
        Saving,
    ];
    let mut pairs = Vec::new();
    for event in [BeginLoad, Rescue, BeginTake, BeginSave, Retire] {
        pairs.extend([Absent, LoadQueued, LoadRunning, CheckedOut].map(|phase| (event, phase)));
        pairs.extend(RESIDENT.map(|phase| (event, phase)));
    }
    pairs.extend(RESIDENT.map(|phase| (Evict, phase)));
    // A guard may outlive the residency, but not of a value that is taken.
    pairs.extend(
        [CleanInUse, DirtyInUse, WriteQueuedInUse, WriteRunning, Dead]
            .map(|phase| (EvictOverdue, phase)),
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
        .map(|phase| (EvictionTurn, phase)),
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
