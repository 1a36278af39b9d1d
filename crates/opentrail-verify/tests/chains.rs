//! Chains written by a program that is not ours (`tests/verify/make_chain.py`), then damaged in every way we know.

mod support;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use opentrail_verify::bucket::Bucket;
use opentrail_verify::{Code, KeySet, Options, Severity, Source, Verdict, open_source, verify};
use std::fs;
use std::sync::Arc;
use support::{Chain, Lines, metadata_file, replace, upload, write_gzip};
use time::OffsetDateTime;
use time::macros::datetime;

#[tokio::test]
async fn an_untouched_chain_is_valid() {
    for arguments in [&[][..], &["--spki"], &["--prefix", "a/b", "--organization", "o-abc"]] {
        let Some(chain) = Chain::write(arguments) else { return };
        let report = chain.check(&[]).await;
        assert_eq!((report.verdict, report.exit_code()), (Verdict::Valid, 0));
        let [only] = &report.chains[..] else { panic!("one chain") };
        assert_eq!((only.digests.valid, only.log_files.valid), (5, 12));
        assert_eq!(
            (only.trail.as_str(), only.region.as_str(), only.home_region.as_str()),
            ("main_trail", "eu-west-1", "us-east-1")
        );
        assert_eq!(only.covered_from.as_deref(), Some("2024-02-28T21:17:28Z"));
        assert_eq!(only.covered_to.as_deref(), Some("2024-02-29T02:17:28Z"));
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("is JSON");
        assert_eq!(json["verdict"], "valid");
        assert_eq!(json["chains"][0]["logFiles"]["notChecked"], 0);
    }
}

#[tokio::test]
async fn a_copy_of_any_level_is_valid() {
    let chain = chain!("--prefix", "a/b");
    let inside = chain.root().join("a/b/AWSLogs/111122223333");
    assert_eq!(chain.verify_at(&inside).await.exit_code(), 0);
    let flat = chain.folder.path().join("flat");
    fs::create_dir(&flat).expect("created");
    for file in chain.digests().iter().chain(&chain.logs()) {
        fs::copy(file, flat.join(file.file_name().expect("named"))).expect("copied");
    }
    let report = chain.verify_at(&flat).await;
    assert!(report.has(Code::UnsignedHead) && report.findings.len() == 1, "{}", report.to_text());
    let report = chain.verify_at(&chain.digests()[2]).await;
    assert_eq!((report.exit_code(), report.chains[0].digests.valid, report.chains[0].log_files.valid), (0, 1, 3));
    let report = chain.verify_at(&chain.logs()[0]).await;
    assert!(report.has(Code::NoDigests) && report.verdict == Verdict::Incomplete);
}

#[tokio::test]
async fn damaged_log_files_are_found() {
    let chain = chain!();
    let logs = chain.logs();
    replace(&logs[0], "Get1", "Got1");
    fs::remove_file(&logs[1]).expect("removed");
    let mut stored = fs::read(&logs[2]).expect("reads");
    stored.extend_from_slice(b"more");
    fs::write(&logs[2], &stored).expect("writes");
    let stored = fs::read(&logs[3]).expect("reads");
    fs::write(&logs[3], &stored[..stored.len() - 20]).expect("writes");
    fs::write(&logs[4], b"{\"Records\":[]}\n").expect("writes");
    let planted = logs[5].to_str().expect("UTF-8").replace("0000.json", "9999.json").replace("_000000000000", "_planted00000");
    fs::copy(&logs[5], &planted).expect("copied");
    let expect =
        [Code::LogChanged, Code::LogMissing, Code::LogUnreadable, Code::LogUnreadable, Code::TrailingData, Code::Unlisted];
    let report = chain.check(&expect).await;
    assert_eq!((report.exit_code(), report.chains[0].log_files.invalid), (1, 5));
}

#[tokio::test]
async fn a_planted_log_file_alone_is_found() {
    let chain = chain!();
    let log = &chain.logs()[5];
    fs::copy(log, log.to_str().expect("UTF-8").replace("_000000000", "_planted00")).expect("copied");
    assert_eq!(chain.check(&[Code::Unlisted]).await.exit_code(), 1);
}

