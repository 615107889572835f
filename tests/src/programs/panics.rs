//! Panics: planned ones are kept quiet, others are violations.

use super::interpret::PLANNED;
use super::ledger::{Ledger, lock};
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Mutex, Once, Weak};

/// What a timer says that is polled while its runtime is shut down.
const SHUTTING_DOWN: &str = "runtime is being shut down";

static LEDGER: Mutex<Option<Weak<Ledger>>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Panics are reported to a ledger until this is dropped.
pub(super) struct Reported;

pub(super) fn report_to(ledger: &Arc<Ledger>) -> Reported {
    HOOK.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ledger = lock(&LEDGER).as_ref().and_then(Weak::upgrade);
            let Some(ledger) = ledger else {
                return former(info);
            };
            let message = message(info);
            let planned =
                message == PLANNED || message.contains(SHUTTING_DOWN) && ledger.is_ending();
            if !planned {
                ledger.violation(format!("panic: {info}"));
                former(info);
            }
        }));
    });
    *lock(&LEDGER) = Some(Arc::downgrade(ledger));
    Reported
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

impl Drop for Reported {
    fn drop(&mut self) {
        *lock(&LEDGER) = None;
    }
}
