//! The house stands: imports flow down only, and unsafe code stays where
//! ARCHITECTURE.md says.
//!
//! The source is read as tokens, without its tests. In crate `filch`, every
//! path in it is followed through re-exports to the file that defines what it
//! names. A file that names something of a floor above its own fails the test.

#[path = "floors/scan.rs"]
mod scan;
#[path = "floors/tree.rs"]
mod tree;

use filch_tests::{Echo, cargo, finish, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tree::{Reference, Tree};

/// Where the files of `runtime/src` live, the first match counts. A folder ends
/// with a slash.
const HOUSE: &[(&str, Floor)] = &[
    ("prefetch.rs", Floor::Storey(1)),
    ("primitive.rs", Floor::Storey(1)),
    ("primitive/", Floor::Storey(1)),
    ("quartile.rs", Floor::Storey(1)),
    ("coop.rs", Floor::Storey(1)),
    ("coop/", Floor::Storey(1)),
    ("rng.rs", Floor::Storey(1)),
    ("rng/", Floor::Storey(1)),
    ("unwind.rs", Floor::Storey(1)),
    // The public module `task` is both: the root of the task core, and the place
    // where programs find what the floors above add to it.
    (
        "task.rs",
        Floor::Stairs {
            defines: 2,
            imports: 5,
        },
    ),
    ("task/", Floor::Storey(2)),
    ("driver.rs", Floor::Storey(2)),
    ("driver/", Floor::Storey(2)),
    ("scheduler.rs", Floor::Storey(3)),
    ("scheduler/", Floor::Storey(3)),
    ("blocking.rs", Floor::Storey(3)),
    ("blocking/", Floor::Storey(3)),
    ("runtime.rs", Floor::Storey(4)),
    ("runtime/", Floor::Storey(4)),
    ("lib.rs", Floor::Storey(5)),
    ("io.rs", Floor::Storey(5)),
    ("io/", Floor::Storey(5)),
    ("net.rs", Floor::Storey(5)),
    ("net/", Floor::Storey(5)),
    ("spawn.rs", Floor::Storey(5)),
    ("spawn/", Floor::Storey(5)),
    ("sync.rs", Floor::Storey(5)),
    ("sync/", Floor::Storey(5)),
    ("time.rs", Floor::Storey(5)),
    ("time/", Floor::Storey(5)),
];

#[derive(Clone, Copy, Debug)]
enum Floor {
    Storey(u8),
    /// A file that belongs to one floor by what it defines, and to another by
    /// what it imports.
    Stairs {
        defines: u8,
        imports: u8,
    },
}

impl Floor {
    fn defines(self) -> u8 {
        match self {
            Self::Storey(floor) | Self::Stairs { defines: floor, .. } => floor,
        }
    }

    fn imports(self) -> u8 {
        match self {
            Self::Storey(floor) | Self::Stairs { imports: floor, .. } => floor,
        }
    }
}

fn floor(file: &Path) -> Option<Floor> {
    let file = file.to_str()?.replace('\\', "/");
    let lives = |place: &str| {
        if place.ends_with('/') {
            file.starts_with(place)
        } else {
            file == place
        }
    };
    HOUSE
        .iter()
        .find(|(place, _)| lives(place))
        .map(|(_, floor)| *floor)
}

/// Every reference to a higher floor, as a line for the reader.
fn upward_references(tree: &Tree) -> Vec<String> {
    let mut upward = Vec::new();
    for reference in tree.references() {
        let Reference {
            from,
            line,
            path,
            to,
        } = &reference;
        let (Some(here), Some(there)) = (floor(from), floor(to)) else {
            continue;
        };
        let (here, there) = (here.imports(), there.defines());
        if there > here {
            upward.push(format!(
                "runtime/src/{}:{line} (floor {here}) names {path} of {} (floor {there})",
                from.display(),
                to.display()
            ));
        }
    }
    upward
}

fn runtime() -> Tree {
    load(&workspace().join("runtime/src"))
}

fn load(source: &Path) -> Tree {
    Tree::load(Path::new("lib.rs"), &|file| {
        fs::read_to_string(source.join(file)).ok()
    })
}

#[test]
fn imports_flow_down_only() {
    let upward = upward_references(&runtime());
    assert!(
        upward.is_empty(),
        "imports flow down only:\n{}",
        upward.join("\n")
    );
}

#[test]
fn every_file_has_its_floor() {
    let tree = runtime();
    let homeless: Vec<_> = tree.files().filter(|file| floor(file).is_none()).collect();
    assert!(
        homeless.is_empty(),
        "the house in {} has no floor for {homeless:?}",
        file!()
    );
    // The walk has found the house, not just its door.
    for floor_number in 1..=5 {
        let lives_here = |file: &&Path| floor(file).is_some_and(|f| f.defines() == floor_number);
        assert!(
            tree.files().any(|file| lives_here(&file)),
            "nobody lives on floor {floor_number}"
        );
    }
    assert!(
        tree.references().len() > 50,
        "the walk finds {} references",
        tree.references().len()
    );
}

/// Tokio is here for its channels, traits and macros: no runtime, no reactor.
#[test]
fn a_default_build_contains_no_second_runtime() {
    let bound = Duration::from_secs(600);
    let mut tree = cargo();
    tree.args([
        "tree", "-p", "filch", "--edges", "normal", "--prefix", "none",
    ]);
    let tree = finish(tree.args(["--format", "{lib} {f}"]), Echo::Quiet, bound);
    assert!(tree.status.success(), "{tree}");
    // Each package with its features.
    let packages: BTreeMap<&str, &str> = tree
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    assert!(packages.contains_key("filch"), "{tree}");
    for unwanted in ["mio", "async_executor", "async_io", "smol"] {
        assert!(
            !packages.contains_key(unwanted),
            "{unwanted} is in a default build: {tree}"
        );
    }
    let features: Vec<_> = packages["tokio"].split(',').collect();
    for unwanted in ["rt", "net", "time", "fs", "process", "signal"] {
        assert!(
            !features.contains(&unwanted),
            "tokio is built with {features:?}"
        );
    }
    assert!(
        features.contains(&"sync"),
        "tokio is built with {features:?}"
    );
}

/// A small house with what the check must see through.
fn model(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<PathBuf, String> = files
        .iter()
        .map(|(file, text)| (PathBuf::from(file), (*text).to_owned()))
        .collect();
    upward_references(&Tree::load(Path::new("lib.rs"), &|file| {
        files.get(file).cloned()
    }))
}

const ROOT: (&str, &str) = (
    "lib.rs",
    "mod coop; pub mod task; mod scheduler; mod runtime;",
);

#[test]
fn an_upward_import_is_found_in_any_disguise() {
    let disguises = [
        "use crate::runtime::Handle;",
        "use crate::{coop::Budget, runtime::{self as r, Handle}};",
        "use super::runtime::Handle;",
        "use crate::runtime as r; fn f() { r::spawn() }",
        "fn f() { crate::runtime::spawn() }",
        "fn f() { use crate::runtime::*; }",
        "mod inner { use super::super::runtime::Handle; }",
        "macro_call!(crate::runtime::Handle);",
        "use crate::task; fn f() { task::spawn() }",
        "use crate::task::spawn;",
        "#[cfg(any(test, unix))] use crate::runtime::Handle;",
    ];
    for disguise in disguises {
        let found = model(&[
            ROOT,
            ("coop.rs", ""),
            (
                "task.rs",
                "mod raw; pub use self::raw::Task; pub use public::*; mod public { pub use crate::runtime::spawn; }",
            ),
            ("task/raw.rs", "use crate::coop;"),
            ("scheduler.rs", disguise),
            ("runtime.rs", "use crate::scheduler;"),
        ]);
        assert!(!found.is_empty(), "not found: {disguise}");
        assert!(
            found
                .iter()
                .all(|line| line.contains("scheduler.rs:1 (floor 3)")),
            "{found:?}"
        );
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let found = model(&[
        ROOT,
        ("coop.rs", "macro_rules! local { () => { $crate::runtime::Handle } }"),
        ("task.rs", "mod raw; pub use self::raw::Task; pub(crate) trait Schedule {} pub use crate::runtime::spawn;"),
        ("task/raw.rs", "use crate::coop; use super::Schedule; /// [`crate::runtime::Handle`]\nstruct S;"),
        (
            "scheduler.rs",
            "use crate::task::{Schedule, Task}; use std::task; use crate::task as t; fn f(_: t::Task) {}
             #[cfg(test)] use crate::runtime::Handle;
             #[cfg(all(test, not(loom)))] mod tests { use crate::runtime::Handle; }
             #[cfg(test)] mod more;",
        ),
        ("scheduler/more.rs", "use crate::runtime::Handle;"),
        ("runtime.rs", "use crate::scheduler; use crate::task::{self, Task};"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn unsafe_code_stays_in_the_files_that_are_listed() {
    let page = fs::read_to_string(workspace().join("ARCHITECTURE.md"))
        .expect("ARCHITECTURE.md lists the files with unsafe code");
    let listed = listed_unsafe_files(&page);
    let mut found = BTreeSet::new();
    for krate in ["timer", "io", "runtime", "runtime/macros"] {
        let source = format!("{krate}/src");
        let tree = load(&workspace().join(&source));
        let names = tree
            .unsafe_files
            .iter()
            .map(|file| file.to_string_lossy().replace('\\', "/"));
        found.extend(names.map(|file| format!("{source}/{file}")));
    }
    let unlisted: Vec<_> = found.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "unsafe code outside of ARCHITECTURE.md's table: {unlisted:#?}"
    );
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(
        stale.is_empty(),
        "ARCHITECTURE.md's table of unsafe code lists files without: {stale:#?}"
    );
}

/// The names in backticks in the first column of the tables below a heading that
/// speaks of unsafe code, up to the next heading.
fn listed_unsafe_files(page: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut files = BTreeSet::new();
    for line in page.lines() {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains("unsafe");
        }
        let Some(row) = line.strip_prefix('|').filter(|_| inside) else {
            continue;
        };
        let cell = row.split('|').next().unwrap_or_default();
        files.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    files
}

#[test]
fn the_table_and_the_keyword_are_recognised() {
    let page = "# A\n| `no.rs` | |\n## Unsafe code\n| file | why |\n|---|---|\n| `a.rs`, `b/c.rs` | `x` |\n## B\n| `d.rs` |";
    assert_eq!(
        listed_unsafe_files(page),
        ["a.rs", "b/c.rs"].map(str::to_owned).into()
    );
    let has_unsafe = |text| scan::scan(text).has_unsafe;
    assert!(has_unsafe("fn f() { unsafe { g() } }"));
    assert!(has_unsafe("mod m { unsafe impl Send for X {} }"));
    assert!(!has_unsafe(
        "// unsafe\n#![deny(unsafe_code)] const S: &str = \"unsafe\";"
    ));
    assert!(!has_unsafe(
        "#[cfg(test)] mod tests { unsafe impl Send for X {} }"
    ));
}
