//! The lifecycle worker: carries out what buckets' rules make due.
//!
//! ```text
//! every interval: bucket ▸ page of versions ▸ what is due ▸ lock ▸ look again ▸ change and event as one entry
//! ```
//!
//! Each action is an entry of its own, so a worker that is interrupted just begins again. Object Lock is asked by the
//! store itself; what it holds stays and is due again in the next round. Nothing is bypassed.

use crate::entity::{Bucket, Object, Upload};
use crate::error::StoreError;
use crate::lifecycle_record::LifecycleEvent;
use crate::lifecycle_rules::{Due, DueAction, Lifecycle, Today};
use crate::restoration::Restoration;
use crate::storage_class::StorageClass;
use crate::store::{EmbeddedStore, Staged};
use crate::version_listing::{AfterVersion, VersionQuery};
use crate::versions::Remover;
use futures::StreamExt;
use opentrail_eventlog::{Intake, LogError};
use std::time::Duration;
use tokio::sync::watch;

/// Versions looked at before the worker lets others run.
const PAGE: usize = 500;
/// Actions under way at a time; they share the log's syncs.
const CONCURRENT_ACTIONS: usize = 32;
/// Restored copies looked at per round.
const RESTORATIONS: usize = 10_000;

/// When the worker looks, and how long a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleConfig {
    pub interval: Duration,
    /// What rules mean by a day. Other than 24 hours only to try rules out.
    pub day: Duration,
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifecycleRound {
    pub expired: usize,
    pub moved: usize,
    pub uploads_aborted: usize,
    pub restored_copies_ended: usize,
    /// Due, but held by Object Lock.
    pub held: usize,
}

impl LifecycleRound {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Expired => self.expired += 1,
            Outcome::Moved => self.moved += 1,
            Outcome::UploadAborted => self.uploads_aborted += 1,
            Outcome::CopyEnded => self.restored_copies_ended += 1,
            Outcome::Held => self.held += 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was no longer due once the object was locked.
    Nothing,
    Expired,
    Moved,
    UploadAborted,
    CopyEnded,
    Held,
}

#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("an action could not be recorded and was not carried out")]
    Log(#[from] LogError),
}

/// Whether to end after the page that is being worked on.
type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Carries out lifecycle rules.
pub struct LifecycleWorker {
    store: EmbeddedStore,
    intake: Intake,
    config: LifecycleConfig,
}

/// A version that something is due for, as it was listed.
struct Candidate {
    version: Object,
    /// Objects among the versions between it and the latest.
    newer: usize,
    /// A delete marker that is all there is of its key.
    is_lone: bool,
}

impl LifecycleWorker {
    pub fn new(store: EmbeddedStore, intake: Intake, config: LifecycleConfig) -> Self {
        Self { store, intake, config }
    }

