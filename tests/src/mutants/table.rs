//! `tests/mutants/TABLE.md`: which model has caught which mutant, and how.

use super::patch::Mutant;
use super::{Finding, Verdict};
use crate::loom::Model;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The file, relative to the workspace.
pub const FILE: &str = "tests/mutants/TABLE.md";

const HEAD: &str = "\
# Which model catches which mutant

Written by `cargo run --release -p filch-tests --bin mutants`, which seeds each bug into a copy of the workspace and runs the models
that its patch names. [README.md](README.md) says how, and how to add one.

";

/// The verdicts of the rows, by model and mutant, as they stand in the table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdicts(BTreeMap<(String, String), String>);

impl Verdicts {
    /// The verdicts in a table that was written before; lines that are no rows are
    /// passed over.
    #[must_use]
    pub fn read(table: &str) -> Self {
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let model = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            let mutant = cells.next()?.strip_prefix('[')?.split_once(']')?.0;
            let verdict = cells.nth(1)?;
            Some(((model.to_owned(), mutant.to_owned()), verdict.to_owned()))
        };
        Self(table.lines().filter_map(row).collect())
    }

    /// Puts down what a run has found, in place of what an earlier one has.
    pub fn record(&mut self, findings: &[Finding]) {
        for Finding {
            mutant,
            model,
            verdict,
        } in findings
        {
            let verdict = match verdict {
                // What it says would break the row.
                Verdict::DoesNotApply(_) => "DOES NOT APPLY".to_owned(),
                verdict => verdict.to_string(),
            };
            self.0.insert((model.to_string(), mutant.clone()), verdict);
        }
    }

    /// Model and mutant of each row whose verdict is not that it was caught.
    pub fn not_caught(&self) -> impl Iterator<Item = (&str, &str)> {
        let open = self
            .0
            .iter()
            .filter(|(_, verdict)| !verdict.starts_with("caught"));
        open.map(|((model, mutant), _)| (model.as_str(), mutant.as_str()))
    }

    /// The table of `mutants`, and the `models` that none of them names. A row
    /// without a verdict says that it was not run.
    #[must_use]
    pub fn table<'a>(
        &self,
        mutants: impl Iterator<Item = &'a Mutant>,
        models: &BTreeSet<Model>,
    ) -> String {
        let mut rows = BTreeSet::new();
        for mutant in mutants {
            for model in &mutant.models {
                rows.insert((model, &mutant.name, &mutant.breaks));
            }
        }
        let mut table = HEAD.to_owned();
        table.push_str("| model | mutant | what it breaks | verdict |\n|---|---|---|---|\n");
        for (model, mutant, breaks) in &rows {
            let key = (model.to_string(), (*mutant).clone());
            let verdict = self.0.get(&key).map_or("NOT RUN", String::as_str);
            let breaks = breaks.replace('|', "\\|");
            writeln!(
                table,
                "| `{model}` | [{mutant}]({mutant}.patch) | {breaks} | {verdict} |"
            )
            .expect("a string takes everything");
        }
        let named: BTreeSet<&Model> = rows.iter().map(|(model, ..)| *model).collect();
        let unnamed: Vec<_> = models
            .iter()
            .filter(|model| !named.contains(model))
            .collect();
        if !unnamed.is_empty() {
            table.push_str("\n## Models without a mutant\n\n");
            for model in unnamed {
                writeln!(table, "- `{model}`").expect("a string takes everything");
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::super::How;
    use super::*;

    fn model(path: &str) -> Model {
        Model {
            package: "filch".to_owned(),
            path: path.to_owned(),
        }
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let patch = "\
# Breaks: a | b.
# Model: filch m::loom_two
# Model: filch m::loom_one
diff --git a/runtime/src/m.rs b/runtime/src/m.rs
+++ b/runtime/src/m.rs
@@ -1 +1 @@
-a
+b
";
        let mutant = Mutant::parse("task/broken", patch).unwrap();
        let models = ["m::loom_one", "m::loom_two", "m::loom_three"].map(model);
        let found = |index: usize, verdict| Finding {
            mutant: mutant.name.clone(),
            model: models[index].clone(),
            verdict,
        };
        let mut verdicts = Verdicts::default();
        verdicts.record(&[
            found(0, Verdict::Caught(How::Deadlock)),
            found(1, Verdict::Survived),
        ]);
        let models = models.clone().into();
        let table = verdicts.table([&mutant].into_iter(), &models);
        let one = table.find("m::loom_one").unwrap();
        let two = table.find("m::loom_two").unwrap();
        assert!(one < two, "{table}");
        assert!(table.ends_with("## Models without a mutant\n\n- `filch m::loom_three`\n"));
        assert_eq!(Verdicts::read(&table), verdicts);
        let open: Vec<_> = verdicts.not_caught().collect();
        assert_eq!(open, [("filch m::loom_two", "task/broken")]);
    }
}
