//! A web scraper: the classic case for async/await.
//!
//! ```text
//! cargo run --release --example scrape                          # scrape a site of its own
//! cargo run --release --example scrape -- http://example.com/   # fetch that page
//! ```
//!
//! Without arguments it serves a small site on the loopback interface, whose
//! pages take their time to answer, and scrapes it twice from its front page
//! on: first one page at a time, then every page as soon as a link to it is
//! found, up to so many at once. The waiting overlaps, and that is the whole speed-up. Server and
//! scraper are hyper on filch's sockets, without an adapter in between.

#[path = "scrape/crawl.rs"]
mod crawl;
#[path = "scrape/fetch.rs"]
mod fetch;
#[path = "scrape/options.rs"]
mod options;
#[path = "scrape/progress.rs"]
mod progress;
#[path = "scrape/site.rs"]
mod site;

use crawl::Scraped;
use fetch::Fetcher;
use filch::task::JoinSet;
use filch::time::Instant;
use options::{Command, Options};
use progress::Progress;
use site::Site;
use std::process::ExitCode;

#[filch::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(options)) => options,
        Err(mistake) => {
            eprintln!("scrape: {mistake}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let fetcher = Fetcher::new(options.timeout, options.connections);
    if options.urls.is_empty() {
        match scrape_own_site(&fetcher, options.pages).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("scrape: {error}");
                ExitCode::FAILURE
            }
        }
    } else {
        fetch_all(&fetcher, options.urls).await
    }
}

/// Scrapes the embedded site both ways and compares.
async fn scrape_own_site(fetcher: &Fetcher, pages: usize) -> Result<(), crawl::Error> {
    let site = Site::start(pages).await.map_err(crawl::Error::Serve)?;
    println!(
        "scraping {pages} linked pages on {}, which answers after {} to {} ms",
        site.front_page(),
        site::SHORTEST_DELAY.as_millis(),
        site::LONGEST_DELAY.as_millis(),
    );

    let progress = Progress::new("one page at a time");
    let in_turn = crawl::one_at_a_time(fetcher, site.front_page(), &progress).await?;
    progress.finish();
    report("one page at a time", &in_turn);

    let progress = Progress::new("all at once");
    let at_once = crawl::all_at_once(fetcher, site.front_page(), &progress).await?;
    progress.finish();
    report("all at once", &at_once);

    if (in_turn.pages, in_turn.bytes) != (at_once.pages, at_once.bytes) {
        return Err(crawl::Error::Differ);
    }
    let workers = filch::runtime::Handle::current().metrics().num_workers();
    println!(
        "speed-up            {:>7.1} times, on {workers} worker thread{}",
        in_turn.time.as_secs_f64() / at_once.time.as_secs_f64(),
        if workers == 1 { "" } else { "s" },
    );
    Ok(())
}

fn report(how: &str, scraped: &Scraped) {
    println!(
        "{how:<19} {:>7.2} s   {} pages   {} bytes",
        scraped.time.as_secs_f64(),
        scraped.pages,
        scraped.bytes
    );
}

/// Fetches what the user asked for, all at once, with a line for each address
/// in the order in which they answer.
async fn fetch_all(fetcher: &Fetcher, urls: Vec<String>) -> ExitCode {
    let progress = Progress::new("fetching");
    let mut pages = JoinSet::new();
    for url in urls {
        let fetcher = fetcher.clone();
        progress.found(1);
        pages.spawn(async move {
            let start = Instant::now();
            let result = fetcher.fetch(&url).await;
            (url, result, start.elapsed())
        });
    }

    let mut failures = 0;
    while let Some(page) = pages.join_next().await {
        let (url, result, time) = page.expect("fetching a page does not panic");
        progress.fetched();
        match result {
            Ok(page) => progress.line(&format!(
                "{url}: {}, {} bytes, {:.0} ms",
                page.status,
                page.body.len(),
                time.as_secs_f64() * 1e3
            )),
            Err(error) => {
                failures += 1;
                progress.error(&format!("{url}: {error}"));
            }
        }
    }
    progress.finish();
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
