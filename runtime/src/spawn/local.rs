//! Task-local storage: values that belong to a future and follow it from
//! thread to thread.
//!
//! A key is a thread-local slot that is empty except while a future in its
//! scope is being polled (or dropped). The future carries the value between
//! polls; entering the scope swaps value and slot, leaving it swaps them back.
//! Nested scopes of one key work by the same swap: the outer value waits in
//! the inner future's place.
//!
//! The slot is borrowed mutably only for the length of a swap, in which no
//! foreign code runs. A shared borrow is held while the closure given to
//! [`LocalKey::with`] runs; entering a scope of the same key from inside that
//! closure is the one thing that must fail.

use pin_project_lite::pin_project;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// Declares task-local keys of type [`LocalKey`].
///
/// The syntax is that of [`std::thread_local!`] without an initial value: a
/// task-local has a value only inside a [`scope`](crate::task::LocalKey::scope).
///
/// # Examples
///
/// ```
/// filch::task_local! {
///     /// Who asked.
///     pub static USER: String;
///     static REQUEST: u64;
/// }
///
/// #[filch::main]
/// async fn main() {
///     let handled = USER.scope("ada".to_owned(), REQUEST.scope(7, handle()));
///     assert_eq!(handled.await, "ada's request 7");
/// }
///
/// async fn handle() -> String {
///     filch::task::yield_now().await;
///     format!("{}'s request {}", USER.get(), REQUEST.get())
/// }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};

    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attribute])* $visibility static $name: $type);
        $crate::task_local!($($rest)*);
    };

    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$type>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey::__over(SLOT)
        };
    };
}

/// A key to task-local storage, declared with [`task_local!`](crate::task_local).
///
/// Unlike a [`std::thread::LocalKey`] it is not initialised on first use: it
/// holds a value while a future wrapped by [`scope`](Self::scope), or a
/// closure given to [`sync_scope`](Self::sync_scope), runs. Tasks spawned from
/// within a scope do not inherit it; wrap their futures in scopes of their
/// own.
///
/// # Examples
///
/// ```
/// filch::task_local! {
///     static NUMBER: u32;
/// }
///
/// #[filch::main]
/// async fn main() {
///     NUMBER
///         .scope(1, async {
///             assert_eq!(NUMBER.get(), 1);
///             // An inner scope hides the outer value for its duration.
///             NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
///             assert_eq!(NUMBER.get(), 1);
///         })
///         .await;
///     assert!(NUMBER.try_get().is_err());
/// }
/// ```
pub struct LocalKey<T: 'static> {
    slot: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// For the expansion of [`task_local!`](crate::task_local) alone.
    #[doc(hidden)]
    pub const fn __over(slot: thread::LocalKey<RefCell<Option<T>>>) -> Self {
        Self { slot }
    }

    /// Wraps `future` so that `value` is this key's value while it runs.
    ///
    /// The value is also in place while the future is dropped, whether that
    /// happens on completion or before.
    ///
    /// # Panics
    ///
    /// The returned future panics when polled from inside a closure given to
    /// [`with`](Self::with) of the same key.
    ///
    /// # Examples
    ///
    /// ```
    /// filch::task_local! {
    ///     static NUMBER: u32;
    /// }
    ///
    /// #[filch::main]
    /// async fn main() {
    ///     let task = filch::spawn(NUMBER.scope(5, async { NUMBER.get() + 1 }));
    ///     assert_eq!(task.await.unwrap(), 6);
    /// }
    /// ```
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(future),
            pinned: PhantomPinned,
        }
    }

    /// Runs `f` with `value` as this key's value, and drops the value.
    ///
    /// # Panics
    ///
    /// Panics when called from inside a closure given to [`with`](Self::with)
    /// of the same key, and from the destructor of a thread-local variable
    /// that runs after this key's own storage is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// filch::task_local! {
    ///     static NUMBER: u32;
    /// }
    ///
    /// let doubled = NUMBER.sync_scope(21, || NUMBER.get() * 2);
    /// assert_eq!(doubled, 42);
    /// ```
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut value = Some(value);
        match Scope::enter(self, &mut value) {
            Ok(_scope) => f(),
            Err(error) => error.panic(),
        }
    }

    /// Calls `f` with the current value.
    ///
    /// # Panics
    ///
    /// Panics outside every scope of this key. [`try_with`](Self::try_with)
    /// returns an error instead.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}: wrap the future that needs it in `LocalKey::scope`"),
        }
    }

    /// Calls `f` with the current value, if there is one.
    ///
    /// # Errors
    ///
    /// Returns [`AccessError`] outside every scope of this key; `f` is then
    /// dropped without being called.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        self.slot
            .try_with(|slot| slot.borrow().as_ref().map(f))
            .ok()
            .flatten()
            .ok_or(AccessError { _private: () })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// Returns a clone of the current value.
    ///
    /// # Panics
    ///
    /// Panics outside every scope of this key. [`try_get`](Self::try_get)
    /// returns an error instead.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// Returns a clone of the current value, if there is one.
    ///
    /// # Errors
    ///
    /// Returns [`AccessError`] outside every scope of this key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// A stretch of time in which a value sits in the key's slot.
