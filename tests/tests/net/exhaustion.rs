//! A process that may not open another file.

use crate::every_runtime::on_every_built_runtime;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::process::Command;

const FEW_FILES: u64 = 64;

/// Set for the child process, whose limit must not bother the other tests.
const IN_CHILD: &str = "FILCH_TEST_WITH_FEW_FILES";

#[test]
fn too_many_open_files_are_an_error_and_the_runtime_goes_on() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "exhaustion::with_few_files",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(IN_CHILD, "1")
        .output()
        .unwrap();
    let report = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{report}");
    assert!(
        report.contains("1 passed"),
        "the child has run no test:\n{report}"
    );
}

#[test]
#[ignore = "lowers the limit of its process, and so runs in a child of the test above"]
fn with_few_files() {
    if std::env::var_os(IN_CHILD).is_none() {
        return;
    }
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(FEW_FILES),
            maximum: limit.maximum,
        },
    )
    .unwrap();
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            for _ in 0..3 {
                run_out_and_recover(&listener).await;
            }
        });
    });
}

/// Another thread may have a file open for a moment, and so the limit is
/// reached a moment early. Therefore everything is tried until it fails, and
/// what was opened is kept.
async fn run_out_and_recover(listener: &TcpListener) {
    let addr = listener.local_addr().unwrap();
    let (mut clients, mut accepted) = (Vec::new(), Vec::new());
    let (mut sockets, mut listeners) = (Vec::new(), Vec::new());
    until_too_many_files(&mut clients, async || TcpStream::connect(addr).await).await;
    until_too_many_files(&mut sockets, async || TcpSocket::new_v4()).await;
    until_too_many_files(&mut listeners, async || {
        TcpListener::bind("127.0.0.1:0").await
    })
    .await;
    until_too_many_files(&mut accepted, async || listener.accept().await).await;
    assert!(
        accepted.len() < clients.len(),
        "one descriptor must be lacking to accept them all"
    );

    // Closing makes room to accept the connections that wait, the closed ones
    // among them.
    drop((accepted, sockets, listeners));
    let mut last = clients.pop().unwrap();
    drop(clients);
    let mut server = loop {
        let (stream, peer) = listener.accept().await.unwrap();
        if peer == last.local_addr().unwrap() {
            break stream;
        }
    };
    last.write_all(b"on").await.unwrap();
    assert_eq!(server.read_u16().await.unwrap(), u16::from_be_bytes(*b"on"));
    let task = filch::spawn(async { "goes on" });
    assert_eq!(task.await.unwrap(), "goes on");
}

async fn until_too_many_files<T>(opened: &mut Vec<T>, open: impl AsyncFn() -> io::Result<T>) {
    while opened.len() <= FEW_FILES as usize {
        match open().await {
            Ok(socket) => opened.push(socket),
            Err(error) => {
                let errno = Errno::from_io_error(&error);
                assert_eq!(errno, Some(Errno::MFILE), "{error:?}");
                return;
            }
        }
    }
    panic!("the limit was to be reached");
}