#[tokio::test]
async fn a_deleted_digest_is_found() {
    let chain = chain!();
    fs::remove_file(&chain.digests()[2]).expect("removed");
    // The digest, and the three log files that nobody vouches for now.
    let report = chain.check(&[Code::DigestMissing, Code::Undigested, Code::Undigested, Code::Undigested]).await;
    assert_eq!((report.exit_code(), report.chains[0].digests.valid, report.chains[0].digests.missing), (1, 4, 1));
}

#[tokio::test]
async fn an_altered_digest_is_found() {
    let chain = chain!();
    replace(&chain.digests()[2], "\"awsAccountId\":\"111122223333\"", "\"awsAccountId\":\"999999999999\"");
    let report = chain.check(&[Code::DigestChanged, Code::SignatureInvalid]).await;
    assert_eq!((report.chains[0].digests.invalid, report.chains[0].log_files.not_checked), (1, 3));
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn the_altered_newest_digest_is_found_by_its_signature() {
    let chain = chain!();
    replace(&chain.digests()[4], "\"awsAccountId\":\"111122223333\"", "\"awsAccountId\":\"999999999999\"");
    assert_eq!(chain.check(&[Code::SignatureInvalid]).await.exit_code(), 1);
}

#[tokio::test]
async fn unreadable_digests_are_found() {
    let chain = chain!();
    let digests = chain.digests();
    let mut stored = fs::read(&digests[0]).expect("reads");
    fs::write(&digests[1], &stored[..100]).expect("writes");
    write_gzip(&digests[3], b"{}");
    stored.extend_from_slice(&stored.clone());
    fs::write(&digests[0], &stored).expect("writes");
    let report = chain.verify().await;
    let codes: Vec<_> = report.findings.iter().filter(|f| f.severity == Severity::Invalid).map(|f| f.code).collect();
    assert_eq!(codes, [Code::DigestFormat, Code::DigestFormat, Code::TrailingData], "{}", report.to_text());
}

#[tokio::test]
async fn a_digest_under_another_name_is_found() {
    let chain = chain!();
    let digests = chain.digests();
    fs::copy(&digests[0], &digests[2]).expect("copied");
    fs::copy(metadata_file(&digests[0]), metadata_file(&digests[2])).expect("copied");
    let report = chain.verify().await;
    assert!(report.has(Code::DigestMoved) && report.has(Code::DigestChanged), "{}", report.to_text());
    assert!(report.has(Code::PreviousSignature), "{}", report.to_text());
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn a_swapped_key_is_found() {
    let (mut chain, other) = (chain!(), chain!());
    chain.options.keys = other.options.keys.clone();
    let report = chain.check(&[Code::KeyUnknown; 5]).await;
    assert_eq!((report.exit_code(), report.chains[0].log_files.not_checked), (1, 12));
    let file = |chain: &Chain| -> serde_json::Value {
        serde_json::from_slice(&fs::read(chain.folder.path().join("keys.json")).expect("reads")).expect("JSON")
    };
    let (mut forged, theirs) = (file(&chain), file(&other));
    forged["PublicKeyList"][0]["Value"] = theirs["PublicKeyList"][0]["Value"].clone();
    assert!(KeySet::from_json(forged.to_string().as_bytes()).is_err());
}

#[tokio::test]
async fn without_keys_nothing_is_proved() {
    let mut chain = chain!();
    chain.options.keys = None;
    let report = chain.check(&[Code::NoKeys]).await;
    assert_eq!((report.verdict, report.exit_code(), report.chains[0].digests.unproved), (Verdict::Incomplete, 1, 5));
    replace(&chain.logs()[0], "Get1", "Got1");
    assert_eq!(chain.check(&[Code::LogChanged, Code::NoKeys]).await.verdict, Verdict::Invalid);
}

#[tokio::test]
async fn a_gap_is_found_unless_accepted() {
    let mut chain = chain!("--gap-before", "3");
    assert_eq!(chain.check(&[Code::Gap]).await.exit_code(), 1);
    chain.options.accept_gap = true;
    assert_eq!(chain.check(&[Code::Gap]).await.exit_code(), 0);
}

#[tokio::test]
async fn without_metadata_only_the_newest_digest_is_unproved() {
    let chain = chain!("--no-metadata");
    let report = chain.check(&[Code::UnsignedHead]).await;
    assert_eq!((report.exit_code(), report.chains[0].digests.valid, report.chains[0].digests.unproved), (0, 4, 1));
    let digest = &chain.digests()[1];
    replace(digest, "\"awsAccountId\":\"111122223333\"", "\"awsAccountId\":\"999999999999\"");
    chain.check(&[Code::DigestChanged, Code::SignatureInvalid, Code::UnsignedHead]).await;
}

#[tokio::test]
async fn a_stripped_signature_is_found() {
    let chain = chain!();
    fs::remove_file(metadata_file(&chain.digests()[4])).expect("removed");
    let report = chain.check(&[Code::SignatureMissing, Code::UnsignedHead]).await;
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn an_altered_signature_is_found() {
    let chain = chain!();
    let digests = chain.digests();
    fs::copy(metadata_file(&digests[0]), metadata_file(&digests[1])).expect("copied");
    chain.check(&[Code::PreviousSignature, Code::SignatureInvalid]).await;
}

#[tokio::test]
async fn only_the_period_is_checked() {
    let mut chain = chain!();
    // Windows end at 22:17:28, 23:17:28, 00:17:28, 01:17:28 and 02:17:28.
    let period = |from: OffsetDateTime, to: OffsetDateTime| (Some(from), Some(to));
    (chain.options.from, chain.options.to) = period(datetime!(2024-02-28 23:30 UTC), datetime!(2024-02-29 00:30 UTC));
    let report = chain.check(&[]).await;
    assert_eq!((report.chains[0].digests.valid, report.chains[0].log_files.valid), (2, 6));
    let digests = chain.digests();
    // Before the period, and not the one the first digest of the period names.
    fs::remove_file(&digests[0]).expect("removed");
    chain.check(&[]).await;
    fs::remove_file(&digests[1]).expect("removed");
    chain.check(&[]).await;
    fs::remove_file(&digests[4]).expect("removed");
    chain.check(&[]).await;
    (chain.options.from, chain.options.to) = period(datetime!(2025-01-01 00:00 UTC), datetime!(2025-01-02 00:00 UTC));
    assert_eq!(chain.check(&[Code::NoDigests]).await.verdict, Verdict::Incomplete);
    (chain.options.from, chain.options.to) = period(datetime!(2023-01-01 00:00 UTC), datetime!(2023-01-02 00:00 UTC));
    assert_eq!(chain.check(&[Code::NoDigests]).await.verdict, Verdict::Incomplete);
}

#[tokio::test]
async fn a_bucket_is_compared_by_its_name_and_lines_are_those_of_aws() {
    let chain = chain!("--prefix", "p");
    let store = upload(&chain, None).await;
    let bucket = |store: &Arc<InMemory>, name| -> Box<dyn Source> {
        Box::new(Bucket::new(Arc::clone(store) as Arc<dyn ObjectStore>, name, "p").expect("opens"))
    };
    let lines = Lines::default();
    let report = verify(&[bucket(&store, "audit-bucket")], &chain.options, &lines).await.expect("runs");
    assert_eq!(report.exit_code(), 0, "{}", report.to_text());
    let lines = lines.0.into_inner().expect("not poisoned");
    assert_eq!(lines.len(), 17);
    assert!(lines[0].starts_with("Digest file\ts3://audit-bucket/p/AWSLogs/111122223333/CloudTrail-Digest/"));
    assert!(lines.iter().all(|line| line.ends_with("\tvalid")));
    let report = verify(&[bucket(&store, "copied-bucket")], &chain.options, &Lines::default()).await.expect("runs");
    assert!(report.findings.iter().filter(|f| f.code == Code::DigestMoved).count() == 5, "{}", report.to_text());
    let store = upload(&chain, Some(2)).await;
    let report = verify(&[bucket(&store, "audit-bucket")], &chain.options, &Lines::default()).await.expect("runs");
    assert!(report.has(Code::SignatureMissing) && report.findings.len() == 1, "{}", report.to_text());
}

#[test]
fn the_run_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let (sources, options, progress) = (Vec::new(), Options::default(), Lines::default());
    is_send(&verify(&sources, &options, &progress));
}

#[test]
fn what_is_no_source_cannot_be_opened() {
    for spec in ["/nowhere/at/all", "s3://", "s3:///key"] {
        assert!(open_source(spec).is_err(), "{spec}");
    }
}
