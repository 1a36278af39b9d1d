use super::*;
use opentrail_catalog::{Catalog, Changes};
use opentrail_eventlog::{Clock, EventLog, Intake, LogConfig, ManualClock};
use opentrail_seal::Seal;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use time::OffsetDateTime;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

struct Bench {
    kms: Kms,
    intake: Intake,
    clock: Arc<ManualClock>,
    material_dir: PathBuf,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let (catalog, applier) = Catalog::open(&dir.path().join("catalog.db")).expect("catalog");
        let config = LogConfig { segment_bytes: 4 * 1024 * 1024, sync: false, ..LogConfig::default() };
        let (log, _) = EventLog::open(&dir.path().join("log"), &config, Box::new(applier)).expect("log");
        let clock = Arc::new(ManualClock::new(OffsetDateTime::UNIX_EPOCH));
        let intake = Intake::new(log, Arc::clone(&clock) as Arc<dyn Clock>);
        let material_dir = dir.path().join("kms");
        let kms = Kms::new(&material_dir, catalog, Arc::new(Seal::ephemeral()));
        Self { kms, intake, clock, material_dir, _dir: dir }
    }

    async fn put(&self, key: &Key) {
        let mut changes = Changes::new();
        changes.put(key);
        self.intake.submit(Vec::new(), changes.encode()).await.expect("submitted");
    }

    async fn key(&self) -> Key {
        let id = "12345678-1234-1234-1234-123456789012".to_owned();
        let material = self.kms.create_material(&id).await.expect("made");
        let key = Key {
            account: ACCOUNT.into(),
            region: REGION.into(),
            id,
            description: String::new(),
            created_ms: 0,
            state: KeyState::Enabled,
            manager: KeyManager::Customer,
            policy: default_policy(ACCOUNT),
            tags: BTreeMap::new(),
            materials: vec![Material { id: material, since_ms: 0, cause: RotationCause::Creation }],
            rotation: None,
        };
        self.put(&key).await;
        key
    }

    fn found(&self, id: &str) -> Result<Arc<Key>, KmsError> {
        self.kms.find(&KeyRef::parse(id, ACCOUNT, REGION)?)
    }

    fn decrypt(&self, key: &Key, blob: &[u8]) -> Result<Vec<u8>, KmsError> {
        let decrypted = self.kms.decrypt(key, &EncryptionContext::default(), &Envelope::parse(blob)?)?;
        Ok(decrypted.plaintext.to_vec())
    }
}

#[test]
fn key_names_are_read() {
    let id = "12345678-1234-1234-1234-123456789012";
    let check = |text: &str, expect: Result<&str, &str>| {
        let read = KeyRef::parse(text, ACCOUNT, REGION);
        let read = read.map(|name| name.arn()).map_err(|error| error.code());
        assert_eq!(read.as_deref().map_err(|code| *code), expect, "{text}");
    };
    let arn = key_arn(REGION, ACCOUNT, id);
    check(id, Ok(&arn));
    check(&arn, Ok(&arn));
    check("alias/a/b", Ok("arn:aws:kms:us-east-1:123456789012:alias/a/b"));
    check("arn:aws:kms:us-east-1:999999999999:alias/a", Ok("arn:aws:kms:us-east-1:999999999999:alias/a"));
    check("arn:aws:kms:eu-west-1:123456789012:alias/a", Err("NotFoundException"));
    check("arn:aws:kms:us-east-1", Err("InvalidArnException"));
    check("arn:aws:s3:us-east-1:123456789012:key/x", Err("InvalidArnException"));
    check("arn:aws:kms:us-east-1:12:alias/a", Err("InvalidArnException"));
    check("key", Err("NotFoundException"));
    check("", Err("NotFoundException"));
}

proptest! {
    #[test]
    fn any_bytes_are_no_more_than_an_invalid_ciphertext(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = Envelope::parse(&bytes) {
            prop_assert_eq!(error.code(), "InvalidCiphertextException");
        }
    }
}

#[tokio::test]
async fn a_ciphertext_belongs_to_key_material_and_context() {
    let bench = Bench::new();
    let key = bench.key().await;
    let context = EncryptionContext::default().with("a", "1").with("b", "2");
    let blob = bench.kms.encrypt(&key, &context, b"secret").expect("encrypted");
    let open = |blob: &[u8], context: &EncryptionContext| {
        bench.kms.decrypt(&key, context, &Envelope::parse(blob)?).map(|opened| opened.plaintext.to_vec())
    };
    assert_eq!(open(&blob, &context).expect("opens"), b"secret");
    for other in [EncryptionContext::default(), context.clone().with("a", "2"), context.clone().with("c", "")] {
        assert!(matches!(open(&blob, &other), Err(KmsError::InvalidCiphertext)), "{other:?}");
    }
    for at in 0..blob.len() {
        let mut altered = blob.clone();
        altered[at] ^= 1;
        let refused = open(&altered, &context).expect_err("altered");
        assert!(matches!(refused, KmsError::InvalidCiphertext | KmsError::IncorrectKey), "{at}: {refused}");
    }
    let disabled = Key { state: KeyState::Disabled, ..key.clone() };
    assert_eq!(bench.kms.encrypt(&disabled, &context, b"x").expect_err("disabled").code(), "DisabledException");
}

