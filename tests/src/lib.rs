//! What the tests of this crate share when they start other programs: cargo, for
//! what must be built in another way, and the examples; the [`loom`] models and
//! the [`mutants`] that they must catch; random [`programs`], and
//! the [`soak`].

pub mod loom;
pub mod mutants;
pub mod programs;
pub mod soak;

use std::env;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The folder of the workspace's `Cargo.toml`.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is in a folder of the workspace")
}

/// The folder in which cargo has built the running test or program, with the
/// profile's name as its last part.
///
/// # Panics
///
/// If it has been moved out of there.
#[must_use]
pub fn profile_folder() -> PathBuf {
    let running = env::current_exe().expect("a program knows where it is");
    let folder = running.parent().expect("a program is in a folder");
    match folder.ends_with("deps") {
        true => folder
            .parent()
            .expect("cargo puts tests into <profile>/deps"),
        false => folder,
    }
    .to_owned()
}

/// A folder beside the one of the profile, for a build that must not disturb the
/// one under way.
///
/// # Panics
///
/// If the test has been moved out of the target folder.
#[must_use]
pub fn target_folder(name: &str) -> PathBuf {
    let profile = profile_folder();
    profile
        .parent()
        .expect("a profile's folder is in the target folder")
        .join(name)
}

/// The cargo that runs this test, started in the workspace.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}

/// `RUSTFLAGS` of this test's environment with a cfg more.
#[must_use]
pub fn rustflags_with_cfg(cfg: &str) -> String {
    let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
    if !flags.is_empty() {
        flags.push(' ');
    }
    flags.push_str("--cfg ");
    flags.push_str(cfg);
    flags
}

/// The release of the compiler whose messages stand in `tests/ui`, where they are
/// its own: their wording changes from release to release.
pub const RECORDED_WITH: &str = "1.95";

/// The compiler's version without its patch level; `None` if there is no
/// `rustc` to ask.
#[must_use]
pub fn compiler_release() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(1)?;
    Some(version.rsplit_once('.')?.0.to_owned())
}

/// A program that has ended, and what it has printed.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error, unless that was inherited.
    pub stderr: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        writeln!(f, "--- its standard output\n{}", self.stdout)?;
        write!(f, "--- its standard error\n{}", self.stderr)
    }
}

/// What becomes of a program's output besides being returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Nothing.
    Quiet,
    /// It is passed on as it comes, past the capture of the test's own output:
    /// for what takes so long that somebody may be watching.
    Live,
}

/// Runs a program to its end.
///
/// # Panics
///
/// If it cannot be started, or has not ended after `bound`; it is killed then.
pub fn finish(command: &mut Command, echo: Echo, bound: Duration) -> Ended {
    finish_within(command, echo, bound)
        .unwrap_or_else(|| panic!("{command:?} has not ended after {bound:?}"))
}

/// Runs a program to its end, or kills it after `bound` and returns `None`.
///
/// # Panics
///
/// If it cannot be started.
pub fn finish_within(command: &mut Command, echo: Echo, bound: Duration) -> Option<Ended> {
    let deadline = Instant::now() + bound;
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(if echo == Echo::Live {
        Stdio::inherit()
    } else {
        Stdio::piped()
    });
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = child.stdout.take().map(|pipe| collect(pipe, echo));
    let stderr = child.stderr.take().map(|pipe| collect(pipe, Echo::Quiet));
    let text = |from: Option<mpsc::Receiver<Vec<u8>>>| {
        let Some(from) = from else {
            return Some(String::new());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let bytes = from.recv_timeout(left).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let Some((stdout, stderr)) = text(stdout).zip(text(stderr)) else {
        // Both may fail only if it has ended at this moment.
        drop(child.kill());
        drop(child.wait());
        return None;
    };
    // Both pipes are closed, so it has ended or is about to.
    let status = child.wait().expect("the child was not waited for before");
    Some(Ended {
        status,
        stdout,
        stderr,
    })
}

/// Reads a pipe to its end on a thread of its own.
fn collect(mut pipe: impl Read + Send + 'static, echo: Echo) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            all.extend_from_slice(&chunk[..count]);
            if echo == Echo::Live {
                // A closed terminal is no reason to fail.
                let mut terminal = io::stdout();
                drop(
                    terminal
                        .write_all(&chunk[..count])
                        .and_then(|()| terminal.flush()),
                );
            }
        }
        // Fails when the test has given up on the program.
        drop(sender.send(all));
    });
    receiver
}
