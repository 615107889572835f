//! One mutant: its head, and a unified diff applied exactly.

use super::Problem;
use crate::loom::{Model, PACKAGES};
use std::fs;
use std::path::Path;

/// A seeded bug.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its area and file name without the extension, with a slash between them.
    pub name: String,
    /// What the bug is, and what it violates.
    pub breaks: String,
    /// The models that catch it, each by itself.
    pub models: Vec<Model>,
    /// Whether a model that does not end counts as one that catches it.
    pub hangs: bool,
    files: Vec<FilePatch>,
}

#[derive(Clone, Debug)]
struct FilePatch {
    /// Relative to the workspace, with slashes.
    path: String,
    hunks: Vec<Hunk>,
}

#[derive(Clone, Debug)]
struct Hunk {
    /// Where the old lines begin, counted from zero.
    start: usize,
    old: Vec<String>,
    new: Vec<String>,
}

/// A file with the mutant in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mutated {
    /// Relative to the workspace, with slashes.
    pub path: String,
    /// The text without the mutant.
    pub original: String,
    /// The text with it.
    pub text: String,
}

impl Mutant {
    /// Reads a patch.
    ///
    /// # Errors
    ///
    /// If the head is incomplete, or the diff is none, or touches what is not the
    /// source of a package with models.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let diff = text.find("diff --git ").unwrap_or(text.len());
        let (head, diff) = text.split_at(diff);
        let mut mutant = Self {
            name: name.to_owned(),
            breaks: String::new(),
            models: Vec::new(),
            hangs: false,
            files: Vec::new(),
        };
        for line in head.lines().filter(|line| !line.trim().is_empty()) {
            mutant.read_head(line)?;
        }
        if mutant.breaks.is_empty() {
            return Err(Problem::new("no line `# Breaks: …` before the diff"));
        }
        if mutant.models.is_empty() {
            return Err(Problem::new("no line `# Model: …` before the diff"));
        }
        mutant.files = read_diff(diff)?;
        for FilePatch { path, hunks } in &mutant.files {
            let is_source =
                |(_, folder): &(&str, &str)| path.starts_with(&format!("{folder}/src/"));
            if !PACKAGES.iter().any(is_source) {
                return Err(Problem::new(format!(
                    "{path} is no source of a package with models"
                )));
            }
            if hunks.is_empty() {
                return Err(Problem::new(format!("the diff of {path} is empty")));
            }
        }
        Ok(mutant)
    }

    fn read_head(&mut self, line: &str) -> Result<(), Problem> {
        let refuse = |why: &str| Err(Problem::new(format!("{why}: {line}")));
        let Some(line) = line.strip_prefix("# ") else {
            return refuse("a line of the head does not begin with `# `");
        };
        let (key, value) = line.split_once(": ").unwrap_or(("", line));
        match (key, value.trim()) {
            ("Breaks", value) if self.breaks.is_empty() => value.clone_into(&mut self.breaks),
            ("Model", value) => {
                let Some((package, path)) = value.split_once(' ') else {
                    return refuse("a model is named by package and path");
                };
                if PACKAGES.iter().all(|(known, _)| *known != package) {
                    return refuse("a package without models");
                }
                let model = Model {
                    package: package.to_owned(),
                    path: path.trim().to_owned(),
                };
                if self.models.contains(&model) {
                    return refuse("named twice");
                }
                self.models.push(model);
            }
            ("Caught-by", "hang") => self.hangs = true,
            // The sentence goes on.
            _ if !self.breaks.is_empty() && self.models.is_empty() => {
                self.breaks.push(' ');
                self.breaks.push_str(line.trim());
            }
            _ => return refuse("not understood in the head"),
        }
        Ok(())
    }

    /// The texts of the files it touches, without and with the mutant.
    ///
    /// # Errors
    ///
    /// If a file is not there, or the place of a hunk is not found or ambiguous.
    pub fn mutate(&self, workspace: &Path) -> Result<Vec<Mutated>, Problem> {
        let mutate = |file: &FilePatch| {
            let original = fs::read_to_string(workspace.join(&file.path))
                .map_err(|error| Problem::new(format!("{}: {error}", file.path)))?;
            Ok(Mutated {
                path: file.path.clone(),
                text: file.apply(&original)?,
                original,
            })
        };
        self.files.iter().map(mutate).collect()
    }
}

impl FilePatch {
    fn apply(&self, original: &str) -> Result<String, Problem> {
        let lines: Vec<&str> = original.lines().collect();
        let mut text = String::with_capacity(original.len());
        let mut copied = 0;
        let mut push = |lines: &[&str]| {
            for line in lines {
                text.push_str(line);
                text.push('\n');
            }
        };
        for hunk in &self.hunks {
            let at = hunk.locate(&lines).map_err(|why| {
                Problem::new(format!(
                    "{}, hunk at line {}: {why}",
                    self.path,
                    hunk.start + 1
                ))
            })?;
            if at < copied {
                return Err(Problem::new(format!("{}: hunks overlap", self.path)));
            }
            push(&lines[copied..at]);
            push(&hunk.new.iter().map(String::as_str).collect::<Vec<_>>());
            copied = at + hunk.old.len();
        }
        push(&lines[copied..]);
        Ok(text)
    }
}

impl Hunk {
    /// Where the old lines stand: where the hunk says, or in the one other place
    /// if the file has changed around it.
    fn locate(&self, lines: &[&str]) -> Result<usize, &'static str> {
        let is_at = |at: usize| {
            let found = lines.get(at..at + self.old.len());
            found.is_some_and(|found| found == self.old)
        };
        if is_at(self.start) {
            return Ok(self.start);
        }
        let mut places = (0..lines.len()).filter(|at| is_at(*at));
        match (places.next(), places.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err("its lines are in several places, none of them this one"),
            (None, _) => Err("its lines are not in the file"),
        }
    }
}

