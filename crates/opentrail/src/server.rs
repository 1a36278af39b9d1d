//! Opening everything, listening, and closing it again in the order that keeps every promise.

use crate::config::Config;
use crate::followers::{Followers, least_read};
use crate::services::SERVICES;
use crate::tls::{Tls, TlsFacts};
use crate::upload::Uploads;
use crate::web_keys::ProviderKeys;
use crate::{front, root_key};
use anyhow::{Context, bail};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use opentrail_alarms::Watching;
use opentrail_catalog::Catalog;
use opentrail_console::Console;
use opentrail_delivery::{Delivery, DeliveryConfig, DeliveryState, DeliveryStats, SigningKeys};
use opentrail_eventlog::{EventLog, Intake, LogConfig, SystemClock, run_pump};
use opentrail_history::HistoryConfig;
use opentrail_import::Importer;
use opentrail_kms::Kms;
use opentrail_messaging::topics::TopicsConfig;
use opentrail_messaging::{Queues, Topics};
use opentrail_rules::Rules;
use opentrail_services::cloudtrail::LookupLimiter;
use opentrail_services::logs::{InsightsQueries, LOGS_TIDYING, LogsTidier, run_exports};
use opentrail_services::opentrail::Searches;
use opentrail_services::signin::SignInThrottle;
use opentrail_services::{AccessKey, App, AuthMode, EventNotifier, LastUsed, Settings, TopicAnnouncer, seal_plain_secrets};
use opentrail_storage::{
    EmbeddedLogBuckets, EmbeddedStore, LifecycleConfig, LifecycleWorker, LogBuckets, RemoteConfig, RemoteLogBuckets,
};
use opentrail_subscriptions::{Endpoints, SubscriptionFollower, Subscriptions};
use opentrail_trail_logs::{TrailLogStats, TrailLogs};
use opentrail_wire::SigningKeyCache;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

/// Most connections at a time; more wait in the listen queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long open connections may finish their calls at shutdown.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(10);
/// How long shutdown waits for deliveries; what is left follows after the next start.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(20);
/// How often new events become searchable.
const HISTORY_COMMIT: Duration = Duration::from_millis(600);
/// How often old log segments and expired history are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// What answers requests.
pub struct Server {
    pub app: Arc<App>,
    pub s3: opentrail_services::s3::S3,
    delivery: Delivery,
    trail_logs: TrailLogs,
    pub uploads: Uploads,
    pub console: Arc<Console>,
    /// Whether browsers reach this server by https.
    pub secure: bool,
    /// Turns true when answers without an end have to end.
    pub stopping: watch::Receiver<bool>,
    pub rules: Rules,
}

impl Server {
    pub fn delivery_stats(&self) -> DeliveryStats {
        self.delivery.stats()
    }

    pub fn trail_log_stats(&self) -> TrailLogStats {
        self.trail_logs.stats()
    }
}

/// A server that runs.
pub struct Running {
    pub address: SocketAddr,
    secure: bool,
    pub root_key: AccessKey,
    pub server: Arc<Server>,
    log: EventLog,
    stop_accepting: watch::Sender<bool>,
    stop_history: watch::Sender<bool>,
    stop_lifecycle: watch::Sender<bool>,
    lifecycle: tokio::task::JoinHandle<()>,
    accepting: tokio::task::JoinHandle<()>,
    housekeeping: tokio::task::JoinHandle<()>,
    logs_tidying: tokio::task::JoinHandle<()>,
    followers: Followers,
    sweeping: tokio::task::JoinHandle<()>,
    delivering: tokio::task::JoinHandle<()>,
    history: JoinHandle<()>,
    // Held for as long as the data directory is in use.
    _lock: File,
}

