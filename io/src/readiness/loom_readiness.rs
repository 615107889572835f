//! Models of the readiness word alone.
//!
//! One event or one shutdown against one clear on two threads, explored in full,
//! or two clears on three with preemption bounded by 3. A clear fails or succeeds on
//! one tick, so that further events repeat what the first shows.

use super::*;
use crate::loom_support::{model_bounded, model_fully};
use crate::primitive::Arc;
use loom::thread;

/// A socket as far as the model goes: the kernel's buffer and the word.
struct Socket {
    buffered: AtomicUsize,
    word: ReadinessWord,
}

impl Socket {
    /// Data arrives and the driver delivers the event.
    fn receive(&self) {
        // ORDERING: Relaxed, so that the orderings of the word alone must
        // make the data visible to a reader that saw the event.
        self.buffered.fetch_add(1, Ordering::Relaxed);
        self.word.transition_to_ready(Ready::READABLE);
    }

    /// A read that takes nothing: it only finds out whether it would block.
    fn peek(&self) {
        let Some(seen) = self.word.load().observe(Ready::READABLE) else {
            return;
        };
        // ORDERING: see `receive`.
        if self.buffered.load(Ordering::Relaxed) == 0 {
            let _ = self.word.transition_to_cleared(seen);
        }
    }
}

/// The reader's `WouldBlock` is about the time before the event, or it saw
/// the data: in no interleaving does its clear take the event away.
#[test]
fn loom_event_against_clear() {
    model_fully(|| {
        let socket = Arc::new(Socket {
            buffered: AtomicUsize::new(0),
            word: ReadinessWord::new(Ready::READABLE),
        });
        let driver = Arc::clone(&socket);
        let driver = thread::spawn(move || driver.receive());
        socket.peek();
        socket.peek();
        driver.join().unwrap();
        assert!(
            socket.word.load().ready().is_readable(),
            "{:?}",
            socket.word
        );
    });
}

/// Two readers clear at once while an event arrives.
#[test]
fn loom_event_against_two_clears() {
    model_bounded(|| {
        let socket = Arc::new(Socket {
            buffered: AtomicUsize::new(0),
            word: ReadinessWord::new(Ready::READABLE),
        });
        let [driver, reader] = [Arc::clone(&socket), Arc::clone(&socket)];
        let driver = thread::spawn(move || driver.receive());
        let reader = thread::spawn(move || reader.peek());
        socket.peek();
        driver.join().unwrap();
        reader.join().unwrap();
        assert!(
            socket.word.load().ready().is_readable(),
            "{:?}",
            socket.word
        );
    });
}

/// A clear may not undo the shutdown that happens meanwhile.
#[test]
fn loom_shutdown_against_clear() {
    model_fully(|| {
        let word = Arc::new(ReadinessWord::new(Ready::READABLE));
        let driver = Arc::clone(&word);
        let driver = thread::spawn(move || driver.transition_to_shutdown());
        if let Some(seen) = word.load().observe(Ready::READABLE) {
            let _ = word.transition_to_cleared(seen);
        }
        driver.join().unwrap();
        assert!(word.load().is_shutdown());
    });
}
