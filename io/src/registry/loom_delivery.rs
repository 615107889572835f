//! Models of delivering events while sources come and go.
//!
//! Two threads, explored in full: one delivers a single event or shuts down, the other
//! registers and deregisters. A batch holds two wakers here, so that three waiters make
//! the delivery give up the lock in its middle once.

use std::future::poll_fn;
use std::task::Context;

use loom::thread;

use super::*;
use crate::Direction;
use crate::loom_support::{Wakes, block_on, model_fully};

struct Model {
    registry: Registry,
    selector: Selector,
}

impl Model {
    fn new() -> Arc<Model> {
        let selector = Selector::new().unwrap();
        Arc::new(Model {
            registry: Registry::new(),
            selector,
        })
    }

    fn insert(&self) -> Arc<Entry> {
        self.registry
            .insert(Interest::READABLE, Ready::EMPTY)
            .unwrap()
    }

    fn deliver(&self, key: Key) -> usize {
        let event = Event {
            key,
            ready: Ready::READABLE,
        };
        self.registry.deliver(&self.selector, [event].into_iter())
    }
}

/// An event that was fetched for one source is delivered while that source
/// makes way for another in the same slot: the new one hears nothing of it.
#[test]
fn loom_late_event_against_reuse_of_the_slot() {
    model_fully(|| {
        let model = Model::new();
        let old = model.insert();
        let key = old.key();
        let driver = Arc::clone(&model);
        let driver = thread::spawn(move || driver.deliver(key));
        model.registry.remove(key);
        drop(old);
        let new = model.insert();
        assert_eq!(
            new.key().index(),
            key.index(),
            "the model must re-use the slot"
        );
        let (wakes, waker) = Wakes::new();
        let answer = new.poll_readiness(&mut Context::from_waker(&waker), Direction::Read);
        driver.join().unwrap();
        assert!(answer.is_pending());
        assert_eq!(wakes.count(), 0);
        assert_eq!(new.state().ready(), Ready::EMPTY);
    });
}

/// A source goes while the driver has its wakers in hand, between two batches.
#[test]
fn loom_deregistration_against_a_delivery_in_batches() {
    model_fully(|| {
        let model = Model::new();
        let entry = model.insert();
        let key = entry.key();
        for _ in 0..3 {
            let (_, waker) = Wakes::new();
            let cx = &mut Context::from_waker(&waker);
            assert!(
                entry
                    .poll_waiter(cx, Interest::READABLE, &mut None)
                    .is_pending()
            );
        }
        let driver = Arc::clone(&model);
        let driver = thread::spawn(move || driver.deliver(key));
        model.registry.remove(key);
        drop(entry);
        let delivered = driver.join().unwrap();
        assert_eq!(model.registry.counters().ready, delivered as u64);
        assert_eq!(model.registry.counters().deregistered, 1);
    });
}

/// A registration that races with a shutdown is refused or told.
#[test]
fn loom_shutdown_against_registration() {
    model_fully(|| {
        let model = Model::new();
        let driver = Arc::clone(&model);
        let driver = thread::spawn(move || driver.registry.shut_down());
        if let Ok(entry) = model.registry.insert(Interest::READABLE, Ready::EMPTY) {
            let answer = block_on(poll_fn(|cx| entry.poll_readiness(cx, Direction::Read)));
            assert!(answer.is_err());
        }
        driver.join().unwrap();
        assert!(
            model
                .registry
                .insert(Interest::READABLE, Ready::EMPTY)
                .is_err()
        );
    });
}
