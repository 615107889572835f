use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_running_clock_follows_the_system() {
    let clock = Clock::new(false);
    let before = Instant::now();
    let read = clock.instant_at(clock.now());
    assert!(before <= read && read <= Instant::now());
    assert!(before <= clock.instant());
    assert!(!clock.is_paused() && !clock.can_auto_advance());
}

#[test]
fn a_running_clock_trusts_a_recent_reading() {
    let recent = Tick::from_nanos(17);
    let clock = Clock::new(false);
    assert_eq!(clock.now_or(recent), recent);
    clock.pause().unwrap();
    assert_ne!(clock.now_or(Tick::MAX), Tick::MAX);
}

#[test]
fn ticks_and_instants_correspond() {
    let clock = Clock::new(false);
    for nanos in [0, 1, 999_999_999, 1_000_000_000, 1 << 40, 1 << 59] {
        let tick = Tick::from_nanos(nanos);
        assert_eq!(clock.tick_at(clock.instant_at(tick)), tick);
    }
    assert_eq!(clock.tick_at(clock.base - SECOND), Tick::ZERO);
    let beyond = clock.instant_at(Tick::MAX).checked_add(SECOND);
    assert!(beyond.is_none_or(|beyond| clock.tick_at(beyond) == Tick::MAX));
}

#[test]
fn a_paused_clock_moves_only_when_told() {
    let clock = Clock::new(true);
    assert_eq!(clock.now(), Tick::ZERO);
    assert_eq!(clock.instant(), clock.base);
    clock.advance(SECOND).unwrap();
    assert_eq!(clock.now(), Tick::from_duration(SECOND));
    clock.advance_to(Tick::from_duration(3 * SECOND));
    assert_eq!(clock.instant(), clock.base + 3 * SECOND);
    clock.advance_to(Tick::from_duration(2 * SECOND));
    assert_eq!(
        clock.now(),
        Tick::from_duration(3 * SECOND),
        "time does not turn back"
    );
}

#[test]
fn a_resumed_clock_runs_on_from_where_it_stood() {
    let clock = Clock::new(true);
    clock.advance(3600 * SECOND).unwrap();
    let stood = clock.now();
    clock.resume().unwrap();
    assert!(!clock.is_paused());
    let first = clock.now();
    assert!(first >= stood && first < Tick::from_duration(7200 * SECOND));
    while clock.now() == first {
        std::hint::spin_loop();
    }
    clock.advance_to(Tick::MAX);
    assert!(clock.now() < Tick::from_duration(7200 * SECOND));
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let clock = Clock::new(false);
    assert_eq!(clock.resume(), Err(ClockError::NotPaused));
    assert_eq!(clock.advance(SECOND), Err(ClockError::NotPaused));
    clock.pause().unwrap();
    let stood = clock.now();
    assert_eq!(clock.pause(), Err(ClockError::AlreadyPaused));
    assert_eq!(clock.advance(Duration::MAX), Err(ClockError::OutOfRange));
    assert_eq!(clock.now(), stood);
}

#[test]
fn auto_advance_waits_for_every_inhibition() {
    let clock = Clock::new(false);
    clock.inhibit_auto_advance();
    clock.pause().unwrap();
    assert!(!clock.can_auto_advance());
    clock.inhibit_auto_advance();
    clock.allow_auto_advance();
    assert!(!clock.can_auto_advance());
    clock.allow_auto_advance();
    assert!(clock.can_auto_advance());
    clock.resume().unwrap();
    assert!(!clock.can_auto_advance());
}

#[test]
fn shifted_clocks_are_counted_while_they_live() {
    let clock = Clock::new(true);
    assert!(any_shifted());
    clock.resume().unwrap();
    assert!(any_shifted(), "its reading still differs from the system's");
}

/// No other test may have a clock meanwhile.
#[test]
#[ignore = "run by shifted_clocks_are_counted_exactly, in a process of its own"]
fn with_no_other_clock() {
    assert!(!any_shifted());
    let (running, paused) = (Clock::new(false), Clock::new(true));
    assert!(any_shifted());
    drop(running);
    paused.resume().unwrap();
    paused.pause().unwrap();
    assert!(any_shifted());
    drop(paused);
    assert!(!any_shifted());
}

#[test]
fn shifted_clocks_are_counted_exactly() {
    let this = std::env::current_exe().expect("a test knows where it is");
    let test = concat!(module_path!(), "::with_no_other_clock");
    let (_, test) = test.split_once("::").expect("a crate and a path");
    let ended = std::process::Command::new(this)
        .args(["--exact", "--ignored", test])
        .output()
        .expect("this test can be started");
    assert!(ended.status.success(), "{ended:?}");
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
fn errors_say_what_was_wrong() {
    assert!(ClockError::AlreadyPaused.to_string().contains("already"));
    assert!(ClockError::NotPaused.to_string().contains("not frozen"));
    assert!(ClockError::OutOfRange.to_string().contains("overflow"));
}

#[test]
fn the_far_future_is_thirty_years_away() {
    assert_eq!(FAR_FUTURE.as_secs(), 30 * 31_536_000);
}
