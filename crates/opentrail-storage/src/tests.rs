use super::*;
use crate::listing::list;
use futures::StreamExt;
use opentrail_catalog::Catalog;
use opentrail_eventlog::{EventLog, Intake, LogConfig, SystemClock};
use opentrail_kms::Kms;
use opentrail_seal::{DerivingKey, Seal};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

mod versions;

/// One for all, as a server keeps its root key over restarts.
static SEAL: LazyLock<Arc<Seal>> = LazyLock::new(|| Arc::new(Seal::ephemeral()));

struct Harness {
    dir: tempfile::TempDir,
    store: EmbeddedStore,
    intake: Intake,
}

impl Harness {
    fn new() -> Self {
        Self::open(tempfile::tempdir().expect("a temp dir"))
    }

    fn open(dir: tempfile::TempDir) -> Self {
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("the catalog opens");
        let config = LogConfig { segment_bytes: 16 * 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("the log opens");
        let store = EmbeddedStore::open(dir.path(), catalog, Arc::clone(&SEAL)).expect("the store opens");
        Self { dir, store, intake: Intake::new(log, Arc::new(SystemClock)) }
    }

    fn kms(&self) -> Kms {
        Kms::new(&self.dir.path().join("keys"), self.store.catalog.clone(), Arc::clone(&SEAL))
    }

    async fn submit(&self, staged: Staged) {
        self.intake.submit(Vec::new(), staged.changes.encode()).await.expect("the log takes it");
        self.store.discard(&staged.dropped);
    }

    async fn bucket(&self, name: &str, policy: Option<&str>) {
        let mut staged = Staged::default();
        staged.changes.put(&Bucket { policy: policy.map(Into::into), ..Bucket::new(name, "123456789012", "eu-west-1", 0) });
        self.submit(staged).await;
    }

    async fn blob(&self, bytes: &[u8]) -> Blob {
        self.blob_with(bytes, &BlobKey::OfStore).await
    }

    async fn blob_with(&self, bytes: &[u8], key: &BlobKey) -> Blob {
        let mut writer = self.store.write_blob(&[ChecksumAlgorithm::Crc32], key).await.expect("a writer");
        for piece in bytes.chunks(bytes.len().div_ceil(7).max(1)) {
            writer.write(piece).await.expect("written");
        }
        writer.finish().await.expect("durable")
    }

    async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let blob = self.blob(bytes).await;
        self.put_blob(bucket, key, &blob).await;
    }

    async fn put_blob(&self, bucket: &str, key: &str, blob: &Blob) {
        let lock = self.store.lock_object(bucket, key).await;
        let staged = self.store.stage_put(&lock, &mut object(bucket, key, blob), "ObjectCreated:Put").expect("staged");
        self.submit(staged).await;
    }

    async fn read(&self, bucket: &str, key: &str, range: std::ops::Range<u64>) -> Vec<u8> {
        let open = self.store.open_version(bucket, key, None).expect("opens").expect("is there");
        collect(open.read(range).await.expect("reads")).await
    }
}

async fn collect(stream: ByteStream) -> Vec<u8> {
    stream.map(|chunk| chunk.expect("a chunk")).collect::<Vec<_>>().await.concat()
}

fn object(bucket: &str, key: &str, blob: &Blob) -> Object {
    Object {
        bucket: bucket.into(),
        key: key.into(),
        blobs: vec![blob.reference()],
        size: blob.size,
        etag: blob.etag(),
        ..Object::default()
    }
}

#[tokio::test]
async fn objects_are_read_back_in_ranges_also_after_reopening() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    harness.put("b", "k/1", b"0123456789").await;
    assert_eq!(harness.read("b", "k/1", 0..10).await, b"0123456789");
    assert_eq!(harness.read("b", "k/1", 3..7).await, b"3456");
    assert_eq!(harness.read("b", "k/1", 10..10).await, b"");
    assert_eq!(harness.store.object("b", "k/1").expect("get").expect("there").etag, "781e5e245d69b566979b86e28d23f2c7");
    let Harness { dir, store, intake } = harness;
    drop((store, intake));
    let harness = Harness::open(dir);
    assert_eq!(harness.read("b", "k/1", 9..10).await, b"9");
}

#[tokio::test]
async fn an_empty_object_has_no_bytes_and_a_blob() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    harness.put("b", "empty/", b"").await;
    assert_eq!(harness.read("b", "empty/", 0..0).await, b"");
}

