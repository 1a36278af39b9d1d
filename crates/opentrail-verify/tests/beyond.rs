//! What AWS's own check does not see, and where files may be: chains by the independent writer, moved and damaged.

mod support;

use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use opentrail_verify::bucket::Bucket;
use opentrail_verify::{Code, ErrorKind, HeadFile, Mapping, Options, Report, Severity, Source, Verdict, open_source, verify};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use support::{Chain, Lines, gunzip, replace, upload, write_gzip};
use time::macros::datetime;

fn open(path: &Path) -> Box<dyn Source> {
    open_source(path.to_str().expect("UTF-8")).expect("opens")
}

async fn verify_all(paths: &[PathBuf], options: &Options) -> Report {
    let sources: Vec<_> = paths.iter().map(|path| open(path)).collect();
    verify(&sources, options, &Lines::default()).await.expect("runs")
}

fn count(report: &Report, code: Code) -> usize {
    report.findings.iter().filter(|finding| finding.code == code).count()
}

#[tokio::test]
async fn all_accounts_regions_and_trails_are_checked_in_one_run() {
    let chain = chain!("--many", "--nested");
    let report = chain.check(&[]).await;
    assert_eq!((report.chains.len(), report.exit_code()), (4, 0));
    assert!(report.chains.iter().all(|chain| (chain.digests.valid, chain.log_files.valid) == (5, 12)));
    // Another trail delivers to the same folder as a planted file would.
    fs::remove_file(&chain.logs()[0]).expect("removed");
    assert_eq!(count(&chain.verify().await, Code::LogMissing), 1);
}

#[tokio::test]
async fn backfill_digests_are_a_chain_of_their_own() {
    let chain = chain!("--backfill");
    let report = chain.check(&[]).await;
    let backfill = report.chains.iter().find(|chain| chain.backfill).expect("is there");
    assert_eq!((report.chains.len(), backfill.digests.valid, backfill.log_files.valid), (2, 2, 2));
    let digest = chain.files("_backfill")[0].clone();
    replace(&digest, "\"awsAccountId\":\"111122223333\"", "\"awsAccountId\":\"999999999999\"");
    let report = chain.verify().await;
    assert!(report.has(Code::DigestChanged) && report.has(Code::SignatureInvalid), "{}", report.to_text());
    fs::remove_file(chain.files("_0000000000009001.json")[0].clone()).expect("removed");
    assert!(chain.verify().await.has(Code::LogMissing));
}

#[tokio::test]
async fn a_trail_goes_on_in_another_bucket() {
    for more in [&["--move-before", "2"][..], &["--move-before", "2", "--no-metadata"], &["--prefix-before", "2"]] {
        let Some(chain) = Chain::write(more) else { return };
        let new = chain.folder.path().join("new-bucket");
        let paths: Vec<PathBuf> = [new, chain.root()].into_iter().filter(|path| path.exists()).collect();
        let report = verify_all(&paths, &chain.options).await;
        let unproved = u64::from(more.contains(&"--no-metadata"));
        assert_eq!((report.chains.len(), report.exit_code()), (1, 0), "{more:?} {}", report.to_text());
        assert_eq!(report.chains[0].digests.valid, 5 - unproved, "{}", report.to_text());
        assert_eq!(report.chains[0].log_files.valid, 12);
    }
    let chain = chain!("--move-before", "2");
    let report = verify_all(&[chain.folder.path().join("new-bucket")], &chain.options).await;
    assert!(report.has(Code::DigestMissing) && report.findings.len() == 1, "{}", report.to_text());
}

