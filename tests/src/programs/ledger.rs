//! The ledger: what was started, how it ended, and what was not as it should be.
//!
//! Every task and closure has an [`Entry`]. Its future or closure is a
//! [`Tracked`], which notes polls and the drop, and its output is a [`Receipt`],
//! which notes its own drop. When a program is over and its runtime is gone,
//! [`Ledger::settle`] finds whatever is missing or was done twice.

use filch::sync::Notify;
use filch::task::{AbortHandle, JoinError, JoinHandle};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Locks a mutex of the ledger, whose holders never leave it half-changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The books of one program.
pub(super) struct Ledger {
    entries: Mutex<Vec<Arc<Entry>>>,
    violations: Mutex<Vec<String>>,
    /// Handles to be joined once the runtime is gone.
    left: Mutex<Vec<(Arc<Entry>, JoinHandle<Receipt>)>>,
    /// What the outsider may abort.
    exposed: Mutex<Vec<(Arc<Entry>, AbortHandle)>>,
    /// What the outsider may wake.
    wakers: Mutex<Vec<Waker>>,
    steps: AtomicU64,
    /// The number of steps after which the stage ends the runtime.
    stop_at: u64,
    pub(super) stop: Notify,
    ending: AtomicBool,
    /// Connections that could not be made for want of ports.
    pub(super) skipped: AtomicUsize,
}

/// One task or closure.
pub(super) struct Entry {
    pub(super) name: String,
    polling: AtomicBool,
    completed: AtomicBool,
    dropped: AtomicUsize,
    /// Receipts given out less those dropped.
    receipts: AtomicUsize,
    receipts_dropped: AtomicUsize,
    /// Somebody has asked for its end.
    aborted: AtomicBool,
    /// It has panicked as planned.
    panicked: AtomicBool,
    handle_resolved: AtomicBool,
    polls: AtomicU64,
    /// What it does, for whoever reads of a hang.
    at: Mutex<(usize, &'static str)>,
}

impl Ledger {
    pub(super) fn new(stop_at: u64) -> Self {
        Self {
            entries: Mutex::default(),
            violations: Mutex::default(),
            left: Mutex::default(),
            exposed: Mutex::default(),
            wakers: Mutex::default(),
            steps: AtomicU64::new(0),
            stop_at,
            stop: Notify::new(),
            ending: AtomicBool::new(false),
            skipped: AtomicUsize::new(0),
        }
    }

    /// Opens an entry.
    pub(super) fn enter(&self, name: String) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            name,
            polling: AtomicBool::new(false),
            completed: AtomicBool::new(false),
            dropped: AtomicUsize::new(0),
            receipts: AtomicUsize::new(0),
            receipts_dropped: AtomicUsize::new(0),
            aborted: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            handle_resolved: AtomicBool::new(false),
            polls: AtomicU64::new(0),
            at: Mutex::new((0, "start")),
        });
        lock(&self.entries).push(Arc::clone(&entry));
        entry
    }

    pub(super) fn violation(&self, what: String) {
        lock(&self.violations).push(what);
    }

    /// Notes a violation unless `holds`.
    pub(super) fn expect(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violation(what());
        }
    }

    /// A step is about to be taken.
    pub(super) fn step(&self, entry: &Entry, index: usize, what: &'static str) {
        *lock(&entry.at) = (index, what);
        if self.steps.fetch_add(1, SeqCst) + 1 == self.stop_at {
            self.stop.notify_one();
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.load(SeqCst)
    }

    /// The runtime is about to be shut down: from here on everything may be
    /// cancelled.
    pub(super) fn end(&self) {
        self.ending.store(true, SeqCst);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(SeqCst)
    }

    pub(super) fn leave(&self, entry: Arc<Entry>, handle: JoinHandle<Receipt>) {
        lock(&self.left).push((entry, handle));
    }

    pub(super) fn take_left(&self) -> Vec<(Arc<Entry>, JoinHandle<Receipt>)> {
        std::mem::take(&mut *lock(&self.left))
    }

    pub(super) fn expose(&self, entry: Arc<Entry>, handle: AbortHandle) {
        lock(&self.exposed).push((entry, handle));
    }

    /// Aborts one of the exposed tasks.
    pub(super) fn abort_one(&self, choice: usize) {
        let exposed = {
            let mut exposed = lock(&self.exposed);
            let length = exposed.len();
            (length > 0).then(|| exposed.swap_remove(choice % length))
        };
        if let Some((entry, handle)) = exposed {
            entry.note_abort();
            handle.abort();
        }
    }

    /// Drops what could abort a task: it refers to the task, and so to what is
    /// left of the runtime.
    pub(super) fn forget_exposed(&self) {
        drop(std::mem::take(&mut *lock(&self.exposed)));
    }

    pub(super) fn leak(&self, waker: Waker) {
        lock(&self.wakers).push(waker);
    }

    pub(super) fn take_wakers(&self) -> Vec<Waker> {
        std::mem::take(&mut *lock(&self.wakers))
    }

    /// A handle has resolved.
    pub(super) fn judge(&self, entry: &Entry, result: Result<Receipt, JoinError>) {
        let name = &entry.name;
        self.expect(!entry.handle_resolved.swap(true, SeqCst), || {
            format!("{name}: its handle resolved twice")
        });
        self.expect(entry.dropped.load(SeqCst) == 1, || {
            format!("{name}: its handle resolved as {result:?} before its future was dropped")
        });
        match result {
            Ok(receipt) => self.expect(std::ptr::eq(&*receipt.entry, entry), || {
                format!(
                    "{name}: its handle returned what {} did",
                    receipt.entry.name
                )
            }),
            Err(error) if error.is_cancelled() => self
                .expect(entry.aborted.load(SeqCst) || self.is_ending(), || {
                    format!("{name}: cancelled by nobody")
                }),
            Err(error) => self.expect(entry.panicked.load(SeqCst) || self.is_ending(), || {
                format!("{name}: an unplanned panic: {error}")
            }),
        }
    }

    /// Everything that is still to happen, one line each.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let entries = lock(&self.entries);
        let open = entries.iter().filter(|entry| !entry.is_closed());
        open.map(|entry| entry.to_string()).collect()
    }

    /// Closes the books: what was violated.
    pub(super) fn settle(&self) -> Vec<String> {
        for entry in lock(&self.entries).iter() {
            let (name, dropped) = (&entry.name, entry.dropped.load(SeqCst));
            self.expect(dropped == 1, || format!("{name}: dropped {dropped} times"));
            let given = entry.receipts.load(SeqCst);
            let back = entry.receipts_dropped.load(SeqCst);
            self.expect(given == back, || {
                format!("{name}: {given} outputs made, {back} dropped")
            });
            let may_stop = entry.aborted.load(SeqCst) || entry.panicked.load(SeqCst);
            self.expect(
                entry.completed.load(SeqCst) || may_stop || self.is_ending(),
                || format!("{entry}: dropped before its end by nobody"),
            );
        }
        std::mem::take(&mut *lock(&self.violations))
    }
}

