//! The examples do what they say, as programs: output, exit codes, and clients
//! that behave badly.

use filch_tests::{Echo, Ended, cargo, finish, profile_folder};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// Only a hang takes so long.
const BOUND: Duration = Duration::from_secs(120);
const BUILD_BOUND: Duration = Duration::from_secs(30 * 60);

/// The program of an example. `cargo test` has built it already, unless it was
/// told to run these tests alone.
fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = profile_folder();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            // The one profile whose folder has another name.
            Some("debug") => "dev",
            Some(name) => name,
            None => panic!("{} is not a profile's folder", folder.display()),
        };
        let target = folder
            .parent()
            .expect("a profile's folder is in the target folder");
        let mut build = cargo();
        build
            .args(["build", "--examples", "--profile", profile, "--target-dir"])
            .arg(target);
        let built = finish(&mut build, Echo::Quiet, BUILD_BOUND);
        assert!(
            built.status.success(),
            "the examples do not compile: {built}"
        );
        folder.join("examples")
    });
    Command::new(folder.join(name))
}

fn run(name: &str, arguments: &[&str]) -> Ended {
    finish(example(name).args(arguments), Echo::Quiet, BOUND)
}

/// An example that serves, ended with the test.
struct Server {
    program: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut program = example(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is built");
        let output = program.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it prints where it listens");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|text| text.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{name} printed {line:?}"));
        Self { program, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream
            .set_read_timeout(Some(BOUND))
            .expect("the bound is not zero");
        stream
            .set_write_timeout(Some(BOUND))
            .expect("the bound is not zero");
        stream
    }

    fn assert_alive(&mut self) {
        let status = self.program.try_wait().expect("it is our child");
        assert!(status.is_none(), "it has ended: {status:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended, which is what a failing test reports.
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

#[test]
fn hello() {
    let ended = run("hello", &[]);
    assert!(ended.status.success(), "{ended}");
    assert_eq!(ended.stdout, "hello, world\n", "{ended}");
}

#[test]
fn servers_explain_themselves_and_reject_nonsense() {
    for name in ["echo", "chat"] {
        let help = run(name, &["--help"]);
        assert!(
            help.status.success() && help.stdout.starts_with("usage: "),
            "{help}"
        );
        let nonsense = run(name, &["--nonsense"]);
        assert_eq!(nonsense.status.code(), Some(2), "{nonsense}");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = taken.local_addr().expect("it is bound").to_string();
        let in_use = run(name, &[&address]);
        assert_eq!(in_use.status.code(), Some(1), "{in_use}");
        assert!(in_use.stderr.contains(&address), "{in_use}");
    }
}

#[test]
fn echo_sends_back_what_it_receives() {
    let server = Server::start("echo");
    let mut stream = server.connect();
    let mut reader = stream.try_clone().expect("a socket can be cloned");
    // More than any buffer on the way holds.
    let sent: Vec<u8> = (0..4_000_000_u32)
        .map(|index| (index.wrapping_mul(index) >> 7) as u8)
        .collect();
    let received = thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    stream.write_all(&sent).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let received = received.join().expect("no panic").expect("it writes");
    assert!(
        received == sent,
        "{} bytes came back of {}",
        received.len(),
        sent.len()
    );
}

#[test]
fn echo_survives_thousands_of_connections_and_resets() {
    const ROUNDS: usize = 30;
    const AT_ONCE: usize = 100;
    let mut server = Server::start("echo");
    for round in 0..ROUNDS {
        let mut streams: Vec<_> = (0..AT_ONCE).map(|_| server.connect()).collect();
        for (index, stream) in streams.iter_mut().enumerate() {
            stream
                .write_all(&[round as u8, index as u8])
                .expect("it reads");
        }
        for (index, mut stream) in streams.into_iter().enumerate() {
            if index % 2 == 0 {
                // Closing with unread input resets the connection.
                drop(stream);
                continue;
            }
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).expect("it answers");
            assert_eq!(answer, [round as u8, index as u8]);
        }
    }
    server.assert_alive();
}

/// A visitor of the chat room.
struct Visitor {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Visitor {
    fn connect(server: &Server) -> Self {
        let output = server.connect();
        let input = BufReader::new(output.try_clone().expect("a socket can be cloned"));
        let mut visitor = Self { input, output };
        visitor.hears("* what is your name?");
        visitor
    }

    fn says(&mut self, line: &str) {
        self.output
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        let mut heard = String::new();
        self.input.read_line(&mut heard).expect("it writes");
        assert_eq!(heard.trim_end(), line);
    }
}

#[test]
fn chat_passes_lines_on() {
    let server = Server::start("chat");
    let mut ada = Visitor::connect(&server);
    ada.says("not a name");
    ada.hears("* a name is made of letters and digits, try another");
    ada.says("ada");
    ada.hears("* welcome ada, here are: ada");

    let mut bob = Visitor::connect(&server);
    bob.says("ada");
    bob.hears("* that name is taken, try another");
    bob.says("bob");
    bob.hears("* welcome bob, here are: ada, bob");
    ada.hears("* bob joined");

    bob.says("good morning");
    ada.hears("bob: good morning");
    ada.says("good evening");
    bob.hears("ada: good evening");

    drop(bob);
    ada.hears("* bob left");
    // The name is free again.
    let mut bob = Visitor::connect(&server);
    bob.says("bob");
    bob.hears("* welcome bob, here are: ada, bob");
}

#[test]
fn chat_shows_out_who_shouts() {
    let mut server = Server::start("chat");
    let mut ada = Visitor::connect(&server);
    ada.says("ada");
    ada.hears("* welcome ada, here are: ada");
    let mut bob = Visitor::connect(&server);
    bob.says("bob");
    bob.hears("* welcome bob, here are: ada, bob");
    ada.hears("* bob joined");
    // Fails when he is out before the end.
    drop(bob.output.write_all(&[b'x'; 100_000]));
    ada.hears("* bob left");
    server.assert_alive();
}

#[test]
fn scrape_gets_the_same_both_ways() {
    let ended = run("scrape", &["--pages", "12"]);
    assert!(ended.status.success(), "{ended}");
    // After the time come the pages and the bytes.
    let amounts = |start| {
        let (_, amounts) = line_of(&ended.stdout, start)
            .split_once(" s ")
            .expect("a time is first");
        amounts.trim()
    };
    let in_turn = amounts("one page at a time");
    assert_eq!(in_turn, amounts("all at once"));
    assert!(
        in_turn.starts_with("12 pages") && in_turn.ends_with("bytes"),
        "{in_turn}"
    );
    assert!(
        line_of(&ended.stdout, "speed-up").contains("times"),
        "{ended}"
    );
}

fn line_of<'a>(output: &'a str, start: &str) -> &'a str {
    let line = output.lines().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("no line starts with {start:?}:\n{output}"))
}