#[tokio::test]
async fn two_copies_do_not_disturb_each_other() {
    let chain = chain!();
    let copy = chain.folder.path().join("copy");
    assert!(Command::new("cp").arg("-r").args([&chain.root(), &copy]).status().expect("runs").success());
    let report = verify_all(&[chain.root(), copy.clone()], &chain.options).await;
    assert_eq!((report.chains.len(), report.exit_code()), (2, 0), "{}", report.to_text());
    let log = copy.join(chain.logs()[0].strip_prefix(chain.root()).expect("below"));
    replace(&log, "Get1", "Got1");
    let report = verify_all(&[chain.root(), copy], &chain.options).await;
    assert_eq!((count(&report, Code::LogChanged), report.findings.len()), (1, 1), "{}", report.to_text());
}

#[tokio::test]
async fn archives_are_read_in_place() {
    let chain = chain!("--lake");
    let folder = chain.folder.path();
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).current_dir(folder).output();
        done.is_ok_and(|output| output.status.success())
    };
    let zip = "import shutil; shutil.make_archive('copy', 'zip', 'bucket')";
    let stored = "import zipfile, os\nz = zipfile.ZipFile('stored.zip', 'w')\n[z.write(os.path.join(r, f)) for r, _, fs in os.walk('bucket') for f in fs]\nz.close()";
    assert!(run("python3", &["-c", zip]) && run("python3", &["-c", stored]));
    for (name, format) in [("ustar", "ustar"), ("pax", "pax"), ("gnu", "gnu")] {
        assert!(run("tar", &["--format", format, "-cf", &format!("{name}.tar"), "bucket"]), "{name}");
    }
    assert!(run("tar", &["-czf", "copy.tar.gz", "-C", "bucket", "."]));
    for archive in ["copy.zip", "stored.zip", "ustar.tar", "pax.tar", "gnu.tar", "copy.tar.gz"] {
        let report = verify_all(&[folder.join(archive)], &chain.options).await;
        assert_eq!((report.exit_code(), report.findings.len()), (0, 0), "{archive}: {}", report.to_text());
        assert_eq!((report.chains[0].digests.valid, report.chains[0].log_files.valid), (5, 12), "{archive}");
        assert_eq!(report.result_sets[0].files_valid, 2, "{archive}");
    }
    // Cut off in the middle: an error or findings, never a good word.
    for archive in ["copy.zip", "pax.tar", "copy.tar.gz"] {
        let path = folder.join(archive);
        let bytes = fs::read(&path).expect("reads");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("writes");
        match open_source(path.to_str().expect("UTF-8")) {
            Err(_) => {}
            Ok(source) => {
                let report = verify(&[source], &chain.options, &Lines::default()).await;
                assert!(report.is_err() || report.is_ok_and(|report| report.exit_code() == 1), "{archive}");
            }
        }
    }
}

#[tokio::test]
async fn renamed_files_are_found_by_their_content() {
    let chain = chain!();
    let (digests, logs) = (chain.digests(), chain.logs());
    fs::rename(&digests[2], chain.root().join("second copy of a digest.gz")).expect("renamed");
    fs::rename(&logs[0], chain.root().join("evidence-1.gz")).expect("renamed");
    let other = logs[1].to_str().expect("UTF-8").replace("0000000000000001", "abcdefghijklmnop");
    fs::rename(&logs[1], other).expect("renamed");
    // The renamed digest has lost its metadata; the next one has its signature.
    let report = chain.check(&[Code::Renamed; 3]).await;
    assert_eq!((report.exit_code(), report.chains[0].log_files.valid), (0, 12), "{}", report.to_text());
    write_gzip(&chain.root().join("evidence-1.gz"), b"{\"Records\":[]}");
    assert!(chain.verify().await.has(Code::LogMissing));
}

