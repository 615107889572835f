use super::*;
use quote::quote;

fn parse(args: TokenStream, default: Flavor) -> Result<Config> {
    Config::parse(args, default, "filch::main")
}

#[track_caller]
fn message(args: TokenStream, default: Flavor) -> String {
    parse(args, default)
        .err()
        .expect("these arguments are wrong")
        .to_string()
}

#[test]
fn nothing_given_means_the_default_flavor_and_nothing_else() {
    for default in [Flavor::CurrentThread, Flavor::MultiThread] {
        let config = parse(quote!(), default).unwrap();
        assert_eq!(config.flavor, default);
        assert!(config.worker_threads.is_none());
        assert!(config.start_paused.is_none());
        assert!(config.crate_path.is_none());
    }
}

#[test]
fn all_arguments_are_read_with_a_trailing_comma() {
    let args = quote!(flavor = "multi_thread", worker_threads = 3, crate = "a::b",);
    let config = parse(args, Flavor::CurrentThread).unwrap();
    assert_eq!(config.flavor, Flavor::MultiThread);
    assert_eq!(config.worker_threads, Some(3));
    assert_eq!(name_of(&config.crate_path.unwrap()), "a::b");

    let config = parse(quote!(start_paused = true), Flavor::CurrentThread).unwrap();
    assert_eq!(config.start_paused, Some(true));
}

#[test]
fn the_crate_keyword_is_a_legal_crate_path() {
    let config = parse(quote!(crate = "crate"), Flavor::CurrentThread).unwrap();
    assert_eq!(name_of(&config.crate_path.unwrap()), "crate");
}

#[test]
fn each_argument_is_accepted_once() {
    for args in [
        quote!(flavor = "multi_thread", flavor = "multi_thread"),
        quote!(worker_threads = 1, worker_threads = 1),
        quote!(crate = "a", crate = "a"),
    ] {
        let text = message(args, Flavor::MultiThread);
        assert!(text.ends_with("is set more than once"), "{text}");
    }
    let text = message(
        quote!(start_paused = true, start_paused = true),
        Flavor::CurrentThread,
    );
    assert_eq!(text, "`start_paused` is set more than once");
}

#[test]
fn an_unknown_argument_gets_the_list_of_known_ones() {
    for args in [
        quote!(threads = 2),
        quote!(threads),
        quote!(threads(2)),
        quote!(a::b = 2),
    ] {
        let text = message(args, Flavor::MultiThread);
        assert!(text.starts_with("unknown argument `"), "{text}");
        assert!(text.ends_with(KNOWN), "{text}");
    }
}

#[test]
fn arguments_that_need_another_flavor_say_which() {
    assert_eq!(
        message(quote!(worker_threads = 2), Flavor::CurrentThread),
        "`worker_threads` requires the `multi_thread` flavor: \
         use `#[filch::main(flavor = \"multi_thread\", worker_threads = …)]`"
    );
    assert_eq!(
        message(quote!(start_paused = true), Flavor::MultiThread),
        "`start_paused` requires the `current_thread` flavor: \
         use `#[filch::main(flavor = \"current_thread\", start_paused = …)]`"
    );
    // The order of the arguments does not matter.
    assert!(
        parse(
            quote!(worker_threads = 2, flavor = "multi_thread"),
            Flavor::CurrentThread
        )
        .is_ok()
    );
}

#[test]
fn wrong_values_are_refused_with_what_is_expected() {
    for (args, expected) in [
        (quote!(flavor = 1), "`flavor` takes a string"),
        (quote!(flavor = "foo"), "there is no runtime flavor \"foo\""),
        (quote!(flavor = "local"), "\"local\" is not supported"),
        (
            quote!(flavor = "basic_scheduler"),
            "is called \"current_thread\"",
        ),
        (
            quote!(flavor = "threaded_scheduler"),
            "is called \"multi_thread\"",
        ),
        (
            quote!(flavor = CURRENT),
            "the value of `flavor` must be a literal",
        ),
        (quote!(worker_threads = "2"), "takes an integer above zero"),
        (quote!(worker_threads = 0), "must be above zero"),
        (
            quote!(worker_threads = 99999999999999999999999),
            "`worker_threads`: ",
        ),
        (quote!(start_paused = 1), "takes `true` or `false`"),
        (quote!(name = "web"), "`name` is not supported"),
        (quote!(crate = 1), "takes a path in quotes"),
        (quote!(crate = "a b"), "takes a path in quotes"),
        (quote!(crate = ""), "takes a path in quotes"),
        (quote!(core_threads = 1), "is called `worker_threads`"),
        (
            quote!(unhandled_panic = "ignore"),
            "`unhandled_panic` is not supported",
        ),
        (quote!(multi_thread), "flavor = \"multi_thread\""),
        (quote!(current_thread), "flavor = \"current_thread\""),
        (quote!(worker_threads), "`worker_threads` needs a value"),
        (quote!(worker_threads(2)), "write `worker_threads = …`"),
    ] {
        let shown = args.to_string();
        let text = message(args, Flavor::MultiThread);
        assert!(text.contains(expected), "{shown}: {text}");
    }
}
