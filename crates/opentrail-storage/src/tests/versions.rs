//! Versions against a model of them; holds; the lifecycle worker with a clock of its own.

use super::*;
use opentrail_eventlog::ManualClock;
use time::macros::datetime;

#[derive(Debug, Clone)]
enum Step {
    Enable,
    Suspend,
    Put,
    Delete,
    /// Of the versions that are there, by index from the newest.
    DeleteVersion(usize),
}

/// What should be there of one key, newest first: (id, is it a marker).
#[derive(Debug, Default)]
struct Model(Vec<(String, bool)>);

impl Model {
    fn add(&mut self, id: &str, marker: bool) {
        if id == NULL_VERSION {
            self.0.retain(|(there, _)| there != NULL_VERSION);
        }
        self.0.insert(0, (id.to_owned(), marker));
    }
}

impl Harness {
    async fn set(&self, bucket: &str, edit: impl FnOnce(&mut BucketSettings)) {
        let mut changed = Bucket::clone(&*self.store.bucket(bucket).expect("reads").expect("is there"));
        edit(&mut changed.settings);
        let mut staged = Staged::default();
        staged.changes.put(&changed);
        self.submit(staged).await;
    }

    async fn put_at(&self, key: &str, now_ms: i64) -> Object {
        let blob = self.blob(b"bytes").await;
        let lock = self.store.lock_object("b", key).await;
        let mut object = Object { last_modified_ms: now_ms, ..object("b", key, &blob) };
        let staged = self.store.stage_put(&lock, &mut object, "ObjectCreated:Put").expect("staged");
        self.submit(staged).await;
        object
    }

    fn listed(&self, limit: usize) -> Vec<Object> {
        let mut all = Vec::new();
        let mut after = AfterVersion::Nothing;
        loop {
            let query = VersionQuery { bucket: "b", after, limit, ..VersionQuery::default() };
            let page = self.store.list_versions(&query).expect("lists");
            all.extend(page.versions);
            match page.next {
                Some(next) => after = next,
                None => return all,
            }
        }
    }

    async fn step(&self, step: &Step, model: &mut Model, now_ms: i64) {
        match step {
            Step::Enable => self.set("b", |settings| settings.versioning = Versioning::Enabled).await,
            Step::Suspend => {
                // Only what was enabled can be suspended without losing what an unversioned bucket means.
                self.set("b", |settings| settings.versioning = Versioning::Suspended).await;
            }
            Step::Put => {
                let put = self.put_at("k", now_ms).await;
                model.add(put.version_id(), false);
            }
            Step::Delete => {
                let lock = self.store.lock_object("b", "k").await;
                let deletion = self.store.stage_delete(&lock, now_ms, Remover::Request).expect("staged");
                match &deletion.marker {
                    Some(marker) => model.add(marker.version_id(), true),
                    None => model.0.clear(),
                }
                self.submit(deletion.staged).await;
            }
            Step::DeleteVersion(index) => {
                if model.0.is_empty() {
                    return;
                }
                let (id, _) = model.0.remove(index % model.0.len());
                let lock = self.store.lock_object("b", "k").await;
                let version = self.store.version("b", "k", Some(&id)).expect("reads").expect("is there");
                let staged = self.store.stage_delete_version(&lock, &version, now_ms, false, Remover::Request);
                self.submit(staged.expect("staged")).await;
            }
        }
    }

    fn check(&self, model: &Model) {
        for limit in [1, 3, 100] {
            let listed = self.listed(limit);
            let found: Vec<(String, bool)> =
                listed.iter().map(|version| (version.version_id().to_owned(), version.delete_marker)).collect();
            assert_eq!(found, model.0, "pages of {limit}");
            let latest: Vec<bool> = listed.iter().map(|version| version.noncurrent_since_ms.is_none()).collect();
            assert!(latest.iter().enumerate().all(|(index, latest)| *latest == (index == 0)), "{latest:?}");
        }
        let latest = self.store.version("b", "k", None).expect("reads");
        assert_eq!(latest.as_ref().map(|latest| latest.version_id().to_owned()), model.0.first().map(|(id, _)| id.clone()));
        let current = self.store.object("b", "k").expect("reads");
        assert_eq!(current.is_some(), model.0.first().is_some_and(|(_, marker)| !marker));
        for (id, marker) in &model.0 {
            let version = self.store.version("b", "k", Some(id)).expect("reads").expect("is there");
            assert_eq!((version.version_id(), version.delete_marker), (id.as_str(), *marker));
        }
        let objects = model.0.iter().filter(|(_, marker)| !marker).count();
        assert_eq!(self.store.blob_ids().expect("listed").len(), objects, "a blob for each object, none besides");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Enable),
        1 => Just(Step::Suspend),
        4 => Just(Step::Put),
        2 => Just(Step::Delete),
        2 => (0_usize..8).prop_map(Step::DeleteVersion),
    ];
    proptest::collection::vec(step, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn versions_are_as_the_model_says(steps in steps(), back in proptest::bool::ANY) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let harness = Harness::new();
            harness.bucket("b", None).await;
            let mut model = Model::default();
            for (number, step) in steps.iter().enumerate() {
                let number = i64::try_from(number).expect("fits");
                // Also with a clock that runs backwards.
                harness.step(step, &mut model, if back { 1_000_000 - number } else { number }).await;
                harness.check(&model);
            }
        });
    }
}