#[tokio::test]
async fn renamed_prefixes_are_mapped() {
    let mut chain = chain!("--prefix", "old/place");
    let store: Arc<InMemory> = Arc::new(InMemory::new());
    for file in chain.digests().iter().chain(&chain.logs()) {
        let key = file.strip_prefix(chain.root().join("old/place")).expect("below").to_str().expect("UTF-8").to_owned();
        store.put(&StorePath::from(format!("new/{key}")), fs::read(file).expect("reads").into()).await.expect("stored");
    }
    let bucket = || -> Vec<Box<dyn Source>> {
        vec![Box::new(Bucket::new(Arc::clone(&store) as Arc<dyn ObjectStore>, "archive", "").expect("opens"))]
    };
    let report = verify(&bucket(), &chain.options, &Lines::default()).await.expect("runs");
    assert_eq!(count(&report, Code::DigestMoved), 5, "{}", report.to_text());
    let mut mapping = Mapping::default();
    mapping.add("s3://audit-bucket/old/place=s3://archive/new").expect("a rule");
    chain.options.mapping = mapping;
    let report = verify(&bucket(), &chain.options, &Lines::default()).await.expect("runs");
    assert!(!report.has(Code::DigestMoved) && !report.has(Code::LogMissing), "{}", report.to_text());
    // The store keeps metadata, and this copy has none.
    assert_eq!(count(&report, Code::SignatureMissing), 5);
}

#[tokio::test]
async fn every_missing_digest_is_counted() {
    let chain = chain!("--digests", "9");
    let digests = chain.digests();
    for number in [2, 3, 4, 6] {
        fs::remove_file(&digests[number]).expect("removed");
    }
    let report = chain.verify().await;
    let missing = |report: &Report| (count(report, Code::DigestMissing), report.chains[0].digests.missing);
    assert_eq!(missing(&report), (4, 4), "{}", report.to_text());
    for number in [2, 3, 4, 6] {
        let name = digests[number].file_name().expect("named").to_str().expect("UTF-8");
        assert!(report.findings.iter().any(|f| f.code == Code::DigestMissing && f.file.ends_with(name)), "{name}");
    }
    // The one after a hole cannot be read: then only the schedule tells.
    fs::write(&digests[5], b"no gzip").expect("writes");
    assert_eq!(missing(&chain.verify().await), (4, 4));
}

#[tokio::test]
async fn a_cut_off_tail_is_found() {
    let mut chain = chain!();
    let heads = HeadFile::new(chain.verify().await.heads().heads);
    assert_eq!((heads.heads.len(), heads.heads[0].end_time.as_str()), (1, "2024-02-29T02:17:28Z"));
    chain.options.expect_heads = heads.heads;
    chain.check(&[]).await;
    chain.options.to = Some(datetime!(2024-02-29 03:00 UTC));
    chain.check(&[]).await;
    chain.options.to = Some(datetime!(2024-02-29 08:00 UTC));
    assert_eq!(chain.check(&[Code::ChainEndsEarly]).await.exit_code(), 1);
    chain.options.accept_gap = true;
    assert_eq!(chain.check(&[Code::ChainEndsEarly]).await.exit_code(), 0);
    (chain.options.to, chain.options.accept_gap) = (None, false);
    chain.options.now = Some(datetime!(2026-01-01 00:00 UTC));
    let report = chain.check(&[Code::ChainEndsEarly]).await;
    assert_eq!((report.exit_code(), report.findings[0].severity), (0, Severity::Info));
    chain.options.now = None;
    let newest = chain.digests().pop().expect("is there");
    fs::remove_file(newest).expect("removed");
    let report = chain.verify().await;
    assert_eq!((count(&report, Code::HeadMissing), report.exit_code()), (1, 1), "{}", report.to_text());
    chain.options.expect_heads[0].object = chain.digests()[3].strip_prefix(chain.root()).expect("below").display().to_string();
    assert!(chain.verify().await.has(Code::HeadChanged));
}

