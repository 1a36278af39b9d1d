//! The event log through its public interface: ordering, atomicity, recovery, damage, trimming.

use bytes::Bytes;
use opentrail_eventlog::{
    Applier, ApplyError, Event, EventLog, Intake, LogConfig, LogError, LogErrorKind, LoggedEntry, MAX_EVENT_BYTES, Position,
    RecoveryReport, SystemClock,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Default)]
struct Applied(Arc<Mutex<(Position, Vec<Bytes>)>>);

impl Applier for Applied {
    fn applied(&self) -> Position {
        self.0.lock().expect("lock").0
    }
    fn apply(&mut self, changes: &[Bytes], end: Position) -> Result<(), ApplyError> {
        let mut state = self.0.lock().expect("lock");
        if changes.iter().any(|change| change == "poison") {
            return Err("cannot apply".into());
        }
        state.1.extend_from_slice(changes);
        state.0 = end;
        Ok(())
    }
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 64 * 1024, ..LogConfig::default() }
}

fn open(dir: &Path, applied: &Applied) -> Result<(EventLog, Intake, RecoveryReport), LogError> {
    let (log, report) = EventLog::open(dir, &config(), Box::new(applied.clone()))?;
    let intake = Intake::new(log.clone(), Arc::new(SystemClock));
    Ok((log, intake, report))
}

fn close(log: EventLog, intake: Intake) {
    drop(intake);
    log.close();
}

fn event(n: usize) -> Event {
    Event { account: "123456789012".into(), region: "us-east-1".into(), record: format!("{{\"n\":{n}}}").into() }
}

fn read_all(log: &EventLog) -> Result<Vec<LoggedEntry>, LogError> {
    let mut reader = log.reader(log.first())?;
    let mut all = Vec::new();
    while let Some(block) = reader.next_block()? {
        all.extend(block);
    }
    Ok(all)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("dir")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    paths.sort();
    paths
}

/// A log of `count` single-event entries, closed.
fn filled(dir: &Path, count: usize) {
    let (log, intake, _) = open(dir, &Applied::default()).expect("opens");
    for n in 0..count {
        intake.submit_blocking(vec![event(n)], format!("c{n}").into()).expect("recorded");
    }
    close(log, intake);
}

/// Where the written part of a segment ends.
fn used(content: &[u8]) -> usize {
    content.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1)
}

#[test]
fn entries_come_back_in_order_across_segments_and_restarts() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 1000);
    let (log, intake, report) = open(dir.path(), &Applied::default()).expect("opens");
    assert_eq!(report, RecoveryReport::default());
    assert!(segments(dir.path()).len() > 1, "several segments");
    assert_eq!(intake.submit_blocking(vec![event(1000)], Bytes::new()).expect("recorded"), 1001);
    let entries = read_all(&log).expect("reads");
    assert_eq!(entries.len(), 1001);
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!((entry.position, &entry.entry.events[0]), (n as u64 + 1, &event(n)));
    }
    close(log, intake);
}

#[test]
fn concurrent_submissions_all_arrive_once_in_the_order_they_are_told() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (log, intake, _) = open(dir.path(), &Applied::default()).expect("opens");
    let told: Vec<(u64, usize)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let intake = intake.clone();
                scope.spawn(move || {
                    (0..100)
                        .map(|n| {
                            let id = worker * 1000 + n;
                            (intake.submit_blocking(vec![event(id), event(id + 500)], Bytes::new()).expect("recorded"), id)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|w| w.join().expect("worker")).collect()
    });
    let entries = read_all(&log).expect("reads");
    assert_eq!(entries.len(), 800);
    for (position, id) in told {
        let entry = entries.iter().find(|e| e.position == position).expect("the position told");
        assert_eq!(entry.entry.events, [event(id), event(id + 500)]);
    }
    close(log, intake);
}

#[test]
fn changes_are_applied_before_the_answer_and_again_after_a_loss() {
    let dir = tempfile::tempdir().expect("temp dir");
    let applied = Applied::default();
    let (log, intake, _) = open(dir.path(), &applied).expect("opens");
    for n in 0..5 {
        let position = intake.submit_blocking(vec![], format!("c{n}").into()).expect("recorded");
        assert!(applied.applied() > position);
    }
    close(log, intake);
    // The applier comes back as it was after the second change, as after a power loss.
    let behind = Applied(Arc::new(Mutex::new((3, vec!["c0".into(), "c1".into()]))));
    let (log, intake, _) = open(dir.path(), &behind).expect("opens");
    assert_eq!(behind.0.lock().expect("lock").1, ["c0", "c1", "c2", "c3", "c4"]);
    close(log, intake);
}