/// Opens the data directory and starts to listen.
///
/// # Errors
/// Whatever keeps the server from keeping its promises: a directory in use, a damaged log, an address that is taken.
pub async fn start(config: &Config) -> anyhow::Result<Running> {
    config.validate()?;
    let tls = config.tls.files()?.as_ref().map(Tls::open).transpose()?;
    let dir = &config.data_dir;
    let lock = open_data_dir(dir)?;
    let (catalog, applier) = Catalog::open(&dir.join("catalog.db")).context("cannot open the catalog")?;
    let log_config = LogConfig { sync: config.log_sync, ..LogConfig::default() };
    let (log, report) = EventLog::open(&dir.join("log"), &log_config, Box::new(applier)).context("cannot open the event log")?;
    if report.torn_bytes > 0 {
        tracing::warn!(
            bytes = report.torn_bytes,
            "cut an unfinished write off the end of the event log; none of it was acknowledged"
        );
    }
    let intake = Intake::new(log.clone(), Arc::new(SystemClock));
    let seal = root_key::open(config, &catalog, &intake).await?;
    let sealed = seal_plain_secrets(&catalog, &intake, &seal).await.context("cannot seal the secrets of an earlier version")?;
    if sealed > 0 {
        tracing::info!(sealed, "sealed secrets that an earlier version kept in plain");
    }
    let kms = Kms::new(&dir.join("keys/kms"), catalog.clone(), Arc::clone(&seal));
    let destroyed = kms.sweep().context("cannot sweep key material")?;
    if destroyed > 0 {
        tracing::warn!(destroyed, "destroyed key material that no key lists: left behind by a crash, or of a deleted key");
    }
    let store =
        EmbeddedStore::open(&dir.join("objects"), catalog.clone(), Arc::clone(&seal)).context("cannot open the object store")?;
    store.sweep_orphans().context("cannot sweep the object store")?;
    let keys = SigningKeys::new(&dir.join("keys"), catalog.clone(), intake.clone(), Arc::clone(&seal));
    let log_buckets = log_buckets(config, &store, &intake, &kms)?;
    let retention = time::Duration::try_from(config.history_retention).context("history.retention is too long")?;
    let history_config = HistoryConfig { retention, ..HistoryConfig::new(dir.join("history")) };
    let (sink, history) = opentrail_history::open(history_config).context("cannot open the event history")?;
    let (stop_history, stopping_history) = watch::channel(false);
    let history_thread = spawn_history(log.clone(), sink, stopping_history)?;

    let queues = Queues::open(catalog.clone(), intake.clone()).context("cannot open the queues")?;
    let sweeping = tokio::spawn({
        let queues = queues.clone();
        async move { queues.sweep_until_closed().await }
    });
    let topics_config =
        TopicsConfig { key_file: dir.join("keys/sns.sealed"), seal: Arc::clone(&seal), webhooks: config.sns_webhooks.clone() };
    let topics =
        Topics::open(catalog.clone(), intake.clone(), queues.clone(), topics_config).context("cannot open the topics")?;
    let watching =
        Watching::open(catalog.clone(), intake.clone(), topics.clone()).context("cannot open the metrics and alarms")?;
    watching.metrics.begin().await.context("cannot begin to keep metrics")?;
    store.attach_notifier(Arc::new(EventNotifier::new(queues.clone(), topics.clone())));
    let endpoints = Endpoints {
        kinesis: config.logs_kinesis.clone(),
        firehose: config.logs_firehose.clone(),
        webhooks: config.sns_webhooks.clone(),
    };
    let subscriptions = Subscriptions::new(catalog.clone(), intake.clone(), queues.clone(), topics.clone(), endpoints);
    let regions = config.effective_regions();
    let settings = Settings {
        account_id: config.account_id.clone(),
        regions: regions.clone(),
        auth_mode: if config.accept_any { AuthMode::AcceptAny } else { AuthMode::Enforce },
        lookup_rate: config.effective_lookup_rate(),
        extended_lookup: config.extended_lookup,
        data_dir: dir.clone(),
    };
    let app = Arc::new(App {
        settings,
        catalog: catalog.clone(),
        intake: intake.clone(),
        seal,
        searches: Searches::default(),
        kms,
        importer: Importer::new(intake.clone(), history.clone(), retention),
        history,
        store,
        log_buckets: Arc::clone(&log_buckets),
        signing_keys: keys.clone(),
        sign_in_throttle: SignInThrottle::default(),
        web_keys: Arc::new(ProviderKeys::new(config.oidc_jwks.clone())?),
        queues: queues.clone(),
        watching: watching.clone(),
        topics: topics.clone(),
        subscriptions: subscriptions.clone(),
        derived_keys: SigningKeyCache::new(),
        lookup_limiter: LookupLimiter::default(),
        insights: InsightsQueries::default(),
        last_used: LastUsed::default(),
    });
    let webhooks = config.sns_webhooks.clone();
    let rules = Rules::open(catalog.clone(), intake.clone(), queues.clone(), topics.clone(), Arc::clone(&app.seal), &webhooks)
        .context("cannot open the event rules")?;
    let root_key =
        opentrail_services::bootstrap(&app).await.map_err(anyhow::Error::from).context("cannot create the root credentials")?;
    opentrail_services::announce_regions(&app).await.map_err(anyhow::Error::from).context("cannot note the regions")?;
    let root_secret = root_key.open_secret(&app.seal).context("cannot open the root credentials")?;
    write_credentials(&dir.join("credentials"), &root_key.id, &root_secret)?;

    let delivery_config = DeliveryConfig {
        interval: config.delivery_interval,
        max_bytes: config.delivery_max_bytes,
        digest_interval: config.digest_interval,
    };
    let announcer = Arc::new(TopicAnnouncer::new(topics.clone()));
    let delivery = Delivery::start(catalog.clone(), intake.clone(), log_buckets, announcer, keys, regions, delivery_config)
        .context("cannot start delivery")?;
    let s3 = opentrail_services::s3::service(opentrail_services::s3::S3Context::of(&app));
    let (stop_accepting, stopping) = watch::channel(false);
    let trail_logs = TrailLogs::start(Arc::clone(&app));
    let uploads = Uploads::new(&dir.join("incoming"))?;
    let console = Arc::new(Console {
        app: Arc::clone(&app),
        services: SERVICES,
        s3: s3.clone(),
        checks: opentrail_console::Checks::default(),
        stopping: stopping.clone(),
    });
    let secure = tls.is_some() || config.public_url.as_ref().is_some_and(|url| url.starts_with("https:"));
    let server = Arc::new(Server { stopping: stopping.clone(), rules, app, s3, delivery, trail_logs, uploads, console, secure });

    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    if let Some(tls) = &tls {
        tokio::spawn(tls.clone().follow());
    } else if !address.ip().is_loopback() {
        tracing::warn!(%address, "listening off loopback without TLS: credentials are safe (SigV4), contents can be read on the way");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    topics.set_public_url(&config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{address}")));
    let delivering = tokio::spawn(async move { topics.deliver_until_closed().await });
    let accepting = tokio::spawn(accept(Arc::clone(&server), listener, tls.clone(), stopping));
    let (stop_lifecycle, stopping_lifecycle) = watch::channel(false);
    let worker_config = LifecycleConfig { interval: config.lifecycle_interval, day: config.lifecycle_day };
    let worker = LifecycleWorker::new(server.app.store.clone(), intake.clone(), worker_config);
    let lifecycle = tokio::spawn(worker.run(stopping_lifecycle));
    let housekeeping = tokio::spawn(keep_house(Arc::clone(&server), config.log_retention));
    let logs_tidying = tokio::spawn(keep_logs(Arc::clone(&server)));
    let mut followers = Followers::new(catalog.clone(), intake);
    followers.start(SubscriptionFollower::new(catalog, subscriptions.clone()));
    followers.start_beside("subscriptions' courier", |stop| subscriptions.deliver_until(stop));
    let exporting = Arc::clone(&server.app);
    followers.start_beside("the exports of log groups", |stop| run_exports(exporting, stop));
    followers.start(watching.filters());
    followers.start_beside("metrics and alarms", |stop| watching.run(stop));
    followers.start(server.rules.follower());
    followers.start_beside("rules' calls", {
        let rules = server.rules.clone();
        move |stopping| async move { rules.post_until(stopping).await }
    });
    Ok(Running {
        address,
        secure: tls.is_some(),
        root_key,
        server,
        log,
        stop_accepting,
        stop_history,
        stop_lifecycle,
        lifecycle,
        accepting,
        housekeeping,
        logs_tidying,
        followers,
        sweeping,
        delivering,
        history: history_thread,
        _lock: lock,
    })
}

fn log_buckets(config: &Config, store: &EmbeddedStore, intake: &Intake, kms: &Kms) -> anyhow::Result<Arc<dyn LogBuckets>> {
    Ok(match &config.remote_s3 {
        None => Arc::new(EmbeddedLogBuckets::new(store.clone(), intake.clone(), kms.clone())),
        Some(remote) => Arc::new(RemoteLogBuckets::new(RemoteConfig {
            endpoint: remote.endpoint.clone(),
            region: remote.region.clone().unwrap_or_else(|| "us-east-1".into()),
            access_key: remote.access_key_id.clone().context("remote.s3.access_key_id is missing")?,
            secret_key: remote.secret_access_key.clone().context("remote.s3.secret_access_key is missing")?,
        })),
    })
}

impl Running {
    /// The endpoint's URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.address)
    }

    /// Stops listening, finishes what was accepted, delivers what is buffered.
    pub async fn shut_down(self) {
        self.stop_accepting.send_replace(true);
        self.server.app.queues.close();
        self.server.app.insights.close();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the listener failed");
        }
        self.housekeeping.abort();
        self.logs_tidying.abort();
        self.followers.stop().await;
        self.stop_lifecycle.send_replace(true);
        if let Err(error) = self.lifecycle.await {
            tracing::error!(%error, "the lifecycle worker failed");
        }
        for (task, name) in [(self.sweeping, "the queues' sweeper"), (self.delivering, "the courier of notifications")] {
            if let Err(error) = task.await {
                tracing::error!(%error, "{name} failed");
            }
        }
        if !self.server.delivery.flush(DELIVERY_PATIENCE).await {
            tracing::warn!("some log files could not be delivered in time; they follow after the next start");
        }
        self.stop_history.send_replace(true);
        let history = self.history;
        if tokio::task::spawn_blocking(move || history.join()).await.is_ok_and(|joined| joined.is_err()) {
            tracing::error!("the event history's thread failed");
        }
        match Arc::try_unwrap(self.server) {
            Ok(server) => {
                server.delivery.stop().await;
                server.trail_logs.stop().await;
            }
            Err(_) => tracing::warn!("connections are still open; delivery stops with the process"),
        }
        tracing::info!(position = self.log.end(), "stopped");
    }
}

