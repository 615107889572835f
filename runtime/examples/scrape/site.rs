//! The embedded site: pages that link to each other and take their time.

use filch::net::{TcpListener, TcpStream};
use filch::task::JoinHandle;
use filch::time::{Duration, sleep};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use std::convert::Infallible;
use std::fmt::Write;
use std::io;

/// How long the server thinks about a page, at least and at most.
pub(crate) const SHORTEST_DELAY: Duration = Duration::from_millis(5);
pub(crate) const LONGEST_DELAY: Duration = Duration::from_millis(40);

/// Links to pages further on that each page has.
const LINKS: usize = 4;
/// How long to wait before accepting again when the system refuses to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A web server that stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    front_page: String,
    server: JoinHandle<()>,
}

impl Site {
    /// Serves so many pages on a free port of the loopback interface.
    pub(crate) async fn start(pages: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let front_page = format!("http://{}/", listener.local_addr()?);
        let server = filch::spawn(serve(listener, pages));
        Ok(Self { front_page, server })
    }

    pub(crate) fn front_page(&self) -> &str {
        &self.front_page
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, pages: usize) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(filch::spawn(answer(stream, pages))),
            Err(error) => {
                eprintln!("scrape: the site cannot accept: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves the requests of one connection.
async fn answer(stream: TcpStream, pages: usize) {
    let service = service_fn(move |request| respond(request, pages));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
    // A client that leaves in the middle is its own concern.
    let _ = connection.await;
}

async fn respond(
    request: Request<Incoming>,
    pages: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some(page) = page_number(request.uri().path()).filter(|&page| page < pages) else {
        let mut response = Response::new(Full::from("there is no such page\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    sleep(delay(page)).await;
    let mut response = Response::new(Full::from(html(page, pages)));
    let kind = header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn path(page: usize) -> String {
    if page == 0 {
        "/".to_owned()
    } else {
        format!("/page/{page}")
    }
}

fn page_number(path: &str) -> Option<usize> {
    if path == "/" {
        Some(0)
    } else {
        path.strip_prefix("/page/")?.parse().ok()
    }
}

/// Differs from page to page, and not from run to run.
fn delay(page: usize) -> Duration {
    let spread = (LONGEST_DELAY - SHORTEST_DELAY).as_millis() as u64 + 1;
    SHORTEST_DELAY + Duration::from_millis(page as u64 * 7919 % spread)
}

/// A page with links: every page can be reached from the front page, most of
/// them on more than one way.
fn html(page: usize, pages: usize) -> String {
    let mut html = format!("<!doctype html>\n<title>Page {page}</title>\n<h1>Page {page}</h1>\n");
    for paragraph in 0..3 + page % 5 {
        let _ = writeln!(
            html,
            "<p>Paragraph {paragraph}. {}</p>",
            "All work and no play. ".repeat(8)
        );
    }
    let children = page * LINKS + 1..=page * LINKS + LINKS;
    let previous = page.saturating_sub(1);
    for linked in children.chain([previous]).filter(|&linked| linked < pages) {
        let path = path(linked);
        let _ = writeln!(html, "<a href=\"{path}\">Page {linked}</a>");
    }
    html
}
