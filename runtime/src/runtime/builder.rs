//! Configuring and building a runtime.

use super::context::{Entered, enter, run_worker_here};
use super::handle::{Handle, Scheduler};
use super::owner::Runtime;
use crate::blocking::{Pool, PoolConfig};
use crate::driver::clock::Clock;
use crate::driver::{self, Driver, DriverHandle};
use crate::rng::SeedSource;
use crate::scheduler::block_in_place::{HandOff, accept, offer};
use crate::scheduler::idle::MAX_WORKERS;
use crate::scheduler::services::{Enabled, Hook, Hooks, Services};
use crate::scheduler::shared::Shared;
use crate::scheduler::spin::SpinLimit;
use crate::scheduler::worker::Pacing;
use crate::scheduler::{current_thread, multi_thread};
use crate::unwind::{Panics, discard, swallow};
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// The environment variables that set the default number of workers, the first that is there.
const WORKER_THREADS_VARIABLES: [&str; 2] = ["FILCH_WORKER_THREADS", "TOKIO_WORKER_THREADS"];

const DEFAULT_THREAD_NAME: &str = "filch-worker";
const DEFAULT_MAX_BLOCKING_THREADS: usize = 512;
const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(10);
/// As many as can be dispatched, woken and polled while what the system and the tasks
/// touch for them is in the caches, and enough to make the system call cheap.
const DEFAULT_EVENTS_PER_TURN: usize = 64;

/// Configures and builds a [`Runtime`].
///
/// The methods are tokio's but for [`spin_before_sleep`](Self::spin_before_sleep), and so are their
/// defaults unless they say otherwise. A runtime built without `enable_io`, `enable_time` or
/// `enable_all` says so when they are missed.
///
/// ```
/// use filch::runtime::Builder;
///
/// let runtime = Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("crawler")
///     .enable_all()
///     .build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    multi_thread: bool,
    worker_threads: Option<usize>,
    max_blocking_threads: usize,
    thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    thread_stack_size: Option<usize>,
    thread_keep_alive: Duration,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    hooks: Hooks,
    enabled: Enabled,
    events_per_turn: usize,
    pacing: Pacing,
    spin: SpinLimit,
    start_paused: bool,
}

impl Builder {
    /// A runtime whose tasks run on the thread that is in `block_on`.
    pub fn new_current_thread() -> Self {
        Self::new(false)
    }

    /// A runtime whose tasks run on worker threads that steal work from one another.
    pub fn new_multi_thread() -> Self {
        Self::new(true)
    }

    fn new(multi_thread: bool) -> Self {
        Self {
            multi_thread,
            worker_threads: None,
            max_blocking_threads: DEFAULT_MAX_BLOCKING_THREADS,
            thread_name: Arc::new(|| DEFAULT_THREAD_NAME.to_owned()),
            thread_stack_size: None,
            thread_keep_alive: DEFAULT_KEEP_ALIVE,
            on_thread_start: None,
            on_thread_stop: None,
            hooks: Hooks::default(),
            enabled: Enabled {
                io: false,
                time: false,
            },
            events_per_turn: DEFAULT_EVENTS_PER_TURN,
            pacing: Pacing::default(),
            spin: SpinLimit::CostOfSleep,
            start_paused: false,
        }
    }

    /// Turns on sockets and timers.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Turns on sockets.
    pub fn enable_io(&mut self) -> &mut Self {
        self.enabled.io = true;
        self
    }

    /// Turns on timers.
    ///
    /// On Linux the threads that wait for them ask to be woken to the nanosecond (their *timer
    /// slack*). Threads and processes that a task starts inherit that.
    pub fn enable_time(&mut self) -> &mut Self {
        self.enabled.time = true;
        self
    }

    /// How many worker threads a multi-threaded runtime has, 1 to 65 535.
    ///
    /// The default is the environment variable `FILCH_WORKER_THREADS`, else `TOKIO_WORKER_THREADS`,
    /// else the number of threads the machine runs in parallel. A current-thread runtime
    /// ignores it.
    ///
    /// # Panics
    ///
    /// If `workers` is 0 or more than 65 535.
    #[track_caller]
    pub fn worker_threads(&mut self, workers: usize) -> &mut Self {
        assert!(
            workers > 0,
            "Worker threads cannot be set to 0: give at least 1, or build with `Builder::new_current_thread`"
        );
        assert!(
            workers <= MAX_WORKERS,
            "{workers} worker threads are more than the {MAX_WORKERS} a runtime can have"
        );
        self.worker_threads = Some(workers);
        self
    }

