//! Hostile input for a bounded time; see `fuzz/README.md`.

use opentrail_verify::chain::{Content, Loaded, Rules, Walk};
use opentrail_verify::digest::ParsedDigest;
use opentrail_verify::group;
use opentrail_verify::index::Index;
use opentrail_verify::log_content::{LogReader, LogStream};
use opentrail_verify::names::FileName;
use opentrail_verify::period::Period;
use opentrail_verify::records::{Expected, Look};
use opentrail_verify::result_set::SignFile;
use opentrail_verify::sample::Sample;
use opentrail_verify::{HeadFile, KeySet, Options, Silent, Verdict, open_source, verify};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Random numbers that a seed repeats.
struct Random(u64);

impl Random {
    fn new(driver: &str) -> Self {
        let seed = std::env::var("OPENTRAIL_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
        let seed = seed.unwrap_or_else(now);
        println!("{driver}: OPENTRAIL_FUZZ_SEED={seed}");
        Self(seed | 1)
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most.max(1)
    }

    /// Changes bytes, cuts, repeats or splices, once or a few times.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let length = self.below(bytes.len() - at.min(bytes.len())).min(64);
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..at + length, [])),
                2 => bytes.extend_from_within(at..at + length),
                3 => drop(bytes.splice(at..at, *b"\"9999-12-31T23:59:59Z\"")),
                4 => drop(bytes.splice(at..at + length, *b"{}[],:\"null-1")),
                _ if bytes.is_empty() => bytes.push(0x1f),
                5 => bytes[at] ^= 1 << self.below(8),
                _ => bytes[at] = self.below(256) as u8,
            }
        }
    }
}

/// Calls `work` until the time is over.
fn for_a_while(mut work: impl FnMut()) {
    let seconds = std::env::var("OPENTRAIL_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let (started, mut runs) = (Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_secs_f64(seconds) {
        work();
        runs += 1;
    }
    println!("{runs} runs");
}

struct Made {
    folder: tempfile::TempDir,
    keys: KeySet,
}

fn made() -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Sample { log_files: 6, digests: 6, events: 2 }.write(folder.path()).expect("written").keys;
    Made { folder, keys }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("lists") {
            let path = entry.expect("lists").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.contains("Digest/") && path.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn gunzip(stored: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(stored), &mut plain).expect("decompresses");
    plain
}

#[test]
fn parsers_do_not_panic() {
    let made = made();
    let seeds: Vec<Vec<u8>> = files(made.folder.path(), ".gz").iter().map(|path| fs::read(path).expect("reads")).collect();
    let plain: Vec<Vec<u8>> = seeds.iter().map(|stored| gunzip(stored)).collect();
    let mut random = Random::new("parsers");
    let expected = Expected { account: "1".into(), region: "r".into() };
    let mut reader = LogReader::default();
    for_a_while(|| {
        let mut stored = seeds[random.below(seeds.len())].clone();
        random.spoil(&mut stored);
        let _ = ParsedDigest::read_within(&stored, 1 << 20);
        let whole = reader.whole(&stored, Some(&expected)).map(|content| content.hash);
        let mut stream = LogStream::new(Some(&expected));
        let streamed = stored.chunks(97).try_for_each(|piece| stream.feed(piece)).and_then(|()| stream.finish());
        if let (Ok(whole), Ok(streamed)) = (whole, streamed) {
            assert_eq!(whole, streamed.hash);
        }
        let mut text = plain[random.below(plain.len())].clone();
        random.spoil(&mut text);
        let _ = ParsedDigest::parse(&text);
        let _ = (SignFile::parse(&text), HeadFile::from_json("f", &text), KeySet::from_json(&text));
        let _ = Look::whole(&expected, &text, |_| {});
    });
}