fn read_diff(diff: &str) -> Result<Vec<FilePatch>, Problem> {
    let mut files: Vec<FilePatch> = Vec::new();
    let mut lines = diff.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("diff --git ")
            || line.starts_with("index ")
            || line.starts_with("--- a/")
        {
            continue;
        }
        if let Some(path) = line.strip_prefix("+++ b/") {
            files.push(FilePatch {
                path: path.trim_end().to_owned(),
                hunks: Vec::new(),
            });
        } else if let (Some(ranges), Some(file)) = (line.strip_prefix("@@ "), files.last_mut()) {
            file.hunks.push(read_hunk(ranges, &mut lines)?);
        } else {
            return Err(Problem::new(format!("not understood in the diff: {line}")));
        }
    }
    match files.is_empty() {
        true => Err(Problem::new("there is no diff made by `git diff`")),
        false => Ok(files),
    }
}

/// Reads as many lines as the ranges `-a,b +c,d @@` announce.
fn read_hunk<'a>(ranges: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Hunk, Problem> {
    let refuse = |line: &str| Problem::new(format!("not understood in a hunk: {line}"));
    let range = |sign: char, word: Option<&str>| {
        let numbers = word?.strip_prefix(sign)?;
        let (start, count) = numbers.split_once(',').unwrap_or((numbers, "1"));
        Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
    };
    let mut words = ranges.split(' ');
    let old = range('-', words.next());
    let new = range('+', words.next());
    let (Some((start, old_count)), Some((_, new_count))) = (old, new) else {
        return Err(refuse(ranges));
    };
    let mut hunk = Hunk {
        start: start.saturating_sub(1),
        old: Vec::with_capacity(old_count),
        new: Vec::with_capacity(new_count),
    };
    while hunk.old.len() < old_count || hunk.new.len() < new_count {
        let line = lines.next().ok_or_else(|| refuse("its end is missing"))?;
        // An editor may have taken the space of an empty line of context.
        let (kind, rest) = match line.split_at_checked(1) {
            Some((kind, rest)) => (kind, rest.to_owned()),
            None => (" ", String::new()),
        };
        match kind {
            " " => {
                hunk.old.push(rest.clone());
                hunk.new.push(rest);
            }
            "-" => hunk.old.push(rest),
            "+" => hunk.new.push(rest),
            _ => return Err(refuse(line)),
        }
    }
    match hunk.old == hunk.new || hunk.old.is_empty() {
        true => Err(refuse("it changes nothing, or has no context")),
        false => Ok(hunk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
# Breaks: the second line is lost,
#   and with it: everything.
# Model: filch-io a::loom_b
# Model: filch c::loom_d
diff --git a/io/src/x.rs b/io/src/x.rs
index 1..2 100644
--- a/io/src/x.rs
+++ b/io/src/x.rs
@@ -2,3 +2,2 @@ fn f()
 b
-c

@@ -7,2 +6,3 @@
 g
+x
 h
";

    fn apply(original: &str) -> Result<String, Problem> {
        Mutant::parse("io/x", PATCH).unwrap().files[0].apply(original)
    }

    #[test]
    fn a_patch_is_read_and_applied() {
        let mutant = Mutant::parse("io/x", PATCH).unwrap();
        assert_eq!(
            mutant.breaks,
            "the second line is lost, and with it: everything."
        );
        let models: Vec<_> = mutant.models.iter().map(ToString::to_string).collect();
        assert_eq!(models, ["filch-io a::loom_b", "filch c::loom_d"]);
        assert!(!mutant.hangs);
        assert_eq!(
            apply("a\nb\nc\n\ne\nf\ng\nh\n").unwrap(),
            "a\nb\n\ne\nf\ng\nx\nh\n"
        );
    }

    #[test]
    fn a_hunk_moves_only_to_the_one_place_it_fits() {
        assert_eq!(
            apply("0\na\nb\nc\n\ne\nf\ng\nh\n").unwrap(),
            "0\na\nb\n\ne\nf\ng\nx\nh\n"
        );
        let ambiguous = apply("b\nc\n\nb\nc\n\ng\nh\n").unwrap_err();
        assert!(
            ambiguous.to_string().contains("several places"),
            "{ambiguous}"
        );
        let gone = apply("a\nb\nd\ng\nh\n").unwrap_err();
        assert!(gone.to_string().contains("not in the file"), "{gone}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let broken = [
            (
                PATCH.replace("# Breaks: ", "# Broken: "),
                "not understood in the head",
            ),
            (PATCH.replace("# Model: ", "# model: "), "`# Model: …`"),
            (
                PATCH.replace("filch-io a::", "filch-no a::"),
                "without models",
            ),
            (PATCH.replace("b/io/src", "b/io/tests"), "no source"),
            (PATCH.replace("@@ -7,2", "@@ -7,9"), "end is missing"),
            (
                PATCH.replace("@@ -7,2", "@@ 7,2"),
                "not understood in a hunk",
            ),
            (
                PATCH.replace("\n@@", "\nx\n@@"),
                "not understood in the diff",
            ),
            (PATCH.split("diff").next().unwrap().to_owned(), "`git diff`"),
        ];
        for (text, message) in broken {
            let problem = Mutant::parse("io/x", &text).unwrap_err();
            assert!(problem.to_string().contains(message), "{problem}");
        }
    }
}
