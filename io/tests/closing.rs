//! Peers that close, half-close, reset or refuse.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use filch_io::{Driver, Interest, Ready, Registered};
use support::{
    BOTH, Turning, block_on, read, reset_on_close, settle, tcp_pair, turn_until, unix_pair,
    write_all,
};

/// Whether the selector in use reports a closed reading side as such. `polling`
/// does not ask for it.
const REPORTS_HALF_CLOSE: bool = cfg!(all(target_os = "linux", not(filch_portable)));

fn pipe() -> (OwnedFd, OwnedFd) {
    use rustix::pipe::{PipeFlags, pipe_with};
    pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap()
}

#[test]
fn a_closed_peer_is_the_end_of_the_stream() {
    let turning = Turning::start();
    let (near, far) = tcp_pair();
    let near = turning.register(near, BOTH);
    drop(far);
    assert_eq!(block_on(read(&near, &mut [0; 8])).unwrap(), 0);
    // And stays it: the end is not an event to be used up.
    assert_eq!(block_on(read(&near, &mut [0; 8])).unwrap(), 0);
    if REPORTS_HALF_CLOSE {
        assert!(
            block_on(near.readiness(Interest::READABLE))
                .unwrap()
                .ready
                .is_read_closed()
        );
    }
}

#[test]
fn a_half_close_leaves_the_other_direction_open() {
    let turning = Turning::start();
    let (near, far) = tcp_pair();
    let near = turning.register(near, BOTH);
    let far = turning.register(far, BOTH);
    far.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(block_on(read(&near, &mut [0; 8])).unwrap(), 0);
    let seen = near.try_readiness(Interest::WRITABLE).unwrap();
    assert!(!seen.ready.is_write_closed());
    block_on(write_all(&near, b"still here")).unwrap();
    let mut buffer = [0; 16];
    let count = block_on(read(&far, &mut buffer)).unwrap();
    assert_eq!(&buffer[..count], b"still here");
}

