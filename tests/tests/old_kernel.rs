//! A kernel that has no `epoll_pwait2`, as Linux before 5.11, and a container or a
//! filter that forbids it.
//!
//! The kernel that runs the tests is asked to answer as those do. Alone in its
//! process, whose threads and files a program counts.

// The processors that seccompiler knows.
#![cfg(all(
    target_os = "linux",
    not(filch_portable),
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ),
))]

use filch::io::AsyncReadExt;
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use filch_tests::programs::play;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter};
use std::env::consts::ARCH;
use std::io;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(120);

const SEEDS: u64 = 100;

/// One after the other, as the programs count what the process has.
#[test]
fn epoll_pwait2_can_be_done_without() {
    random_programs_run_without_it();
    a_runtime_outlives_its_permission();
}

fn random_programs_run_without_it() {
    for answer in [Errno::NOSYS, Errno::PERM] {
        // A filter holds for its thread and those that start from it.
        let playing = thread::spawn(move || {
            if let Err(error) = answer_epoll_pwait2_by(answer) {
                println!("skipped: no filter for {answer}: {error}");
                return;
            }
            for seed in 0..SEEDS {
                if let Err(report) = play(seed, HANG) {
                    panic!("{report}\nseed {seed}, epoll_pwait2: {answer}");
                }
            }
        });
        if let Err(panic) = playing.join() {
            resume_unwind(panic);
        }
    }
}

/// A thread takes a filter on when its runtime has run already: sockets and timers
/// go on.
fn a_runtime_outlives_its_permission() {
    for answer in [Errno::NOSYS, Errno::PERM] {
        let sandboxed = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be built");
            runtime.block_on(wait_for_everything());
            match answer_epoll_pwait2_by(answer) {
                Ok(()) => runtime.block_on(wait_for_everything()),
                Err(error) => println!("skipped: no filter for {answer}: {error}"),
            }
        });
        if let Err(panic) = sandboxed.join() {
            resume_unwind(panic);
        }
    }
}

/// A timer, a socket and another thread.
async fn wait_for_everything() {
    filch::time::sleep(Duration::from_millis(2)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (mut client, accepted) = filch::join!(connecting, listener.accept());
    let (client, (server, _)) = (client.as_mut().unwrap(), accepted.unwrap());
    let blocking = filch::task::spawn_blocking(move || drop(server));
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    blocking.await.unwrap();
}

/// `Err` where nobody may filter, as under valgrind.
fn answer_epoll_pwait2_by(answer: Errno) -> io::Result<()> {
    if epoll_pwait2() == Err(answer) {
        // The kernel is old, or valgrind answers in its place.
        return Ok(());
    }
    let filter = SeccompFilter::new(
        [(libc::SYS_epoll_pwait2, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(answer.raw_os_error().cast_unsigned()),
        ARCH.try_into().expect("seccompiler knows the processor"),
    );
    let filter = BpfProgram::try_from(filter.expect("a filter")).expect("a program");
    match seccompiler::apply_filter(&filter) {
        Err(Error::Seccomp(error)) if error.kind() == io::ErrorKind::Unsupported => Err(error),
        applied => {
            applied.expect("a filter can be applied");
            assert_eq!(epoll_pwait2(), Err(answer), "the filter lets it through");
            Ok(())
        }
    }
}

/// Calls it, for an event that is there already.
fn epoll_pwait2() -> Result<usize, Errno> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let counter = eventfd(1, EventfdFlags::CLOEXEC)?;
    epoll::add(&epoll, &counter, EventData::new_u64(0), EventFlags::IN)?;
    // Longer than `epoll_pwait` can say, which rustix prefers where it may.
    let timeout = Duration::from_secs(1 << 32).try_into().ok();
    let mut events = Vec::with_capacity(1);
    epoll::wait(&epoll, spare_capacity(&mut events), timeout.as_ref())
}