    /// How many threads there are at most for blocking work, besides the
    /// workers. The default is 512.
    ///
    /// A thread that has taken over the worker of one in
    /// [`block_in_place`](crate::task::block_in_place()) counts as a worker's, to the end of what it
    /// polls then: so many such calls at once take as many threads, which this does not limit.
    ///
    /// # Panics
    ///
    /// If `threads` is 0.
    #[track_caller]
    #[doc(alias = "max_threads")]
    pub fn max_blocking_threads(&mut self, threads: usize) -> &mut Self {
        assert!(
            threads > 0,
            "Max blocking threads cannot be set to 0: `spawn_blocking` needs at least 1"
        );
        self.max_blocking_threads = threads;
        self
    }

    /// The name of the runtime's threads; `filch-worker` by default.
    ///
    /// # Panics
    ///
    /// If the name is blank or has a NUL character in it.
    #[track_caller]
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        if let Err(error) = check_thread_name(&name) {
            panic!("{error}");
        }
        self.thread_name = Arc::new(move || name.clone());
        self
    }

    /// A function that names each thread as it is made.
    ///
    /// A blank name, or one with a NUL character, makes [`build`](Self::build)
    /// return an error; for a thread of the blocking pool, it panics where the
    /// thread was needed, if the pool has no other.
    pub fn thread_name_fn<F>(&mut self, name: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = Arc::new(name);
        self
    }

    /// The stack size of the runtime's threads in bytes; std's default otherwise.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// How long an idle thread of the blocking pool is kept; 10 s by default.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// Calls `f` on each thread of the runtime when it starts, inside the runtime: it may call
    /// [`Handle::current`]. A thread for blocking work that finds the runtime gone calls it no more.
    ///
    /// It may wait for blocking work that it starts itself, but not on every thread, for that work
    /// needs a thread as well.
    ///
    /// If it panics on a worker, the runtime shuts down.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Calls `f` on each thread of the runtime before it ends.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Calls `f` on a thread that runs tasks before it goes to sleep. It may
    /// spawn or wake tasks: they run before the thread sleeps.
    ///
    /// If it panics on a worker, the runtime shuts down.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.before_park = Some(Arc::new(f));
        self
    }

    /// Calls `f` on a thread that runs tasks after it has slept.
    ///
    /// If it panics on a worker, the runtime shuts down.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Self {
        self.hooks.after_unpark = Some(Arc::new(f));
        self
    }

    /// The most task polls between two looks at sockets and timers.
    ///
    /// A worker of several looks more often where polls are long: at timers, and
    /// with this set at sockets, every 25 µs or after each poll that takes longer.
    /// Unless set, it looks at sockets every 100 µs and at both whenever it has
    /// nothing to run. On a current thread the default is 61.
    ///
    /// # Panics
    ///
    /// If `polls` is 0.
    #[track_caller]
    pub fn event_interval(&mut self, polls: u32) -> &mut Self {
        assert!(
            polls > 0,
            "event_interval must be greater than 0: it counts polls"
        );
        self.pacing.event_interval = Some(polls);
        self
    }

    /// The most task polls between two looks into the queue of tasks that were
    /// woken from outside the workers. The scheduler looks more often where
    /// polls are long, and whenever a worker's own queue is empty.
    ///
    /// # Panics
    ///
    /// If `polls` is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, polls: u32) -> &mut Self {
        assert!(
            polls > 0,
            "global_queue_interval must be greater than 0: it counts polls"
        );
        self.pacing.injector_interval = Some(polls);
        self
    }

    /// How long a worker that has run dry waits for tasks awake before it goes to
    /// sleep. Zero: not at all. A millisecond at most, longer is taken for that: meanwhile it
    /// looks neither at sockets nor at timers. If not set, for as long as it takes the system to wake
    /// a worker, which the runtime measures: 5 to 50 microseconds.
    ///
    /// A task that is woken by a plain thread or by the end of blocking work in
    /// that time starts at once, and waking it is no system call. Where spinning
    /// finds nothing it becomes rare by itself: an idle runtime does not spin, nor does
    /// one whose waits are long. Never more than half of the workers spin, and none does while
    /// more of them are awake than there are processors available to the process.
    ///
    /// A current-thread runtime does not spin.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = filch::runtime::Builder::new_multi_thread()
    ///     .spin_before_sleep(Duration::ZERO)
    ///     .build()?;
    /// # runtime.block_on(async {});
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn spin_before_sleep(&mut self, limit: Duration) -> &mut Self {
        self.spin = SpinLimit::Given(limit);
        self
    }

    /// The most socket events dispatched in one look; 64 by default. What is left
    /// comes with the next look, which follows as soon as the tasks woken by this one
    /// have run.
    ///
    /// # Panics
    ///
    /// If `events` is 0.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, events: usize) -> &mut Self {
        assert!(
            events > 0,
            "max_io_events_per_tick must be greater than 0: no event would ever be seen"
        );
        self.events_per_turn = events;
        self
    }

    /// Whether the clock starts paused, as after
    /// [`time::pause`](crate::time::pause). For tests, on a current-thread runtime.
    #[cfg(feature = "test-util")]
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.start_paused = start_paused;
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a descriptor or a thread, or a name from
    /// [`thread_name_fn`](Self::thread_name_fn) is unusable. Nothing is left behind then.
    ///
    /// # Panics
    ///
    /// If the environment variable decides the number of workers and is not a
    /// number from 1 to 65 535, or if a multi-threaded runtime should start paused.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        if self.multi_thread {
            self.build_multi_thread()
        } else {
            self.build_current_thread()
        }
    }

    fn build_current_thread(&self) -> io::Result<Runtime> {
        let (driver, driver_handle) = self.driver(1, Clock::new(self.start_paused))?;
        let shared = Arc::new_cyclic(|weak: &Weak<current_thread::Shared>| {
            let weak = weak.clone();
            let find = move || {
                Some(Handle {
                    scheduler: Scheduler::CurrentThread(weak.upgrade()?),
                })
            };
            current_thread::Shared::new(driver, self.services(driver_handle, find), self.pacing)
        });
        Ok(Runtime::from_parts(
            Handle {
                scheduler: Scheduler::CurrentThread(shared),
            },
            Vec::new(),
        ))
    }

    #[track_caller]
    fn build_multi_thread(&self) -> io::Result<Runtime> {
        assert!(
            !self.start_paused,
            "start_paused needs a current-thread runtime: several workers share no paused clock"
        );
        let workers = self.worker_threads.unwrap_or_else(default_worker_threads);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        // One shard of timers for each worker, one for all other threads.
        let (driver, driver_handle) = self.driver(workers + 1, Clock::new_running())?;
        let pacing = Pacing {
            // Whoever ends the spin runs elsewhere.
            spin: if processors > 1 {
                self.spin
            } else {
                SpinLimit::Given(Duration::ZERO)
            },
            ..self.pacing
        };
        let services = |weak: &Weak<Shared>| {
            let weak = weak.clone();
            self.services(driver_handle, move || {
                Some(Handle {
                    scheduler: Scheduler::MultiThread(weak.upgrade()?),
                })
            })
        };
        let (shared, cores) = multi_thread::new(workers, processors, driver, pacing, services);
        let handle = Handle {
            scheduler: Scheduler::MultiThread(Arc::clone(&shared)),
        };
        // A thread takes its core once it runs, so that none is lost with a
        // thread that cannot be created.
        let offers: Vec<_> = cores
            .into_iter()
            .map(|core| offer(&shared, Box::new(core), run_worker_here))
            .collect();
        let mut threads = Vec::with_capacity(workers);
        for core in &offers {
            // The program's function that names threads may panic.
            let mut panics = Panics::default();
            let error = match panics.put_off(|| self.start_worker(&shared, core)) {
                Some(Ok(thread)) => {
                    threads.push(thread);
                    continue;
                }
                Some(Err(error)) => Some(error),
                None => None,
            };
            panics.put_off(|| give_up(&shared));
            // Here even where a runtime is not to be dropped, for they end at once.
            for thread in threads {
                if let Err(panic) = thread.join() {
                    discard(panic);
                }
            }
            Runtime::from_parts(handle, Vec::new()).shutdown_background();
            panics.resume();
            return Err(error.expect("what is no panic is an error"));
        }
        Ok(Runtime::from_parts(handle, threads))
    }

    fn start_worker(
        &self,
        shared: &Arc<Shared>,
        core: &HandOff,
    ) -> io::Result<thread::JoinHandle<()>> {
        let name = (self.thread_name)();
        check_thread_name(&name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut thread = thread::Builder::new().name(name);
        if let Some(bytes) = self.thread_stack_size {
            thread = thread.stack_size(bytes);
        }
        let (shared, core) = (Arc::clone(shared), HandOff::clone(core));
        let (on_start, on_stop) = (self.on_thread_start.clone(), self.on_thread_stop.clone());
        thread.spawn(move || {
            let mut panics = Panics::default();
            panics.put_off(|| {
                // The hooks are inside the runtime as well.
                let _entered = enter(&shared);
                run_with_hooks(on_start.as_ref(), on_stop.as_ref(), &mut || {
                    accept(&shared, &core, run_worker_here)
                });
            });
            // A start hook that panics leaves the core: as with a panic of a worker,
            // the runtime shuts down.
            if core.lock().is_some() {
                panics.put_off(|| give_up(&shared));
            }
            panics.resume();
        })
    }

    fn driver(&self, shards: usize, clock: Clock) -> io::Result<(Driver, DriverHandle)> {
        driver::new(shards, self.events_per_turn, Arc::new(clock))
    }

    /// The services of the runtime that `find` finds while it exists.
    fn services(
        &self,
        driver: DriverHandle,
        find: impl Fn() -> Option<Handle> + Send + Sync + 'static,
    ) -> Services {
        let (on_start, on_stop) = (self.on_thread_start.clone(), self.on_thread_stop.clone());
        let name = Arc::clone(&self.thread_name);
        let blocking = Pool::new(&PoolConfig {
            max_threads: self.max_blocking_threads,
            keep_alive: self.thread_keep_alive,
            thread_name: Arc::new(move || {
                let name = name();
                match check_thread_name(&name) {
                    Ok(()) => name,
                    Err(error) => panic!("{error}"),
                }
            }),
            stack_size: self.thread_stack_size,
            has_start_hook: on_start.is_some(),
            wrap: Arc::new(move |body| match find() {
                Some(handle) => {
                    let _entered = Entered::new(handle);
                    run_with_hooks(on_start.as_ref(), on_stop.as_ref(), body);
                }
                // The runtime is gone, and with it all work: the hooks would be outside of it.
                None => body(),
            }),
        });
        Services {
            driver,
            enabled: self.enabled,
            blocking,
            hooks: self.hooks.clone(),
            seeds: SeedSource::random(),
        }
    }
}

