use super::*;
use tokio::{runtime::Builder, time::Instant};

const WAIT: Duration = Duration::from_secs(5);

/// Runs with a clock that jumps to the next thing that somebody waits for.
fn run(test: impl AsyncFnOnce(&Budget)) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let budget = Budget::new(Memory { octets_max: 4 * PIECE_OCTETS, wait: WAIT });
    runtime.expect("a runtime").block_on(test(&budget));
}

#[test]
fn message_that_fits_waits_for_nobody() {
    run(async |budget| {
        let began = Instant::now();
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.cover(1).await, Ok(()));
        assert_eq!(one.cover(2 * PIECE_OCTETS).await, Ok(()));
        assert_eq!(other.cover(2 * PIECE_OCTETS).await, Ok(()));
        assert_eq!(one.cover(PIECE_OCTETS).await, Ok(()), "it has that already");
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn message_without_memory_gives_back_what_it_had() {
    run(async |budget| {
        let began = Instant::now();
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.cover(2 * PIECE_OCTETS).await, Ok(()));
        assert_eq!(other.cover(2 * PIECE_OCTETS).await, Ok(()));
        assert_eq!(one.cover(3 * PIECE_OCTETS).await, Err(DataError::NoMemory));
        assert_eq!(began.elapsed(), WAIT);
        assert_eq!(other.cover(4 * PIECE_OCTETS).await, Ok(()));
        assert_eq!(began.elapsed(), WAIT);
    });
}

#[test]
fn message_waits_for_another_to_end() {
    run(async |budget| {
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.cover(4 * PIECE_OCTETS).await, Ok(()));
        let end = async {
            tokio::task::yield_now().await;
            drop(one);
        };
        let (covered, ()) = tokio::join!(other.cover(PIECE_OCTETS), end);
        assert_eq!(covered, Ok(()));
    });
}

#[test]
fn more_than_there_is_is_refused() {
    run(async |budget| {
        assert_eq!(budget.share().cover(5 * PIECE_OCTETS).await, Err(DataError::NoMemory));
        assert_eq!(budget.share().cover(usize::MAX).await, Err(DataError::NoMemory));
        assert_eq!(budget.share().cover(4 * PIECE_OCTETS).await, Ok(()));
    });
}
