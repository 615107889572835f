use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{RawWaker, Wake};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Wakes, holds on to and lets go of what it is made of.
fn is_as_good_as(waker: Waker, count: &Arc<Count>, tag: Option<usize>) {
    let (woken, references) = (count.0.load(SeqCst), Arc::strong_count(count));
    let thin = ThinWaker::new(waker.clone());
    assert_eq!(thin.tag(), tag.unwrap_or(BOXED));
    assert_eq!(Arc::strong_count(count), references + 1);
    thin.wake_by_ref();
    assert_eq!(count.0.load(SeqCst), woken + 1);
    assert!(thin.will_wake(&waker) && !thin.will_wake(Waker::noop()));
    drop(thin);
    assert_eq!(Arc::strong_count(count), references);
}

#[test]
fn it_is_the_waker_that_it_was_made_of() {
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    // Other tests may have taken all numbers.
    let tag = tag_of(waker.vtable());
    is_as_good_as(waker, &count, tag);
}

#[test]
fn null_is_data_like_any_other() {
    let waker = Waker::noop().clone();
    assert!(waker.data().is_null());
    let thin = ThinWaker::new(waker.clone());
    assert!(thin.will_wake(&waker));
    thin.wake_by_ref();
}

/// The functions of a waker whose data is an odd address, of a byte beside an `Arc<Count>`'s.
mod odd {
    use super::*;

    pub(super) fn waker(count: &Arc<Count>) -> Waker {
        let data = Arc::into_raw(Arc::clone(count)).cast::<u8>();
        // SAFETY: the functions undo what makes it odd.
        unsafe { Waker::new(data.wrapping_add(1).cast(), &TABLE) }
    }

    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

    pub(super) fn is(table: &'static RawWakerVTable) -> bool {
        ptr::eq(table, &TABLE)
    }

    fn count(data: *const ()) -> *const Count {
        data.cast::<u8>().wrapping_sub(1).cast()
    }

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: a waker is a reference.
        unsafe { Arc::increment_strong_count(count(data)) };
        RawWaker::new(data, &TABLE)
    }

    unsafe fn wake(data: *const ()) {
        // SAFETY: a waker is a reference, here used up.
        unsafe { Arc::from_raw(count(data)) }.wake();
    }

    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: a waker is a reference.
        unsafe { &*count(data) }.0.fetch_add(1, SeqCst);
    }

    unsafe fn drop(data: *const ()) {
        // SAFETY: a waker is a reference, here used up.
        std::mem::drop(unsafe { Arc::from_raw(count(data)) });
    }
}

#[test]
fn data_that_is_not_aligned_goes_into_a_box() {
    let count = Arc::new(Count::default());
    is_as_good_as(odd::waker(&count), &count, None);
    let mut numbered = OTHER.iter().filter_map(|table| table.get().copied());
    assert!(!numbered.any(odd::is));
}

/// One of many kinds of wakers, each with a table of its own.
struct Kind<const N: usize>(Arc<Count>);

impl<const N: usize> Wake for Kind<N> {
    fn wake(self: Arc<Self>) {
        self.0.0.fetch_add(N, SeqCst);
    }
}

#[test]
fn more_kinds_than_there_are_tags_go_into_boxes() {
    fn wakes<const N: usize>(count: &Arc<Count>) -> ThinWaker {
        let thin = ThinWaker::new(Waker::from(Arc::new(Kind::<N>(Arc::clone(count)))));
        let before = count.0.load(SeqCst);
        thin.wake_by_ref();
        assert_eq!(count.0.load(SeqCst), before + N);
        thin
    }
    let count = Arc::new(Count::default());
    let all = [
        wakes::<1>(&count),
        wakes::<2>(&count),
        wakes::<3>(&count),
        wakes::<4>(&count),
        wakes::<5>(&count),
        wakes::<6>(&count),
        wakes::<7>(&count),
    ];
    assert!(all.iter().any(|thin| thin.tag() == BOXED));
    drop(all);
    assert_eq!(Arc::strong_count(&count), 1);
}
