//! Mutants: seeded bugs, each of which a loom model must catch.
//!
//! A mutant is a patch in `tests/mutants/<area>/`, whose head says what it breaks
//! and which models fail with it; `tests/mutants/README.md` describes the format.
//! A model that passes with a bug it is meant for proves nothing.
//!
//! - [`patch`] reads a mutant and applies it to a text.
//! - [`scratch`] is the copy of the workspace in which mutants are built and run.
//! - [`table`] is what `tests/mutants/TABLE.md` says.
//!
//! Patches are applied by this module itself and not by a program such as `patch`:
//! the result is the same on every machine, a hunk whose place is ambiguous is
//! refused, and whether a patch still fits is checked without touching a file.

pub mod patch;
pub mod scratch;
pub mod table;

use crate::loom::Model;
use patch::Mutant;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Why a mutant cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem(String);

impl Problem {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// What a model said to a mutant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The model failed, as it should.
    Caught(How),
    /// The model passed.
    Survived,
    /// The model had not ended in time, and the patch does not say that it hangs.
    TimedOut,
    /// There is no such model.
    NoSuchModel,
    /// The model fails without the mutant.
    FailsAnyway(How),
    /// The patch does not fit the sources.
    DoesNotApply(Problem),
    /// The patched package does not compile.
    DoesNotCompile,
}

impl Verdict {
    /// Whether the model has done its duty.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(how) => write!(f, "caught: {how}"),
            Self::Survived => f.write_str("SURVIVED"),
            Self::TimedOut => f.write_str("TIMED OUT"),
            Self::NoSuchModel => f.write_str("NO SUCH MODEL"),
            Self::FailsAnyway(how) => write!(f, "FAILS WITHOUT THE MUTANT: {how}"),
            Self::DoesNotApply(problem) => write!(f, "DOES NOT APPLY: {problem}"),
            Self::DoesNotCompile => f.write_str("DOES NOT COMPILE"),
        }
    }
}

/// How a model failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// An assertion of the model or of the code, or another panic.
    Panic,
    /// No thread could go on.
    Deadlock,
    /// Something that loom counts was not released.
    Leak,
    /// Two accesses to a cell were not ordered.
    DataRace,
    /// An execution did not come to an end.
    OverTheBound,
    /// The process was ended by the operating system or by itself.
    Crash,
    /// It had not ended when its time was over.
    Hang,
}

impl How {
    /// Finds out from the standard error of a model that failed.
    #[must_use]
    pub fn from_messages(stderr: &str) -> Self {
        let says = |message: &str| stderr.contains(message);
        // Loom ends an execution at the first panic, so that its own messages
        // never follow from another failure.
        if says("deadlock; threads = ") {
            Self::Deadlock
        } else if says("Model exceeded maximum number of branches") {
            Self::OverTheBound
        } else if says("Causality violation") {
            Self::DataRace
        } else if ["Arc", "Allocation", "Messages"]
            .iter()
            .any(|object| says(&format!("{object} leaked.")))
        {
            Self::Leak
        } else if says("panicked at ") {
            Self::Panic
        } else {
            Self::Crash
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "panic",
            Self::Deadlock => "deadlock",
            Self::Leak => "leak",
            Self::DataRace => "data race",
            Self::OverTheBound => "over the bound",
            Self::Crash => "crash",
            Self::Hang => "hang",
        })
    }
}

/// One model's verdict on one mutant.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The mutant's name, as in [`Mutant::name`].
    pub mutant: String,
    /// The model that the mutant names.
    pub model: Model,
    /// What the model said.
    pub verdict: Verdict,
}

/// Reads every patch in the folders of `tests/mutants`, sorted by name.
///
/// # Errors
///
/// If a folder or file cannot be read.
pub fn read_all(workspace: &Path) -> io::Result<Vec<(String, Result<Mutant, Problem>)>> {
    let mut mutants = Vec::new();
    for area in fs::read_dir(workspace.join("tests/mutants"))? {
        let area = area?.path();
        if !area.is_dir() {
            continue;
        }
        for file in fs::read_dir(&area)? {
            let file = file?.path();
            if file
                .extension()
                .is_none_or(|extension| extension != "patch")
            {
                continue;
            }
            let part = |path: &Path| {
                let part = path.file_stem().unwrap_or_default();
                part.to_string_lossy().into_owned()
            };
            let name = format!("{}/{}", part(&area), part(&file));
            let mutant = Mutant::parse(&name, &fs::read_to_string(&file)?);
            mutants.push((name, mutant));
        }
    }
    mutants.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(mutants)
}
