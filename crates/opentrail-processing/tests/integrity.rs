//! Only files that a digest vouches for.
#![cfg(feature = "integrity")]

use opentrail_processing::integrity::VerifiedByDigest;
use opentrail_processing::{Directory, Journal, Listing, ParkingDirectory, Processor, Settings, Stop, Summary, each_event};
use opentrail_verify::KeySet;
use opentrail_verify::sample::Sample;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use time::macros::datetime;

async fn run(bucket: &Path, keys: KeySet, parked: &Path, late: bool) -> Summary {
    let soon = || datetime!(2024-01-01 03:00 UTC);
    let admission = VerifiedByDigest::new(keys).patience(Duration::from_secs(3 * 3600), Duration::from_millis(1));
    let admission = if late { admission } else { admission.clock(soon) };
    let listing = Listing { bucket: String::new(), prefix: String::new(), follow: None, journal: Some(Journal::in_memory()) };
    let settings = Settings { attempts: 1, ..Settings::default() };
    let processor = Processor::new(each_event(|_| Ok(()))).settings(settings).admission(Arc::new(admission));
    let processor = processor.parking(Arc::new(ParkingDirectory::open(parked).expect("made")));
    processor.run_listing(Arc::new(Directory::new(bucket)), listing, Stop::never()).await.expect("runs")
}

fn reasons(parked: &Path) -> String {
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(entry.expect("listed").path()).expect("read");
    std::fs::read_dir(parked).expect("listed").map(read).collect()
}

#[tokio::test]
async fn changed_and_planted_files_are_not_handed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bucket, parked) = (folder.path().join("bucket"), folder.path().join("parked"));
    let made = Sample { log_files: 20, digests: 2, events: 5 }.write(&bucket).expect("made");
    let summary = run(&bucket, made.keys.clone(), &parked, false).await;
    assert_eq!((summary.files, summary.events, summary.failed), (20, 100, 0), "{summary:?}");

    // One changed, and one planted beside it.
    let (changed, other) = (&made.log_files[3], &made.log_files[15]);
    std::fs::copy(other, changed).expect("copied");
    let planted = made.log_files[4]
        .with_file_name(made.log_files[4].file_name().expect("a name").to_string_lossy().replace("0000004.json", "0000099.json"));
    std::fs::copy(other, &planted).expect("copied");
    let summary = run(&bucket, made.keys.clone(), &parked, true).await;
    assert_eq!((summary.files, summary.parked), (19, 2), "{summary:?}");
    let reasons = reasons(&parked);
    assert!(
        reasons.contains("its content is not what its digest says")
            && reasons.contains("no digest names it, and the time for one is over"),
        "{reasons}"
    );

    // Before its time is over, a file only waits.
    let waiting = folder.path().join("waiting");
    let summary = run(&bucket, made.keys, &waiting, false).await;
    assert_eq!((summary.files, summary.parked, summary.failed), (19, 1, 2), "{summary:?}");
    let summary = run(&bucket, KeySet::default(), &waiting, false).await;
    assert_eq!((summary.files, summary.parked), (0, 0), "nothing is proved without keys: {summary:?}");
}
