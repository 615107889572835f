//! What may cross threads, what may not, and what must outlive whom.
//!
//! Much of the unsafe code is sound only because some type is not `Send`, or
//! because some function asks for it. Traits like these come and go unnoticed
//! with a private field, so they are written down here: in tables, which hold
//! with any compiler, and as programs that must not compile.

#[cfg(unix)]
use filch::io::unix::{AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError};
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use filch::net::{TcpListener, TcpSocket, TcpStream};
use filch::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, TryCurrentError};
use filch::task::coop::{Coop, RestoreOnPending, Unconstrained};
use filch::task::futures::TaskLocalFuture;
use filch::task::{AbortHandle, AccessError, Id, JoinError, JoinHandle, JoinSet, LocalKey};
use filch::time::{Instant, Interval, Sleep, Timeout};
use std::cell::Cell;
use std::future::{Future, Ready, ready};
use std::marker::{PhantomData, PhantomPinned};
use std::rc::Rc;
use std::sync::MutexGuard;

/// May be sent and shared.
type Both = u8;
/// May be sent, but not shared.
type OnlySend = Cell<u8>;
/// May be shared, but not sent.
type OnlySync = MutexGuard<'static, u8>;
/// Must stay on its thread.
type Neither = Rc<u8>;

/// Whether a type implements a trait. Nothing can tell in an expression but the
/// precedence of an inherent constant, where there is one, over a trait's.
macro_rules! implements {
    ($type:ty: $trait:ident) => {
        <questions::$trait<$type>>::ANSWER
    };
}

trait Otherwise {
    const ANSWER: bool = false;
}

mod questions {
    macro_rules! question {
        ($($trait:ident = $path:path),*) => {$(
            pub(super) struct $trait<T: ?Sized>(std::marker::PhantomData<T>);
            impl<T: ?Sized + $path> $trait<T> {
                pub(super) const ANSWER: bool = true;
            }
            impl<T: ?Sized> super::Otherwise for $trait<T> {}
        )*};
    }
    question!(
        Send = std::marker::Send,
        Sync = std::marker::Sync,
        Unpin = std::marker::Unpin,
        UnwindSafe = std::panic::UnwindSafe,
        RefUnwindSafe = std::panic::RefUnwindSafe
    );
}

/// Collects the types for which one of three traits is implemented, or is not,
/// against what the table says.
macro_rules! differences {
    ($first:ident, $second:ident, $third:ident; $($type:ty => $one:ident $two:ident $three:ident),* $(,)?) => {{
        let mut differences = Vec::new();
        $(
            let expected = [yes_or_no!($one), yes_or_no!($two), yes_or_no!($three)];
            let found = [
                implements!($type: $first),
                implements!($type: $second),
                implements!($type: $third),
            ];
            if expected != found {
                differences.push((stringify!($type), found));
            }
        )*
        differences
    }};
}

macro_rules! yes_or_no {
    (yes) => {
        true
    };
    (no) => {
        false
    };
}

#[test]
fn the_question_is_answered_both_ways() {
    let differences = differences!(
        Send, Sync, Unpin;
        Both => yes yes yes,
        OnlySend => yes no yes,
        OnlySync => no yes yes,
        Neither => no no yes,
        PhantomPinned => yes yes no,
    );
    assert_eq!(differences, []);
    assert_eq!(
        differences!(Send, Sync, Unpin; Both => yes no yes),
        [("Both", [true; 3])]
    );
}

#[test]
fn runtimes_and_their_handles() {
    let differences = differences!(
        Send, Sync, Unpin;
        Runtime => yes yes yes,
        Handle => yes yes yes,
        Builder => yes yes yes,
        RuntimeMetrics => yes yes yes,
        TryCurrentError => yes yes yes,
        // It is a thread's context that dropping one restores.
        EnterGuard<'static> => no no yes,
    );
    assert_eq!(differences, []);
}

