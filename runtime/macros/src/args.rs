//! The arguments of the attributes: `flavor`, `worker_threads`,
//! `start_paused`, `crate`.
//!
//! Every error points at the argument, or the value, that is wrong and says
//! what to write instead. Checks that need several arguments come last, once
//! all of them were read.

use proc_macro2::{Span, TokenStream};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, Meta, MetaNameValue, Path, Result, Token};

/// The names an argument can have, as they are listed to the user.
const KNOWN: &str = "`flavor`, `worker_threads`, `start_paused`, `crate`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    CurrentThread,
    MultiThread,
}

/// What the user asked for, checked.
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: Option<bool>,
    pub(crate) crate_path: Option<Path>,
}

impl Config {
    /// A configuration that builds a runtime whatever the user wrote, for the
    /// expansion that accompanies an error.
    pub(crate) fn fallback() -> Self {
        Self {
            flavor: Flavor::CurrentThread,
            worker_threads: None,
            start_paused: None,
            crate_path: None,
        }
    }

    /// Reads the tokens between the parentheses of the attribute.
    ///
    /// `attribute` is the attribute's path as the user knows it, such as
    /// `filch::main`; messages that tell what to write contain it.
    pub(crate) fn parse(args: TokenStream, default: Flavor, attribute: &str) -> Result<Self> {
        let mut read = Arguments::default();
        for argument in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(args)? {
            match argument {
                Meta::NameValue(argument) => read.set(&argument)?,
                Meta::Path(path) => return Err(lone_word(&path, attribute)),
                Meta::List(list) => {
                    let name = name_of(&list.path);
                    let message = match name.as_str() {
                        "flavor" | "worker_threads" | "start_paused" | "crate" => {
                            format!("write `{name} = …` instead of `{name}(…)`")
                        }
                        _ => unknown(&name),
                    };
                    return Err(Error::new_spanned(list, message));
                }
            }
        }
        read.check(default, attribute)
    }
}

/// A value with the place it was written at.
type Placed<T> = Option<(T, Span)>;

#[derive(Default)]
struct Arguments {
    flavor: Placed<Flavor>,
    worker_threads: Placed<usize>,
    start_paused: Placed<bool>,
    crate_path: Placed<Path>,
}

impl Arguments {
    fn set(&mut self, argument: &MetaNameValue) -> Result<()> {
        let name = name_of(&argument.path);
        match name.as_str() {
            "flavor" => put(&mut self.flavor, argument, flavor),
            "worker_threads" => put(&mut self.worker_threads, argument, worker_threads),
            "start_paused" => put(&mut self.start_paused, argument, start_paused),
            "crate" => put(&mut self.crate_path, argument, crate_path),
            "core_threads" => {
                let message = "`core_threads` is called `worker_threads`";
                Err(Error::new_spanned(&argument.path, message))
            }
            "unhandled_panic" => {
                let message = "`unhandled_panic` is not supported: a panic in a task ends that \
                               task alone, and awaiting its `JoinHandle` returns it";
                Err(Error::new_spanned(&argument.path, message))
            }
            "name" => {
                let message = "`name` is not supported: to name the worker threads, build the \
                               runtime with `Builder::thread_name`";
                Err(Error::new_spanned(&argument.path, message))
            }
            _ => Err(Error::new_spanned(&argument.path, unknown(&name))),
        }
    }

    fn check(self, default: Flavor, attribute: &str) -> Result<Config> {
        let flavor = self.flavor.map_or(default, |(flavor, _)| flavor);
        match flavor {
            Flavor::CurrentThread => {
                if let Some((_, span)) = self.worker_threads {
                    return Err(needs_flavor(
                        span,
                        "worker_threads",
                        "multi_thread",
                        attribute,
                    ));
                }
            }
            Flavor::MultiThread => {
                if let Some((_, span)) = self.start_paused {
                    return Err(needs_flavor(
                        span,
                        "start_paused",
                        "current_thread",
                        attribute,
                    ));
                }
            }
        }
        Ok(Config {
            flavor,
            worker_threads: self.worker_threads.map(|(count, _)| count),
            start_paused: self.start_paused.map(|(paused, _)| paused),
            crate_path: self.crate_path.map(|(path, _)| path),
        })
    }
}