#[tokio::test]
async fn rotation_keeps_old_material_and_deletion_destroys_all() {
    let bench = Bench::new();
    let mut key = bench.key().await;
    key.rotation = Some(Rotation { period_days: 90, next_ms: 90 * 86_400_000 });
    bench.put(&key).await;
    let blob = bench.kms.encrypt(&key, &EncryptionContext::default(), b"x").expect("encrypted");
    assert_eq!(take_care(&bench.kms, &bench.intake).await.expect("done"), 0, "not due yet");
    bench.clock.advance(time::Duration::days(91));
    assert_eq!(take_care(&bench.kms, &bench.intake).await.expect("done"), 1);
    let rotated = bench.found(&key.id).expect("there");
    assert_eq!(rotated.materials.len(), 2);
    assert_eq!(rotated.rotation.expect("kept").next_ms, (91 + 90) * 86_400_000);
    assert_eq!(bench.decrypt(&rotated, &blob).expect("old material decrypts"), b"x");
    let newer = bench.kms.encrypt(&rotated, &EncryptionContext::default(), b"y").expect("encrypted");
    assert_ne!(Envelope::parse(&newer).expect("parses").material_id, Envelope::parse(&blob).expect("parses").material_id);

    let deletion_ms = (91 + 7) * 86_400_000;
    bench.put(&Key { state: KeyState::PendingDeletion { deletion_ms }, ..Key::clone(&rotated) }).await;
    assert_eq!(take_care(&bench.kms, &bench.intake).await.expect("done"), 0, "not due yet");
    assert_eq!(bench.material_dir.join(&key.id).read_dir().expect("there").count(), 2);
    bench.clock.advance(time::Duration::days(7));
    assert_eq!(take_care(&bench.kms, &bench.intake).await.expect("done"), 1);
    assert_eq!(bench.found(&key.id).expect_err("gone").code(), "NotFoundException");
    assert!(!bench.material_dir.join(&key.id).exists());
    assert_eq!(bench.decrypt(&rotated, &blob).expect_err("destroyed").code(), "KMSInternalException");
}

#[tokio::test]
async fn material_that_no_key_lists_is_destroyed_at_the_start() {
    let bench = Bench::new();
    let key = bench.key().await;
    bench.kms.create_material(&key.id).await.expect("made");
    bench.kms.create_material("87654321-1234-1234-1234-123456789012").await.expect("made");
    assert_eq!(bench.kms.sweep().expect("swept"), 2);
    assert_eq!(bench.kms.sweep().expect("swept"), 0);
    assert!(bench.kms.encrypt(&key, &EncryptionContext::default(), b"x").is_ok());
}

#[tokio::test]
async fn managed_keys_are_made_once() {
    let bench = Bench::new();
    let name = aws_managed_key("s3", ACCOUNT, REGION);
    assert_eq!(bench.kms.find(&name).expect_err("not yet").code(), "NotFoundException");
    let made = bench.kms.find_or_make_aws_managed(&bench.intake, &name).await.expect("made");
    let again = bench.kms.find_or_make_aws_managed(&bench.intake, &name).await.expect("found");
    assert_eq!((made.manager, &made.id), (KeyManager::Aws, &again.id));
    let unknown = aws_managed_key("nothing", ACCOUNT, REGION);
    assert!(bench.kms.find_or_make_aws_managed(&bench.intake, &unknown).await.is_err());
}

#[tokio::test]
async fn services_need_the_key_policy() {
    let bench = Bench::new();
    let key = bench.key().await;
    let caller = ServiceCaller {
        service: "cloudtrail.amazonaws.com".into(),
        source_arn: "arn:aws:cloudtrail:us-east-1:123456789012:trail/t".into(),
        source_account: ACCOUNT.into(),
    };
    let context = EncryptionContext::default().with("aws:cloudtrail:arn", caller.source_arn.as_str());
    let may = |policy: &str| {
        let key = Key { policy: policy.replace('\'', "\""), ..key.clone() };
        bench.kms.permit_service(&key, &caller, "kms:GenerateDataKey", &context).is_ok()
    };
    let statement = |principal: &str, condition: &str| {
        format!(
            "{{'Version':'2012-10-17','Statement':[{{'Effect':'Allow','Principal':{principal},'Action':'kms:GenerateDataKey*','Resource':'*'{condition}}}]}}"
        )
    };
    let service = "{'Service':'cloudtrail.amazonaws.com'}";
    assert!(!may(&key.policy));
    assert!(may(&statement(service, "")));
    assert!(!may(&statement("{'Service':'sns.amazonaws.com'}", "")));
    let like = ",'Condition':{'StringLike':{'kms:EncryptionContext:aws:cloudtrail:arn':'arn:aws:cloudtrail:*:ACCOUNT:trail/*'}}";
    assert!(may(&statement(service, &like.replace("ACCOUNT", ACCOUNT))));
    assert!(!may(&statement(service, &like.replace("ACCOUNT", "999999999999"))));
    assert!(!may(&statement(
        service,
        ",'Condition':{'StringEquals':{'aws:SourceArn':'arn:aws:cloudtrail:us-east-1:123456789012:trail/other'}}"
    )));
}