#[tokio::test]
async fn a_replaced_object_goes_when_its_last_reader_does() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    harness.put("b", "k", b"old").await;
    let open = harness.store.open_version("b", "k", None).expect("opens").expect("there");
    harness.put("b", "k", b"new").await;
    assert_eq!(harness.store.blob_ids().expect("listed").len(), 2);
    assert_eq!(collect(open.read(0..3).await.expect("reads")).await, b"old");
    assert_eq!(harness.store.blob_ids().expect("listed").len(), 1);
    assert_eq!(harness.read("b", "k", 0..3).await, b"new");
}

#[tokio::test]
async fn a_crash_before_the_submission_leaves_an_orphan_that_the_sweep_removes() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    harness.put("b", "kept", b"kept").await;
    harness.blob(b"never submitted").await;
    let unfinished = harness.dir.path().join("blobs/tmp/unfinished");
    std::fs::write(&unfinished, b"half").expect("written");
    let past = SystemTime::now() - Duration::from_secs(60);
    for file in walk(&harness.dir.path().join("blobs")) {
        std::fs::File::options().write(true).open(file).and_then(|file| file.set_modified(past)).expect("aged");
    }
    let Harness { dir, store, intake } = harness;
    drop((store, intake));
    let harness = Harness::open(dir);
    let fresh = harness.blob(b"being uploaded while the sweep runs").await;
    assert_eq!(harness.store.sweep_orphans().expect("sweeps"), 2);
    assert!(!unfinished.exists());
    let left = harness.store.blob_ids().expect("listed");
    assert_eq!(left.len(), 2);
    assert!(left.contains(&fresh.id));
    assert_eq!(harness.read("b", "kept", 0..4).await, b"kept");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    folders
        .flat_map(|folder| std::fs::read_dir(folder).expect("a directory").map(|entry| entry.expect("an entry").path()))
        .collect()
}

#[tokio::test]
async fn a_blob_has_its_name_only_when_it_is_whole() {
    let harness = Harness::new();
    let mut writer = harness.store.write_blob(&[], &BlobKey::OfStore).await.expect("a writer");
    writer.write(b"first").await.expect("written");
    assert!(harness.store.blob_ids().expect("listed").is_empty());
    drop(writer);
    assert!(walk(&harness.dir.path().join("blobs")).is_empty());
    let blob = harness.blob(b"whole").await;
    assert!(harness.store.blob_ids().expect("listed").contains(&blob.id));
}

#[tokio::test]
async fn a_bucket_with_objects_or_uploads_is_not_deleted() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    harness.put("b", "k", b"x").await;
    let deletion = harness.store.lock_bucket_deletion("b").await;
    assert!(matches!(harness.store.stage_bucket_deletion(&deletion), Err(StoreError::BucketNotEmpty)));
    drop(deletion);
    let lock = harness.store.lock_object("b", "k").await;
    let staged = harness.store.stage_delete(&lock, 0, Remover::Request).expect("staged").staged;
    harness.submit(staged).await;
    drop(lock);
    assert!(harness.store.blob_ids().expect("listed").is_empty());
    let deletion = harness.store.lock_bucket_deletion("b").await;
    let staged = harness.store.stage_bucket_deletion(&deletion).expect("staged");
    harness.submit(staged).await;
    drop(deletion);
    let lock = harness.store.lock_object("b", "k").await;
    let blob = harness.blob(b"late").await;
    assert!(matches!(
        harness.store.stage_put(&lock, &mut object("b", "k", &blob), "ObjectCreated:Put"),
        Err(StoreError::NoSuchBucket)
    ));
}

#[tokio::test]
async fn parts_become_an_object_with_the_multipart_etag() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    let upload = Upload {
        bucket: "b".into(),
        key: "k".into(),
        id: harness.store.upload_id(),
        started_ms: 0,
        initiator: "arn".into(),
        headers: ObjectHeaders::default(),
        checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)),
        encryption: None,
        customer_key: None,
        settings: ObjectSettings::default(),
    };
    let lock = harness.store.lock_object("b", "k").await;
    harness.submit(harness.store.stage_upload(&lock, &upload).expect("staged")).await;
    let large = vec![b'a'; usize::try_from(MIN_PART_BYTES).expect("fits")];
    let mut requested = Vec::new();
    for (number, bytes) in [(1, &b"replaced"[..]), (1, &large), (2, b"unused"), (3, b"tail")] {
        let blob = harness.blob(bytes).await;
        harness.submit(harness.store.stage_part(&lock, &upload.id, number, &blob, 0).expect("staged")).await;
        requested.push(RequestedPart {
            number,
            etag: blob.etag(),
            checksum: blob.checksum(ChecksumAlgorithm::Crc32).map(Into::into),
        });
    }
    let complete = |parts: &[usize]| {
        let parts: Vec<RequestedPart> = parts.iter().map(|index| requested[*index].clone()).collect();
        harness.store.stage_completion(&lock, &upload.id, &parts, 0)
    };
    assert!(matches!(complete(&[0, 3]), Err(StoreError::InvalidPart)));
    assert!(matches!(complete(&[3, 1]), Err(StoreError::InvalidPartOrder)));
    assert!(matches!(complete(&[2, 3]), Err(StoreError::PartTooSmall { .. })));
    let (object, staged) = complete(&[1, 3]).expect("completed");
    harness.submit(staged).await;
    // md5(md5(5 MiB of "a") + md5("tail")), as Python's hashlib computes it.
    assert_eq!(object.etag, "30dcfd3901d1c613b7fb532281748544-2");
    assert!(object.checksum.expect("has one").value.ends_with("-2"));
    assert_eq!(harness.read("b", "k", MIN_PART_BYTES - 2..MIN_PART_BYTES + 2).await, b"aata");
    assert!(matches!(harness.store.upload("b", "k", &upload.id), Err(StoreError::NoSuchUpload)));
    assert!(harness.store.parts(&upload.id).expect("listed").is_empty());
    assert_eq!(harness.store.blob_ids().expect("listed").len(), 2);
}