    /// Works until told to stop. A round that fails is tried again after the interval.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            match self.round_until(&|| *stop.borrow()).await {
                Ok(done) if done == LifecycleRound::default() => {}
                Ok(done) => tracing::info!(?done, "lifecycle rules were carried out"),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a round of lifecycle rules failed"),
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.interval) => {}
                _ = stop.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    fn today(&self) -> Today {
        let now_ms = i64::try_from(self.intake.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        Today { now_ms, day_ms: i64::try_from(self.config.day.as_millis()).unwrap_or(i64::MAX).max(1) }
    }

    /// Goes once through all buckets with rules, and the restored copies.
    ///
    /// # Errors
    /// If the store or the log fails; what was done until then stays done.
    pub async fn round(&self) -> Result<LifecycleRound, LifecycleError> {
        self.round_until(&|| false).await
    }

    async fn round_until(&self, is_stopped: Stop<'_>) -> Result<LifecycleRound, LifecycleError> {
        let mut done = LifecycleRound::default();
        self.end_restored_copies(&mut done).await?;
        for bucket in self.store.buckets_with_lifecycle()? {
            let Some(rules) = bucket.settings.lifecycle.clone() else { continue };
            self.versions(&bucket, &rules, is_stopped, &mut done).await?;
            if is_stopped() {
                break;
            }
            self.uploads(&bucket, &rules, &mut done).await?;
        }
        Ok(done)
    }

    async fn versions(
        &self,
        bucket: &Bucket,
        rules: &Lifecycle,
        is_stopped: Stop<'_>,
        done: &mut LifecycleRound,
    ) -> Result<(), LifecycleError> {
        let mut after = AfterVersion::Nothing;
        let mut key = String::new();
        let mut newer = 0;
        loop {
            let query = VersionQuery { bucket: &bucket.name, after, limit: PAGE, ..VersionQuery::default() };
            let page = self.store.list_versions(&query)?;
            let mut due = Vec::new();
            for version in page.versions {
                if version.key != key {
                    (key, newer) = (version.key.clone(), 0);
                }
                let counts = version.noncurrent_since_ms.is_some() && !version.delete_marker;
                let is_lone =
                    version.delete_marker && version.noncurrent_since_ms.is_none() && self.store.is_lone_marker(&version)?;
                let candidate = Candidate { version, newer, is_lone };
                newer += usize::from(counts);
                if self.due(rules, &candidate).is_some() {
                    due.push(candidate);
                }
            }
            let actions = due.into_iter().map(|candidate| self.act(bucket, rules, candidate));
            let mut outcomes = futures::stream::iter(actions).buffer_unordered(CONCURRENT_ACTIONS);
            while let Some(outcome) = outcomes.next().await {
                done.add(outcome?);
            }
            match page.next {
                Some(next) if !is_stopped() => after = next,
                _ => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    fn due(&self, rules: &Lifecycle, candidate: &Candidate) -> Option<Due> {
        let today = self.today();
        let version = &candidate.version;
        match version.noncurrent_since_ms {
            Some(_) => rules.due_for_noncurrent(version, candidate.newer, today),
            None if version.delete_marker => candidate.is_lone.then(|| rules.due_for_lone_marker(version, today))?,
            None => rules.due_for_current(version, today),
        }
    }

    /// Does what is due, if under the object's lock it still is.
    async fn act(&self, bucket: &Bucket, rules: &Lifecycle, candidate: Candidate) -> Result<Outcome, LifecycleError> {
        let key = candidate.version.key.clone();
        let lock = self.store.lock_object(&bucket.name, &key).await;
        let Some(version) = self.store.version(&bucket.name, &key, Some(candidate.version.version_id()))? else {
            return Ok(Outcome::Nothing);
        };
        let version = Object::clone(&version);
        let is_lone = candidate.is_lone && self.store.is_lone_marker(&version)?;
        let candidate = Candidate { version, newer: candidate.newer, is_lone };
        let Some(due) = self.due(rules, &candidate) else { return Ok(Outcome::Nothing) };
        let version = candidate.version;
        let now_ms = self.today().now_ms;
        let (staged, action) = match due.action {
            DueAction::Move(class) => {
                let moved = moved(&version, class);
                (self.store.stage_update(&lock, &moved, Some("LifecycleTransition")), transition_name(class))
            }
            DueAction::Expire if version.noncurrent_since_ms.is_none() && !version.delete_marker => {
                let deletion = self.store.stage_delete(&lock, now_ms, Remover::Lifecycle);
                let marks = deletion.as_ref().is_ok_and(|deletion| deletion.marker.is_some());
                (deletion.map(|deletion| deletion.staged), if marks { "S3.CREATE.DELETEMARKER" } else { "S3.EXPIRE.OBJECT" })
            }
            DueAction::Expire => {
                (self.store.stage_delete_version(&lock, &version, now_ms, false, Remover::Lifecycle), "S3.EXPIRE.OBJECT")
            }
        };
        let staged = match staged {
            Ok(staged) => staged,
            Err(StoreError::Held) => return Ok(Outcome::Held),
            Err(error) => return Err(error.into()),
        };
        let event = LifecycleEvent {
            bucket,
            name: if matches!(due.action, DueAction::Move(_)) { "LifecycleTransition" } else { "LifecycleExpiration" },
            action,
            rule: Some(&due.rule),
            key: &key,
            version: (!bucket.settings.versioning.is_unversioned()).then(|| version.version_id()),
            class: if let DueAction::Move(class) = due.action { Some(class) } else { None },
        };
        self.commit(staged, &event).await?;
        Ok(if matches!(due.action, DueAction::Move(_)) { Outcome::Moved } else { Outcome::Expired })
    }

    async fn uploads(&self, bucket: &Bucket, rules: &Lifecycle, done: &mut LifecycleRound) -> Result<(), LifecycleError> {
        if rules.rules.iter().all(|rule| rule.abort_uploads_days.is_none()) {
            return Ok(());
        }
        for upload in self.store.uploads(&bucket.name)? {
            if let Some(due) = rules.due_for_upload(&upload, self.today()) {
                done.add(self.abort(bucket, &upload, &due).await?);
            }
        }
        Ok(())
    }

    async fn abort(&self, bucket: &Bucket, upload: &Upload, due: &Due) -> Result<Outcome, LifecycleError> {
        let lock = self.store.lock_object(&upload.bucket, &upload.key).await;
        let staged = match self.store.stage_abort(&lock, &upload.id) {
            Err(StoreError::NoSuchUpload) => return Ok(Outcome::Nothing),
            staged => staged?,
        };
        let event = LifecycleEvent {
            bucket,
            name: "LifecycleExpiration",
            action: "S3.DELETE.UPLOAD",
            rule: Some(&due.rule),
            key: &upload.key,
            version: None,
            class: None,
        };
        self.commit(staged, &event).await?;
        Ok(Outcome::UploadAborted)
    }

    async fn end_restored_copies(&self, done: &mut LifecycleRound) -> Result<(), LifecycleError> {
        for ended in self.store.ended_restorations(self.today().now_ms, RESTORATIONS)? {
            done.add(self.end_restored_copy(&ended).await?);
        }
        Ok(())
    }

    async fn end_restored_copy(&self, ended: &Restoration) -> Result<Outcome, LifecycleError> {
        let lock = self.store.lock_object(&ended.bucket, &ended.key).await;
        let mut staged = Staged::default();
        let version = self.store.version(&ended.bucket, &ended.key, Some(&ended.version))?;
        let bucket = self.store.bucket(&ended.bucket)?;
        // Restored for longer meanwhile, or gone.
        let version = version.filter(|version| version.restored.is_some_and(|copy| copy.until_ms <= ended.until_ms));
        let (Some(bucket), Some(version)) = (bucket, version) else {
            ended.stage_removal(&mut staged);
            self.intake.submit(Vec::new(), staged.changes.encode()).await?;
            return Ok(Outcome::Nothing);
        };
        let archived = Object { restored: None, ..Object::clone(&version) };
        staged = self.store.stage_update(&lock, &archived, Some("ObjectRestore:Delete"))?;
        ended.stage_removal(&mut staged);
        let event = LifecycleEvent {
            bucket: &bucket,
            name: "LifecycleExpiration",
            action: "S3.EXPIRE.RESTOREDCOPY",
            rule: None,
            key: &ended.key,
            version: version.version.as_deref(),
            class: None,
        };
        self.commit(staged, &event).await?;
        Ok(Outcome::CopyEnded)
    }

    async fn commit(&self, mut staged: Staged, event: &LifecycleEvent<'_>) -> Result<(), LifecycleError> {
        let now = self.intake.now();
        self.store.tell(event.bucket, &mut staged, &event.cause(now));
        self.intake.submit(vec![event.event(&self.intake, now)], staged.changes.encode()).await?;
        self.store.discard(&staged.dropped);
        Ok(())
    }
}

/// A version in a colder class; what was restored of it is not so there.
fn moved(version: &Object, class: StorageClass) -> Object {
    let mut moved = Object { restored: None, ..version.clone() };
    moved.settings.storage_class = class;
    moved
}

/// What S3's access logs call it.
fn transition_name(class: StorageClass) -> &'static str {
    match class {
        StorageClass::StandardIa => "S3.TRANSITION_SIA.OBJECT",
        StorageClass::OnezoneIa => "S3.TRANSITION_ZIA.OBJECT",
        StorageClass::IntelligentTiering => "S3.TRANSITION_INT.OBJECT",
        StorageClass::GlacierIr => "S3.TRANSITION_GIR.OBJECT",
        StorageClass::DeepArchive => "S3.TRANSITION_GDA.OBJECT",
        _ => "S3.TRANSITION.OBJECT",
    }
}
