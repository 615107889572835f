//! A model of the counts alone. Those in a whole scheduler are among its models.

use super::*;
use crate::primitive::{Arc, UnsafeCell};
use loom::thread;

/// What the references lead to: loom sees whether any use of it comes after, or beside,
/// its end.
struct Referent(UnsafeCell<()>);

#[expect(unsafe_code, reason = "shares a cell that loom checks the accesses to")]
// SAFETY: there is nothing in the cell; loom checks the accesses to it.
unsafe impl Sync for Referent {}

/// Two drop a reference each, one of them a worker's, while the counts are closed:
/// every use comes before the end, and there is one end.
#[test]
fn loom_every_use_comes_before_the_last_release() {
    loom::model(|| {
        let shared = Arc::new((References::new(), Referent(UnsafeCell::new(()))));
        let ends = Arc::new(AtomicU64::new(0));
        let make = || {
            let (shared, ends) = (shared.clone(), ends.clone());
            move |release: fn(&References) -> bool| {
                shared.1.0.with(|_| ());
                if release(&shared.0) {
                    shared.1.0.with_mut(|_| ());
                    ends.fetch_add(1, Relaxed);
                }
            }
        };
        assert!(!shared.0.add(), "the counts are open");
        let droppers = [make(), make()].map(|end| thread::spawn(move || end(References::subtract)));
        // One of the two was made by a worker.
        make()(|references| references.close(1));
        for dropper in droppers {
            dropper.join().expect("no thread of a model panics");
        }
        assert_eq!(ends.load(Relaxed), 1);
    });
}
