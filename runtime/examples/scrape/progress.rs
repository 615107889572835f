//! A progress bar on a terminal, and plain lines anywhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// indicatif draws nothing where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg:<19} {elapsed:>5} {wide_bar} {pos}/{len}")
            .expect("the template is well-formed");
        Self {
            bar: ProgressBar::new(0).with_style(style).with_message(what),
        }
    }

    /// There are so many more pages to fetch.
    pub(crate) fn found(&self, pages: u64) {
        self.bar.inc_length(pages);
    }

    /// One page less to fetch.
    pub(crate) fn fetched(&self) {
        self.bar.inc(1);
    }

    /// Prints a line to standard output, above the bar.
    pub(crate) fn line(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// Prints a line to standard error, above the bar.
    pub(crate) fn error(&self, line: &str) {
        self.bar.suspend(|| eprintln!("scrape: {line}"));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
