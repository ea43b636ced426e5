//! The progress of what takes long. It is shown only on a terminal.

use file_backed::dataset::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::Result;

const BAR: &str =
    "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";

/// A bar of bytes.
pub(crate) fn bar() -> Result<ProgressBar> {
    Ok(ProgressBar::new(0).with_style(ProgressStyle::with_template(BAR)?))
}

/// Shows the progress of a call of the library.
pub(crate) fn show(bar: &ProgressBar) -> impl Fn(Progress) + Send + Sync + 'static {
    let shown = bar.clone();
    move |progress| {
        shown.set_length(progress.bytes_total);
        shown.set_position(progress.bytes);
    }
}
