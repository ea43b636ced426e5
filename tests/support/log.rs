//! What the library reports through `tracing`.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    most: Level,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("SPAN {}", span.metadata().name()));
        span.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Runs `f`, and gives what was said meanwhile beside its result.
pub(crate) fn logged<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    up_to(Level::INFO, f)
}

/// As `logged`, with what is only for who looks closely, and each span that
/// begins.
pub(crate) fn traced<R>(f: impl FnOnce() -> R) -> (R, Vec<String>) {
    up_to(Level::DEBUG, f)
}

/// Notes what is said on any thread from now on; once in a process.
pub(crate) fn logged_everywhere() -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Log {
        lines: lines.clone(),
        most: Level::INFO,
    };
    tracing::subscriber::set_global_default(log).expect("once in a process");
    lines
}

/// While there is one subscriber in the process, `tracing` asks only that of the current
/// thread whether a new callsite is of interest. A test on a thread without one then
/// disabled the callsite for the test that had one. Two that live for ever prevent that.
static ALWAYS_THERE: LazyLock<[Dispatch; 2]> = LazyLock::new(|| {
    [Level::DEBUG, Level::INFO].map(|most| {
        let lines = Arc::default();
        Dispatch::new(Log { lines, most })
    })
});

fn up_to<R>(most: Level, f: impl FnOnce() -> R) -> (R, Vec<String>) {
    LazyLock::force(&ALWAYS_THERE);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = Log {
        lines: lines.clone(),
        most,
    };
    let result = tracing::subscriber::with_default(log, f);
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    (result, lines)
}
