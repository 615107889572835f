//! Carries programs out.

use super::ledger::{Body, Entry, Ledger, Receipt, Tracked};
use super::naps;
use super::outside::Outside;
use super::program::{Fate, Job, SetEnd, Step};
use super::sockets;
use super::stage::Kind;
use filch::runtime::Handle;
use filch::sync::{mpsc, oneshot};
use filch::task::{JoinHandle, JoinSet, block_in_place, coop, spawn_blocking, yield_now};
use filch::time::{advance, timeout};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// What panics as planned.
pub(super) const PLANNED: &str = "a planned panic";

/// What every step needs, cloned into each task.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) ledger: Arc<Ledger>,
    pub(super) outside: Outside,
    pub(super) kind: Kind,
    /// Sleeps end to the nanosecond: the clock is paused, and nobody moves it.
    pub(super) exact: bool,
    /// The task that this is.
    pub(super) entry: Arc<Entry>,
}

impl Context {
    /// The context of another task.
    pub(super) fn of(&self, name: String) -> Self {
        Self {
            entry: self.ledger.enter(name),
            ..self.clone()
        }
    }

    /// The future of a job, to be spawned or to be blocked on.
    pub(super) fn tracked(&self, job: Arc<Job>) -> Tracked<Body> {
        let context = self.clone();
        self.track(async move { context.run(&job.steps).await })
    }

    /// Any future as this task's.
    pub(super) fn track(&self, future: impl Future<Output = ()> + Send + 'static) -> Tracked<Body> {
        Tracked::new(&self.ledger, &self.entry, Box::pin(future))
    }

    /// A closure that blocks its thread for a while.
    pub(super) fn closure(
        &self,
        name: usize,
        time: Duration,
        panics: bool,
    ) -> (Arc<Entry>, Tracked<Option<impl FnOnce() + use<>>>) {
        let entry = self.ledger.enter(format!("closure {name}"));
        let own = Arc::clone(&entry);
        let closure = move || {
            thread::sleep(time);
            if panics {
                own.note_panic();
                panic!("{PLANNED}");
            }
        };
        let tracked = Tracked::new(&self.ledger, &entry, Some(closure));
        (entry, tracked)
    }

