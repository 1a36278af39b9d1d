//! `POST /-/import?source=NAME`: a log file comes in.
//!
//! prove the caller by the head alone ▸ authorise ▸ receive, in memory or aside on the disk ▸ compare the hash ▸ import
//!
//! Nothing of a body is read before it is known that its sender may import, and nothing of it is used before the hash
//! that was signed is found to be its own.

use crate::front::{self, Answer, Output};
use crate::server::Server;
use crate::tls::TlsFacts;
use anyhow::Context as _;
use aws_lc_rs::digest::{Context, SHA256};
use http::request::Parts;
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use opentrail_services::opentrail::{IMPORT_EVENTS, SERVICE, Upload, import_events, may_import};
use opentrail_services::{Call, authenticate, refuse};
use opentrail_wire::{ApiError, Detected, Form, Protocol, SignedBody, SignedRequest};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

pub const PATH: &str = "/-/import";

/// Files that are received and imported at a time; more wait.
const MAX_UPLOADS: usize = 8;
/// Largest file, in bytes as it is stored.
const MAX_FILE_BYTES: u64 = 8 << 30;
/// Bytes of a file that are kept in memory; what is larger is put aside on the disk.
const MAX_MEMORY_BYTES: usize = 4 << 20;
/// How long the next piece of a file may take to arrive.
const PIECE_PATIENCE: Duration = Duration::from_secs(60);

/// Where files are received.
pub struct Uploads {
    dir: PathBuf,
    slots: Semaphore,
}

impl Uploads {
    /// `dir` holds files that are larger than memory should, without names, so that none stays behind.
    ///
    /// # Errors
    /// If there is no such directory and it cannot be made.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self { dir: dir.to_owned(), slots: Semaphore::new(MAX_UPLOADS) })
    }
}

/// Answers one upload.
pub async fn answer(server: Arc<Server>, peer: SocketAddr, tls: Option<TlsFacts>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let mut detected = opentrail_wire::detect(&head, None);
    detected.protocol = Protocol::Json11;
    let mut call = front::call_of(&server, peer, &head, &detected);
    call.tls = tls;
    let request_id = call.request_id.clone();
    let result = match admit(&server, &head, &detected, &mut call) {
        Ok(stated) => receive_and_import(&server, &head, &call, body, &stated).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(output) => front::encoded(front::ok(Protocol::Json11, Output::Json(output), &request_id)),
        Err(Refusal::Recorded(error)) => front::encoded(refusal(&error, &request_id)),
        Err(Refusal::Unrecorded(error)) => {
            let recorded = refuse(&server.app, &SERVICE, IMPORT_EVENTS, &call, error.clone()).await;
            front::encoded(refusal(&recorded.err().unwrap_or(error), &request_id))
        }
    }
}

/// Why a file is not taken, and whether that has been recorded.
enum Refusal {
    Recorded(ApiError),
    Unrecorded(ApiError),
}

fn refusal(error: &ApiError, request_id: &str) -> opentrail_wire::Encoded {
    opentrail_wire::encode_error(Protocol::Json11, SERVICE.namespace, error, request_id)
}

/// Proves who sends and that they may; answers the hash that the body is signed with.
fn admit(server: &Server, head: &Parts, detected: &Detected, call: &mut Call) -> Result<String, Refusal> {
    let signed = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: SignedBody::Stated,
    };
    match authenticate(&server.app, Protocol::Json11, SERVICE.name, &signed, call.now) {
        Ok(caller) => {
            call.account = caller.account().unwrap_or(&server.app.settings.account_id).to_owned();
            call.caller = caller;
        }
        Err((error, caller)) => {
            call.caller = caller;
            return Err(Refusal::Unrecorded(error));
        }
    }
    if let Some(region) = front::wrong_region(server, &SERVICE, detected) {
        return Err(Refusal::Unrecorded(front::bad_scope(Protocol::Json11, region)));
    }
    if head.method != Method::POST {
        let error = ApiError::new("MethodNotAllowed", "Files are imported with POST.").with_status(405);
        return Err(Refusal::Unrecorded(error));
    }
    may_import(&server.app, call).map_err(Refusal::Unrecorded)?;
    let stated = head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    Ok(stated.unwrap_or_default().to_ascii_lowercase())
}