#[test]
fn tasks() {
    let differences = differences!(
        Send, Sync, Unpin;
        // A handle takes the output to its thread, and gives none while shared.
        JoinHandle<Both> => yes yes yes,
        JoinHandle<OnlySend> => yes yes yes,
        JoinHandle<OnlySync> => no no yes,
        JoinHandle<Neither> => no no yes,
        JoinHandle<PhantomPinned> => yes yes yes,
        JoinSet<Both> => yes yes yes,
        JoinSet<OnlySend> => yes yes yes,
        JoinSet<OnlySync> => no no yes,
        JoinSet<Neither> => no no yes,
        // A panic's payload need not be `Sync`; a shared error keeps it to itself.
        JoinError => yes yes yes,
        AbortHandle => yes yes yes,
        Id => yes yes yes,
    );
    assert_eq!(differences, []);
}

#[test]
fn budgets_and_task_locals() {
    let differences = differences!(
        Send, Sync, Unpin;
        // It restores the budget of the thread that it was taken on.
        RestoreOnPending => no no yes,
        Coop<Ready<Both>> => yes yes yes,
        Coop<Ready<Neither>> => no no yes,
        Unconstrained<Ready<Both>> => yes yes yes,
        Unconstrained<Ready<Neither>> => no no yes,
        // The key is a name: each thread has a slot of its own behind it.
        LocalKey<Both> => yes yes yes,
        LocalKey<Neither> => yes yes yes,
        // The value travels with the future.
        TaskLocalFuture<Both, Ready<Both>> => yes yes no,
        TaskLocalFuture<OnlySend, Ready<Both>> => yes no no,
        TaskLocalFuture<OnlySync, Ready<Both>> => no yes no,
        TaskLocalFuture<Neither, Ready<Both>> => no no no,
        TaskLocalFuture<Both, Ready<Neither>> => no no no,
        AccessError => yes yes yes,
    );
    assert_eq!(differences, []);
}

#[test]
fn timers() {
    let differences = differences!(
        Send, Sync, Unpin;
        Sleep => yes yes no,
        Timeout<Ready<Both>> => yes yes no,
        Timeout<Ready<OnlySend>> => yes no no,
        Timeout<Ready<OnlySync>> => no yes no,
        Timeout<Ready<Neither>> => no no no,
        Interval => yes yes yes,
        Instant => yes yes yes,
    );
    assert_eq!(differences, []);
}

#[test]
fn sockets() {
    let differences = differences!(
        Send, Sync, Unpin;
        TcpListener => yes yes yes,
        TcpSocket => yes yes yes,
        TcpStream => yes yes yes,
        ReadHalf<'static> => yes yes yes,
        WriteHalf<'static> => yes yes yes,
        OwnedReadHalf => yes yes yes,
        OwnedWriteHalf => yes yes yes,
        ReuniteError => yes yes yes,
    );
    assert_eq!(differences, []);
}

#[cfg(unix)]
#[test]
fn file_descriptors() {
    use std::os::fd::{AsRawFd, RawFd};

    struct Descriptor<T>(PhantomData<T>);

    impl<T> AsRawFd for Descriptor<T> {
        fn as_raw_fd(&self) -> RawFd {
            -1
        }
    }

    let differences = differences!(
        Send, Sync, Unpin;
        AsyncFd<Descriptor<Both>> => yes yes yes,
        AsyncFd<Descriptor<OnlySend>> => yes no yes,
        AsyncFd<Descriptor<OnlySync>> => no yes yes,
        AsyncFd<Descriptor<Neither>> => no no yes,
        // A shared guard is a shared descriptor ...
        AsyncFdReadyGuard<'static, Descriptor<Both>> => yes yes yes,
        AsyncFdReadyGuard<'static, Descriptor<OnlySend>> => no no yes,
        AsyncFdReadyGuard<'static, Descriptor<OnlySync>> => yes yes yes,
        AsyncFdReadyGuard<'static, Descriptor<Neither>> => no no yes,
        // ... and an exclusive guard an exclusive one.
        AsyncFdReadyMutGuard<'static, Descriptor<Both>> => yes yes yes,
        AsyncFdReadyMutGuard<'static, Descriptor<OnlySend>> => yes no yes,
        AsyncFdReadyMutGuard<'static, Descriptor<OnlySync>> => no yes yes,
        AsyncFdReadyMutGuard<'static, Descriptor<Neither>> => no no yes,
        AsyncFdRegisterError<Descriptor<OnlySend>> => yes no yes,
        AsyncFdRegisterError<Descriptor<OnlySync>> => no yes yes,
    );
    assert_eq!(differences, []);
}

