//! Registering an object, getting it back, and what cannot be registered.

use super::{read, register, sockets};
use crate::every_runtime::{current_thread, on_every_built_runtime, on_every_runtime};
use filch::io::Interest;
use filch::io::unix::AsyncFd;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn the_object_is_returned_and_registered_again() {
    on_every_runtime(|| async {
        let (near, far) = sockets();
        near.get_ref().write_all(b"x").unwrap();
        let far = far.into_inner();
        let far = register(far);
        let mut buffer = [0; 1];
        assert_eq!(read(&far, &mut buffer).await.unwrap(), 1);
        assert_eq!(far.as_fd().as_raw_fd(), far.get_ref().as_raw_fd());
        assert!(format!("{far:?}").contains("UnixStream"));
    });
}

/// An object that tells whether its descriptor was still open when dropped.
struct Witness(OwnedFd, Arc<AtomicBool>);

impl AsRawFd for Witness {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_object_is_dropped_with_its_registration() {
    on_every_runtime(|| async {
        let dropped = Arc::new(AtomicBool::new(false));
        let (reader, _writer) = std::io::pipe().unwrap();
        drop(register(Witness(reader.into(), dropped.clone())));
        assert!(dropped.load(Ordering::SeqCst));
    });
}

/// No descriptor at all.
#[derive(Debug)]
struct Nothing;

impl AsRawFd for Nothing {
    fn as_raw_fd(&self) -> RawFd {
        -1
    }
}

#[test]
fn what_cannot_be_watched_is_returned() {
    on_every_runtime(|| async {
        // The system watches no regular files.
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let number = file.as_raw_fd();
        // SAFETY: a `File` keeps its descriptor, and is not exchanged.
        let error = unsafe { AsyncFd::register(file) }.unwrap_err();
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(
            error.to_string(),
            format!("{}", std::error::Error::source(&error).unwrap())
        );
        let (file, cause) = error.into_parts();
        assert_eq!(file.as_raw_fd(), number);
        assert_eq!(cause.kind(), ErrorKind::PermissionDenied);

        // SAFETY: there is no descriptor, and this must be noticed.
        let error = unsafe { AsyncFd::register(Nothing) }.unwrap_err();
        assert_eq!(std::io::Error::from(error).kind(), ErrorKind::InvalidInput);
    });
}

#[test]
#[expect(
    deprecated,
    reason = "programs written for earlier versions call these"
)]
fn the_earlier_constructors_work() {
    on_every_runtime(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        let far = AsyncFd::new(far).unwrap().into_inner();
        let far = AsyncFd::with_interest(far, Interest::READABLE)
            .unwrap()
            .into_inner();
        let far = AsyncFd::try_new(far).unwrap().into_inner();
        let far = AsyncFd::try_with_interest(far, Interest::READABLE).unwrap();
        (&near).write_all(b"x").unwrap();
        far.readable().await.unwrap().retain_ready();
        let error: filch::io::unix::AsyncFdTryNewError<Nothing> =
            AsyncFd::try_new(Nothing).unwrap_err();
        drop(error);
        AsyncFd::new(Nothing).unwrap_err();
    });
}

#[test]
fn outside_a_runtime_it_says_what_to_do() {
    let (reader, _writer) = std::io::pipe().unwrap();
    // SAFETY: a pipe keeps its descriptor, and is not exchanged.
    let panic = catch_unwind(|| unsafe { AsyncFd::register(reader) }.map(drop)).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
        .unwrap();
    assert!(text.contains("runtime"), "{text}");
}

#[test]
fn after_the_runtime_waiting_is_an_error() {
    on_every_built_runtime(|runtime| {
        let (near, far) = {
            let _guard = runtime.enter();
            sockets()
        };
        drop(runtime);
        current_thread().block_on(async {
            let error = far.readable().await.unwrap_err();
            assert!(error.to_string().contains("shut down"), "{error}");
            let error = far
                .async_io(Interest::READABLE, |_| Ok(()))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
        });
        near.into_inner().write_all(b"x").unwrap();
        assert_eq!(far.into_inner().read(&mut [0; 4]).unwrap(), 1);
    });
}
