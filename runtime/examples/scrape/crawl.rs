//! From one page to all that can be reached from it.

use crate::fetch::{Fetcher, Page};
use crate::progress::Progress;
use filch::task::JoinSet;
use filch::time::{Duration, Instant};
use std::collections::{HashSet, VecDeque};
use std::{fmt, io};

/// What a crawl came home with.
#[derive(Debug)]
pub(crate) struct Scraped {
    pub(crate) pages: usize,
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Fetches a page, then the next, and so on.
pub(crate) async fn one_at_a_time(
    fetcher: &Fetcher,
    front_page: &str,
    progress: &Progress,
) -> Result<Scraped, Error> {
    let mut frontier = Frontier::new(front_page);
    let mut due = VecDeque::from([front_page.to_owned()]);
    progress.found(1);
    while let Some(url) = due.pop_front() {
        let page = fetcher
            .fetch(&url)
            .await
            .map_err(|error| Error::Fetch(url, error))?;
        progress.fetched();
        let found = frontier.take_in(&page);
        progress.found(found.len() as u64);
        due.extend(found);
    }
    Ok(frontier.scraped())
}

/// Fetches every page as soon as a link to it is known.
pub(crate) async fn all_at_once(
    fetcher: &Fetcher,
    front_page: &str,
    progress: &Progress,
) -> Result<Scraped, Error> {
    let mut frontier = Frontier::new(front_page);
    // When this function returns early, dropping the set ends its tasks.
    let mut pages = JoinSet::new();
    let fetch = |pages: &mut JoinSet<_>, url: String| {
        let fetcher = fetcher.clone();
        progress.found(1);
        pages.spawn(async move {
            fetcher
                .fetch(&url)
                .await
                .map_err(|error| Error::Fetch(url, error))
        });
    };
    fetch(&mut pages, front_page.to_owned());
    while let Some(page) = pages.join_next().await {
        let page = page.expect("fetching a page does not panic")?;
        progress.fetched();
        for url in frontier.take_in(&page) {
            fetch(&mut pages, url);
        }
    }
    Ok(frontier.scraped())
}

/// What a crawl knows so far.
struct Frontier {
    /// The front page without its final slash; links are relative to it.
    origin: String,
    seen: HashSet<String>,
    pages: usize,
    bytes: usize,
    start: Instant,
}

impl Frontier {
    fn new(front_page: &str) -> Self {
        Self {
            origin: front_page.trim_end_matches('/').to_owned(),
            seen: HashSet::from([front_page.to_owned()]),
            pages: 0,
            bytes: 0,
            start: Instant::now(),
        }
    }

    /// Counts a page; returns the addresses in it that were not seen before.
    fn take_in(&mut self, page: &Page) -> Vec<String> {
        self.pages += 1;
        self.bytes += page.body.len();
        let text = String::from_utf8_lossy(&page.body);
        links(&text)
            .filter(|link| link.starts_with('/'))
            .map(|link| format!("{}{link}", self.origin))
            .filter(|url| self.seen.insert(url.clone()))
            .collect()
    }

    fn scraped(&self) -> Scraped {
        Scraped {
            pages: self.pages,
            bytes: self.bytes,
            time: self.start.elapsed(),
        }
    }
}

/// The targets of the links in a page, good enough for a page of our own: what
/// stands between the quotes after each `href=`.
fn links(html: &str) -> impl Iterator<Item = &str> {
    html.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
}

/// Why a crawl came home with nothing.
#[derive(Debug)]
pub(crate) enum Error {
    Serve(io::Error),
    Fetch(String, crate::fetch::Error),
    Differ,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serve(error) => write!(f, "cannot serve a site on 127.0.0.1: {error}"),
            Self::Fetch(url, error) => write!(f, "{url}: {error}"),
            Self::Differ => f.write_str("the two crawls found different pages"),
        }
    }
}
