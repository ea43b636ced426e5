//! What the figures were taken on.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::row::Row;

/// Facts that the figures depend on, as rows.
pub fn describe(dir: &Path, scale_name: &str) -> Vec<Row> {
    let unknown = || "unknown".to_owned();
    let text = |path: &str| std::fs::read_to_string(path).ok();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = text("/proc/cpuinfo")
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(unknown);
    let kernel = text("/proc/sys/kernel/osrelease")
        .map_or_else(unknown, |release| release.trim().to_owned());
    let memory = text("/proc/meminfo")
        .and_then(|info| {
            let kib = info.lines().next()?.split_whitespace().nth(1)?;
            Some(kib.parse::<f64>().ok()? / f64::from(1 << 20))
        })
        .map_or_else(unknown, |gib| format!("{gib:.1} GiB"));
    vec![
        Row::environment("date", &today()),
        Row::environment("cpu", &format!("{cores} cores, {cpu}")),
        Row::environment("memory", &memory),
        Row::environment("kernel", &format!("Linux {kernel}")),
        Row::environment(
            "file system",
            &file_system(dir).unwrap_or_else(|error| format!("unknown: {error}")),
        ),
        Row::environment("load before", &load()),
        Row::environment("scale", scale_name),
    ]
}

/// The load once the run is over.
pub fn describe_end() -> Row {
    Row::environment("load after", &load())
}

/// Processes that ran or wanted to, in the mean of the last minute.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|load| Some(load.split_whitespace().next()?.to_owned()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Days since 1970 as a date (the proleptic Gregorian calendar).
fn date_of(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn today() -> String {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    date_of((since.as_secs() / 86_400) as i64)
}

/// The file system of a directory, and for ext4 whether it has a journal:
/// without one, creating files after many unlinks takes five to thirty times
/// longer.
pub fn file_system(dir: &Path) -> Result<String> {
    let dir = dir.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let Some(mount) = mount_of(&mounts, &dir) else {
        return Ok("unknown".to_owned());
    };
    let mut text = format!("{} on {}", mount.kind, mount.point.display());
    if mount.kind == "ext4" {
        text += match has_journal(&dir) {
            Some(true) => ", with a journal",
            Some(false) => ", WITHOUT a journal: creating files after unlinks is slow",
            None => ", journal unknown",
        };
    }
    Ok(text)
}

struct Mount {
    point: PathBuf,
    kind: String,
}

/// The last mount with the longest point above `dir`.
fn mount_of(mounts: &str, dir: &Path) -> Option<Mount> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let point = PathBuf::from(fields.nth(1)?.replace("\\040", " "));
            let kind = fields.next()?.to_owned();
            dir.starts_with(&point).then_some(Mount { point, kind })
        })
        .max_by_key(|mount| mount.point.as_os_str().len())
}

/// jbd2 has an entry for each journalled file system, named by its device.
fn has_journal(dir: &Path) -> Option<bool> {
    let device = rustix::fs::stat(dir).ok()?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    let name = link.file_name()?.to_str()?.to_owned();
    let journals = std::fs::read_dir("/proc/fs/jbd2");
    match journals {
        Ok(journals) => Some(journals.flatten().any(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(|journal| journal.rsplit_once('-'))
                .is_some_and(|(device, _)| device == name)
        })),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_453), "2025-12-31");
        assert_eq!(date_of(20_454), "2026-01-01");
    }

    #[test]
    fn finds_the_nearest_mount() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n";
        let kind = |dir: &str| mount_of(mounts, Path::new(dir)).map(|mount| mount.kind);
        assert_eq!(kind("/dev/shm/x").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/dev/other").as_deref(), Some("ext4"));
    }
}
