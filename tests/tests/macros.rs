//! `#[filch::main]` and `#[filch::test]`: what they run, and what they refuse.

use filch::runtime::{Handle, RuntimeFlavor};
use filch::time::{Duration, Instant, sleep};

fn flavor() -> RuntimeFlavor {
    Handle::current().runtime_flavor()
}

fn workers() -> usize {
    Handle::current().metrics().num_workers()
}

#[filch::test]
async fn tests_run_on_one_thread_by_default() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
    assert_eq!(filch::spawn(async { 1 }).await.unwrap(), 1);
}

#[filch::test(flavor = "current_thread")]
async fn tests_run_on_one_thread_when_asked() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
}

#[filch::test(flavor = "multi_thread", worker_threads = 3)]
async fn tests_run_on_as_many_workers_as_asked() {
    assert_eq!(flavor(), RuntimeFlavor::MultiThread);
    assert_eq!(workers(), 3);
}

#[filch::test(start_paused = true)]
async fn a_paused_clock_skips_the_waiting() {
    let start = Instant::now();
    sleep(Duration::from_secs(3600)).await;
    assert!(start.elapsed() >= Duration::from_secs(3600));
}

#[filch::test]
async fn io_and_time_are_enabled() {
    let listener = filch::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert_ne!(listener.local_addr().unwrap().port(), 0);
    sleep(Duration::from_millis(1)).await;
}

#[filch::test]
async fn tests_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    let one: u8 = "1".parse()?;
    assert_eq!(one, 1);
    Ok(())
}

#[filch::test]
#[should_panic(expected = "on purpose")]
async fn tests_may_be_expected_to_panic() {
    panic!("on purpose");
}

#[filch::test]
#[ignore = "shows that the attributes below are kept"]
async fn tests_may_be_ignored() {
    panic!("must not run");
}

/// As a framework would that re-exports filch.
mod renamed {
    pub(crate) use filch as runtime;
}

#[filch::test(crate = "renamed::runtime")]
async fn the_crate_may_be_given_as_a_path() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
}

#[filch::main]
async fn on_the_default_runtime(number: u32) -> (RuntimeFlavor, u32) {
    (flavor(), number)
}

#[filch::main(flavor = "multi_thread", worker_threads = 2)]
async fn on_two_workers() -> usize {
    workers()
}

#[filch::main(flavor = "current_thread", start_paused = true)]
async fn with_a_paused_clock() -> RuntimeFlavor {
    sleep(Duration::from_secs(3600)).await;
    flavor()
}

#[filch::main(flavor = "current_thread")]
async fn with_an_opaque_output() -> impl Iterator<Item = u32> {
    filch::task::yield_now().await;
    0..3
}

#[filch::main(flavor = "current_thread")]
async fn with_borrows<'a, T: AsRef<str> + ?Sized>(text: &'a T) -> &'a str {
    filch::task::yield_now().await;
    text.as_ref()
}

#[filch::main(flavor = "current_thread")]
async fn with_inner_attributes() -> u32 {
    #![allow(unused_variables)]
    let unused = 1;
    return 2;
}

#[filch::main(flavor = "current_thread")]
async fn with_early_returns(early: bool) -> Result<u32, std::num::ParseIntError> {
    if early {
        return Ok(1);
    }
    "no number".parse::<u32>()
}

#[filch::main(flavor = "current_thread")]
async fn that_never_returns() -> ! {
    panic!("on purpose")
}

struct Counter(u32);

impl Counter {
    /// The attribute works on methods too.
    #[filch::main(flavor = "current_thread")]
    async fn count(&mut self) -> u32 {
        filch::task::yield_now().await;
        self.0 += 1;
        self.0
    }
}

#[test]
fn main_makes_blocking_functions_of_any_shape() {
    assert_eq!(on_the_default_runtime(7), (RuntimeFlavor::MultiThread, 7));
    assert_eq!(on_two_workers(), 2);
    assert_eq!(with_a_paused_clock(), RuntimeFlavor::CurrentThread);
    assert!(with_an_opaque_output().eq([0, 1, 2]));
    assert_eq!(with_borrows("text"), "text");
    assert_eq!(with_inner_attributes(), 2);
    assert_eq!(with_early_returns(true), Ok(1));
    assert!(with_early_returns(false).is_err());
    assert!(std::panic::catch_unwind(|| that_never_returns()).is_err());
    let mut counter = Counter(1);
    assert_eq!((counter.count(), counter.count()), (2, 3));
}

#[test]
fn a_runtime_within_a_runtime_is_refused() {
    let nested = std::panic::catch_unwind(|| {
        #[filch::main(flavor = "current_thread")]
        async fn outer() -> usize {
            on_two_workers()
        }
        outer()
    });
    let panic = nested.unwrap_err();
    let text = panic
        .downcast_ref::<&str>()
        .expect("the panic carries a text");
    assert!(text.contains("within a runtime"), "{text}");
}

#[test]
fn mistakes_are_explained_where_they_are_made() {
    let cases = trybuild::TestCases::new();
    // Messages of the macros' own.
    cases.compile_fail("tests/ui/*.rs");
    // Messages of the compiler, whose wording changes from release to release.
    if filch_tests::compiler_release().as_deref() == Some(filch_tests::RECORDED_WITH) {
        cases.compile_fail("tests/ui/rustc/*.rs");
    }
}