#[tokio::test]
async fn a_clock_that_went_back_does_not_shorten_holds() {
    let harness = Harness::new();
    harness.bucket("b", None).await;
    let default = DefaultRetention { mode: RetentionMode::Compliance, period: RetentionPeriod::Days(1) };
    harness
        .set("b", |settings| {
            settings.versioning = Versioning::Enabled;
            settings.object_lock = Some(ObjectLockSettings { default_retention: Some(default) });
        })
        .await;
    const DAY: i64 = 86_400_000;
    let first = harness.put_at("first", 10 * DAY).await;
    assert_eq!(first.settings.retention.map(|retention| retention.until_ms), Some(11 * DAY));
    let later = harness.put_at("later", 2 * DAY).await;
    assert_eq!(later.settings.retention.map(|retention| retention.until_ms), Some(11 * DAY), "counted from the newest time");
    let lock = harness.store.lock_object("b", "first").await;
    for now_ms in [2 * DAY, 11 * DAY - 1] {
        let staged = harness.store.stage_delete_version(&lock, &first, now_ms, true, Remover::Request);
        assert!(matches!(staged, Err(StoreError::Held)), "{now_ms}");
    }
    assert!(harness.store.stage_delete_version(&lock, &first, 11 * DAY, false, Remover::Lifecycle).is_ok());
}

#[tokio::test]
async fn the_worker_goes_by_its_clock() {
    let harness = Harness::new();
    let clock = Arc::new(ManualClock::new(datetime!(2026-01-01 10:00 UTC)));
    let intake = Intake::new(harness.intake.log().clone(), Arc::clone(&clock) as Arc<dyn opentrail_eventlog::Clock>);
    harness.bucket("b", None).await;
    let rule = LifecycleRule {
        id: "r".into(),
        enabled: true,
        filter: LifecycleFilter::default(),
        expiration: Some(Expiration::At(ExpirationTime::Days(30))),
        transitions: vec![Transition { at: ExpirationTime::Days(10), class: StorageClass::Glacier }],
        noncurrent_expiration: None,
        noncurrent_transitions: Vec::new(),
        abort_uploads_days: None,
    };
    let rules = Lifecycle { rules: vec![rule], transition_minimum: TransitionMinimum::VariesByStorageClass };
    harness.set("b", |settings| settings.lifecycle = Some(rules)).await;
    let day = Duration::from_secs(86_400);
    let worker = LifecycleWorker::new(harness.store.clone(), intake.clone(), LifecycleConfig { interval: day, day });
    let stored = i64::try_from(intake.now().unix_timestamp_nanos() / 1_000_000).expect("fits");
    for number in 0..700 {
        harness.put_at(&format!("k{number}"), stored).await;
    }
    assert_eq!(worker.round().await.expect("works"), LifecycleRound::default());
    clock.advance(time::Duration::days(10));
    assert_eq!(worker.round().await.expect("works"), LifecycleRound::default(), "due only at midnight");
    clock.advance(time::Duration::hours(14));
    assert_eq!(worker.round().await.expect("works"), LifecycleRound { moved: 700, ..LifecycleRound::default() });
    assert_eq!(worker.round().await.expect("works"), LifecycleRound::default(), "once");
    let archived = harness.store.object("b", "k0").expect("reads").expect("there");
    assert_eq!(archived.settings.storage_class, StorageClass::Glacier);
    let lock = harness.store.lock_object("b", "k0").await;
    let until = i64::try_from(intake.now().unix_timestamp_nanos() / 1_000_000).expect("fits") + 1;
    harness.submit(harness.store.stage_restore(&lock, &archived, until).expect("staged")).await;
    drop(lock);
    clock.advance(time::Duration::days(1));
    assert_eq!(worker.round().await.expect("works").restored_copies_ended, 1);
    assert_eq!(harness.store.object("b", "k0").expect("reads").expect("there").restored, None);
    clock.advance(time::Duration::days(30));
    assert_eq!(worker.round().await.expect("works"), LifecycleRound { expired: 700, ..LifecycleRound::default() });
    assert!(harness.store.blob_ids().expect("listed").is_empty());
}
