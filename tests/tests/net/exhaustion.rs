//! A process that may not open another file.

use crate::every_runtime::on_every_built_runtime;
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;

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
            current: Some(64),
            maximum: limit.maximum,
        },
    )
    .unwrap();
    on_every_built_runtime(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            for _ in 0..3 {
                let mut clients = Vec::new();
                let error = loop {
                    assert!(clients.len() <= 64, "the limit was to be reached");
                    match TcpStream::connect(addr).await {
                        Ok(client) => clients.push(client),
                        Err(error) => break error,
                    }
                };
                assert_too_many_files(&error);
                assert_too_many_files(&TcpSocket::new_v4().unwrap_err());
                assert_too_many_files(&TcpListener::bind("127.0.0.1:0").await.unwrap_err());
                assert_too_many_files(&listener.accept().await.unwrap_err());

                // Each closed connection makes room for an accepted one, the
                // closed ones themselves included.
                let waiting = clients.len();
                let mut last = clients.pop().unwrap();
                clients.clear();
                for _ in 1..waiting {
                    listener.accept().await.unwrap();
                }
                let (mut server, _) = listener.accept().await.unwrap();
                last.write_all(b"on").await.unwrap();
                assert_eq!(server.read_u16().await.unwrap(), u16::from_be_bytes(*b"on"));
                let task = filch::spawn(async { "goes on" });
                assert_eq!(task.await.unwrap(), "goes on");
            }
        });
    });
}

#[track_caller]
fn assert_too_many_files(error: &std::io::Error) {
    let errno = rustix::io::Errno::from_io_error(error);
    assert_eq!(errno, Some(rustix::io::Errno::MFILE), "{error:?}");
}
