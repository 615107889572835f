//! A thousand runtimes, and no thread, descriptor or byte left. Alone in its
//! process, which it counts.
#![cfg(target_os = "linux")]

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Builder;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

struct Counting;

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Ends with an error where the runtime goes down meanwhile: a panic would make
/// the standard library keep what it has read of the symbols for its message.
async fn work() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let client = filch::spawn(async move {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"ping").await?;
        io::Result::Ok(stream)
    });
    let (mut server, _) = listener.accept().await?;
    let mut buffer = [0; 4];
    server.read_exact(&mut buffer).await?;
    filch::task::spawn_blocking(|| ()).await?;
    filch::spawn(std::future::pending::<()>());
    filch::spawn(async move {
        // Pending on a socket and on a timer when the runtime ends.
        let _ = filch::time::timeout(Duration::from_secs(3600), server.read_u8()).await;
    });
    filch::task::yield_now().await;
    drop(client.await??);
    Ok(())
}

fn round(index: usize) {
    let runtime = match index % 3 {
        0 => Builder::new_current_thread().enable_all().build(),
        1 => Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build(),
        _ => Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build(),
    };
    let runtime = runtime.unwrap();
    runtime.block_on(work()).unwrap();
    runtime.spawn(work());
    drop(runtime);
}

fn count(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Descriptors and bytes in use, once there are no more than `threads` threads: one
/// that was joined may still be in the kernel's list for a moment.
fn left_beside(threads: usize) -> (usize, usize) {
    let ended = (0..10_000).any(|attempt| {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        count("/proc/self/task") <= threads
    });
    assert!(ended, "threads are left");
    (count("/proc/self/fd"), LIVE_BYTES.load(Relaxed))
}

#[test]
fn a_thousand_runtimes_leave_nothing() {
    let threads = count("/proc/self/task");
    // What is made once in a process and kept: thread-locals, epochs, caches.
    for index in 0..100 {
        round(index);
    }
    let (descriptors, bytes) = left_beside(threads);
    for index in 0..1000 {
        round(index);
    }
    let now = left_beside(threads);
    assert_eq!(now.0, descriptors, "descriptors are left");
    // Deferred frees of the queues' epochs make the figure breathe; a leak of
    // one task, socket or queue a round would show as much more.
    let grown = now.1.saturating_sub(bytes);
    assert!(
        grown < 64 * 1024,
        "{grown} bytes more are in use after 1000 runtimes"
    );
}