#[test]
fn a_write_torn_at_any_byte_is_cut_and_the_rest_kept() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 20);
    let segment = segments(dir.path()).pop().expect("one segment");
    let content = std::fs::read(&segment).expect("reads");
    let end = used(&content);
    let start_of_last = {
        let magic = b"OTB1";
        (0..end).rev().find(|&at| content[at..].starts_with(magic)).expect("a block")
    };
    for cut in start_of_last + 1..end {
        let mut torn = content.clone();
        torn[cut..].fill(0);
        std::fs::write(&segment, &torn).expect("writes");
        let (log, intake, report) = open(dir.path(), &Applied::default()).expect("opens");
        assert!(report.torn_bytes > 0, "cut at {cut}");
        assert_eq!(read_all(&log).expect("reads").len(), 19, "cut at {cut}");
        assert_eq!(intake.submit_blocking(vec![event(99)], Bytes::new()).expect("recorded"), 20);
        close(log, intake);
    }
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_place() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 20);
    let segment = segments(dir.path()).pop().expect("one segment");
    let content = std::fs::read(&segment).expect("reads");
    for place in [16, 20, 60, used(&content) / 2] {
        let mut damaged = content.clone();
        damaged[place] ^= 1;
        std::fs::write(&segment, &damaged).expect("writes");
        match open(dir.path(), &Applied::default()) {
            Err(LogError::Corrupt { path, offset, .. }) => {
                assert_eq!(path, segment);
                assert!(offset as usize <= place, "offset {offset}, damage at {place}");
            }
            other => panic!("damage at {place}: {:?}", other.map(|(_, _, report)| report)),
        }
    }
}

#[test]
fn damage_in_an_earlier_segment_is_found_when_it_is_read() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 1500);
    let paths = segments(dir.path());
    assert!(paths.len() >= 3);
    let mut content = std::fs::read(&paths[0]).expect("reads");
    content[60] ^= 1;
    std::fs::write(&paths[0], &content).expect("writes");
    let caught_up = Applied(Arc::new(Mutex::new((1500, vec![]))));
    let (log, intake, _) = open(dir.path(), &caught_up).expect("opens: only the last segment is checked");
    assert!(matches!(read_all(&log), Err(LogError::Corrupt { .. })));
    std::fs::remove_file(&paths[1]).expect("removes");
    close(log, intake);
}

#[test]
fn a_missing_segment_is_an_error() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 1500);
    let paths = segments(dir.path());
    std::fs::remove_file(&paths[1]).expect("removes");
    let caught_up = Applied(Arc::new(Mutex::new((1500, vec![]))));
    let (log, intake, _) = open(dir.path(), &caught_up).expect("opens");
    assert!(matches!(read_all(&log), Err(LogError::Corrupt { what: "blocks are missing here", .. })));
    close(log, intake);
}

#[test]
fn trimming_keeps_what_is_needed() {
    let dir = tempfile::tempdir().expect("temp dir");
    filled(dir.path(), 1500);
    let caught_up = Applied(Arc::new(Mutex::new((1501, vec![]))));
    let (log, intake, _) = open(dir.path(), &caught_up).expect("opens");
    assert_eq!(log.trim(1400, Duration::from_secs(3600)).expect("trims"), 0, "too young");
    assert!(log.trim(1400, Duration::ZERO).expect("trims") > 0);
    assert!(log.first() > 1 && log.first() <= 1400);
    assert!(matches!(log.reader(1), Err(LogError::Trimmed { position: 1, .. })));
    let mut reader = log.reader(1400).expect("still there");
    assert_eq!(reader.next_block().expect("reads").expect("something")[0].position, 1400);
    close(log, intake);
}

#[test]
fn an_applier_that_fails_stops_the_log() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (log, intake, _) = open(dir.path(), &Applied::default()).expect("opens");
    let error = intake.submit_blocking(vec![event(1)], "poison".into()).expect_err("refused");
    assert_eq!(error.kind(), LogErrorKind::CallOperator);
    assert!(!log.is_accepting());
    assert!(matches!(intake.submit_blocking(vec![event(2)], Bytes::new()), Err(LogError::Stopped)));
    close(log, intake);
}

#[test]
fn oversized_submissions_are_refused_and_do_no_harm() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (log, intake, _) = open(dir.path(), &Applied::default()).expect("opens");
    let huge = Event { record: vec![b'x'; MAX_EVENT_BYTES + 1].into(), ..event(0) };
    let error = intake.submit_blocking(vec![huge], Bytes::new()).expect_err("refused");
    assert_eq!(error.kind(), LogErrorKind::FixRequest);
    let largest = Event { record: vec![b'x'; MAX_EVENT_BYTES].into(), ..event(0) };
    intake.submit_blocking(vec![largest.clone()], Bytes::new()).expect("fits, in a segment of its own size");
    assert_eq!(read_all(&log).expect("reads")[0].entry.events[0], largest);
    close(log, intake);
}

#[test]
fn imported_entries_are_marked_across_restarts() {
    let dir = tempfile::tempdir().expect("temp dir");
    let applied = Applied::default();
    for round in 1..4 {
        let (log, intake, report) = open(dir.path(), &applied).expect("opens");
        assert_eq!(report.torn_bytes, 0);
        let end = intake.queue_imported(vec![event(1), event(2), event(3)]).expect("queued").wait_blocking().expect("durable");
        assert_eq!(end, log.end());
        intake.submit_blocking(vec![event(4)], Bytes::new()).expect("durable");
        let all = read_all(&log).expect("reads");
        assert_eq!(all.len(), round * 2);
        for pair in all.chunks(2) {
            assert_eq!((pair[0].entry.imported, pair[0].entry.events.len(), pair[0].entry.news().len()), (true, 3, 0));
            assert_eq!((pair[1].entry.imported, pair[1].entry.news().len()), (false, 1));
            assert_eq!(pair[0].end(), pair[1].position);
        }
        close(log, intake);
    }
}