struct Scope<'a, T: 'static> {
    key: &'static LocalKey<T>,
    /// What the slot held before, or the value itself while no scope is entered.
    kept: &'a mut Option<T>,
}

impl<'a, T: 'static> Scope<'a, T> {
    fn enter(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Result<Self, ScopeError> {
        key.slot
            .try_with(|slot| match slot.try_borrow_mut() {
                Ok(mut slot) => {
                    mem::swap(&mut *slot, value);
                    Ok(())
                }
                Err(_) => Err(ScopeError::Borrowed),
            })
            .unwrap_or(Err(ScopeError::Destroyed))?;
        Ok(Self { key, kept: value })
    }
}

impl<T: 'static> Drop for Scope<'_, T> {
    fn drop(&mut self) {
        // Cannot panic: the slot existed when the scope was entered and lives
        // until this thread ends, and borrows of it end with the closures of
        // `with`, all of which began and ended inside this scope.
        self.key
            .slot
            .with(|slot| mem::swap(&mut *slot.borrow_mut(), self.kept));
    }
}

/// Why a scope could not be entered.
enum ScopeError {
    Borrowed,
    Destroyed,
}

impl ScopeError {
    #[cold]
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            Self::Borrowed => panic!(
                "cannot enter a scope of a task-local from inside its own `with`: clone the value out with `get` first"
            ),
            Self::Destroyed => panic!(
                "cannot enter a scope of a task-local while this thread's local variables are being destroyed"
            ),
        }
    }
}

pin_project! {
    /// A future with a task-local value, made by [`LocalKey::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        // The value between polls; during one, what the slot held before it.
        value: Option<T>,
        // `None` once completed, so that it is dropped inside the scope.
        #[pin]
        future: Option<F>,
        // Leaves room for a value that future versions keep pinned.
        #[pin]
        pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_none() || !mem::needs_drop::<F>() {
                return;
            }
            // Where the scope cannot be entered the future is dropped without
            // its value, with the fields.
            if let Ok(_scope) = Scope::enter(this.key, this.value) {
                this.future.set(None);
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out of the future.
    ///
    /// Returns `None` if it was taken before. If the future has not completed
    /// yet, the key then has no value while it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::pin::pin;
    ///
    /// filch::task_local! {
    ///     static STEPS: Cell<u32>;
    /// }
    ///
    /// #[filch::main]
    /// async fn main() {
    ///     let mut work = pin!(STEPS.scope(Cell::new(0), async {
    ///         STEPS.with(|steps| steps.set(steps.get() + 3));
    ///     }));
    ///     work.as_mut().await;
    ///     assert_eq!(work.take_value().map(Cell::into_inner), Some(3));
    /// }
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _scope = match Scope::enter(this.key, this.value) {
            Ok(scope) => scope,
            Err(error) => error.panic(),
        };
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a `TaskLocalFuture` was polled after it had completed");
        };
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

impl<T: 'static, F> fmt::Debug for TaskLocalFuture<T, F>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// The key has no value here, because no scope of it is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task-local has no value here")
    }
}

impl Error for AccessError {}
