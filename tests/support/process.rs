//! Tests that run in a process of their own.

use std::process::Command;

/// Says to a test that it is in the process of its own.
const CHILD: &str = "FILE_BACKED_CHILD";

/// Runs `body` in a process that runs nothing but the test of this name.
#[track_caller]
pub(crate) fn in_a_process_of_its_own(test: &str, body: impl FnOnce()) {
    run(test, body, |this_program| Command::new(this_program));
}

/// The same, with these environment variables.
#[cfg(unix)]
#[track_caller]
pub(crate) fn in_a_process_with(variables: &[(&str, &str)], test: &str, body: impl FnOnce()) {
    run(test, body, |this_program| {
        let mut command = Command::new(this_program);
        command.envs(variables.iter().copied());
        command
    });
}

/// The same, in a process that may have so many bytes of memory of its own.
#[cfg(all(
    any(feature = "mappedcodec", feature = "bytescodec"),
    target_os = "linux"
))]
#[track_caller]
pub(crate) fn in_a_small_process(test: &str, bytes: usize, body: impl FnOnce()) {
    run(test, body, |this_program| {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -d {} && exec \"$0\" \"$@\"", bytes / 1024);
        shell.arg("-c").arg(script).arg(this_program);
        shell
    });
}

#[track_caller]
fn run(test: &str, body: impl FnOnce(), command: impl FnOnce(&std::path::Path) -> Command) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let output = command(&std::env::current_exe().expect("this test"))
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("starts");
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
