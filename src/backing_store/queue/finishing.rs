//! Callers that wait until all jobs up to a number have ended.

/// The waits that are under way. Each counts down, so that the end of a job need not look
/// at the jobs that run.
#[derive(Default)]
pub(super) struct Finishing {
    last_id: u64,
    waits: Vec<Wait>,
}

struct Wait {
    id: u64,
    /// The number of the last job that the caller waits for.
    last: u64,
    /// How many of these jobs have not ended.
    left: usize,
}

impl Finishing {
    /// Begins to wait for the jobs up to `last`, of which `left` have not ended.
    pub(super) fn begin(&mut self, (last, left): (u64, usize)) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.waits.push(Wait { id, last, left });
        id
    }

    /// The job of this number has ended.
    pub(super) fn ended(&mut self, number: u64) {
        for wait in &mut self.waits {
            wait.left -= usize::from(number <= wait.last);
        }
    }

    /// Whether all jobs that this wait is for have ended. It is forgotten then.
    pub(super) fn is_over(&mut self, id: u64) -> bool {
        let at = self.waits.iter().position(|wait| wait.id == id);
        let at = at.expect("a wait is forgotten once it is over");
        let is_over = self.waits[at].left == 0;
        if is_over {
            self.waits.swap_remove(at);
        }
        is_over
    }
}
