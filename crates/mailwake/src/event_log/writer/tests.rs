use super::super::tests::{event, wait};
use super::*;
use crate::event_log::RefusalReason;
use tracking::event::{Occurrence, UpstreamReply};

fn writer(events_max: usize) -> (Writer, mpsc::Receiver<Command>) {
    limited(QueueLimits { events_max, octets_max: 1 << 20 })
}

fn limited(limits: QueueLimits) -> (Writer, mpsc::Receiver<Command>) {
    let (sender, commands) = mpsc::channel(1000);
    (Writer::new(sender, Arc::new(Queue::new(limits)), 4096), commands)
}

fn large(octets: usize) -> Event {
    let reply = UpstreamReply {
        error_code: 550,
        raw_reason: "x".repeat(octets),
        ..UpstreamReply::default()
    };
    Event { occurrence: Occurrence::Bounce(reply), ..event(1) }
}

#[test]
fn a_full_queue_refuses_at_once_and_for_now() {
    let (writer, _commands) = writer(2);
    let _queued = writer.append(&[event(1), event(2)]);
    let refused = wait(writer.append(&[event(3)])).expect_err("the queue is full");
    assert!(matches!(refused, AppendError::QueueFull(QueueLimits { events_max: 2, .. })));
    assert!(refused.is_temporary());
}

#[test]
fn what_waits_has_a_limit_in_octets() {
    let (writer, mut commands) = limited(QueueLimits { events_max: 100, octets_max: 1_000 });
    let _queued = [writer.append(&[large(300)]), writer.append(&[large(300)])];
    assert!((600..1_000).contains(&writer.waiting_octets()));
    let refused = wait(writer.append(&[large(300)])).expect_err("no more octets may wait");
    assert!(matches!(refused, AppendError::QueueFull(QueueLimits { octets_max: 1_000, .. })));
    assert_eq!(
        (writer.waiting(), writer.counters().refusals.of(RefusalReason::QueueFull).get()),
        (2, 1)
    );
    // The log has taken one.
    let Ok(Command::Append(request)) = commands.try_recv() else { panic!("nothing is queued") };
    writer.queue.leave(&request);
    drop(writer.append(&[large(300)]));
    assert_eq!(writer.waiting(), 2);
}

#[test]
fn an_append_of_any_size_may_wait_alone() {
    let (writer, _commands) = limited(QueueLimits { events_max: 100, octets_max: 1_000 });
    drop(writer.append(&[large(2_000)]));
    assert_eq!(writer.waiting(), 1);
    assert!(wait(writer.append(&[event(1)])).is_err());
}

#[test]
fn refused_events_take_no_place_in_the_queue() {
    let (writer, mut commands) = writer(2);
    drop(writer.append(&[event(1), event(2), event(3)]));
    drop(writer.append(&[event(1), event(2)]));
    assert!(matches!(commands.try_recv(), Ok(Command::Append(Request { events: 2, .. }))));
    assert!(commands.try_recv().is_err());
}

#[test]
fn dropping_the_future_does_not_withdraw_the_events() {
    let (writer, mut commands) = writer(2);
    drop(writer.append(&[event(1)]));
    assert!(commands.try_recv().is_ok());
}

#[test]
fn an_event_that_no_record_or_segment_holds_is_refused_for_good() {
    let (writer, _commands) = writer(100);
    for event in [large(5000), large(2 << 20)] {
        let refused = wait(writer.append(&[event])).expect_err("too large");
        assert!(matches!(refused, AppendError::TooLarge { .. }));
        assert!(!refused.is_temporary());
    }
}

#[test]
fn a_log_without_its_thread_is_closed() {
    let (writer, commands) = writer(2);
    let queued = writer.append(&[event(1)]);
    drop(commands);
    assert!(matches!(wait(queued), Err(AppendError::Closed)));
    assert!(matches!(wait(writer.append(&[event(1)])), Err(AppendError::Closed)));
}

#[test]
fn errors_of_a_full_file_system_are_told_apart() {
    let full = io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
    assert!(matches!(AppendError::from(full), AppendError::DiskFull(_)));
    let failed = io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
    assert!(matches!(AppendError::from(failed), AppendError::Io(_)));
}
