//! The copy of the workspace in which mutants are built and run.

use super::patch::{Mutant, Mutated};
use super::{How, Problem, Verdict};
use crate::loom::{self, Model, models_passed};
use crate::{Echo, finish_within};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Only a hang takes so long to build.
const BUILD_BOUND: Duration = Duration::from_secs(60 * 60);

/// A copy of a workspace, with a target folder of its own, in which only what a
/// mutant touches is built anew.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    jobs: usize,
    limit: Duration,
}

/// The program that contains the models of one package.
#[derive(Debug)]
pub struct Built {
    program: PathBuf,
    /// Where libtest is started.
    folder: PathBuf,
}

/// How one run of a model ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ran {
    /// It passed.
    Passed,
    /// It failed.
    Failed(How),
    /// It had not ended when its time was over.
    TimedOut,
    /// There is no such model.
    Missing,
}

impl Scratch {
    /// Makes the copy in `folder`, or brings the one that is there up to date.
    /// Builds and models run on `jobs` threads, a model for `limit` at most.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn new(
        workspace: &Path,
        folder: PathBuf,
        jobs: usize,
        limit: Duration,
    ) -> io::Result<Self> {
        let scratch = Self {
            folder,
            jobs,
            limit,
        };
        mirror(workspace, &scratch.sources())?;
        Ok(scratch)
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    /// Removes the copy and what was built in it.
    ///
    /// # Errors
    ///
    /// If a file cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.folder)
    }

    /// Runs models of the copy as it is. `None` if they do not compile; the
    /// compiler has said why.
    #[must_use]
    pub fn run_unpatched(&self, models: &BTreeSet<Model>) -> Option<BTreeMap<Model, Ran>> {
        let models: Vec<&Model> = models.iter().collect();
        let ran = self.run(&models)?;
        Some(models.into_iter().cloned().zip(ran).collect())
    }

    /// What each model named by a mutant says to it.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    ///
    /// # Panics
    ///
    /// If `unpatched` lacks a model that the mutant names.
    pub fn judge(
        &self,
        mutant: &Mutant,
        unpatched: &BTreeMap<Model, Ran>,
    ) -> io::Result<Vec<Verdict>> {
        let ready = |model: &&Model| unpatched[model] == Ran::Passed;
        let models: Vec<&Model> = mutant.models.iter().filter(ready).collect();
        let ran = match self.with_mutant(mutant, || self.run(&models))? {
            Ok(Some(ran)) => ran,
            Ok(None) => return Ok(vec![Verdict::DoesNotCompile; mutant.models.len()]),
            Err(problem) => {
                let verdict = Verdict::DoesNotApply(problem);
                return Ok(vec![verdict; mutant.models.len()]);
            }
        };
        let mut ran = ran.into_iter();
        let verdict = |model| match unpatched[model] {
            Ran::Passed => match ran.next().expect("every model that was ready has run") {
                Ran::Passed => Verdict::Survived,
                Ran::Failed(how) => Verdict::Caught(how),
                Ran::TimedOut if mutant.hangs => Verdict::Caught(How::Hang),
                Ran::TimedOut => Verdict::TimedOut,
                Ran::Missing => Verdict::NoSuchModel,
            },
            Ran::Failed(how) => Verdict::FailsAnyway(how),
            Ran::TimedOut => Verdict::FailsAnyway(How::Hang),
            Ran::Missing => Verdict::NoSuchModel,
        };
        Ok(mutant.models.iter().map(verdict).collect())
    }

    /// What keeps a mutant from being built, if anything; the compiler has said why.
    /// No model is built or run.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn check(&self, mutant: &Mutant) -> io::Result<Option<Verdict>> {
        let packages: BTreeSet<&str> = mutant.models.iter().map(|it| &*it.package).collect();
        let compile = || packages.into_iter().all(|package| self.compiles(package));
        Ok(match self.with_mutant(mutant, compile)? {
            Ok(true) => None,
            Ok(false) => Some(Verdict::DoesNotCompile),
            Err(problem) => Some(Verdict::DoesNotApply(problem)),
        })
    }

    /// Calls `f` while the mutant is in the copy.
    fn with_mutant<R>(
        &self,
        mutant: &Mutant,
        f: impl FnOnce() -> R,
    ) -> io::Result<Result<R, Problem>> {
        let mutated = match mutant.mutate(&self.sources()) {
            Ok(mutated) => mutated,
            Err(problem) => return Ok(Err(problem)),
        };
        self.write(
            mutated
                .iter()
                .map(|Mutated { path, text, .. }| (path, text)),
        )?;
        let result = f();
        self.write(
            mutated
                .iter()
                .map(|Mutated { path, original, .. }| (path, original)),
        )?;
        Ok(Ok(result))
    }

    fn write<'a>(&self, files: impl Iterator<Item = (&'a String, &'a String)>) -> io::Result<()> {
        for (path, text) in files {
            fs::write(self.sources().join(path), text)?;
        }
        Ok(())
    }

    /// Builds what the models need and runs each in a process of its own, in
    /// their order. `None` if it does not compile.
    fn run(&self, models: &[&Model]) -> Option<Vec<Ran>> {
        let packages: BTreeSet<&str> = models.iter().map(|model| model.package.as_str()).collect();
        let mut built = BTreeMap::new();
        for package in packages {
            built.insert(package, self.build(package)?);
        }
        let next = AtomicUsize::new(0);
        let ran = Mutex::new(vec![None; models.len()]);
        let work = || {
            loop {
                // ORDERING: Relaxed, as the number is all that is shared here.
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(model) = models.get(index) else {
                    return;
                };
                let outcome = built[model.package.as_str()].run(&model.path, self.limit);
                ran.lock().expect("running a model does not panic")[index] = Some(outcome);
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(models.len()) {
                scope.spawn(work);
            }
        });
        let ran = ran.into_inner().expect("running a model does not panic");
        ran.into_iter().collect()
    }

    /// Whether the models of a package compile.
    fn compiles(&self, package: &str) -> bool {
        let target = self.folder.join("target");
        let mut cargo = loom::cargo_check(package, &self.sources(), &target);
        cargo.arg("--quiet").arg(format!("--jobs={}", self.jobs));
        let ended = finish_within(&mut cargo, Echo::Quiet, BUILD_BOUND);
        ended.is_some_and(|ended| {
            if !ended.status.success() {
                eprintln!("{}", ended.stderr);
            }
            ended.status.success()
        })
    }

    /// Builds the models of a package; `None` if it does not compile.
    fn build(&self, package: &str) -> Option<Built> {
        let mut cargo = loom::cargo_test(package, &self.sources(), &self.folder.join("target"));
        cargo
            // A mutant changes a few lines of one crate.
            .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true")
            .args([
                "--no-run",
                "--quiet",
                "--message-format=json-render-diagnostics",
            ])
            .arg(format!("--jobs={}", self.jobs));
        let ended = finish_within(&mut cargo, Echo::Quiet, BUILD_BOUND)?;
        if !ended.status.success() {
            eprintln!("{}", ended.stderr);
            return None;
        }
        let program = ended.stdout.lines().rev().find_map(executable);
        let program = program.unwrap_or_else(|| panic!("cargo names no program: {ended}"));
        let (_, folder) = loom::PACKAGES
            .into_iter()
            .find(|(known, _)| *known == package)
            .expect("the patch was parsed, which looks at the package");
        Some(Built {
            program,
            folder: self.sources().join(folder),
        })
    }
}

