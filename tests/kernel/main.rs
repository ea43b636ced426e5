//! What real kernels do: full and broken disks, killed processes, other users.
//!
//! Tests that mount file systems or trace system calls run only if
//! `FILE_BACKED_KERNEL_TESTS` is set, as `.ci/run` does. They want root, loop
//! devices, `strace`, `e2fsprogs` and `xfsprogs`; one that misses something says
//! so and passes. They are best run in a mount namespace of their own
//! (`unshare --mount`), which leaves nothing behind whatever happens.

#![cfg(target_os = "linux")]

mod child;
mod failing_disks;
#[path = "../support/files.rs"]
mod files;
mod full_disk;
mod injected_faults;
mod limits;
mod links;
mod machine;
mod processes;
mod program;
#[cfg(feature = "dataset")]
mod readers;