/// Data and the end of the stream in one event. The read comes back short, the
/// reader clears, and must still learn of the end.
#[test]
fn the_end_survives_a_clear_after_a_short_read() {
    for _ in 0..50 {
        let mut driver = Driver::new(8).unwrap();
        let (near, mut far) = tcp_pair();
        let near =
            Registered::new(near, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
        far.write_all(b"last words").unwrap();
        drop(far);
        turn_until(&mut driver, || {
            near.try_readiness(Interest::READABLE).is_some()
        });
        let seen = near.try_readiness(Interest::READABLE).unwrap();
        assert_eq!(near.get_ref().read(&mut [0; 64]).unwrap(), 10);
        near.clear(seen);
        turn_until(&mut driver, || {
            near.try_readiness(Interest::READABLE).is_some()
        });
        assert_eq!(near.get_ref().read(&mut [0; 64]).unwrap(), 0);
    }
}

#[test]
fn a_reset_ends_both_directions() {
    let turning = Turning::start();
    let (near, far) = tcp_pair();
    let near = turning.register(near, BOTH);
    reset_on_close(&far);
    drop(far);
    let error = block_on(read(&near, &mut [0; 8])).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = block_on(write_all(&near, b"x")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let seen = block_on(near.readiness(BOTH)).unwrap().ready;
    assert!(seen.is_read_closed() && seen.is_write_closed(), "{seen:?}");
}

#[test]
fn a_refused_connection_is_an_error_on_the_socket() {
    let turning = Turning::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    if socket
        .connect(&port.into())
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        return;
    }
    let socket = turning.register(socket, BOTH);
    let _ = block_on(socket.readiness(Interest::WRITABLE)).unwrap();
    let error = socket
        .get_ref()
        .take_error()
        .unwrap()
        .expect("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// A datagram socket hears of an unreachable peer while it waits to receive.
#[test]
fn an_unreachable_peer_wakes_the_receiver() {
    let turning = Turning::start();
    let nobody = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.connect(nobody).unwrap();
    let socket = turning.register(socket, BOTH);
    socket.get_ref().send(b"anyone?").unwrap();
    let received =
        block_on(socket.async_io(Interest::READABLE, || socket.get_ref().recv(&mut [0; 8])));
    assert_eq!(
        received.unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_pipe_without_readers_is_closed_for_writing() {
    let turning = Turning::start();
    let (reader, writer) = pipe();
    // Before the first event: a one-shot source, having been found writable, is not
    // asked about again.
    drop(reader);
    let writer = turning.register(writer, Interest::WRITABLE);
    let write = || Ok(rustix::io::write(writer.get_ref(), b"x")?);
    let error = block_on(writer.async_io(Interest::WRITABLE, write)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let mut driver = turning.stop();
    turn_until(&mut driver, || {
        writer
            .try_readiness(Interest::WRITABLE)
            .is_some_and(|seen| seen.ready.is_write_closed())
    });
}

#[test]
fn a_full_pipe_without_readers_wakes_the_writer() {
    let mut driver = Driver::new(8).unwrap();
    let (reader, writer) = pipe();
    let writer =
        Registered::new(writer, Interest::WRITABLE, Ready::EMPTY, driver.handle()).unwrap();
    turn_until(&mut driver, || {
        writer.try_readiness(Interest::WRITABLE).is_some()
    });
    let seen = writer.try_readiness(Interest::WRITABLE).unwrap();
    while rustix::io::write(writer.get_ref(), &[0; 4096]).is_ok() {}
    writer.clear(seen);
    settle(&mut driver);
    assert!(writer.try_readiness(Interest::WRITABLE).is_none());
    drop(reader);
    turn_until(&mut driver, || {
        writer
            .try_readiness(Interest::WRITABLE)
            .is_some_and(|seen| seen.ready.is_write_closed())
    });
}

#[test]
fn a_pipe_without_writers_is_closed_for_reading() {
    let turning = Turning::start();
    let (reader, writer) = pipe();
    let reader = turning.register(reader, Interest::READABLE);
    drop(writer);
    let seen = block_on(reader.readiness(Interest::READABLE)).unwrap();
    assert!(seen.ready.is_read_closed(), "{seen:?}");
    assert_eq!(rustix::io::read(reader.get_ref(), &mut [0; 8]).unwrap(), 0);
}

/// A FIFO that lost its writer and got a new one: the event of the new data
/// refutes the close, so that waiting for more works again.
#[test]
fn a_fifo_with_a_new_writer_is_open_again() {
    use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
    let directory = std::env::temp_dir().join(format!("filch-io-fifo-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("fifo");
    let _ = std::fs::remove_file(&path);
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    let end = |mode| {
        open(
            &path,
            mode | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .unwrap()
    };

    let mut driver = Driver::new(8).unwrap();
    let reader = end(OFlags::RDONLY);
    let reader =
        Registered::new(reader, Interest::READABLE, Ready::EMPTY, driver.handle()).unwrap();
    drop(end(OFlags::WRONLY));
    turn_until(&mut driver, || {
        reader
            .try_readiness(Interest::READABLE)
            .is_some_and(|seen| seen.ready.is_read_closed())
    });
    let writer = end(OFlags::WRONLY);
    rustix::io::write(&writer, b"x").unwrap();
    turn_until(&mut driver, || {
        // Attempts keep a selector that re-arms on a clear informed.
        let seen = reader.try_readiness(Interest::READABLE);
        seen.is_some_and(|seen| !seen.ready.is_read_closed()) || {
            seen.inspect(|&seen| reader.clear(seen));
            false
        }
    });
    assert_eq!(rustix::io::read(reader.get_ref(), &mut [0; 8]).unwrap(), 1);
    let seen = reader.try_readiness(Interest::READABLE).unwrap();
    reader.clear(seen);
    assert!(reader.try_readiness(Interest::READABLE).is_none());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn urgent_data_satisfies_priority() {
    let turning = Turning::start();
    let (near, far) = tcp_pair();
    let near = turning.register(near, Interest::PRIORITY);
    socket2::SockRef::from(&far).send_out_of_band(b"!").unwrap();
    let seen = block_on(near.readiness(Interest::PRIORITY)).unwrap();
    assert!(seen.ready.is_priority(), "{seen:?}");
}

/// Nobody does anything about a close or an error; the driver rests all the same.
#[test]
fn a_close_is_reported_once() {
    let both = Interest::READABLE | Interest::WRITABLE;
    let all = both | Interest::PRIORITY | Interest::ERROR;
    let single = [
        Interest::READABLE,
        Interest::WRITABLE,
        Interest::PRIORITY,
        Interest::ERROR,
    ];
    for interest in single.into_iter().chain([both, all]) {
        let mut driver = Driver::new(8).unwrap();
        let register = |end| Registered::new(end, interest, Ready::EMPTY, driver.handle()).unwrap();
        let (closed, far) = tcp_pair();
        let (reset, far_reset) = tcp_pair();
        let (reader, writer) = pipe();
        let (lonely_reader, lonely_writer) = pipe();
        let streams = [register(closed), register(reset)];
        let register = |end| Registered::new(end, interest, Ready::EMPTY, driver.handle()).unwrap();
        let pipes = [register(reader), register(lonely_writer)];
        streams[0].get_ref().shutdown(Shutdown::Write).unwrap();
        reset_on_close(&far_reset);
        drop((far, far_reset, writer, lonely_reader));
        settle(&mut driver);
        // Operations that use up what was reported do not change that.
        for stream in &streams {
            for kind in [Interest::READABLE, Interest::WRITABLE, Interest::ERROR] {
                if let Some(seen) = stream.try_readiness(kind) {
                    stream.clear(seen);
                }
            }
        }
        settle(&mut driver);
        drop(pipes);
    }
}

/// A close that contradicts an operation which would block must not make the
/// loops spin inside one poll.
#[test]
fn an_attempt_that_blocks_on_a_closed_source_yields() {
    let turning = Turning::start();
    let (near, far) = unix_pair();
    let near = turning.register(near, BOTH);
    drop(far);
    let _ = block_on(read(&near, &mut [0; 1])).unwrap();
    let mut driver = turning.stop();
    settle(&mut driver);
    if !near
        .try_readiness(Interest::READABLE)
        .is_some_and(|seen| seen.ready.is_read_closed())
    {
        return;
    }
    let mut attempts = 0;
    let stubborn = near.async_io(Interest::READABLE, || {
        attempts += 1;
        match attempts {
            1..=5 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(attempts),
        }
    });
    let mut stubborn = std::pin::pin!(stubborn);
    let (wakes, waker) = support::Wakes::new();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut polls = 0;
    let output = loop {
        polls += 1;
        if let std::task::Poll::Ready(output) = stubborn.as_mut().poll(&mut cx) {
            break output.unwrap();
        }
        assert_eq!(wakes.count(), polls, "a task that yields must wake itself");
    };
    assert_eq!(output, 6);
    assert_eq!(polls, 6);
}