impl Built {
    fn run(&self, model: &str, limit: Duration) -> Ran {
        let mut program = Command::new(&self.program);
        program
            .current_dir(&self.folder)
            // What a process that aborts has captured would be lost.
            .args(["--exact", "--nocapture", "--test-threads=1", model]);
        let Some(ended) = finish_within(&mut program, Echo::Quiet, limit) else {
            return Ran::TimedOut;
        };
        match ended.status.success() {
            false => Ran::Failed(How::from_messages(&ended.stderr)),
            true if models_passed(&ended.stdout).any(|passed| passed == model) => Ran::Passed,
            true => Ran::Missing,
        }
    }
}

/// The program that a line of cargo's messages says was built.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once(r#""executable":""#)?;
    let mut path = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(path.into()),
            // A path has no other characters that JSON escapes.
            '\\' => path.push(characters.next()?),
            character => path.push(character),
        }
    }
}

/// Makes `to` a copy of `from`, without its repository and what cargo has built.
/// A file that is the same already is left alone, so that cargo does not take it
/// for a new one.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut present = BTreeSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, source) = (entry.file_name(), entry.path());
        let target = to.join(&name);
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if name == ".git" || source.join("CACHEDIR.TAG").exists() {
                continue;
            }
            mirror(&source, &target)?;
        } else if kind.is_file() && name != ".git" {
            let text = fs::read(&source)?;
            if fs::read(&target).ok().as_ref() != Some(&text) {
                fs::write(&target, text)?;
            }
        } else {
            continue;
        }
        present.insert(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if present.contains(&entry.file_name()) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_folder;

    #[test]
    fn a_program_is_found_in_cargos_messages() {
        let message =
            r#"{"reason":"compiler-artifact","executable":"C:\\a b\\filch.exe","fresh":false}"#;
        assert_eq!(
            executable(message),
            Some(PathBuf::from(r"C:\a b\filch.exe"))
        );
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }

    #[test]
    fn a_mirror_follows_its_original_and_leaves_out_what_is_built() {
        let folder = target_folder("mutants-mirror");
        drop(fs::remove_dir_all(&folder));
        let (from, to) = (folder.join("from"), folder.join("to"));
        let write = |path: &str, text: &str| {
            let path = from.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/b/c.rs", "one");
        write("d.rs", "two");
        write(".git/config", "");
        write("target/CACHEDIR.TAG", "");
        mirror(&from, &to).unwrap();
        let written = fs::metadata(to.join("d.rs")).unwrap().modified().unwrap();
        assert!(!to.join(".git").exists() && !to.join("target").exists());

        write("a/b/c.rs", "three");
        fs::write(to.join("stale.rs"), "").unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b/c.rs")).unwrap(), "three");
        assert!(!to.join("stale.rs").exists());
        let again = fs::metadata(to.join("d.rs")).unwrap().modified().unwrap();
        assert_eq!(written, again, "a file that has not changed is not written");
        fs::remove_dir_all(&folder).unwrap();
    }
}