    /// Spawns a future as a task of its own.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: String,
        future: impl FnOnce(Self) -> F,
    ) -> (Arc<Entry>, JoinHandle<Receipt>) {
        let child = self.of(name);
        let entry = Arc::clone(&child.entry);
        let body = child.track(future(child.clone()));
        (entry, filch::spawn(body))
    }

    pub(super) async fn join(&self, entry: &Entry, handle: JoinHandle<Receipt>) {
        let result = handle.await;
        self.ledger.judge(entry, result);
    }

    pub(super) fn run<'a>(
        &'a self,
        steps: &'a [Step],
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            for (index, step) in steps.iter().enumerate() {
                self.ledger.step(&self.entry, index, step.what());
                self.take(step).await;
            }
        })
    }

    async fn take(&self, step: &Step) {
        match step {
            Step::Yield(times) => yields(*times).await,
            Step::Spend(units) => {
                for _ in 0..*units {
                    coop::consume_budget().await;
                }
            }
            Step::Sleep(nap) => naps::nap(self, *nap).await,
            Step::Interval { period, ticks } => naps::interval(self, *period, *ticks).await,
            Step::Advance(duration) => advance(*duration).await,
            Step::Timeout { limit, steps } => {
                // Whether it is over in time is nobody's business.
                drop(timeout(*limit, self.run(steps)).await);
            }
            Step::Select { left, right } => filch::select! {
                () = self.run(left) => {}
                () = self.run(right) => {}
            },
            Step::Both { left, right } => {
                filch::join!(self.run(left), self.run(right));
            }
            Step::Spawn { job, fate, exposed } => self.spawn_job(job, *fate, *exposed).await,
            Step::Set { jobs, end } => self.set(jobs, *end).await,
            Step::Blocking {
                name,
                time,
                panics,
                fate,
            } => self.blocking(*name, *time, *panics, *fate).await,
            Step::InPlace { time, steps } => self.in_place(*time, steps),
            Step::Channel {
                name,
                messages,
                capacity,
                pause,
                exposed,
            } => {
                self.channel(*name, *messages, *capacity, *pause, *exposed)
                    .await;
            }
            Step::PingPong { name, rounds } => self.ping_pong(*name, *rounds).await,
            Step::Foreign(delay) => self.outside.wakes_me_after(*delay).await,
            Step::LeakWaker => {
                poll_fn(|cx| {
                    self.ledger.leak(cx.waker().clone());
                    Poll::Ready(())
                })
                .await;
            }
            Step::Connect(connection) => sockets::connection(self, connection).await,
            Step::Panic => {
                self.entry.note_panic();
                panic!("{PLANNED}");
            }
        }
    }

    async fn spawn_job(&self, job: &Arc<Job>, fate: Fate, exposed: bool) {
        let child = self.of(format!("task {}", job.name));
        let handle = filch::spawn(child.tracked(Arc::clone(job)));
        if exposed {
            self.ledger
                .expose(Arc::clone(&child.entry), handle.abort_handle());
        }
        self.decide(child.entry, handle, fate).await;
    }

    /// Does with a handle what fate wants.
    async fn decide(&self, entry: Arc<Entry>, mut handle: JoinHandle<Receipt>, fate: Fate) {
        match fate {
            Fate::Join => self.join(&entry, handle).await,
            Fate::Detach => drop(handle),
            Fate::Abort(after) => {
                yields(after).await;
                entry.note_abort();
                handle.abort();
                self.join(&entry, handle).await;
            }
            Fate::AbortAndDrop(after) => {
                yields(after).await;
                entry.note_abort();
                handle.abort();
            }
            Fate::PollAndDrop => {
                let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut handle).poll(cx))).await;
                if let Poll::Ready(result) = polled {
                    self.ledger.judge(&entry, result);
                }
            }
            Fate::JoinOutside => self.ledger.leave(entry, handle),
            Fate::JoinElsewhere => {
                let name = format!("joiner of {}", entry.name);
                let (joiner, joining) = self.spawn(name, |context| async move {
                    context.join(&entry, handle).await;
                });
                self.join(&joiner, joining).await;
            }
        }
    }

    async fn set(&self, jobs: &[Arc<Job>], end: SetEnd) {
        let mut set = Set::default();
        for job in jobs {
            let child = self.of(format!("task {} of a set", job.name));
            set.tasks.spawn(child.tracked(Arc::clone(job)));
            set.entries.push(child.entry);
        }
        match end {
            SetEnd::JoinAll => while set.join_next(self).await {},
            SetEnd::JoinSome(count) => {
                for _ in 0..count {
                    set.join_next(self).await;
                }
            }
            SetEnd::AbortAll(after) => {
                yields(after).await;
                set.note_abort();
                set.tasks.abort_all();
                while set.join_next(self).await {}
            }
            SetEnd::Shutdown => {
                set.note_abort();
                set.tasks.shutdown().await;
            }
            SetEnd::Detach => {
                set.tasks.detach_all();
                set.entries.clear();
            }
            SetEnd::Drop => {}
        }
    }

    async fn blocking(&self, name: usize, time: Duration, panics: bool, fate: Fate) {
        let (entry, closure) = self.closure(name, time, panics);
        let handle = spawn_blocking(move || closure.call());
        self.decide(entry, handle, fate).await;
    }

    fn in_place(&self, time: Duration, steps: &[Step]) {
        block_in_place(|| {
            thread::sleep(time);
            if !steps.is_empty() {
                Handle::current().block_on(self.run(steps));
            }
        });
    }

    async fn channel(
        &self,
        name: usize,
        messages: u32,
        capacity: usize,
        pause: u32,
        exposed: bool,
    ) {
        let (sender, mut receiver) = mpsc::channel(capacity);
        let (entry, handle) = self.spawn(format!("sender {name}"), |_| async move {
            for number in 0..messages {
                if number.is_multiple_of(pause) {
                    yield_now().await;
                }
                if sender.send(number).await.is_err() {
                    return;
                }
            }
        });
        if exposed {
            self.ledger
                .expose(Arc::clone(&entry), handle.abort_handle());
        }
        let mut expected = 0;
        while let Some(number) = receiver.recv().await {
            self.ledger.expect(number == expected, || {
                format!("channel {name}: message {number} instead of {expected}")
            });
            expected += 1;
        }
        let whole = expected == messages || entry.is_aborted() || self.ledger.is_ending();
        self.ledger.expect(whole, || {
            format!("channel {name}: {expected} messages of {messages}")
        });
        self.join(&entry, handle).await;
    }

    async fn ping_pong(&self, name: usize, rounds: u32) {
        let (to, mut from_here) = mpsc::unbounded_channel::<oneshot::Sender<u32>>();
        let (entry, handle) = self.spawn(format!("pong {name}"), |_| async move {
            let mut count = 0;
            while let Some(reply) = from_here.recv().await {
                count += 1;
                // Its receiver may be gone with the task it was in.
                let _ = reply.send(count);
            }
        });
        for round in 1..=rounds {
            let (reply, answer) = oneshot::channel();
            if to.send(reply).is_err() {
                break;
            }
            let answer = answer.await;
            let right = answer == Ok(round) || self.ledger.is_ending();
            self.ledger.expect(right, || {
                format!("pong {name}: {answer:?} in round {round}")
            });
        }
        drop(to);
        self.join(&entry, handle).await;
    }
}

pub(super) async fn yields(times: u32) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// A set, and what it has been told about its tasks.
#[derive(Default)]
struct Set {
    entries: Vec<Arc<Entry>>,
    tasks: JoinSet<Receipt>,
}

impl Set {
    fn note_abort(&self) {
        self.entries.iter().for_each(|entry| entry.note_abort());
    }

    async fn join_next(&mut self, context: &Context) -> bool {
        match self.tasks.join_next().await {
            None => false,
            Some(Ok(receipt)) => {
                let entry = receipt.entry();
                context.ledger.judge(&entry, Ok(receipt));
                true
            }
            // Whose it is the error does not tell; the ledger's last look finds
            // tasks that ended without a reason.
            Some(Err(_)) => true,
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        // Before the tasks are: dropping them aborts what still runs.
        self.note_abort();
    }
}

impl Step {
    fn what(&self) -> &'static str {
        match self {
            Self::Yield(_) => "yield",
            Self::Spend(_) => "spend budget",
            Self::Sleep(_) => "sleep",
            Self::Interval { .. } => "interval",
            Self::Advance(_) => "advance",
            Self::Timeout { .. } => "timeout",
            Self::Select { .. } => "select",
            Self::Both { .. } => "both",
            Self::Spawn { .. } => "spawn",
            Self::Set { .. } => "set",
            Self::Blocking { .. } => "blocking",
            Self::InPlace { .. } => "block in place",
            Self::Channel { .. } => "channel",
            Self::PingPong { .. } => "ping-pong",
            Self::Foreign(_) => "foreign wake",
            Self::LeakWaker => "leak a waker",
            Self::Connect(_) => "connection",
            Self::Panic => "panic",
        }
    }
}
