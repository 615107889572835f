//! What can be registered. The platform's handle types are chosen here.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use self::unix as chosen;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use self::windows as chosen;

pub use self::chosen::Source;
pub(crate) use self::chosen::{BorrowedSource, borrow};
#[cfg(any(filch_loom, not(target_os = "linux"), filch_portable))]
pub(crate) use self::chosen::{RawSource, raw};
