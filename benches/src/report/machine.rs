//! Where and with what the figures were taken.

use std::env;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clients::http::client_name;

/// The lock file that this program was built from.
const LOCK_FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// The packages whose versions belong beside the figures.
const PACKAGES: [&str; 8] = [
    "filch",
    "tokio",
    "smol",
    "async-executor",
    "async-io",
    "blocking",
    "hyper",
    "rayon",
];

/// Label and value of everything worth knowing about the run.
pub fn facts() -> Vec<(&'static str, String)> {
    let cores = available_parallelism().map_or(0, usize::from);
    let versions: Vec<String> = PACKAGES
        .iter()
        .filter_map(|name| Some(format!("{name} {}", version(LOCK_FILE, name)?)))
        .collect();
    vec![
        (
            "Processor",
            format!("{}, {cores} logical cores", processor()),
        ),
        (
            "Kernel",
            read("/proc/version")
                .split(" (")
                .next()
                .unwrap_or_default()
                .to_owned(),
        ),
        ("Compiler", compiler()),
        ("Versions", versions.join(", ")),
        ("HTTP client", client_name().to_owned()),
        ("Date", date(SystemTime::now())),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn processor() -> String {
    let information = read("/proc/cpuinfo");
    let model = information
        .lines()
        .find(|line| line.starts_with("model name"));
    let name = model.and_then(|line| line.split_once(':'));
    name.map_or_else(
        || env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    format!(
        "{}, {profile} profile",
        version.unwrap_or_else(|_| "unknown".to_owned())
    )
}

/// The greatest version of `package` in a lock file.
fn version(lock_file: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock_file.lines();
    let mut found: Option<(Vec<u64>, String)> = None;
    while lines.by_ref().any(|line| line == name) {
        let version = lines
            .next()?
            .strip_prefix("version = \"")?
            .strip_suffix('"')?;
        let order: Vec<u64> = version
            .split(['.', '-', '+'])
            .map_while(|part| part.parse().ok())
            .collect();
        if found.as_ref().is_none_or(|(greatest, _)| order > *greatest) {
            found = Some((order, version.to_owned()));
        }
    }
    found.map(|(_, version)| version)
}

/// The date of an instant, in UTC, as year-month-day.
fn date(time: SystemTime) -> String {
    let days = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() / 86_400);
    // Days are counted in years that begin in March, so that a leap day is the last of its year;
    // 146 097 days are the 400 years after which the calendar repeats.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let date_after = |days: u64| date(UNIX_EPOCH + Duration::from_secs(days * 86_400));
        assert_eq!(date_after(0), "1970-01-01");
        assert_eq!(date_after(11_016), "2000-02-29");
        assert_eq!(date_after(11_017), "2000-03-01");
        assert_eq!(date_after(20_453), "2025-12-31");
        assert_eq!(date_after(20_454), "2026-01-01");
    }

    #[test]
    fn the_greatest_version_is_found() {
        let lock = "name = \"a\"\nversion = \"1.9.0\"\n\nname = \"a\"\nversion = \"1.10.2\"\nname = \"b\"\n";
        assert_eq!(version(lock, "a").as_deref(), Some("1.10.2"));
        assert_eq!(version(lock, "c"), None);
        assert!(version(LOCK_FILE, "tokio").is_some());
    }
}
