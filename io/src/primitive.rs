//! The concurrency primitives of this crate, swapped for loom's in one place.
//!
//! Everything above takes its atomics and locks from here and nowhere else.
//! With `--cfg filch_loom` the same names are loom's, so that the models run
//! the very code that ships. The names follow `parking_lot`: a lock has no
//! poison, and a wait on a condition variable takes the guard by reference.

#[cfg(not(filch_loom))]
pub(crate) use self::real::*;

#[cfg(filch_loom)]
pub(crate) use self::model::*;

#[cfg(not(filch_loom))]
mod real {
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::sync::Arc;

    pub(crate) mod atomic {
        pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    }
}

#[cfg(filch_loom)]
mod model {
    pub(crate) use loom::sync::Arc;

    pub(crate) mod atomic {
        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    }

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    /// Holds an `Option` so that a wait by reference can hand loom its guard
    /// by value; it is `None` only inside a wait.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(pub(super) Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect("a model does not poison locks")))
        }
    }

    impl<T> std::ops::Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0
                .as_ref()
                .expect("the guard is only absent inside a wait")
        }
    }

    impl<T> std::ops::DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0
                .as_mut()
                .expect("the guard is only absent inside a wait")
        }
    }
}

/// Only the model of the selector waits for a condition.
#[cfg(filch_loom)]
pub(crate) use self::condvar::Condvar;

#[cfg(filch_loom)]
mod condvar {
    use super::MutexGuard;

    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let inner = guard
                .0
                .take()
                .expect("the guard is only absent inside a wait");
            guard.0 = Some(self.0.wait(inner).expect("a model does not poison locks"));
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }
    }
}
