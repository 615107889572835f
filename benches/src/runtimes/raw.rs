//! The floors: the same work without a runtime.

use std::alloc::Layout;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_deque::{Steal, Worker};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::clients::MESSAGE_BUFFER;
use crate::measure::{Pass, Stopwatch, median, nanoseconds};
use crate::system::least_timer_slack;
use crate::workloads::Setting;

/// What a spawned task cannot do without: one allocation of 128 bytes, a push to and a pop from
/// a work-stealing queue, and freeing the allocation. All are allocated before the first is
/// freed, as with tasks that are spawned before any is joined.
pub fn allocate_and_queue(setting: &Setting) -> Vec<Pass> {
    #[repr(align(8))]
    struct Task(#[expect(dead_code, reason = "only its size matters")] [u8; 128]);
    const { assert!(Layout::new::<Task>().size() == 128) };

    let count = setting.size(10_000);
    setting.repeat(|| {
        let queue = Worker::new_fifo();
        let watch = Stopwatch::start();
        for number in 0..count {
            queue.push(black_box(Box::new(Task([number as u8; 128]))));
        }
        while let Some(task) = queue.pop() {
            drop(black_box(task));
        }
        watch.stop(count)
    })
}

/// The same through a shared injector queue, as a spawn from outside needs it.
pub fn allocate_and_inject(setting: &Setting) -> Vec<Pass> {
    let count = setting.size(10_000);
    setting.repeat(|| {
        let queue = crossbeam_deque::Injector::new();
        let watch = Stopwatch::start();
        for number in 0..count {
            queue.push(black_box(Box::new([number as u8; 128])));
        }
        while let Steal::Success(task) = queue.steal() {
            drop(black_box(task));
        }
        watch.stop(count)
    })
}

/// The median lateness of `epoll_pwait2` with a timeout, at the least timer slack.
pub fn epoll_lateness(duration: Duration, sleeps: usize, setting: &Setting) -> Vec<Pass> {
    let (setting, sleeps) = (setting.clone(), setting.size(sleeps));
    let measure = move || {
        least_timer_slack();
        let poller =
            epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll fd can be created");
        setting.repeat(|| {
            let lateness: Vec<f64> = (0..sleeps)
                .map(|_| lateness_of_one_wait(&poller, duration))
                .collect();
            Pass::single(median(&lateness))
        })
    };
    thread::spawn(measure)
        .join()
        .expect("the waiting thread ends")
}

fn lateness_of_one_wait(poller: &OwnedFd, duration: Duration) -> f64 {
    let timeout = Timespec {
        tv_sec: duration.as_secs() as i64,
        tv_nsec: i64::from(duration.subsec_nanos()),
    };
    let mut events = Vec::with_capacity(1);
    let start = Instant::now();
    epoll::wait(poller, spare_capacity(&mut events), Some(&timeout))
        .expect("nothing interrupts the wait");
    nanoseconds(start.elapsed().saturating_sub(duration))
}

/// Two plain threads that wake each other by parking and unparking.
pub fn thread_round_trips(setting: &Setting) -> Vec<Pass> {
    let count = setting.size(2_000);
    setting.repeat(|| {
        let turn = Arc::new(AtomicUsize::new(0));
        let caller = thread::current();
        let partner = thread::spawn({
            let turn = turn.clone();
            move || {
                for number in 0..count {
                    wait_for(&turn, 2 * number + 1);
                    turn.store(2 * number + 2, Ordering::Release);
                    caller.unpark();
                }
            }
        });
        let watch = Stopwatch::start();
        for number in 0..count {
            turn.store(2 * number + 1, Ordering::Release);
            partner.thread().unpark();
            wait_for(&turn, 2 * number + 2);
        }
        let pass = watch.stop(count);
        partner.join().expect("the partner thread ends");
        pass
    })
}

fn wait_for(turn: &AtomicUsize, value: usize) {
    while turn.load(Ordering::Acquire) != value {
        thread::park();
    }
}

/// A connection of [`echo_server`].
struct Connection {
    stream: TcpStream,
    /// Its own, as a protocol needs it that may see half a message.
    buffer: [u8; MESSAGE_BUFFER],
}

/// Serves echoes on one thread with edge-triggered epoll, until `connections` clients have come
/// and gone.
///
/// What a server cannot do without: a wait for each batch of events; for each of them one read, and one
/// write. It takes a read that leaves room in the buffer for the last one, and relies on EPOLLRDHUP
/// for the end of the stream.
pub fn echo_server(listener: TcpListener, connections: usize) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut open_connections = Vec::with_capacity(connections);
        for key in 0..connections {
            let (stream, _) = listener.accept()?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(
                &poller,
                &stream,
                epoll::EventData::new_u64(key as u64),
                epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET,
            )?;
            let buffer = [0; MESSAGE_BUFFER];
            open_connections.push(Some(Box::new(Connection { stream, buffer })));
        }
        let mut open = connections;
        let mut events = Vec::with_capacity(256);
        while open > 0 {
            events.clear();
            epoll::wait(&poller, spare_capacity(&mut events), None)?;
            for event in &events {
                let connection = &mut open_connections[event.data.u64() as usize];
                if let Some(connected) = connection
                    && !echo_all(connected, event.flags)?
                {
                    *connection = None;
                    open -= 1;
                }
            }
        }
        Ok(())
    })
}

/// Reads and writes back what has arrived; whether the stream goes on.
fn echo_all(connection: &mut Connection, flags: epoll::EventFlags) -> io::Result<bool> {
    let Connection { stream, buffer } = connection;
    let ends = epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
    loop {
        match stream.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(length) => {
                stream.write_all(&buffer[..length])?;
                if length < buffer.len() && !flags.intersects(ends) {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
