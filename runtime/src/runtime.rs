//! Building, owning and finding a runtime.
//!
//! A [`Runtime`] owns worker threads, an I/O driver, timers and a pool for
//! blocking work. Most programs get one from [`#[filch::main]`](crate::main);
//! a [`Builder`] makes one by hand:
//!
//! ```
//! let runtime = filch::runtime::Builder::new_multi_thread()
//!     .worker_threads(2)
//!     .enable_all()
//!     .build()?;
//! let answer = runtime.block_on(async { filch::spawn(async { 6 * 7 }).await });
//! assert_eq!(answer.unwrap(), 42);
//! # Ok::<(), std::io::Error>(())
//! ```

mod builder;
pub(crate) mod context;
mod handle;
mod metrics;
mod owner;

pub use self::builder::Builder;
pub use self::context::EnterGuard;
pub(crate) use self::context::block_in_place;
pub use self::handle::{Handle, RuntimeFlavor, TryCurrentError};
pub use self::metrics::RuntimeMetrics;
pub use self::owner::Runtime;
