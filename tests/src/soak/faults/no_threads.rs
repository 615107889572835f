//! A process that gets no more threads, for want of address space for their
//! stacks: a limit that holds for root as well.

use super::ensure;
use crate::programs::Counts;
use crate::soak::watch;
use filch::runtime::{Builder, Runtime};
use filch::task::{block_in_place, spawn_blocking, yield_now};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The stack of each of a runtime's threads: so large that a handful of them
/// exhaust the limit, and that none is cached.
const STACK_BYTES: usize = 256 << 20;

/// Beyond what is in use; it leaves the allocator some room beside three stacks.
const SPARE_BYTES: u64 = 3 * STACK_BYTES as u64 + (192 << 20);

/// More threads than there is room for.
const MANY: usize = 16;

pub(super) fn suffer(_workers: usize, _seed: u64) -> Result<(), String> {
    let unlimited = getrlimit(Resource::As);
    let before = Counts::now();
    for round in 0..5 {
        watch::progress();
        limit(unlimited)?;
        // Nothing is left of a runtime that cannot have all of its workers.
        let built = build(MANY, MANY);
        ensure(built.is_err(), || {
            format!("{MANY} workers in round {round}, in spite of the limit")
        })?;
        before.restored()?;

        with_few_threads()?;
        before.restored()?;
        without_threads(unlimited)?;
        before.restored()?;
    }
    Ok(())
}

fn build(workers: usize, blocking: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(blocking)
        .thread_stack_size(STACK_BYTES)
        .thread_keep_alive(Duration::from_millis(5))
        .enable_all()
        .build()
}

fn limit(unlimited: Rlimit) -> Result<(), String> {
    setrlimit(Resource::As, unlimited).map_err(|error| format!("setrlimit: {error}"))?;
    let limit = Rlimit {
        current: Some(address_space()? + SPARE_BYTES),
        maximum: unlimited.maximum,
    };
    setrlimit(Resource::As, limit).map_err(|error| format!("setrlimit: {error}"))
}

/// Bytes of address space in use.
fn address_space() -> Result<u64, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let kilobytes = status.lines().find_map(|line| {
        let value = line.strip_prefix("VmSize:")?.trim();
        value.strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kilobytes
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| "/proc/self/status has no VmSize".to_owned())
}

/// There is a thread for one closure: the others wait for it.
fn with_few_threads() -> Result<(), String> {
    let runtime = build(1, MANY).map_err(|error| format!("one worker: {error}"))?;
    runtime.block_on(async {
        let closures: Vec<_> = (0..MANY)
            .map(|number| {
                spawn_blocking(move || {
                    std::thread::sleep(Duration::from_micros(200));
                    number
                })
            })
            .collect();
        for (number, closure) in closures.into_iter().enumerate() {
            let returned = closure
                .await
                .map_err(|error| format!("a closure: {error}"))?;
            ensure(returned == number, || {
                format!("closure {number} returned {returned}")
            })?;
        }
        Ok(())
    })
}

/// There is a thread for none: `spawn_blocking` says so, and a worker that blocks
/// in place keeps its tasks and goes on with them.
fn without_threads(unlimited: Rlimit) -> Result<(), String> {
    let runtime = build(1, MANY).map_err(|error| format!("one worker: {error}"))?;
    let none = Rlimit {
        current: Some(address_space()? + STACK_BYTES as u64 / 2),
        maximum: unlimited.maximum,
    };
    setrlimit(Resource::As, none).map_err(|error| format!("setrlimit: {error}"))?;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let refused = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(|| ())));
    std::panic::set_hook(hook);
    let Err(refusal) = refused else {
        return Err("a closure was accepted that no thread can run".to_owned());
    };
    let refusal = refusal
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default();
    ensure(refusal.contains("could not create a thread"), || {
        format!("an unhelpful refusal: {refusal}")
    })?;
    let blocked = runtime.spawn(async {
        let behind = filch::spawn(async {
            yield_now().await;
            1
        });
        let here = block_in_place(|| 2);
        behind.await.map(|there| here + there)
    });
    let sum = runtime.block_on(blocked);
    ensure(matches!(sum, Ok(Ok(3))), || format!("in place: {sum:?}"))?;

    // With room again, everything is as it was.
    setrlimit(Resource::As, unlimited).map_err(|error| format!("setrlimit: {error}"))?;
    let closure = runtime.block_on(runtime.spawn_blocking(|| 4));
    ensure(matches!(closure, Ok(4)), || {
        format!("afterwards: {closure:?}")
    })
}
