//! The bodies of the codecs' tests, for the fuzzer.

#![expect(
    dead_code,
    reason = "the tests use more of the shared files and values"
)]

#[path = "../../tests/files.rs"]
mod files;
#[path = "../../tests/fuzzing/targets.rs"]
mod targets;
#[path = "../../tests/values.rs"]
mod values;

/// Runs the body of this name.
///
/// # Panics
///
/// Where a codec does not keep a promise, or no body has this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    (target.expect("a target of this name").body)(bytes);
}