/// Makes the data directory, if need be, and locks it.
///
/// # Errors
/// If it is in use.
pub fn open_data_dir(dir: &Path) -> anyhow::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = dir.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if lock.try_lock().is_err() {
        bail!("{} is in use by another opentrail", dir.display());
    }
    Ok(lock)
}

/// The root credentials as an AWS shared-credentials file, readable by the owner only.
fn write_credentials(path: &Path, id: &str, secret: &str) -> anyhow::Result<()> {
    let text = Zeroizing::new(format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"));
    if fs::read_to_string(path).is_ok_and(|existing| existing == *text) {
        return Ok(());
    }
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

fn spawn_history(
    log: EventLog,
    mut sink: opentrail_history::HistorySink,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    sink.start_from_log({
        let log = log.clone();
        move || log.first()
    });
    let run = move || {
        if let Err(error) = run_pump(&log, &mut sink, HISTORY_COMMIT, &stop) {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "the event history stopped; events are recorded and delivered, new ones are not searchable");
        }
    };
    Ok(std::thread::Builder::new().name("history".into()).spawn(run)?)
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopping| *stopping).await;
}

async fn accept(server: Arc<Server>, listener: TcpListener, tls: Option<Tls>, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            () = stopped(&mut stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (server, watcher, tls) = (Arc::clone(&server), graceful.watcher(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(server, peer, None, stream, watcher).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok((stream, facts)) => serve(server, peer, Some(facts), stream, watcher).await,
                    Err(error) => tracing::debug!(%peer, "a TLS handshake failed: {error:#}"),
                },
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(CONNECTION_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not finish in time");
    }
}

/// Answers the requests of one connection.
async fn serve<S>(server: Arc<Server>, peer: SocketAddr, tls: Option<TlsFacts>, stream: S, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (server, tls) = (Arc::clone(&server), tls.clone());
        async move { Ok::<_, std::convert::Infallible>(front::answer(server, peer, tls, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30))
        .max_buf_size(256 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Rotates and deletes KMS keys that are due; removes log segments that every sink has passed and that are old enough.
async fn keep_house(server: Arc<Server>, log_retention: Duration) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        if let Err(error) = opentrail_kms::take_care(&server.app.kms, &server.app.intake).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "rotating and deleting keys failed; it is tried again");
        }
        let server = Arc::clone(&server);
        let done = tokio::task::spawn_blocking(move || trim_log(&server, log_retention)).await;
        match done {
            Ok(Ok(0)) => {}
            Ok(Ok(segments)) => tracing::info!(segments, "removed log segments that every sink has read"),
            Ok(Err(error)) => tracing::warn!(%error, "removing old log segments failed"),
            Err(error) => tracing::error!(%error, "housekeeping failed"),
        }
    }
}

/// Removes log events that have expired, and those of deleted groups and streams.
async fn keep_logs(server: Arc<Server>) {
    let mut tidier = LogsTidier::default();
    loop {
        tokio::time::sleep(LOGS_TIDYING).await;
        match tidier.tidy(&server.app).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed expired log events"),
            Err(error) => tracing::warn!(%error, "removing expired log events failed"),
        }
    }
}

fn trim_log(server: &Server, log_retention: Duration) -> anyhow::Result<usize> {
    let app = &server.app;
    let catalog = app.catalog.checkpoint()?;
    let delivered =
        app.catalog.list::<DeliveryState>("")?.iter().filter(|state| state.deleted.is_none()).map(|state| state.cursor).min();
    let followed = least_read(&app.catalog)?;
    let keep_from = [delivered, followed].into_iter().flatten().fold(catalog.min(app.history.flushed()), u64::min);
    Ok(app.intake.log().trim(keep_from, log_retention)?)
}