/// Converts the argument's value into `place`, once.
fn put<T>(
    place: &mut Placed<T>,
    argument: &MetaNameValue,
    convert: fn(&Lit) -> Result<T>,
) -> Result<()> {
    if place.is_some() {
        let message = format!("`{}` is set more than once", name_of(&argument.path));
        return Err(Error::new_spanned(argument, message));
    }
    match &argument.value {
        Expr::Lit(ExprLit { lit, .. }) => {
            *place = Some((convert(lit)?, lit.span()));
            Ok(())
        }
        other => {
            let message = format!(
                "the value of `{}` must be a literal",
                name_of(&argument.path)
            );
            Err(Error::new_spanned(other, message))
        }
    }
}

fn flavor(value: &Lit) -> Result<Flavor> {
    const FLAVORS: &str = "the flavors are \"current_thread\" and \"multi_thread\"";
    let Lit::Str(text) = value else {
        return Err(Error::new(
            value.span(),
            format!("`flavor` takes a string: {FLAVORS}"),
        ));
    };
    let message = match text.value().as_str() {
        "current_thread" => return Ok(Flavor::CurrentThread),
        "multi_thread" => return Ok(Flavor::MultiThread),
        "single_thread" | "basic_scheduler" => {
            "the flavor that runs on the calling thread is called \"current_thread\"".to_owned()
        }
        "threaded_scheduler" => {
            "the flavor with worker threads is called \"multi_thread\"".to_owned()
        }
        "local" => format!("the flavor \"local\" is not supported: {FLAVORS}"),
        other => format!("there is no runtime flavor \"{other}\": {FLAVORS}"),
    };
    Err(Error::new(value.span(), message))
}

fn worker_threads(value: &Lit) -> Result<usize> {
    let Lit::Int(count) = value else {
        return Err(Error::new(
            value.span(),
            "`worker_threads` takes an integer above zero",
        ));
    };
    match count.base10_parse::<usize>() {
        Ok(0) => Err(Error::new(
            value.span(),
            "`worker_threads` must be above zero",
        )),
        Ok(count) => Ok(count),
        Err(error) => Err(Error::new(
            value.span(),
            format!("`worker_threads`: {error}"),
        )),
    }
}

fn start_paused(value: &Lit) -> Result<bool> {
    match value {
        Lit::Bool(paused) => Ok(paused.value),
        other => Err(Error::new(
            other.span(),
            "`start_paused` takes `true` or `false`",
        )),
    }
}

fn crate_path(value: &Lit) -> Result<Path> {
    let Lit::Str(text) = value else {
        let message = "`crate` takes a path in quotes, such as \"my_framework::filch\"";
        return Err(Error::new(value.span(), message));
    };
    text.parse::<Path>().map_err(|_| {
        let message = format!(
            "`crate` takes a path in quotes, and \"{}\" is none",
            text.value()
        );
        Error::new(value.span(), message)
    })
}

fn needs_flavor(span: Span, argument: &str, flavor: &str, attribute: &str) -> Error {
    let message = format!(
        "`{argument}` requires the `{flavor}` flavor: use `#[{attribute}(flavor = \"{flavor}\", {argument} = …)]`"
    );
    Error::new(span, message)
}

/// The answer to an argument without a value.
fn lone_word(path: &Path, attribute: &str) -> Error {
    let name = name_of(path);
    let message = match name.as_str() {
        "multi_thread" | "threaded_scheduler" => {
            format!("set the flavor with `#[{attribute}(flavor = \"multi_thread\")]`")
        }
        "current_thread" | "single_thread" | "single_threaded" | "basic_scheduler" => {
            format!("set the flavor with `#[{attribute}(flavor = \"current_thread\")]`")
        }
        "flavor" | "worker_threads" | "start_paused" | "crate" => {
            format!("`{name}` needs a value: `{name} = …`")
        }
        _ => unknown(&name),
    };
    Error::new_spanned(path, message)
}

fn unknown(name: &str) -> String {
    format!("unknown argument `{name}`, expected one of {KNOWN}")
}

fn name_of(path: &Path) -> String {
    let segments: Vec<String> = path
        .segments
        .iter()
        .map(|it| it.ident.to_string())
        .collect();
    segments.join("::")
}

#[cfg(test)]
mod tests;
