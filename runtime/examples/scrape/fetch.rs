//! Fetching one page over HTTP/1.1.

use filch::net::TcpStream;
use filch::sync::Semaphore;
use filch::time::{Duration, timeout};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use std::sync::Arc;
use std::{fmt, io};

/// A page larger than this is not read to its end.
const LARGEST_PAGE: usize = 64 << 20;
/// The port that an `http://` address without one means.
const USUAL_PORT: u16 = 80;

/// Fetches pages; clones share one limit on open connections.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    timeout: Duration,
    connections: Arc<Semaphore>,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Fetcher {
    pub(crate) fn new(timeout: Duration, connections: usize) -> Self {
        Self {
            timeout,
            connections: Arc::new(Semaphore::new(connections)),
        }
    }

    /// Fetches a page on a connection of its own.
    ///
    /// The timeout is for the page as a whole, from connecting to the last
    /// byte. Waiting for one of the connections does not count.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Page, Error> {
        let target = Target::parse(url)?;
        let _permit = self
            .connections
            .acquire()
            .await
            .expect("the semaphore is never closed");
        match timeout(self.timeout, target.get()).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimedOut(self.timeout)),
        }
    }
}

/// Where a page is, as the parts that HTTP asks for.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.parse().map_err(|_| Error::Malformed)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(Error::Https),
            Some(other) => return Err(Error::Scheme(other.to_owned())),
            None => return Err(Error::NoScheme),
        }
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(Error::Malformed)?;
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(USUAL_PORT),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }

    /// What the `Host` header says; the usual port is left out.
    fn authority(&self) -> String {
        match self.port {
            USUAL_PORT => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    async fn get(&self) -> Result<Page, Error> {
        // An IPv6 address stands in brackets in a URL and without them elsewhere.
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, self.port))
            .await
            .map_err(Error::Connect)?;
        stream.set_nodelay(true).map_err(Error::Connect)?;

        let (mut sender, connection) = http1::handshake(stream).await.map_err(Error::Http)?;
        // The connection does the reading and writing; it ends with this
        // exchange, because the request asks for that or because `sender` is
        // dropped.
        filch::spawn(connection);

        let request = Request::get(&self.path)
            .header(header::HOST, self.authority())
            .header(
                header::USER_AGENT,
                concat!("filch-scrape/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| Error::Malformed)?;
        let response = sender.send_request(request).await.map_err(Error::Http)?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION);
            let location = location
                .and_then(|it| it.to_str().ok())
                .unwrap_or("nowhere");
            return Err(Error::Moved(location.to_owned()));
        }
        if !status.is_success() {
            return Err(Error::Status(status));
        }
        let body = Limited::new(response.into_body(), LARGEST_PAGE)
            .collect()
            .await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => Error::Http(*error),
            Err(other) => {
                debug_assert!(other.is::<LengthLimitError>(), "unexpected: {other}");
                Error::TooLarge
            }
        })?;
        Ok(Page {
            status,
            body: body.to_bytes(),
        })
    }
}

/// Why a page could not be had, and what to do about it.
#[derive(Debug)]
pub(crate) enum Error {
    Malformed,
    NoScheme,
    Https,
    Scheme(String),
    Connect(io::Error),
    Http(hyper::Error),
    Moved(String),
    Status(StatusCode),
    TooLarge,
    TimedOut(Duration),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("this is no web address: write it like http://example.com/page")
            }
            Self::NoScheme => {
                f.write_str("the address has no scheme: put http:// in front of it")
            }
            Self::Https => f.write_str(
                "https needs TLS, which this example does without: use the http:// address, if the site has one",
            ),
            Self::Scheme(scheme) => {
                write!(f, "cannot fetch {scheme}: addresses, only http:// ones")
            }
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Http(error) => write!(f, "the exchange failed: {error}"),
            Self::Moved(location) => write!(f, "the page has moved: fetch {location} instead"),
            Self::Status(status) => write!(f, "the server answered {status}"),
            Self::TooLarge => write!(f, "the page is larger than {} MiB", LARGEST_PAGE >> 20),
            Self::TimedOut(after) => write!(
                f,
                "no complete answer within {} s: allow more time with --timeout",
                after.as_secs_f64()
            ),
        }
    }
}
