//! The modules of a crate, and which file stands behind a path.

use super::scan::{Declared, Import, Scan, scan};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Re-exports of re-exports that are followed; a circle ends here.
const LONGEST_CHAIN: usize = 16;

/// The modules of a crate by their paths; the root's is empty.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    modules: BTreeMap<Vec<String>, Module>,
    /// The files with unsafe code outside of tests.
    pub(crate) unsafe_files: BTreeSet<PathBuf>,
}

/// One module. Several files when a cfg chooses between them.
#[derive(Debug, Default)]
struct Module {
    files: BTreeSet<PathBuf>,
    imports: Vec<(PathBuf, Import)>,
    paths: Vec<(PathBuf, Vec<String>, usize)>,
}

/// A place in the code that names something of the same crate.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) from: PathBuf,
    pub(crate) line: usize,
    /// As written.
    pub(crate) path: String,
    /// The file that defines what is named, or re-exports it from elsewhere.
    pub(crate) to: PathBuf,
}

/// What a path leads to.
#[derive(Clone, Debug)]
enum Target {
    Module(Vec<String>),
    /// Something that this module defines, or has from another crate.
    ItemOf(Vec<String>),
}

impl Tree {
    /// Reads a crate from its root file on. `read` returns a file's text.
    ///
    /// # Panics
    ///
    /// If a module has no file.
    pub(crate) fn load(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let mut tree = Self::default();
        let text = read(root).unwrap_or_else(|| panic!("no {}", root.display()));
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.add(Vec::new(), root, &folder, scan(&text), read);
        tree
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.modules
            .values()
            .flat_map(|module| &module.files)
            .map(PathBuf::as_path)
    }

    /// Adds a module whose children's files are in `folder`.
    fn add(
        &mut self,
        name: Vec<String>,
        file: &Path,
        folder: &Path,
        found: Scan,
        read: &dyn Fn(&Path) -> Option<String>,
    ) {
        if found.has_unsafe {
            self.unsafe_files.insert(file.to_owned());
        }
        let module = self.modules.entry(name.clone()).or_default();
        module.files.insert(file.to_owned());
        module.imports.extend(
            found
                .imports
                .into_iter()
                .map(|import| (file.to_owned(), import)),
        );
        module.paths.extend(
            found
                .paths
                .into_iter()
                .map(|(path, line)| (file.to_owned(), path, line)),
        );
        for Declared {
            name: child,
            path,
            body,
        } in found.modules
        {
            let mut name = name.clone();
            name.push(child.clone());
            if let Some(body) = body {
                self.add(name, file, &folder.join(&child), body, read);
                continue;
            }
            let beside = file.parent().unwrap_or(Path::new(""));
            // Each with the folder of its own children.
            let candidates = match path {
                Some(path) => {
                    let file = beside.join(path);
                    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
                    vec![(file, folder)]
                }
                None => vec![
                    (folder.join(format!("{child}.rs")), folder.join(&child)),
                    (folder.join(&child).join("mod.rs"), folder.join(&child)),
                ],
            };
            let found = candidates
                .into_iter()
                .find_map(|(file, folder)| read(&file).map(|text| (file, folder, text)));
            let (file, folder, text) = found.unwrap_or_else(|| {
                panic!("{} declares {child}, which has no file", file.display())
            });
            self.add(name, &file, &folder, scan(&text), read);
        }
    }

    /// Everything in the crate that names something of the crate.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for (name, module) in &self.modules {
            let imports = module
                .imports
                .iter()
                .map(|(file, i)| (file, &i.path, i.line));
            let paths = module
                .paths
                .iter()
                .map(|(file, path, line)| (file, path, *line));
            for (from, path, line) in imports.chain(paths) {
                let Some(target) = self.resolve(name, path, 0) else {
                    continue;
                };
                let (Target::Module(home) | Target::ItemOf(home)) = target;
                references.extend(self.modules[&home].files.iter().map(|to| Reference {
                    from: from.clone(),
                    line,
                    path: path.join("::"),
                    to: to.clone(),
                }));
            }
        }
        references
    }

    /// Follows a path that stands in module `here`; `None` if it leads out of the
    /// crate.
    fn resolve(&self, here: &[String], path: &[String], depth: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut target = match &**first {
            "crate" => Target::Module(Vec::new()),
            "self" => Target::Module(here.to_vec()),
            "super" => {
                let mut module = here.to_vec();
                module.pop()?;
                while let Some(("super", further)) = rest.split_first().map(|(f, r)| (&**f, r)) {
                    module.pop()?;
                    rest = further;
                }
                Target::Module(module)
            }
            name => self.look_up(here, name, depth)?,
        };
        for segment in rest {
            let Target::Module(module) = &target else {
                break;
            };
            if segment == "*" {
                break;
            }
            target = self
                .look_up(module, segment, depth)
                .unwrap_or_else(|| Target::ItemOf(module.clone()));
        }
        Some(target)
    }

    /// A name of a module that is a module itself or was imported from within
    /// the crate.
    fn look_up(&self, module: &[String], name: &str, depth: usize) -> Option<Target> {
        if depth == LONGEST_CHAIN {
            return None;
        }
        let mut child = module.to_vec();
        child.push(name.to_owned());
        if self.modules.contains_key(&child) {
            return Some(Target::Module(child));
        }
        let imports = || {
            self.modules
                .get(module)
                .into_iter()
                .flat_map(|module| &module.imports)
        };
        let is_glob = |import: &Import| import.path.last().is_some_and(|last| last == "*");
        for (_, import) in imports().filter(|(_, import)| import.name == name && !is_glob(import)) {
            // A crate may have the name of what is imported from it.
            if import.path.first().is_some_and(|first| first == name) {
                continue;
            }
            if let Some(target) = self.resolve(module, &import.path, depth + 1) {
                return Some(target);
            }
        }
        imports()
            .filter(|(_, import)| is_glob(import))
            .find_map(
                |(_, import)| match self.resolve(module, &import.path, depth + 1)? {
                    Target::Module(from) if from != module => self.look_up(&from, name, depth + 1),
                    _ => None,
                },
            )
    }
}