/// Begins the shutdown of a runtime that has lost a worker. Inside of it, for closures are dropped that
/// nobody will run.
fn give_up(shared: &Arc<Shared>) {
    let _entered = enter(shared);
    shared.begin_shutdown_by_panic();
}

/// Runs `body`, and `on_stop` even if it unwinds; a second panic ends there, for
/// it would end the process.
fn run_with_hooks(on_start: Option<&Hook>, on_stop: Option<&Hook>, body: &mut dyn FnMut()) {
    struct Stop<'a>(Option<&'a Hook>);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            match self.0 {
                Some(on_stop) if thread::panicking() => swallow(|| on_stop()),
                Some(on_stop) => on_stop(),
                None => {}
            }
        }
    }
    if let Some(on_start) = on_start {
        on_start();
    }
    let _stop = Stop(on_stop);
    body();
}

fn check_thread_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err(
            "a thread name must not be blank: give one that tells what the runtime is for"
                .to_owned(),
        );
    }
    if name.contains('\0') {
        return Err(format!(
            "a thread name must not have a NUL character in it: {name:?}"
        ));
    }
    Ok(())
}

#[track_caller]
fn default_worker_threads() -> usize {
    let set = |variable| Some((variable, std::env::var_os(variable)?));
    let Some((variable, value)) = WORKER_THREADS_VARIABLES.into_iter().find_map(set) else {
        let available = thread::available_parallelism().map_or(1, usize::from);
        return available.min(MAX_WORKERS);
    };
    let number = value.to_str().and_then(|value| value.trim().parse().ok());
    match number {
        Some(workers) if (1..=MAX_WORKERS).contains(&workers) => workers,
        _ => panic!("{variable} must be a number from 1 to {MAX_WORKERS}, not {value:?}"),
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("multi_thread", &self.multi_thread)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("thread_stack_size", &self.thread_stack_size)
            .field("thread_keep_alive", &self.thread_keep_alive)
            .field("enabled", &self.enabled)
            .field("start_paused", &self.start_paused)
            .finish_non_exhaustive()
    }
}
