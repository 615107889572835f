//! Building a multi-threaded scheduler.

use super::block_in_place::Stranded;
use super::idle::Idle;
use super::metrics::{Counters, Outside};
use super::parker::Parker;
use super::queues::{Injector, LifoSlot, LocalQueue};
use super::reference::{self, References, WorkerReferences};
use super::services::Services;
use super::shared::{Elsewhere, Remote, Shared};
use super::worker::{Core, Pacing};
use crate::driver::Driver;
use crate::primitive::atomic::{AtomicBool, AtomicUsize};
use crate::primitive::{Mutex, SleepersMutex};
use crate::task::OwnedTasks;
use crossbeam_utils::CachePadded;
// Not `primitive`'s: as for `Shared`.
use std::sync::{Arc, Weak};

/// Builds a scheduler and the cores its `workers` threads will run, on so many
/// processors. Each core has to be run, if only to end.
pub(crate) fn new(
    workers: usize,
    processors: usize,
    driver: Driver,
    pacing: Pacing,
    services: impl FnOnce(&Weak<Shared>) -> Services,
) -> (Arc<Shared>, Vec<Core>) {
    let mut cores = Vec::new();
    let shared = Arc::new_cyclic(|weak| {
        let (shared, built) = build(workers, processors, driver, services(weak), pacing);
        cores = built;
        shared
    });
    reference::own(&shared);
    (shared, cores)
}

fn build(
    workers: usize,
    processors: usize,
    driver: Driver,
    services: Services,
    pacing: Pacing,
) -> (Shared, Vec<Core>) {
    let (cores, remotes) = (0..workers)
        .map(|index| {
            let queue = LocalQueue::new();
            let remote = Remote {
                stealer: queue.stealer(),
                lifo: LifoSlot::new(),
                parker: Parker::new(),
                counters: Counters::default(),
                references: WorkerReferences::new(),
            };
            let core = Core::new(
                index,
                workers,
                queue,
                services.seeds.next_generator(),
                pacing,
            );
            (core, CachePadded::new(remote))
        })
        .unzip::<_, _, Vec<_>, Vec<_>>();
    let shared = Shared {
        remotes: remotes.into(),
        injector: Injector::new(),
        injector_closed: AtomicBool::new(false),
        closed_injector: Mutex::new(()),
        idle: Idle::new(workers, processors),
        owned: OwnedTasks::new(workers),
        driver: SleepersMutex::new(driver),
        shutdown: AtomicBool::new(false),
        left: AtomicUsize::new(0),
        ended: Mutex::new(0),
        stranded: Stranded::default(),
        elsewhere: CachePadded::new(Elsewhere {
            outside: Outside::default(),
            references: References::new(),
        }),
        services,
    };
    (shared, cores)
}