async fn receive_and_import(
    server: &Arc<Server>,
    head: &Parts,
    call: &Call,
    body: Incoming,
    stated: &str,
) -> Result<Value, Refusal> {
    let _slot = server.uploads.slots.acquire().await.expect("the semaphore is never closed");
    let received = receive(&server.uploads.dir, body).await.map_err(Refusal::Unrecorded)?;
    // Nothing states a hash where signatures are not checked.
    if !stated.is_empty() && received.hash != stated {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(Refusal::Unrecorded(ApiError::new("XAmzContentSHA256Mismatch", message)));
    }
    let form = Form::parse(head.uri.query().unwrap_or_default()).ok();
    let source = form.as_ref().and_then(|form| form.get("source")).unwrap_or("upload").to_owned();
    let upload = Upload { source, file: received.file, stored_bytes: received.bytes };
    // A task of its own: what has been taken is recorded also when the client goes away.
    let (server, call) = (Arc::clone(server), call.clone());
    let task = tokio::spawn(async move { import_events(&server.app, &call, upload).await });
    match task.await {
        Ok(result) => result.map_err(Refusal::Recorded),
        Err(error) => {
            tracing::error!(%error, "an import was not finished");
            Err(Refusal::Unrecorded(ApiError::new("InternalFailure", "An internal error occurred.").with_status(500)))
        }
    }
}

struct Received {
    file: Box<dyn Read + Send>,
    bytes: u64,
    /// Of the body, in hexadecimal digits.
    hash: String,
}

async fn receive(dir: &Path, mut body: Incoming) -> Result<Received, ApiError> {
    let incomplete = || ApiError::new("RequestTimeout", "The request body did not arrive whole.");
    let mut hash = Context::new(&SHA256);
    let mut memory = Vec::new();
    let mut aside: Option<File> = None;
    let mut bytes = 0u64;
    while let Some(frame) = tokio::time::timeout(PIECE_PATIENCE, body.frame()).await.map_err(|_| incomplete())? {
        let Ok(piece) = frame.map_err(|_| incomplete())?.into_data() else { continue };
        bytes += piece.len() as u64;
        if bytes > MAX_FILE_BYTES {
            let message = format!("A file must not be larger than {MAX_FILE_BYTES} bytes.");
            return Err(ApiError::new("RequestEntityTooLargeException", message).with_status(413));
        }
        hash.update(&piece);
        if aside.is_none() && memory.len() + piece.len() <= MAX_MEMORY_BYTES {
            memory.extend_from_slice(&piece);
            continue;
        }
        let (dir, whole) = (dir.to_owned(), std::mem::take(&mut memory));
        let open = aside.take();
        let write = move || -> io::Result<File> {
            let mut file = open.map_or_else(|| tempfile::tempfile_in(dir), Ok)?;
            file.write_all(&whole)?;
            file.write_all(&piece)?;
            Ok(file)
        };
        aside = Some(tokio::task::spawn_blocking(write).await.map_err(|_| incomplete())?.map_err(no_room)?);
    }
    let file: Box<dyn Read + Send> = match aside {
        Some(mut file) => {
            file.seek(SeekFrom::Start(0)).map_err(no_room)?;
            Box::new(file)
        }
        None => Box::new(Cursor::new(memory)),
    };
    Ok(Received { file, bytes, hash: hex::encode(hash.finish()) })
}

fn no_room(error: io::Error) -> ApiError {
    tracing::warn!(%error, "a file that is imported could not be put aside");
    ApiError::new("ServiceUnavailable", "The file could not be put aside. Try again.").with_status(503)
}
