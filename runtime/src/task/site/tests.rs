use super::*;
use crate::task::header::Header;
use std::collections::HashSet;
use std::ptr::NonNull;
use std::thread;

#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

fn kind() -> &'static Vtable {
    fn nothing(_: NonNull<Header>) {}
    fn nothing_with(_: NonNull<Header>, _: *const ()) {}
    fn nothing_of() {}
    Box::leak(Box::new(Vtable {
        poll: nothing_with,
        schedule: nothing,
        schedule_by_val: nothing,
        cancel: nothing,
        take_output: nothing_of,
        drop_output: nothing,
        dealloc: nothing,
        join_waker: 0,
    }))
}

#[test]
fn a_site_is_found_again() {
    let (one, other) = (kind(), kind());
    let place = here();
    let site = Site::of(one, place);
    assert!(ptr::eq(site, Site::of(one, place)));
    assert!(ptr::eq(site.location, place));
    assert!(!ptr::eq(site, Site::of(other, place)));
    assert!(!ptr::eq(site, Site::of(one, here())));
}

#[test]
fn more_sites_than_a_table_has_slots_are_told_apart() {
    let place = here();
    let kinds: Vec<_> = (0..3 * SLOTS).map(|_| kind()).collect();
    let find = |kinds: &[&'static Vtable]| -> Vec<usize> {
        let sites = kinds.iter().map(|kind| Site::of(kind, place));
        sites.map(|site| ptr::from_ref(site).addr()).collect()
    };
    // Each thread meets the others at slots that are being filled.
    let found: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| find(&kinds))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(found.iter().all(|sites| *sites == found[0]));
    assert_eq!(found[0].iter().collect::<HashSet<_>>().len(), kinds.len());
}
