//! Importing files into a log and a history: nothing twice, nothing hidden, whatever the file.

use flate2::{Compression, write::GzEncoder};
use opentrail_eventlog::{Applier, ApplyError, Event, EventLog, Intake, LogConfig, ManualClock, Position, Sink};
use opentrail_history::{HistoryConfig, HistorySink};
use opentrail_import::{Importer, Outcome};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use time::Duration;
use time::macros::datetime;

const ACCOUNT: &str = "123456789012";

struct Nothing(Position);

impl Applier for Nothing {
    fn applied(&self) -> Position {
        self.0
    }

    fn apply(&mut self, _: &[bytes::Bytes], end: Position) -> Result<(), ApplyError> {
        self.0 = end;
        Ok(())
    }
}

struct World {
    intake: Intake,
    importer: Importer,
    sink: HistorySink,
}

impl World {
    fn open(dir: &Path) -> Self {
        let config = LogConfig { segment_bytes: 8 << 20, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.join("log"), &config, Box::new(Nothing(0))).expect("log");
        let intake = Intake::new(log, Arc::new(ManualClock::new(datetime!(2026-11-21 10:00 UTC))));
        let (sink, history) = opentrail_history::open(HistoryConfig::new(dir.join("history"))).expect("history");
        let importer = Importer::new(intake.clone(), history, Duration::days(90));
        Self { intake, importer, sink }
    }

    fn close(self) {
        let log = self.intake.log().clone();
        drop((self.intake, self.importer, self.sink));
        log.close();
    }

    fn import(&self, file: &[u8]) -> Outcome {
        self.import_named("x.json", file)
    }

    fn import_named(&self, name: &str, file: &[u8]) -> Outcome {
        self.importer.import(ACCOUNT, name, &mut &*file).expect("imported")
    }

    fn index(&mut self) {
        let mut reader = self.intake.log().reader(self.sink.cursor().max(1)).expect("reader");
        while let Some(entries) = reader.next_block().expect("block") {
            self.sink.apply(&entries).expect("applied");
        }
        self.sink.commit(reader.position()).expect("committed");
    }

    fn logged(&self) -> Vec<(Event, bool)> {
        let mut reader = self.intake.log().reader(1).expect("reader");
        let mut all = Vec::new();
        while let Some(block) = reader.next_block().expect("block") {
            for entry in block {
                let imported = entry.entry.imported;
                all.extend(entry.entry.events.into_iter().map(|event| (event, imported)));
            }
        }
        all
    }
}

fn record(id: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2026-11-20T10:00:00Z","eventName":"A","awsRegion":"eu-west-1","eventID":"{id}"}}"#
    )
}

fn file(ids: impl IntoIterator<Item = u32>) -> String {
    format!("{{\"Records\":[{}]}}", ids.into_iter().map(|id| record(&id.to_string())).collect::<Vec<_>>().join(","))
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("compresses");
    encoder.finish().expect("compresses")
}

/// Accepted, duplicates, expired, unparsed.
fn counts(outcome: &Outcome) -> (u64, u64, u64, u64) {
    (outcome.accepted, outcome.duplicates, outcome.expired, outcome.unparsed_count)
}

#[test]
fn nothing_is_taken_twice() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut world = World::open(dir.path());
    assert_eq!(counts(&world.import(file([1, 2, 3, 2]).as_bytes())), (3, 1, 0, 0), "within the file");
    assert_eq!(counts(&world.import(&gzip(file(2..6).as_bytes()))), (2, 2, 0, 0), "not indexed yet");
    world.index();
    assert_eq!(counts(&world.import(file(4..8).as_bytes())), (2, 2, 0, 0), "indexed");
    world.close();
    // What was imported before the restart and is not indexed is read from the log.
    let mut world = World::open(dir.path());
    assert_eq!(counts(&world.import(file(1..9).as_bytes())), (1, 7, 0, 0), "after a restart");
    world.index();
    let own = Event { account: ACCOUNT.into(), region: "eu-west-1".into(), record: record("own").into() };
    world.intake.submit_blocking(vec![own], bytes::Bytes::new()).expect("recorded");
    assert_eq!(counts(&world.import(record("own").as_bytes())), (0, 1, 0, 0), "recorded here, not indexed yet");
    world.index();
    assert_eq!(counts(&world.import(record("own").as_bytes())), (0, 1, 0, 0), "recorded here");
    let logged = world.logged();
    assert_eq!(logged.len(), 9);
    assert_eq!(logged.iter().filter(|(_, imported)| *imported).count(), 8);
    world.close();
}

