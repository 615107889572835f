//! The loom models: how they are built, and which there are.
//!
//! A model is a test named `loom_…` that stands beside the code it checks, in a
//! module that is compiled only under `--cfg filch_loom`.

use crate::{cargo, rustflags_with_cfg};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// The packages that have models, each with its folder.
pub const PACKAGES: [(&str, &str); 2] = [("filch", "runtime"), ("filch-io", "io")];

/// A model, by the name that libtest gives it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Model {
    /// The package it is in.
    pub package: String,
    /// The modules it is in and its own name.
    pub path: String,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.path)
    }
}

/// A `cargo test` that builds the models of a package: optimised, with debug
/// assertions, in a target folder of their own.
#[must_use]
pub fn cargo_test(package: &str, workspace: &Path, target_folder: &Path) -> Command {
    let mut cargo = cargo_for_models(workspace, target_folder);
    cargo.args(["test", "--release", "--lib", "-p", package]);
    cargo
}

/// A `cargo check` of the models of a package.
#[must_use]
pub fn cargo_check(package: &str, workspace: &Path, target_folder: &Path) -> Command {
    let mut cargo = cargo_for_models(workspace, target_folder);
    cargo.args(["check", "--profile", "test", "--lib", "-p", package]);
    cargo
}

fn cargo_for_models(workspace: &Path, target_folder: &Path) -> Command {
    // The core without the rest of its crate has much that nobody uses. The same
    // code is linted in the ordinary build.
    let flags = format!("{} --cap-lints allow", rustflags_with_cfg("filch_loom"));
    let mut cargo = cargo();
    cargo
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", target_folder)
        .env("RUSTFLAGS", flags)
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        // Costs more time to build than it saves.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
}

/// The paths of the models that have passed, by the lines of libtest.
pub fn models_passed(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(|line| {
        let path = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
        is_model(path).then_some(path)
    })
}

fn is_model(path: &str) -> bool {
    path.rsplit("::")
        .next()
        .is_some_and(|name| name.starts_with("loom_"))
}

/// Every model in the sources of a workspace.
///
/// # Errors
///
/// If a folder or file cannot be read.
pub fn models_in_sources(workspace: &Path) -> io::Result<BTreeSet<Model>> {
    let mut models = BTreeSet::new();
    for (package, folder) in PACKAGES {
        let source = workspace.join(folder).join("src");
        read_folder(&source, "", &mut |module, text| {
            models.extend(models_in_file(module, text).map(|path| Model {
                package: package.to_owned(),
                path,
            }));
        })?;
    }
    Ok(models)
}

/// Calls `found` with the module path and the text of each file below `folder`.
fn read_folder(folder: &Path, module: &str, found: &mut impl FnMut(&str, &str)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let inner = match name.as_ref() {
            "lib" | "main" | "mod" => module.to_owned(),
            name => join(module, name),
        };
        if path.is_dir() {
            read_folder(&path, &inner, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(&inner, &fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

fn join(module: &str, name: &str) -> String {
    match module {
        "" => name.to_owned(),
        module => format!("{module}::{name}"),
    }
}

/// The paths of the models in one file, which is formatted by rustfmt: a module
/// ends with the first brace as far to the right as it began.
fn models_in_file(file: &str, text: &str) -> impl Iterator<Item = String> {
    let mut modules = vec![(String::new(), file.to_owned())];
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let item = line.trim_start();
        let indent = &line[..line.len() - item.len()];
        if item == "}" && modules.len() > 1 && modules.last().is_some_and(|(at, _)| at == indent) {
            modules.pop();
        }
        let (_, module) = modules.last()?;
        if let Some(name) = name_after("mod ", item).filter(|_| item.ends_with(" {")) {
            let module = join(module, name);
            modules.push((indent.to_owned(), module));
            return None;
        }
        if item.starts_with("#[") {
            is_test |= item == "#[test]";
            return None;
        }
        let was_test = std::mem::take(&mut is_test);
        let name = name_after("fn ", item).filter(|_| was_test)?;
        name.starts_with("loom_").then(|| join(module, name))
    })
}

/// The name that follows a keyword, which may follow a visibility.
fn name_after<'a>(keyword: &str, item: &'a str) -> Option<&'a str> {
    let item = match item.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => item,
    };
    let rest = item.strip_prefix(keyword)?;
    rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_with_their_modules() {
        let text = "\
#[test]
fn loom_at_the_top() {
}
pub(crate) mod outer {
    #[cfg(all(test, filch_loom))]
    mod inner {
        #[test]
        #[should_panic]
        fn loom_deep() {
            if true {
            }
        }
        fn loom_helper() {}
    }
    #[test]
    fn loom_outer() {}
    #[test]
    fn not_a_model() {}
}
#[test]
fn loom_after() {}
";
        let found: Vec<_> = models_in_file("a::b", text).collect();
        let expected = [
            "a::b::loom_at_the_top",
            "a::b::outer::inner::loom_deep",
            "a::b::outer::loom_outer",
            "a::b::loom_after",
        ];
        assert_eq!(found, expected);
        assert_eq!(
            models_in_file("", text).next().as_deref(),
            Some("loom_at_the_top")
        );
    }
}
