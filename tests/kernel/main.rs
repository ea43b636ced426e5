//! What real kernels do: full and failing disks, killed processes, other users.
//!
//! Tests that mount file systems or trace system calls run only if
//! `FILE_BACKED_KERNEL_TESTS` is set, as in `.ci/nightly`. They need root, loop devices,
//! `strace`, `e2fsprogs` and `xfsprogs`. A test that lacks one of these says so and
//! passes. Run them in a separate mount namespace (`unshare --mount`), so that no mount
//! is left over.

#![cfg(target_os = "linux")]

mod child;
#[cfg(feature = "dataset")]
mod commits;
mod failing_disks;
mod full_disk;
mod injected_faults;
mod inline_loads;
mod limits;
mod links;
mod machine;
#[path = "../../src/testing/plain.rs"]
mod plain;
mod processes;
mod program;
#[cfg(feature = "dataset")]
mod readers;
#[path = "../../src/testing/scratch.rs"]
mod scratch;