const TRAIL_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::logs",
   "Condition":{"StringEquals":{"aws:SourceArn":"arn:aws:cloudtrail:eu-west-1:123456789012:trail/main"}}},
  {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject",
   "Resource":"arn:aws:s3:::logs/p/AWSLogs/123456789012/*",
   "Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}}]}"#;

fn trail(bucket: &str, prefix: Option<&str>) -> TrailBinding {
    TrailBinding {
        service: "cloudtrail.amazonaws.com".into(),
        trail_arn: "arn:aws:cloudtrail:eu-west-1:123456789012:trail/main".into(),
        account: "123456789012".into(),
        home_region: "eu-west-1".into(),
        bucket: bucket.into(),
        key_prefix: prefix.map(Into::into),
        organization: None,
        kms_key: None,
    }
}

#[tokio::test]
async fn trails_write_where_the_bucket_policy_lets_them() {
    let harness = Harness::new();
    harness.bucket("logs", Some(TRAIL_POLICY)).await;
    harness.bucket("closed", None).await;
    let buckets = EmbeddedLogBuckets::new(harness.store.clone(), harness.intake.clone(), harness.kms());
    assert_eq!(buckets.check(&trail("logs", Some("p"))).await, Ok(()));
    assert!(harness.store.object("logs", "p/AWSLogs/123456789012/CloudTrail/").expect("get").is_some());
    assert!(harness.store.object("logs", "p/AWSLogs/123456789012/CloudTrail-Digest/").expect("get").is_some());
    let refused = |fault: Result<(), BucketFault>| fault.expect_err("refused").code;
    assert_eq!(refused(buckets.check(&trail("logs", None)).await), "AccessDenied");
    assert_eq!(refused(buckets.check(&trail("closed", None)).await), "AccessDenied");
    assert!(buckets.check(&trail("absent", None)).await.expect_err("refused").is_missing_bucket());
    let file = LogObject {
        key: "p/AWSLogs/123456789012/CloudTrail/x.json.gz".into(),
        body: bytes::Bytes::from_static(b"gz"),
        content_type: "application/json",
        content_encoding: Some("gzip"),
        metadata: vec![("signature".into(), "ab".into())],
    };
    assert_eq!(buckets.put(&trail("logs", Some("p")), file.clone()).await, Ok(()));
    let object = harness.store.object("logs", &file.key).expect("get").expect("there");
    assert_eq!(object.headers.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(object.headers.user_metadata["signature"], "ab");
    // One GetBucketAcl and two probes; the same GetBucketAcl and a refused probe; a refused GetBucketAcl; one file.
    assert_eq!(harness.intake.log().stats().events, 7);
}

fn naive(keys: &BTreeSet<String>, query: &ListingQuery<'_>) -> (Vec<String>, Vec<String>) {
    let (mut objects, mut prefixes) = (Vec::new(), BTreeSet::new());
    for key in keys.iter().filter(|key| key.starts_with(query.prefix)) {
        let rest = &key[query.prefix.len()..];
        match rest.find(query.delimiter).filter(|_| !query.delimiter.is_empty()) {
            Some(at) => {
                prefixes.insert(key[..query.prefix.len() + at + query.delimiter.len()].to_owned());
            }
            None => objects.push(key.clone()),
        }
    }
    (objects, prefixes.into_iter().collect())
}

proptest! {
    #[test]
    fn pages_of_a_listing_are_the_naive_listing_cut_up(
        keys in proptest::collection::btree_set("[ab/\u{10ffff}]{1,6}", 0..120),
        prefix in "[ab/]{0,2}",
        delimiter in proptest::sample::select(vec!["", "/", "b", "a/"]),
        limit in 1_usize..7,
    ) {
        let blob = Blob { id: "0".into(), size: 0, md5: [0; 16], entity_tag: [0; 16], checksums: Vec::new(), encryption: None };
        let scan = |prefix: &str, after: Option<&str>, limit: usize| {
            let found = keys.iter().filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
            Ok(found.take(limit).map(|key| object("b", key, &blob)).collect())
        };
        let mut query = ListingQuery { bucket: "b", prefix: &prefix, delimiter, after: After::Nothing, limit };
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        loop {
            let page = list(&query, scan).expect("lists");
            prop_assert!(page.objects.len() + page.common_prefixes.len() <= limit);
            objects.extend(page.objects.into_iter().map(|object| object.key));
            prefixes.extend(page.common_prefixes);
            match page.next {
                Some(next) => query.after = next,
                None => break,
            }
        }
        prop_assert_eq!((objects, prefixes), naive(&keys, &query));
    }
}

fn file_of(harness: &Harness, blob: &Blob) -> std::path::PathBuf {
    harness.dir.path().join("blobs").join(&blob.id[..2]).join(&blob.id)
}

/// Lengths around the borders of chunks.
const LENGTHS: [usize; 6] = [0, 1, 131_071, 131_072, 131_073, 400_000];

fn patterned(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect()
}

#[tokio::test]
async fn bytes_are_encrypted_at_rest_and_read_back_in_any_range() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    for length in LENGTHS {
        let bytes = patterned(length);
        let blob = harness.blob(&bytes).await;
        harness.put_blob("b", "k", &blob).await;
        let stored = std::fs::read(file_of(&harness, &blob)).expect("the file");
        assert!(length < 100 || !stored.windows(64).any(|window| bytes.starts_with(window)), "{length}");
        for (from, to) in
            [(0, length), (0, length.min(1)), (length / 3, length / 2), (131_070, 131_075), (length - length.min(1), length)]
        {
            if from <= to && to <= length {
                let range = from as u64..to as u64;
                assert_eq!(harness.read("b", "k", range).await, bytes[from..to], "{from}..{to} of {length}");
            }
        }
    }
}

#[tokio::test]
async fn blobs_from_before_encryption_are_read() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    let bytes = patterned(400_000);
    let blob = harness.blob_with(&bytes, &BlobKey::Unencrypted).await;
    assert_eq!(std::fs::read(file_of(&harness, &blob)).expect("the file"), bytes);
    harness.put_blob("b", "k", &blob).await;
    assert_eq!(harness.read("b", "k", 100_000..300_000).await, bytes[100_000..300_000]);
}

