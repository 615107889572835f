//! Models of the idle protocol: no ready task while every worker sleeps.
//!
//! The workers here are reduced to what the protocol is about: they search, run
//! and park with the counts, queues and parkers that ship. Two or three threads,
//! and queues of at most two tasks: a lost wake-up needs one push and one park,
//! its repetition adds no new order of events. Preemption is bounded by 3.

use super::idle::{Idle, Parked, Wake};
use super::parker::Parker;
use super::queues::{Injector, LifoSlot, LocalQueue, Stealer};
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering::*};

struct Model {
    idle: Idle,
    injector: Injector<u32>,
    parkers: Vec<Parker>,
    stealers: Vec<Stealer<u32>>,
    ran: AtomicUsize,
    total: usize,
}

impl Model {
    fn new(workers: usize, total: usize) -> (Arc<Self>, Vec<LocalQueue<u32>>) {
        let queues: Vec<_> = (0..workers).map(|_| LocalQueue::new()).collect();
        let model = Self {
            idle: Idle::new(workers),
            injector: Injector::new(),
            parkers: (0..workers).map(|_| Parker::new()).collect(),
            stealers: queues.iter().map(LocalQueue::stealer).collect(),
            ran: AtomicUsize::new(0),
            total,
        };
        (Arc::new(model), queues)
    }

    fn unpark(&self, wake: Wake) {
        for worker in [wake.worker, wake.watcher].into_iter().flatten() {
            self.parkers[worker].unpark(|| unreachable!("no worker parks in a driver here"));
        }
    }

    fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    fn inject(&self, task: u32) {
        self.injector.push(task);
        self.unpark(self.idle.wake_for_push());
    }

    fn done(&self) -> bool {
        self.ran.load(SeqCst) == self.total
    }

    fn run_one(&self) {
        if self.ran.fetch_add(1, SeqCst) + 1 == self.total {
            for parker in &self.parkers {
                parker.unpark(|| unreachable!("no worker parks in a driver here"));
            }
        }
    }

    fn search(&self, own: usize, queue: &LocalQueue<u32>, searching: &mut bool) -> Option<u32> {
        if !*searching {
            *searching = self.idle.transition_to_searching();
        }
        if !*searching {
            return None;
        }
        let victims = self
            .stealers
            .iter()
            .enumerate()
            .filter(|&(index, _)| index != own);
        for (_, victim) in victims {
            if let Some(task) = victim.steal_into(queue) {
                return Some(task);
            }
        }
        self.injector.pop_into(queue)
    }

    /// A worker's loop, as `worker` and `sleep` have it, until all tasks ran.
    fn work(&self, own: usize, queue: &LocalQueue<u32>) {
        let mut searching = false;
        while !self.done() {
            let task = queue.pop().or_else(|| self.injector.pop_into(queue));
            if let Some(_task) = task.or_else(|| self.search(own, queue, &mut searching)) {
                if std::mem::take(&mut searching)
                    && self.idle.transition_from_searching()
                    && self.has_work()
                {
                    self.unpark(self.idle.wake_for_backlog());
                }
                self.run_one();
                continue;
            }
            let parked = self
                .idle
                .transition_to_parked(own, std::mem::take(&mut searching));
            if parked == Parked::Last && self.has_work() {
                self.unpark(self.idle.wake_for_backlog());
            }
            while !self.done() {
                self.parkers[own].park(None);
                if self.idle.was_woken(own) {
                    searching = true;
                    break;
                }
            }
        }
    }
}

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(f);
}

/// A foreign push against the only worker going to sleep.
#[test]
fn loom_injector_push_races_with_the_last_worker_parking() {
    model(|| {
        let (model, mut queues) = Model::new(1, 1);
        let queue = queues.remove(0);
        let worker = {
            let model = model.clone();
            loom::thread::spawn(move || model.work(0, &queue))
        };
        model.inject(1);
        worker.join().unwrap();
    });
}

