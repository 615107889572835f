//! What the benches ask of the operating system.

use std::fs;
use std::io;
use std::num::NonZeroU64;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files as far as the hard limit allows, and returns it.
///
/// The rows with 1000 connections hold both ends of each in this process.
pub fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Asks the kernel to fire the calling thread's timeouts as exactly as it can.
pub fn least_timer_slack() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// The memory of this process that is in RAM, in bytes.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn resident_bytes() -> io::Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let resident = pages
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let resident =
        resident.ok_or_else(|| io::Error::other("/proc/self/statm is not as expected"))?;
    Ok(resident * rustix::param::page_size() as u64)
}

/// How often threads of this process, the calling one excepted, were switched in or out so far.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn context_switches_of_others() -> io::Result<u64> {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut switches = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        if thread.file_name().to_string_lossy() == own {
            continue;
        }
        // A thread may end between being listed and being read.
        if let Ok(status) = fs::read_to_string(thread.path().join("status")) {
            switches += switches_in(&status);
        }
    }
    Ok(switches)
}

fn switches_in(status: &str) -> u64 {
    status
        .lines()
        .filter(|line| line.contains("ctxt_switches:"))
        .filter_map(|line| line.split_whitespace().last())
        .filter_map(|number| number.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_summed() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches_in(status), 15);
        assert_eq!(switches_in("Name:\tx\n"), 0);
    }
}
