//! A handle is of the output type to the letter, for a function of that type is called for the output.
use filch::task::{JoinHandle, JoinSet};

fn handle(handle: JoinHandle<for<'a> fn(&'a str)>) -> JoinHandle<fn(&'static str)> {
    handle
}

fn set(set: JoinSet<for<'a> fn(&'a str)>) -> JoinSet<fn(&'static str)> {
    set
}

fn main() {}