#[test]
fn the_walker_does_not_panic_nor_call_changes_valid() {
    let made = made();
    let paths = files(made.folder.path(), ".gz");
    let mut index = Index::default();
    let source = index.add_source(None);
    for path in &paths {
        let location = path.strip_prefix(made.folder.path()).expect("below").to_str().expect("UTF-8");
        assert!(index.add(source, location.to_owned()));
    }
    index.finish();
    let chains = group::chains(&index);
    let plain: Vec<Vec<u8>> = paths.iter().map(|path| gunzip(&fs::read(path).expect("reads"))).collect();
    let metadata: Vec<BTreeMap<String, String>> = paths
        .iter()
        .map(|path| serde_json::from_slice(&fs::read(format!("{}.metadata.json", path.display())).expect("reads")).expect("JSON"))
        .collect();
    let rules =
        Rules { index: &index, keys: Some(&made.keys), period: Period::default(), accept_gap: false, keeps_metadata: &[false] };
    let mut random = Random::new("walker");
    for_a_while(|| {
        let spoiled = random.below(paths.len());
        let mut walk = Walk::new(rules, &chains[0]);
        for id in &chains[0].digests {
            let mut bytes = plain[*id as usize].clone();
            let mut metadata = metadata[*id as usize].clone();
            let mut is_changed = false;
            if *id as usize == spoiled || random.below(10) == 0 {
                random.spoil(&mut bytes);
                is_changed = bytes != plain[*id as usize];
                if random.below(4) == 0 {
                    metadata.clear();
                }
            }
            let content = match ParsedDigest::parse(&bytes) {
                Ok(digest) => Content::Digest(Box::new(digest)),
                Err(problem) => Content::Problem(problem),
            };
            let step = walk.step(&Loaded { id: *id, file: "f".into(), content, metadata });
            assert!(!is_changed || step.proof != opentrail_verify::chain::Proof::Valid);
            if let Some(claim) = step.unresolved {
                walk.is_missing(claim);
            }
        }
        let _ = walk.finish();
    });
}

#[tokio::test]
async fn archives_do_not_panic() {
    let made = made();
    let python =
        "import shutil, sys\nfor f in ('zip', 'tar', 'gztar'): shutil.make_archive(sys.argv[2] + '/seed', f, sys.argv[1])";
    let work = tempfile::tempdir().expect("a folder");
    let done = std::process::Command::new("python3").args(["-c", python]).args([made.folder.path(), work.path()]).status();
    if !done.is_ok_and(|status| status.success()) {
        println!("skipped: no python3");
        return;
    }
    let seeds: Vec<Vec<u8>> =
        ["seed.zip", "seed.tar", "seed.tar.gz"].iter().map(|name| fs::read(work.path().join(name)).expect("reads")).collect();
    let options = Options { keys: Some(made.keys.clone()), ..Options::default() };
    let mut random = Random::new("archives");
    let path = work.path().join("spoiled");
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        random.spoil(&mut bytes);
        fs::write(&path, &bytes).expect("writes");
        if let Ok(source) = open_source(path.to_str().expect("UTF-8")) {
            // Some bytes of an archive mean nothing, so the verdict may be good.
            let _ = verify(&[source], &options, &Silent).await;
        }
    }
}

#[tokio::test]
async fn a_million_findings_and_bombs_are_bounded() {
    let made = made();
    let digest = files(made.folder.path(), ".gz").pop().expect("is there");
    let mut document: serde_json::Value = serde_json::from_slice(&gunzip(&fs::read(&digest).expect("reads"))).expect("JSON");
    let entry = serde_json::json!({"s3Bucket": "b", "s3Object": "../../../../etc/passwd", "hashValue": "00"});
    document["logFiles"] = serde_json::Value::Array(vec![entry; 120_000]);
    let write = |path: &Path, plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, plain).expect("compresses");
        fs::write(path, encoder.finish().expect("compresses")).expect("writes");
    };
    write(&digest, &serde_json::to_vec(&document).expect("serialises"));
    let check = async |keys: Option<KeySet>| {
        let source = open_source(made.folder.path().to_str().expect("UTF-8")).expect("opens");
        verify(&[source], &Options { keys, ..Options::default() }, &Silent).await.expect("runs")
    };
    let report = check(None).await;
    assert!(report.findings.len() <= 20_000 && report.findings_omitted >= 100_000, "{}", report.findings.len());
    assert_eq!((report.verdict, report.codes["log-missing"].count), (Verdict::Invalid, 120_000));
    write(&digest, &vec![b' '; 80 << 20]);
    let report = check(Some(made.keys.clone())).await;
    assert_eq!(report.codes["too-large"].count, 1, "{}", report.to_text());
}

proptest! {
    #[test]
    fn names_are_read_without_panic(name in "[0-9]{12}_CloudTrail(-Digest)?_[a-z0-9_-]{0,20}_[0-9TZ_]{0,24}(_backfill)?\\.json\\.gz", folders in "[a-zA-Z0-9/._-]{0,40}") {
        if let Some(parsed) = FileName::parse(&name) {
            let location = format!("{folders}/{name}");
            let (_, tail) = opentrail_verify::names::split_location(&location, &parsed);
            prop_assert!(location.ends_with(tail) && tail.ends_with(&name));
        }
        let mut index = Index::default();
        let source = index.add_source(None);
        index.add(source, format!("{folders}/{name}"));
        index.finish();
        let _ = group::chains(&index);
    }
}