#[tokio::test]
async fn what_is_signed_but_wrong_is_found() {
    let check = async |arguments: &[&str], expect: &[Code], exit: u8| {
        let Some(chain) = Chain::write(arguments) else { return };
        assert_eq!(chain.check(expect).await.exit_code(), exit, "{arguments:?}");
    };
    check(&["--late-start", "3"], &[Code::WindowMismatch], 0).await;
    check(&["--expired"], &[Code::KeyOutsideValidity; 5], 0).await;
    check(&["--contradict", "201"], &[Code::RecordContradiction], 0).await;
    check(&["--duplicate", "201"], &[Code::DuplicateEvent], 0).await;
    let Some(chain) = Chain::write(&["--other-account", "2"]) else { return };
    let report = chain.verify().await;
    assert!(report.has(Code::AccountMismatch) && report.exit_code() == 1, "{}", report.to_text());
    let Some(chain) = Chain::write(&["--loop", "2"]) else { return };
    let report = chain.verify().await;
    assert!(report.has(Code::BrokenLink) && report.exit_code() == 1, "{}", report.to_text());
}

#[tokio::test]
async fn time_tells_planted_files_from_new_ones() {
    let chain = chain!();
    let logs = chain.logs();
    let copy_as = |log: &PathBuf, time: &str, unique: &str| {
        let name = log.file_name().expect("named").to_str().expect("UTF-8");
        let old = name.split('_').nth(3).expect("a time");
        let path = log.with_file_name(name.replace(old, time).replace("_00000000", &format!("_{unique}")));
        let plain = String::from_utf8(gunzip(log)).expect("UTF-8").replace("\"eventID\":\"", &format!("\"eventID\":\"{unique}"));
        write_gzip(&path, plain.as_bytes());
    };
    // After the last digest, before the first, and in between.
    copy_as(&logs[11], "20240229T0300Z", "newfiles");
    copy_as(&logs[0], "20240228T2100Z", "oldfiles");
    let report = chain.check(&[Code::Undigested, Code::Undigested]).await;
    assert_eq!(report.exit_code(), 0);
    copy_as(&logs[4], "20240228T2330Z", "midfiles");
    assert_eq!(chain.check(&[Code::Unlisted, Code::Undigested, Code::Undigested]).await.exit_code(), 1);
}

#[tokio::test]
async fn a_new_file_with_old_events_is_planted() {
    let chain = chain!();
    let newest = chain.logs().pop().expect("is there");
    let name = newest.to_str().expect("UTF-8").replace("T0137Z", "T0300Z");
    fs::copy(&newest, name).expect("copied");
    let report = chain.verify().await;
    assert_eq!((count(&report, Code::Unlisted), report.exit_code()), (1, 1), "{}", report.to_text());
}

#[tokio::test]
async fn query_results_are_checked() {
    let chain = chain!("--lake");
    let report = chain.check(&[]).await;
    assert!(report.result_sets[0].proved && report.result_sets[0].files_valid == 2, "{}", report.to_text());
    let folder = chain.root().join("lake/AWSLogs/111122223333/CloudTrail-Lake/Query/2024/02/29/aaaa-bbbb");
    let only = verify_all(std::slice::from_ref(&folder), &chain.options).await;
    assert_eq!((only.verdict, only.findings.len()), (Verdict::Valid, 0), "{}", only.to_text());
    fs::copy(folder.join("result_1.csv.gz"), folder.join("result_3.csv.gz")).expect("copied");
    chain.check(&[Code::ResultUnlisted]).await;
    fs::remove_file(folder.join("result_3.csv.gz")).expect("removed");
    write_gzip(&folder.join("result_1.csv.gz"), b"forged");
    chain.check(&[Code::ResultChanged]).await;
    fs::remove_file(folder.join("result_2.csv.gz")).expect("removed");
    chain.check(&[Code::ResultChanged, Code::ResultMissing]).await;
    let sign = folder.join("result_sign.json");
    let text = fs::read_to_string(&sign).expect("reads").replace("result_2", "../../result_2");
    fs::write(&sign, text.replace("\"hashSignature\": \"", "\"hashSignature\": \"00")).expect("writes");
    chain.check(&[Code::SignatureInvalid, Code::ResultChanged, Code::ResultMissing]).await;
    fs::write(&sign, "{}").expect("writes");
    chain.check(&[Code::ResultFormat]).await;
}