impl Entry {
    pub(super) fn note_abort(&self) {
        self.aborted.store(true, SeqCst);
    }

    pub(super) fn note_panic(&self) {
        self.panicked.store(true, SeqCst);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(SeqCst)
    }

    fn is_closed(&self) -> bool {
        self.dropped.load(SeqCst) > 0
            && self.receipts.load(SeqCst) == self.receipts_dropped.load(SeqCst)
    }

    /// What the task returns.
    pub(super) fn receipt(self: &Arc<Self>) -> Receipt {
        self.receipts.fetch_add(1, SeqCst);
        Receipt {
            entry: Arc::clone(self),
        }
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (index, what) = *lock(&self.at);
        write!(
            f,
            "{}: at step {index} ({what}) after {} polls",
            self.name,
            self.polls.load(SeqCst)
        )?;
        let flags = [
            ("polled now", self.polling.load(SeqCst)),
            ("completed", self.completed.load(SeqCst)),
            ("dropped", self.dropped.load(SeqCst) > 0),
            ("aborted", self.aborted.load(SeqCst)),
            ("panicked", self.panicked.load(SeqCst)),
        ];
        for (flag, set) in flags {
            if set {
                write!(f, ", {flag}")?;
            }
        }
        Ok(())
    }
}

/// The output of a task, whose drop is noted.
pub(super) struct Receipt {
    entry: Arc<Entry>,
}

impl Receipt {
    pub(super) fn entry(&self) -> Arc<Entry> {
        Arc::clone(&self.entry)
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.entry.receipts_dropped.fetch_add(1, SeqCst);
    }
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receipt({})", self.entry.name)
    }
}

/// A future, or whatever else is to be dropped once.
pub(super) struct Tracked<F> {
    ledger: Arc<Ledger>,
    entry: Arc<Entry>,
    inner: F,
}

/// A future that has no type to speak of.
pub(super) type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<F> Tracked<F> {
    pub(super) fn new(ledger: &Arc<Ledger>, entry: &Arc<Entry>, inner: F) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            entry: Arc::clone(entry),
            inner,
        }
    }

    fn begin(&self) -> Polling {
        let entry = &self.entry;
        entry.polls.fetch_add(1, SeqCst);
        let wrong = [
            (entry.polling.swap(true, SeqCst), "polled by two threads"),
            (entry.completed.load(SeqCst), "polled after its end"),
            (entry.dropped.load(SeqCst) > 0, "polled after its drop"),
        ];
        for (is_wrong, what) in wrong {
            self.ledger
                .expect(!is_wrong, || format!("{}: {what}", entry.name));
        }
        Polling(Arc::clone(entry))
    }
}

impl<F: FnOnce()> Tracked<Option<F>> {
    /// Calls the closure.
    pub(super) fn call(mut self) -> Receipt {
        let _polling = self.begin();
        if let Some(closure) = self.inner.take() {
            closure();
        }
        self.entry.completed.store(true, SeqCst);
        self.entry.receipt()
    }
}

impl Future for Tracked<Body> {
    type Output = Receipt;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Receipt> {
        let polling = self.begin();
        self.inner.as_mut().poll(cx).map(|()| {
            polling.0.completed.store(true, SeqCst);
            polling.0.receipt()
        })
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        self.entry.dropped.fetch_add(1, SeqCst);
    }
}

/// The poll in progress.
struct Polling(Arc<Entry>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.polling.store(false, SeqCst);
    }
}
