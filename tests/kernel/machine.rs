//! The tools of the machine, and file systems made for one test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Says that a test was skipped, past the capture of its output.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Nobody could be told of a failure.
    let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

/// Whether a test may run that wants root, or tools; says so if not.
pub(crate) fn may_run(tools: &[&str]) -> bool {
    if std::env::var_os("FILE_BACKED_KERNEL_TESTS").is_none() {
        skip("FILE_BACKED_KERNEL_TESTS is not set");
        return false;
    }
    if !is_root() {
        skip("it wants root");
        return false;
    }
    for tool in tools {
        let found = Command::new(tool)
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            skip(&format!("there is no {tool}"));
            return false;
        }
    }
    true
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether another user gets through a directory.
pub(crate) fn is_open_to_all(directory: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(directory);
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
}

/// The words of a command that runs another one as a user who owns nothing.
pub(crate) const AS_NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// Runs a command to its end, and tells what it says if it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?}: {}: {said}", output.status))
        }
    }
}

/// A file system, unmounted when it is dropped.
pub(crate) struct Mount {
    path: PathBuf,
    _dir: TempDir,
}

impl Mount {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// In memory, with such options.
    pub(crate) fn memory(options: &str) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", options, "none"])
    }

    /// A second place at which a directory can be seen.
    pub(crate) fn bind(directory: &Path) -> Option<Self> {
        let directory = directory.to_str().expect("a plain name");
        Self::new(&["--bind", directory])
    }

    /// Says that the test is skipped if it cannot be mounted.
    fn new(what: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_owned();
        if let Err(why) = run(Command::new("mount").args(what).arg(&path)) {
            skip(&why);
            return None;
        }
        Some(Self { path, _dir: dir })
    }

    pub(crate) fn try_remount(&self, options: &str) -> Result<(), String> {
        let options = format!("remount,{options}");
        run(Command::new("mount").args(["-o", &options]).arg(&self.path))
    }

    pub(crate) fn remount(&self, options: &str) {
        self.try_remount(options).expect("it is mounted again");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Also while somebody still has a file open in it.
        let unmounted = run(Command::new("umount").arg("-l").arg(&self.path));
        if let Err(why) = unmounted {
            skip(&why);
        }
    }
}

/// A disk in a file.
pub(crate) struct Disk {
    image: PathBuf,
    _dir: TempDir,
}

impl Disk {
    /// Formats one of so many MiB with `mkfs.{kind}`; says that the test is
    /// skipped if there is no such tool.
    pub(crate) fn format(kind: &str, mib: u64) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("image");
        let file = std::fs::File::create(&image).expect("it is made");
        file.set_len(mib << 20).expect("it is sparse");
        let mkfs = format!("mkfs.{kind}");
        if let Err(why) = run(Command::new(mkfs).arg("-q").arg(&image)) {
            skip(&why);
            return None;
        }
        Some(Self { image, _dir: dir })
    }

    pub(crate) fn mount(&self) -> Option<Mount> {
        let image = self.image.to_str().expect("a plain name");
        Mount::new(&["-o", "loop", image])
    }
}
