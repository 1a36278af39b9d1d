//! Answers: pages, pieces of pages, data, redirects; with the headers that all of them have.

use crate::assets;
use askama::Template;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use std::io::{self, Write};
use tokio::sync::mpsc;

/// What pages may load and where they may send: only what is ours, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Below this, compressing is not worth it.
const COMPRESSED_FROM_BYTES: usize = 2_048;

/// What an answer consists of.
#[derive(Debug)]
pub enum Body {
    Whole(Bytes),
    /// Pieces that are sent as they come.
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Answer {
    fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), headers, body }
    }

    /// A page, or a piece of one.
    pub fn page(template: &impl Template) -> Self {
        Self::page_with(200, template)
    }

    pub fn page_with(status: u16, template: &impl Template) -> Self {
        match template.render() {
            Ok(text) => Self::new(status, "text/html; charset=utf-8", Body::Whole(text.into())),
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                Self::plain(500, "An internal error occurred.\n")
            }
        }
    }

    pub fn plain(status: u16, text: &'static str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", Body::Whole(Bytes::from_static(text.as_bytes())))
    }

    pub fn json(value: &Value) -> Self {
        Self::new(200, "application/json", Body::Whole(value.to_string().into()))
    }

    /// See other: after a form, and for what has moved. `to` is a path of ours.
    pub fn redirect(to: &str) -> Self {
        let mut answer = Self::plain(303, "");
        let to = HeaderValue::try_from(to).unwrap_or_else(|_| HeaderValue::from_static("/console/"));
        answer.headers.insert(header::LOCATION, to);
        answer
    }

    /// Bytes of ours that never change under their name.
    pub fn asset(content_type: &'static str, body: Bytes) -> Self {
        let mut answer = Self::new(200, content_type, Body::Whole(body));
        answer.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(assets::FOREVER));
        answer
    }

    /// A stream of pieces.
    pub fn stream(content_type: &'static str, pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self::new(200, content_type, Body::Pieces(pieces))
    }

    /// Saved by the browser under this name, which is plain ASCII.
    #[must_use]
    pub fn saved_as(mut self, name: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = name.chars().map(plain).take(200).collect();
        if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
            self.headers.insert(header::CONTENT_DISPOSITION, value);
        }
        self
    }

    #[must_use]
    pub fn with_cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            self.headers.append(header::SET_COOKIE, value);
        }
        self
    }

    /// With the headers that every answer has, compressed if the browser takes that.
    #[must_use]
    pub fn finished(mut self, compress: bool) -> Self {
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            self.headers.insert(name, HeaderValue::from_static(value));
        }
        self.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if compress
            && let Body::Whole(body) = &self.body
            && body.len() >= COMPRESSED_FROM_BYTES
        {
            self.body = Body::Whole(gzip(body));
            self.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        self
    }
}

/// Compresses quickly.
pub fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("writing to memory cannot fail").into()
}
