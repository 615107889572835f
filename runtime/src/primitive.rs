//! The concurrency primitives of this crate, swapped for loom's in one place.
//!
//! Everything above takes its atomics, locks and cells from here and nowhere
//! else. With `--cfg filch_loom` the same names are loom's, so that the models
//! run the very code that ships. The names follow `parking_lot`: a lock has no
//! poison, and [`Condvar::wait`] takes the guard by reference.
//!
//! What is left out on purpose: timed waits have no meaning to loom. Under it
//! [`Condvar::wait_until`] is a plain wait, unless the model lets waits expire.
//! [`now`] stands still there until the model moves it, so that every repetition
//! of an execution decides alike.

#[cfg(not(filch_loom))]
pub(crate) use self::real::*;

#[cfg(filch_loom)]
pub(crate) use self::model::*;

#[cfg(not(filch_loom))]
mod real {
    /// A lock whose holder may sleep: others try to take it, and do not wait.
    pub(crate) use parking_lot::Mutex as SleepersMutex;
    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::Arc;
    pub(crate) use std::thread;
    use std::thread::LocalKey;
    use std::time::Instant;

    /// The instant that the operating system's monotonic clock reads.
    #[inline(always)]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Keeps the processor until `deadline`, and returns the time thereafter.
    pub(crate) fn spin_until(deadline: Instant) -> Instant {
        loop {
            for _ in 0..SPINS_PER_READING {
                std::hint::spin_loop();
            }
            let time = now();
            if time >= deadline {
                return time;
            }
        }
    }

    /// Spins between two readings of the clock.
    const SPINS_PER_READING: u32 = 8;

    /// Calls `f` with a thread local that has no destructor, and so is there to the
    /// thread's end. Not [`LocalKey::with`], which is not inlined as readily: a task that
    /// is spawned and joined takes a tenth longer with it.
    #[inline]
    pub(crate) fn with_local<T, R>(local: &'static LocalKey<T>, f: impl FnOnce(&T) -> R) -> R {
        const { assert!(!std::mem::needs_drop::<T>(), "it has a destructor") };
        match local.try_with(f) {
            Ok(result) => result,
            Err(_) => unreachable!("it has no destructor"),
        }
    }

    /// A thread local with a constant initial value: no lazy initialisation,
    /// and, for a type without a destructor, no state of its own.
    macro_rules! const_thread_local {
        ($(#[$attribute:meta])* static $name:ident: $type:ty = $initial:expr;) => {
            std::thread_local! { $(#[$attribute])* static $name: $type = const { $initial }; }
        };
    }
    pub(crate) use const_thread_local;

    pub(crate) mod atomic {
        pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
    }

    /// `std::cell::UnsafeCell` with loom's closure-shaped interface.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with a pointer for shared access.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for exclusive access.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(filch_loom)]
mod model {
    pub(crate) use filch_io::model_time::{self, now};
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::thread;
    use std::time::Instant;

    /// Gives the other threads their turn; the time until `deadline` has passed.
    pub(crate) fn spin_until(deadline: Instant) -> Instant {
        model_time::expire(deadline);
        now()
    }

    pub(crate) fn with_local<T, R>(
        local: &'static loom::thread::LocalKey<T>,
        f: impl FnOnce(&T) -> R,
    ) -> R {
        local.with(f)
    }

    /// A loom thread is a coroutine: it needs loom's thread locals.
    macro_rules! const_thread_local {
        ($(#[$attribute:meta])* static $name:ident: $type:ty = $initial:expr;) => {
            loom::thread_local! { $(#[$attribute])* static $name: $type = $initial; }
        };
    }
    pub(crate) use const_thread_local;

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
    }

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    /// Holds an `Option` so that a wait by reference can hand loom its guard
    /// by value; it is `None` only inside a wait.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        inner: Option<loom::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            let inner = self.0.lock().expect("a model does not poison locks");
            MutexGuard {
                mutex: self,
                inner: Some(inner),
            }
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            let inner = self.0.try_lock().ok()?;
            Some(MutexGuard {
                mutex: self,
                inner: Some(inner),
            })
        }

        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().expect("a model does not poison locks")
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    impl<T> std::ops::Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.inner
                .as_ref()
                .expect("the guard is only absent inside a wait")
        }
    }

    impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.inner
                .as_mut()
                .expect("the guard is only absent inside a wait")
        }
    }

    /// As [`Mutex`], whose `try_lock` may wait for the holder here: loom blocks every
    /// thread that is about to use a lock which another one takes. The value is
    /// moved to the holder, and loom's lock is never held for longer than that.
    #[derive(Debug)]
    pub(crate) struct SleepersMutex<T> {
        value: Mutex<Option<T>>,
        returned: Condvar,
    }

    #[derive(Debug)]
    pub(crate) struct SleepersMutexGuard<'a, T> {
        mutex: &'a SleepersMutex<T>,
        value: Option<T>,
    }

    impl<T> SleepersMutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                value: Mutex::new(Some(value)),
                returned: Condvar::new(),
            }
        }

        pub(crate) fn lock(&self) -> SleepersMutexGuard<'_, T> {
            let mut value = self.value.lock();
            while value.is_none() {
                self.returned.wait(&mut value);
            }
            self.guard(&mut value)
        }

        pub(crate) fn try_lock(&self) -> Option<SleepersMutexGuard<'_, T>> {
            let mut value = self.value.lock();
            value.is_some().then(|| self.guard(&mut value))
        }

        fn guard(&self, value: &mut Option<T>) -> SleepersMutexGuard<'_, T> {
            SleepersMutexGuard {
                mutex: self,
                value: value.take(),
            }
        }
    }

    impl<T> Drop for SleepersMutexGuard<'_, T> {
        fn drop(&mut self) {
            *self.mutex.value.lock() = self.value.take();
            self.mutex.returned.notify_one();
        }
    }

    impl<T> std::ops::Deref for SleepersMutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.value.as_ref().expect("only the drop takes the value")
        }
    }

    impl<T> std::ops::DerefMut for SleepersMutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.value.as_mut().expect("only the drop takes the value")
        }
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard
                .inner
                .take()
                .expect("the guard is only absent inside a wait");
            guard.inner = Some(self.0.wait(inner).expect("a model does not poison locks"));
        }

        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) {
            if !model_time::waits_expire() {
                return self.wait(guard);
            }
            guard.inner = None;
            model_time::expire(deadline);
            guard.inner = guard.mutex.lock().inner;
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