/// Serves one answer to each connection, in order, and then refuses more.
fn serve(answers: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("the example connects");
            let mut request = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
            let mut line = String::new();
            while request.read_line(&mut line).is_ok_and(|count| count > 2) {
                line.clear();
            }
            // The example may have given up.
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

#[test]
fn scrape_fetches_what_it_is_given() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let address = serve(&[PAGE]);
    let url = format!("http://{address}/page");
    let ended = run("scrape", &[&url]);
    assert!(ended.status.success(), "{ended}");
    let line = line_of(&ended.stdout, &url);
    assert!(line.contains("200") && line.contains("5 bytes"), "{ended}");
}

#[test]
fn scrape_reports_each_failure() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    const BROKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\nconnection: close\r\n\r\nhello";
    let good = format!("http://{}/", serve(&[PAGE]));
    let cut_short = format!("http://{}/", serve(&[BROKEN]));
    // Accepts in the backlog, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let late = format!("http://{}/", silent.local_addr().expect("it is bound"));
    let ended = run("scrape", &["--timeout", "0.2", &good, &cut_short, &late]);
    assert_eq!(ended.status.code(), Some(1), "{ended}");
    assert!(line_of(&ended.stdout, &good).contains("200"), "{ended}");
    for failed in [cut_short, late] {
        line_of(&ended.stderr, &format!("scrape: {failed}: "));
    }
}

#[test]
fn scrape_explains_itself_and_rejects_nonsense() {
    let help = run("scrape", &["--help"]);
    assert!(
        help.status.success() && help.stdout.contains("usage: scrape"),
        "{help}"
    );
    for nonsense in [
        &["--nonsense"][..],
        &["--timeout"],
        &["--timeout", "-1"],
        &["--pages", "0"],
    ] {
        let ended = run("scrape", nonsense);
        assert_eq!(ended.status.code(), Some(2), "{nonsense:?}: {ended}");
        assert!(
            ended.stderr.contains("usage: scrape"),
            "{nonsense:?}: {ended}"
        );
    }
}
