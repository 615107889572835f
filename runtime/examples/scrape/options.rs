//! The command line.

use filch::time::Duration;
use std::fmt;

pub(crate) const USAGE: &str = "\
usage: scrape [OPTIONS] [URL]...
       scrape --help";

pub(crate) const HELP: &str = "\
Scrapes web pages, many at a time.

usage: scrape [OPTIONS] [URL]...

With URLs, fetches each of them and prints a line about it; the exit code is 1
if any of them failed. Addresses start with http://, there is no TLS here.

Without, serves a small site on this machine and scrapes it twice, first one
page at a time and then many at once, and prints both times.

  --timeout SECONDS    give up on a page after so long, such as 2.5 (default 10)
  --connections COUNT  connections open at the same time (default 64)
  --pages COUNT        pages of the site it serves (default 100)
  -h, --help           print this

The environment variable FILCH_WORKER_THREADS sets the number of worker threads.";

/// More pages, or more connections, than this show nothing new.
const MOST: usize = 100_000;

#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Run(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) connections: usize,
    pub(crate) pages: usize,
    pub(crate) urls: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, Mistake> {
        let mut options = Self {
            timeout: Duration::from_secs(10),
            connections: 64,
            pages: 100,
            urls: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            // Both `--flag value` and `--flag=value`.
            let (flag, mut inline) = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let mut value = || {
                let value = inline.take().or_else(|| arguments.next());
                value.ok_or_else(|| Mistake(format!("{flag} needs a value")))
            };
            match flag {
                "--timeout" => options.timeout = seconds(flag, &value()?)?,
                "--connections" => options.connections = count(flag, &value()?, MOST)?,
                "--pages" => options.pages = count(flag, &value()?, MOST)?,
                "-h" | "--help" => return Ok(Command::Help),
                "--" => {
                    options.urls.extend(arguments);
                    break;
                }
                _ if flag.starts_with('-') => {
                    return Err(Mistake(format!("there is no option {flag}")));
                }
                _ => options.urls.push(argument),
            }
        }
        Ok(Command::Run(options))
    }
}

fn seconds(flag: &str, value: &str) -> Result<Duration, Mistake> {
    value
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| Mistake(format!("{flag} takes seconds above zero, not {value:?}")))
}

fn count(flag: &str, value: &str, most: usize) -> Result<usize, Mistake> {
    match value.parse() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(Mistake(format!(
            "{flag} takes a number from 1 to {most}, not {value:?}"
        ))),
    }
}

/// What is wrong with the command line.
#[derive(Debug)]
pub(crate) struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