/// A foreign push against two workers, one of which may be searching.
#[test]
fn loom_injector_push_races_with_the_last_searcher_parking() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2));
    builder.check(|| {
        let (model, mut queues) = Model::new(2, 1);
        let (second, first) = (queues.remove(1), queues.remove(0));
        let worker = {
            let model = model.clone();
            loom::thread::spawn(move || model.work(0, &first))
        };
        let other = {
            let model = model.clone();
            loom::thread::spawn(move || model.work(1, &second))
        };
        model.inject(1);
        worker.join().unwrap();
        other.join().unwrap();
    });
}

/// Two pushes, the second while a worker searches on behalf of the first.
#[test]
fn loom_second_push_relies_on_the_searcher() {
    model(|| {
        let (model, mut queues) = Model::new(1, 2);
        let queue = queues.remove(0);
        let worker = {
            let model = model.clone();
            loom::thread::spawn(move || model.work(0, &queue))
        };
        model.inject(1);
        model.inject(2);
        worker.join().unwrap();
    });
}

/// A worker hands out its backlog while the other one goes to sleep.
#[test]
fn loom_local_push_then_wake_races_with_parking() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2));
    builder.check(|| {
        let (model, mut queues) = Model::new(2, 2);
        let (second, first) = (queues.remove(1), queues.remove(0));
        let other = {
            let model = model.clone();
            loom::thread::spawn(move || model.work(1, &second))
        };
        first.push(1);
        first.push(2);
        model.unpark(model.idle.wake_for_backlog());
        model.work(0, &first);
        other.join().unwrap();
    });
}

/// The watcher goes to rest while the only awake worker parks and wakes.
#[test]
fn loom_watcher_rests_only_while_nobody_is_awake() {
    model(|| {
        let idle = Arc::new(Idle::new(2));
        let parker = Arc::new(Parker::new());
        assert_eq!(idle.transition_to_parked(1, false), Parked::Quietly);
        let watcher = {
            let (idle, parker) = (idle.clone(), parker.clone());
            loom::thread::spawn(move || {
                assert!(idle.try_watch(1, true));
                if idle.try_rest(1) {
                    // Sleeps without a limit: somebody has to rouse it.
                    parker.park(None);
                }
            })
        };
        let _ = idle.transition_to_parked(0, false);
        let wake = idle
            .transition_from_parked(0, false)
            .expect("nobody else wakes worker 0");
        if let Some(worker) = wake.watcher {
            assert_eq!(worker, 1);
            parker.unpark(|| unreachable!());
        }
        watcher.join().unwrap();
    });
}

/// The owner and a thief go for the task in the LIFO slot: one gets it.
#[test]
fn loom_lifo_slot_taken_by_owner_or_thief() {
    model(|| {
        let slot = Arc::new(LifoSlot::new());
        assert!(slot.replace(1).is_none());
        let thief = {
            let slot = slot.clone();
            loom::thread::spawn(move || slot.steal())
        };
        let own = slot.take();
        let stolen = thief.join().unwrap();
        assert!(own.is_some() != stolen.is_some(), "{own:?} {stolen:?}");
    });
}

/// The owner puts the next task while a thief empties the slot and clears its
/// hint: no task is lost or doubled, and whoever visits an empty slot leaves it
/// looking so.
///
/// That the hint of the new task survives (L1) rests on the atomicity of the
/// thief's compare-exchange, which comes right after the store it has read. Loom
/// does not model that order between two writes: it lets a later load see the
/// thief's, so the model asks the slot itself.
#[test]
fn loom_lifo_slot_put_during_a_steal() {
    model(|| {
        let slot = Arc::new(LifoSlot::new());
        assert!(slot.replace(1).is_none());
        let thief = {
            let slot = slot.clone();
            loom::thread::spawn(move || slot.steal())
        };
        let displaced = slot.replace(2);
        let stolen = thief.join().unwrap();
        let left = slot.replace(3);
        let mut seen = [displaced, stolen, left]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert_eq!(slot.steal(), Some(3));
        assert!(slot.steal().is_none() && !slot.looks_occupied());
    });
}