#[tokio::test]
async fn altered_torn_and_exchanged_bytes_are_noticed() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    let key = BlobKey::Given(DerivingKey::random(), BlobEncryption::Store { data_key: String::new() });
    let BlobKey::Given(data_key, _) = &key else { unreachable!() };
    let bytes = patterned(400_000);
    let read = |id: &str, size: u64| {
        let encryption = Some(BlobEncryption::AsFirst);
        let object = Object { blobs: vec![BlobRef { id: id.into(), size, encryption }], size, ..object_named("k") };
        let mut open = OpenObject::new(Arc::new(object), harness.store.blobs.clone());
        open.unlock(data_key.clone());
        async move {
            let stream = open.read(0..size).await.ok()?;
            stream.collect::<Vec<_>>().await.into_iter().collect::<Result<Vec<_>, _>>().ok().map(|chunks| chunks.concat())
        }
    };
    let (one, other) = (harness.blob_with(&bytes, &key).await, harness.blob_with(&bytes, &key).await);
    assert_eq!(read(&one.id, one.size).await, Some(bytes.clone()));
    let path = file_of(&harness, &one);
    let whole = std::fs::read(&path).expect("the file");
    for at in [0, 20, 32, 140_000, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        std::fs::write(&path, &altered).expect("written");
        assert_eq!(read(&one.id, one.size).await, None, "byte {at}");
    }
    std::fs::write(&path, &whole[..whole.len() - 20_000]).expect("written");
    assert_eq!(read(&one.id, one.size).await, None, "torn");
    assert_eq!(read(&one.id, 262_144).await, None, "cut at the border of a chunk");
    std::fs::copy(file_of(&harness, &other), &path).expect("copied");
    assert_eq!(read(&one.id, one.size).await, None, "another blob of the same data key");
}

fn object_named(key: &str) -> Object {
    Object { bucket: "b".into(), key: key.into(), ..Object::default() }
}
