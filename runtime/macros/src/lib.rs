//! The attribute macros of the [filch](https://docs.rs/filch) runtime.
//!
//! They are re-exported by `filch` as `#[filch::main]` and `#[filch::test]`;
//! depend on that crate, not on this one. Arguments and semantics are those
//! of `#[tokio::main]` and `#[tokio::test]`, but for `name` and `flavor = "local"`, so that a program which imports
//! filch under the name `tokio` keeps its attributes as they are: the code
//! they generate names the runtime as the calling crate does. That name is looked up in the
//! `[dependencies]` and `[dev-dependencies]` of its `Cargo.toml`; a crate that has filch from elsewhere,
//! by a re-export for instance, gives the path: `#[main(crate = "framework::tokio")]`.
//!
//! The expansion is a plain function around a builder chain:
//!
//! ```text
//! #[filch::main(worker_threads = 2)]      fn main() {
//! async fn main() { hello().await }   =>      let body = async { hello().await };
//!                                             return ::filch::runtime::Builder::new_multi_thread()
//!                                                 .worker_threads(2usize)
//!                                                 .enable_all()
//!                                                 .build()
//!                                                 .expect("failed to build the runtime")
//!                                                 .block_on(body);
//!                                         }
//! ```
//!
//! Three parts: `args` reads and checks the arguments, `locate` finds the name
//! under which the calling crate knows filch, `expand` takes the function
//! apart and puts it together again.

mod args;
mod expand;
mod locate;

use expand::Kind;
use proc_macro::TokenStream;

/// Runs an `async fn main` on a new runtime and blocks until it returns.
///
/// The function need not be called `main`: any `async fn` becomes a blocking
/// one that builds its own runtime at every call. A function called `main`
/// takes no arguments.
///
/// # Arguments
///
/// | argument | value | default |
/// |---|---|---|
/// | `flavor` | `"multi_thread"` or `"current_thread"` | `"multi_thread"` |
/// | `worker_threads` | an integer above zero; `multi_thread` only | `FILCH_WORKER_THREADS`, else `TOKIO_WORKER_THREADS`, else the number of CPUs |
/// | `start_paused` | `true` to start with the clock paused; `current_thread` only | `false` |
/// | `crate` | the path to filch, as a string | the name found in `Cargo.toml`, else `::filch` |
///
/// # Examples
///
/// ```
/// #[filch::main]
/// async fn main() {
///     println!("on every core");
/// }
/// ```
///
/// ```
/// #[filch::main(flavor = "multi_thread", worker_threads = 2)]
/// async fn main() -> std::io::Result<()> {
///     Ok(())
/// }
/// ```
///
/// ```
/// #[filch::main(flavor = "current_thread")]
/// async fn main() {
///     println!("on this thread alone");
/// }
/// ```
///
/// Through a crate that re-exports filch:
///
/// ```
/// # mod my_framework { pub use filch; }
/// #[my_framework::filch::main(crate = "my_framework::filch")]
/// async fn main() {}
/// ```
///
/// # Panics
///
/// The generated function panics when the runtime cannot be built, for
/// instance because the process may not create another thread, and when it is
/// called from within a runtime.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Main, args.into(), item.into(), locate::runtime_path).into()
}

/// Turns an `async fn` into a test with a runtime of its own.
///
/// The runtime is gone when the test function returns, so that tests do not
/// see each other's tasks, timers or sockets.
///
/// # Arguments
///
/// | argument | value | default |
/// |---|---|---|
/// | `flavor` | `"multi_thread"` or `"current_thread"` | `"current_thread"` |
/// | `worker_threads` | an integer above zero; `multi_thread` only | `FILCH_WORKER_THREADS`, else `TOKIO_WORKER_THREADS`, else the number of CPUs |
/// | `start_paused` | `true` to start with the clock paused; `current_thread` only | `false` |
/// | `crate` | the path to filch, as a string | the name found in `Cargo.toml`, else `::filch` |
///
/// # Examples
///
/// ```
/// #[filch::test]
/// async fn on_one_thread() {
///     assert_eq!(filch::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
///
/// #[filch::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn on_two_workers() {
///     assert_eq!(filch::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
/// ```
///
/// With the clock paused an hour passes as soon as nothing else is left to do:
///
/// ```
/// #[filch::test(start_paused = true)]
/// async fn waits_an_hour() {
///     filch::time::sleep(std::time::Duration::from_secs(3600)).await;
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Test, args.into(), item.into(), locate::runtime_path).into()
}