#[tokio::test]
async fn a_period_lists_only_its_folders() {
    let mut chain = chain!();
    let store: Arc<InMemory> = Arc::new(InMemory::new());
    for file in chain.digests().iter().chain(&chain.logs()) {
        let key = file.strip_prefix(chain.root()).expect("below").to_str().expect("UTF-8").to_owned();
        store.put(&StorePath::from(key), fs::read(file).expect("reads").into()).await.expect("stored");
    }
    chain.options.from = Some(datetime!(2024-02-29 00:30 UTC));
    chain.options.to = Some(datetime!(2024-02-29 02:17:28 UTC));
    let bucket = Bucket::new(store as Arc<dyn ObjectStore>, "audit-bucket", "").expect("opens");
    let report = verify(&[Box::new(bucket)], &chain.options, &Lines::default()).await.expect("runs");
    assert_eq!(report.chains[0].digests.invalid, 2, "{}", report.to_text());
    assert_eq!(count(&report, Code::SignatureMissing), report.findings.len());
}

/// What the AWS CLI says of each file, or `None` where it is not installed.
fn aws_lines(chain: &Chain) -> Option<BTreeMap<String, String>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verify/compare_with_aws_cli.py");
    if !Command::new(std::env::var("AWS_CLI").unwrap_or("aws".into())).arg("--version").output().is_ok_and(|o| o.status.success())
    {
        println!("skipped: no AWS CLI");
        return None;
    }
    let output = Command::new("python3").arg(script).arg(chain.folder.path()).arg("--lines").output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    Some(text.lines().map(|line| line.split_once('\t').expect("two fields")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect())
}

#[tokio::test]
async fn verdicts_are_those_of_the_aws_cli() {
    let damages: [fn(&Chain); 7] = [
        |_| {},
        |chain| replace(&chain.logs()[0], "Get1", "Got1"),
        |chain| fs::remove_file(&chain.logs()[4]).expect("removed"),
        |chain| fs::write(&chain.logs()[5], b"no gzip").expect("writes"),
        |chain| fs::remove_file(&chain.digests()[2]).expect("removed"),
        |chain| replace(&chain.digests()[1], "\"awsAccountId\":\"111122223333\"", "\"awsAccountId\":\"999999999999\""),
        |chain| {
            fs::copy(&chain.digests()[0], &chain.digests()[3]).expect("copied");
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let Some(chain) = Chain::write(&["--backfill", "--prefix", "p"]) else { return };
        damage(&chain);
        let Some(theirs) = aws_lines(&chain) else { return };
        let store = upload(&chain, None).await;
        let bucket = Bucket::new(store as Arc<dyn ObjectStore>, "audit-bucket", "p").expect("opens");
        let lines = Lines::default();
        verify(&[Box::new(bucket)], &chain.options, &lines).await.expect("runs");
        let lines = lines.0.into_inner().expect("not poisoned");
        let ours: BTreeMap<String, String> = lines
            .iter()
            .map(|line| line.rsplit_once('\t').expect("fields"))
            .map(|(file, verdict)| (file.split_once('\t').expect("fields").1.to_owned(), verdict.to_owned()))
            .collect();
        assert!(!theirs.is_empty());
        assert_eq!(ours, theirs, "damage {number}");
    }
}

/// A store that takes a request and never answers.
#[tokio::test]
async fn a_store_that_stalls_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    let store = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name("b")
        .with_access_key_id("k")
        .with_secret_access_key("s")
        .build()
        .expect("builds");
    let bucket = Bucket::new(Arc::new(store), "b", "").expect("opens").with_patience(Duration::from_secs(1));
    let error = verify(&[Box::new(bucket)], &Options::default(), &Lines::default()).await.expect_err("stalls");
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
}