#[test]
fn events_without_id_are_taken_once_each() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut world = World::open(dir.path());
    let nameless = |n: u32| format!(r#"{{"eventTime":"2026-11-20T10:00:00Z","eventName":"A","requestID":"r{}","n":{n}}}"#, n % 2);
    let timeless = r#"{"eventName":"B","userAgent":"x"}"#;
    let list = |ids: std::ops::Range<u32>| format!("[{},{timeless}]", ids.map(nameless).collect::<Vec<_>>().join(","));
    assert_eq!(counts(&world.import(list(0..5).as_bytes())), (6, 0, 0, 0));
    assert_eq!(counts(&world.import(list(0..7).as_bytes())), (2, 6, 0, 0), "not indexed yet");
    world.index();
    assert_eq!(counts(&world.import(list(0..9).as_bytes())), (2, 8, 0, 0), "indexed");
    world.index();
    let data = record("d").replace("\"eventName\"", "\"eventCategory\":\"Data\",\"eventName\"");
    assert_eq!(counts(&world.import(data.as_bytes())), (1, 0, 0, 0));
    world.index();
    assert_eq!(counts(&world.import(data.as_bytes())), (0, 1, 0, 0), "data events are indexed too");
    world.close();
}

#[test]
fn files_imported_at_once_share_nothing() {
    let dir = tempfile::tempdir().expect("temp dir");
    let world = World::open(dir.path());
    let file = file((0..5000).chain(0..100));
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let import = || scope.spawn(|| world.import(file.as_bytes()));
        let running: Vec<_> = (0..4).map(|_| import()).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes.iter().map(|outcome| outcome.accepted).sum::<u64>(), 5000);
    assert_eq!(outcomes.iter().map(|outcome| outcome.duplicates).sum::<u64>(), 3 * 5000 + 400);
    assert_eq!(world.logged().len(), 5000);
    world.close();
}

#[test]
fn records_stay_as_they_are_and_go_to_their_region() {
    let dir = tempfile::tempdir().expect("temp dir");
    let world = World::open(dir.path());
    let odd = r#"{"eventID" :"1","Tag":1,"tag":2,"tag":[1.688560107857E9],"awsRegion":"eu-west-1","eventTime":"2026-11-20 1:2"}"#;
    let pretty = "{\n  \"eventID\": \"2\",\r\n  \"x\": \"a b\"\n}";
    let outcome = world.import(format!("[{odd},\n{pretty}]").as_bytes());
    assert_eq!(counts(&outcome), (2, 0, 0, 0));
    let logged = world.logged();
    assert_eq!((logged[0].0.record.as_ref(), logged[0].0.region.as_str()), (odd.as_bytes(), "eu-west-1"));
    assert_eq!((logged[1].0.record.as_ref(), logged[1].0.region.as_str()), (&br#"{"eventID":"2","x":"a b"}"#[..], "us-east-1"));
    assert!(logged.iter().all(|(event, _)| event.account == ACCOUNT));
    world.close();
}

#[test]
fn what_is_not_taken_is_told_with_its_place() {
    let dir = tempfile::tempdir().expect("temp dir");
    let world = World::open(dir.path());
    let old = record("old").replace("2026-11-20", "2026-08-22");
    let edge = record("edge").replace("2026-11-20T10", "2026-08-23T00");
    let plain = format!("{}\nnot json\n{{\"eventName\":\"\\x\"}}\n{old}\n{edge}\n", record("a"));
    let outcome = world.import_named("x.ndjson", plain.as_bytes());
    assert_eq!(counts(&outcome), (2, 0, 1, 2));
    assert_eq!(outcome.oldest_expired, Some(datetime!(2026-08-22 10:00 UTC)));
    let at = record("a").len() as u64 + 1;
    let told: Vec<_> = outcome.unparsed.iter().map(|u| (u.record, u.offset)).collect();
    assert_eq!(told, [(1, at), (1, at + 9)]);
    // Bytes after the end, and a stream that is cut off.
    let outcome = world.import(&[gzip(record("b").as_bytes()), b"junk".to_vec()].concat());
    assert_eq!(counts(&outcome), (1, 0, 0, 1));
    let cut = gzip(format!("[{},{}]", record("c"), record("d")).as_bytes());
    let outcome = world.import(&cut[..cut.len() - 9]);
    assert_eq!((outcome.accepted, outcome.unparsed[0].reason.as_str()), (2, "is a gzip stream that was cut off"));
    world.close();
}

#[test]
fn large_records_and_bombs_are_bounded() {
    let dir = tempfile::tempdir().expect("temp dir");
    let world = World::open(dir.path());
    let padded = |id: &str, size: usize| {
        let record = record(id);
        record.replace("\"A\"", &format!("\"{}\"", "A".repeat(size - record.len() + 1)))
    };
    let (largest, larger) = (padded("1", 1 << 20), padded("2", (1 << 20) + 1));
    let outcome = world.import(format!("[{largest},{larger},{}]", record("3")).as_bytes());
    assert_eq!(counts(&outcome), (2, 0, 0, 1));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..120 {
        encoder.write_all(&vec![b' '; 1 << 20]).expect("compresses");
    }
    let outcome = world.import(&encoder.finish().expect("compresses"));
    assert_eq!((outcome.accepted, outcome.unparsed_count), (0, 1));
    assert!(outcome.unparsed[0].reason.contains("implausibly much"), "{outcome:?}");
    world.close();
}
