//! Styles and scripts, part of the binary. Their names carry a hash of what is in them, so browsers may keep them for good.

use crate::answer::Answer;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use std::sync::LazyLock;

/// `Cache-Control` of an asset.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// One line per file in `assets/`: its name, its type, its bytes.
const FILES: &[(&str, &str, &[u8])] = &[
    ("console.css", "text/css; charset=utf-8", include_bytes!("../assets/console.css")),
    ("first.js", SCRIPT, include_bytes!("../assets/first.js")),
    ("console.js", SCRIPT, include_bytes!("../assets/console.js")),
    ("pages.js", SCRIPT, include_bytes!("../assets/pages.js")),
    ("history.js", SCRIPT, include_bytes!("../assets/history.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

struct Asset {
    name: &'static str,
    /// `/console/assets/console.0123456789abcdef.css`
    path: String,
    content_type: &'static str,
    plain: Bytes,
    gzip: Bytes,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| FILES.iter().map(asset).collect());

fn asset((name, content_type, bytes): &(&'static str, &'static str, &'static [u8])) -> Asset {
    let hash = hex::encode(&digest(&SHA256, bytes).as_ref()[..8]);
    let (stem, kind) = name.rsplit_once('.').expect("names of assets have a kind");
    Asset {
        name,
        path: format!("/console/assets/{stem}.{hash}.{kind}"),
        content_type,
        plain: Bytes::from_static(bytes),
        gzip: crate::answer::gzip(bytes),
    }
}

/// The path of an asset, for templates.
///
/// # Panics
/// If there is no such asset: then a template names one that was never there.
pub fn path(name: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    &asset.unwrap_or_else(|| panic!("{name} is not in the table of assets")).path
}

/// Answers a request for an asset by its name with the hash.
pub fn answer(name: &str, headers: &HeaderMap) -> Answer {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path.strip_prefix("/console/assets/") == Some(name)) else {
        return Answer::plain(404, "There is no such file.\n").finished(false);
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut answer;
    if accepted.contains("gzip") {
        answer = Answer::asset(asset.content_type, asset.gzip.clone());
        answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        answer = Answer::asset(asset.content_type, asset.plain.clone());
    }
    answer.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer.finished(false)
}