/// `catch_unwind` around the use of a handle asks for these.
#[test]
fn handles_are_unwind_safe() {
    let differences = differences!(
        Send, UnwindSafe, RefUnwindSafe;
        JoinHandle<&'static mut u8> => yes yes yes,
        JoinHandle<OnlySend> => yes yes yes,
        AbortHandle => yes yes yes,
        Handle => yes yes yes,
        Runtime => yes yes yes,
        TcpListener => yes yes yes,
        TcpSocket => yes yes yes,
        TcpStream => yes yes yes,
    );
    assert_eq!(differences, []);
}

/// Futures of async functions have no name to stand in a table. That this
/// compiles is the test.
#[test]
fn futures_that_a_spawned_task_awaits_are_send() {
    fn send(_: impl Future + Send) {}

    #[expect(dead_code, reason = "only to be compiled: most of it needs a runtime")]
    fn all(stream: &mut TcpStream, listener: &TcpListener, socket: TcpSocket) {
        use filch::io::{AsyncReadExt, AsyncWriteExt, Interest};

        send(filch::task::yield_now());
        send(filch::task::coop::consume_budget());
        send(filch::task::coop::cooperative(ready(0)));
        send(filch::time::interval(std::time::Duration::MAX).tick());
        send(filch::time::advance(std::time::Duration::MAX));
        let mut set = JoinSet::<OnlySend>::new();
        send(set.join_next());
        send(set.join_next_with_id());
        send(set.shutdown());
        send(set.join_all());

        send(filch::net::lookup_host("localhost:80"));
        send(TcpListener::bind("localhost:80"));
        send(TcpStream::connect(("localhost", 80)));
        send(socket.connect(([127, 0, 0, 1], 80).into()));
        send(listener.accept());
        send(stream.ready(Interest::READABLE));
        send(stream.readable());
        send(stream.writable());
        send(stream.async_io(Interest::READABLE, || Ok(())));
        send(stream.peek(&mut [0]));
        send(stream.read(&mut [0]));
        send(stream.write_all(&[0]));
    }
}

#[cfg(unix)]
#[test]
fn futures_on_a_descriptor_are_send() {
    use std::os::fd::OwnedFd;

    fn send(_: impl Future + Send) {}

    #[expect(dead_code, reason = "only to be compiled: it needs a runtime")]
    fn all(descriptor: &mut AsyncFd<OwnedFd>) {
        use filch::io::Interest;

        send(descriptor.ready(Interest::READABLE));
        send(descriptor.readable());
        send(descriptor.writable());
        send(descriptor.async_io(Interest::READABLE, |_| Ok(())));
        send(descriptor.ready_mut(Interest::READABLE));
        send(descriptor.readable_mut());
        send(descriptor.writable_mut());
        send(descriptor.async_io_mut(Interest::READABLE, |_| Ok(())));
    }
}

/// What the bounds of functions and the lifetimes of guards refuse.
#[test]
fn programs_that_would_be_unsound_do_not_compile() {
    if filch_tests::compiler_release().as_deref() == Some(filch_tests::RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/ui/send_sync/*.rs");
    }
}
