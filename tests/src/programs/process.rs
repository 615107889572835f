//! What the operating system knows of this process.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long what has ended may take to vanish from the kernel's lists. Reached
/// only by a leak.
const VANISH: Duration = Duration::from_secs(20);

/// Threads and open files; both are 0 where the system does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Threads of the process.
    pub threads: usize,
    /// Open file descriptors.
    pub files: usize,
}

impl Counts {
    /// Counts now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            threads: entries("/proc/self/task"),
            files: entries("/proc/self/fd"),
        }
    }

    /// Waits until there are no more threads and files than these: the kernel
    /// may list a thread that was joined for a moment.
    ///
    /// # Errors
    ///
    /// What is there instead, if it does not vanish.
    pub fn restored(self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let now = Self::now();
            if now.threads <= self.threads && now.files <= self.files {
                return Ok(());
            }
            if start.elapsed() > VANISH {
                return Err(format!("{now} are left of what were {self}\n{}", threads()));
            }
            thread::sleep(Duration::from_micros(100));
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads and {} files", self.threads, self.files)
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// One line for each thread: its name, its state, what it waits for.
#[must_use]
pub fn threads() -> String {
    let Ok(folder) = fs::read_dir("/proc/self/task") else {
        return "the threads are not to be seen on this system".to_owned();
    };
    let mut lines: Vec<String> = folder
        .flatten()
        .map(|thread| {
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let state = read("status")
                .lines()
                .find_map(|line| line.strip_prefix("State:").map(|s| s.trim().to_owned()));
            format!(
                "  thread {} {:16} {:16} waits in {:24} system call {}",
                thread.file_name().to_string_lossy(),
                read("comm").trim(),
                state.unwrap_or_default(),
                read("wchan").trim(),
                read("syscall").split(' ').next().unwrap_or_default().trim(),
            )
        })
        .collect();
    lines.sort();
    lines.join("\n")
}
