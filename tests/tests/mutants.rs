//! The mutants are in order: each can be read, fits the sources and names models
//! that exist. Whether the models catch them takes longer to find out:
//! `cargo run --release -p filch-tests --bin mutants`.

use filch_tests::loom::models_in_sources;
use filch_tests::mutants::patch::Mutant;
use filch_tests::mutants::read_all;
use filch_tests::mutants::table::{self, Verdicts};
use filch_tests::workspace;
use std::fs;

/// Those that can be read; the others fail a test of their own.
fn mutants() -> Vec<Mutant> {
    let all = read_all(workspace()).expect("the patches can be read");
    all.into_iter()
        .filter_map(|(_, mutant)| mutant.ok())
        .collect()
}

#[test]
fn every_patch_is_understood() {
    let all = read_all(workspace()).expect("the patches can be read");
    assert!(!all.is_empty(), "there are no mutants");
    let problems: Vec<_> = all
        .iter()
        .filter_map(|(name, mutant)| Some(format!("{name}: {}", mutant.as_ref().err()?)))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_patch_fits_the_sources() {
    let problem = |mutant: Mutant| {
        let problem = mutant.mutate(workspace()).err()?;
        Some(format!("{}: {problem}", mutant.name))
    };
    let problems: Vec<_> = mutants().into_iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_model_that_is_named_exists() {
    let models = models_in_sources(workspace()).expect("the sources can be read");
    for mutant in mutants() {
        for model in &mutant.models {
            assert!(
                models.contains(model),
                "{}: there is no model {model}",
                mutant.name
            );
        }
    }
}

/// A model that is not shown to fail with a bug proves nothing.
#[test]
fn every_model_has_a_mutant() {
    let mut models = models_in_sources(workspace()).expect("the sources can be read");
    assert!(!models.is_empty(), "there are no models");
    for mutant in mutants() {
        for model in &mutant.models {
            models.remove(model);
        }
    }
    let bare: Vec<_> = models.iter().map(ToString::to_string).collect();
    assert!(bare.is_empty(), "models without a mutant: {bare:#?}");
}

#[test]
fn the_table_is_up_to_date_and_says_that_all_were_caught() {
    let table = fs::read_to_string(workspace().join(table::FILE)).expect("there is a table");
    let verdicts = Verdicts::read(&table);
    let open: Vec<_> = verdicts.not_caught().collect();
    assert!(open.is_empty(), "not caught: {open:#?}");
    let models = models_in_sources(workspace()).expect("the sources can be read");
    let expected = verdicts.table(mutants().iter(), &models);
    if table == expected {
        return;
    }
    let lacks = |one: &str, other: &str| -> Vec<String> {
        let lines = one.lines().filter(|line| !other.contains(*line));
        lines.map(str::to_owned).collect()
    };
    panic!(
        "{} does not list what there is; write it anew with\n    \
         cargo run --release -p filch-tests --bin mutants -- --record --only <what is new>\n\
         missing: {:#?}\nstale: {:#?}",
        table::FILE,
        lacks(&expected, &table),
        lacks(&table, &expected)
    );
}
