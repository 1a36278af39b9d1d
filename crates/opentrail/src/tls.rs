//! TLS at the endpoint: `tls.cert` and `tls.key`, read again when they change or on SIGHUP.
//!
//! A pair that cannot be used stops the start. Later on it is reported and the one before stays in use.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection};
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How often the files are looked at.
const RELOAD_CHECK: Duration = Duration::from_secs(2);
/// Most certificates of a chain that is served.
const MAX_CHAIN: usize = 16;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate, then those above it.
    pub cert: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// What a connection agreed on, as records show it: version and cipher suite.
pub type TlsFacts = (String, String);

/// Accepts TLS connections. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// If they cannot be read or do not belong together.
    pub fn open(files: &TlsFiles) -> anyhow::Result<Self> {
        Ok(Self { files: files.clone(), config: Arc::new(RwLock::new(Arc::new(load(files)?))) })
    }

    /// Shakes hands, within [`HANDSHAKE_PATIENCE`].
    ///
    /// # Errors
    /// If the client takes too long or does not agree.
    pub async fn accept(&self, stream: TcpStream) -> anyhow::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let config = Arc::clone(&self.config.read().expect("no holder panics"));
        let accepting = TlsAcceptor::from(config).accept(stream);
        let stream = tokio::time::timeout(HANDSHAKE_PATIENCE, accepting).await.context("the handshake took too long")??;
        let facts = facts(stream.get_ref().1);
        Ok((stream, facts))
    }

    /// Follows the files for as long as the process runs.
    pub async fn follow(self) {
        let mut hangups = signal(SignalKind::hangup()).ok();
        let mut seen = state(&self.files);
        loop {
            let hangup = async {
                match &mut hangups {
                    Some(hangups) => hangups.recv().await,
                    None => std::future::pending().await,
                }
            };
            let told = tokio::select! {
                told = hangup => told.is_some(),
                () = tokio::time::sleep(RELOAD_CHECK) => false,
            };
            let now = state(&self.files);
            if !told && now == seen {
                continue;
            }
            seen = now;
            match load(&self.files) {
                Ok(config) => {
                    *self.config.write().expect("no holder panics") = Arc::new(config);
                    tracing::info!(cert = %self.files.cert.display(), "read the TLS certificate again");
                }
                Err(error) => {
                    tracing::error!("the TLS certificate was changed and cannot be used; the one before stays: {error:#}")
                }
            }
        }
    }
}

/// What tells whether the files changed.
fn state(files: &TlsFiles) -> [Option<(SystemTime, u64)>; 2] {
    let of = |path: &Path| std::fs::metadata(path).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
    [of(&files.cert), of(&files.key)]
}

fn load(files: &TlsFiles) -> anyhow::Result<ServerConfig> {
    let cert = files.cert.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .with_context(|| format!("cannot read tls.cert {cert}"))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("tls.cert {cert} is not PEM"))?;
    if chain.is_empty() || chain.len() > MAX_CHAIN {
        bail!("tls.cert {cert} must hold between 1 and {MAX_CHAIN} certificates");
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("cannot read a private key from tls.key {}", files.key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("tls.cert and tls.key cannot be used together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn facts(connection: &ServerConnection) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| suite_name(suite.suite())).unwrap_or_default();
    (version.to_owned(), suite)
}

/// The name as AWS's records have it: OpenSSL's.
fn suite_name(suite: CipherSuite) -> String {
    let name = match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        other => return format!("{other:?}"),
    };
    name.to_owned()
}
