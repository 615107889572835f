//! Faults that concern a whole process, each suffered by a child of its own.

mod no_files;
mod no_threads;
mod poller;

use super::options::Options;
use crate::{Echo, finish};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

/// Only a hang of a child that does not even notice it takes this long.
const DEAF_CHILD: Duration = Duration::from_secs(150);

/// Something that a process runs out of, or that breaks.
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// Suffers it, with so many workers and a seed.
    suffer: fn(usize, u64) -> Result<(), String>,
}

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "no-files",
        suffer: no_files::suffer,
    },
    Fault {
        name: "no-threads",
        suffer: no_threads::suffer,
    },
    Fault {
        name: "failing-poller",
        suffer: poller::suffer,
    },
];

/// Starts a child that suffers a fault, and waits for it.
pub(super) fn inject(fault: &Fault, options: &Options, round: u64) -> Result<(), String> {
    let soak = env::current_exe().map_err(|error| format!("where is the soak? {error}"))?;
    let seed = options.seed.wrapping_add(round);
    let mut child = Command::new(soak);
    child.args(["--fault", fault.name, "--seed", &seed.to_string()]);
    child.args(["--workers", &options.workers.to_string()]);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        finish(&mut child, Echo::Quiet, DEAF_CHILD)
    }));
    match ended {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => Err(format!("{} with seed {seed}: {ended}", fault.name)),
        Err(_) => Err(format!("{} with seed {seed} hangs", fault.name)),
    }
}

/// Suffers a fault in this process; returns what was violated.
pub(super) fn suffer(name: &str, options: &Options) -> Vec<String> {
    super::watch::doing(format!("fault {name}"), None);
    let suffered = FAULTS
        .iter()
        .filter(|fault| fault.name.contains(name))
        .map(|fault| (fault.suffer)(options.workers, options.seed));
    suffered.filter_map(Result::err).collect()
}

/// An error if a condition does not hold.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
