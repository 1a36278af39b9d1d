//! One file: a log file as a table of its events, everything else as text; and the file itself.

use super::{Step, size_words, way};
use crate::answer::Answer;
use crate::bucket;
use crate::form::query_of;
use crate::frame::Frame;
use crate::json_view::JsonView;
use crate::pager::Pager;
use crate::problem::Problem;
use crate::record::Record;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{self, Read};
use tokio::sync::mpsc;

/// Most bytes of a file that are read for a page, as it is stored and after decompression.
const MAX_STORED_BYTES: usize = 16 << 20;
const MAX_PLAIN_BYTES: u64 = 64 << 20;
/// Events of one page.
const PAGE: usize = 100;
/// Pieces of a download on their way to the browser.
const IN_FLIGHT: usize = 8;

#[derive(Template)]
#[template(path = "files/open.html")]
struct Page<'a> {
    frame: Frame<'a>,
    name: &'a str,
    way: Vec<Step>,
    facts: Vec<(String, String)>,
    download: String,
    raw: String,
    table: String,
    events: Option<Vec<Line>>,
    pager: Pager,
    /// The event that was chosen, or the whole file.
    text: Option<JsonView>,
    chosen: Option<usize>,
    cut: bool,
}

/// An event of a log file.
struct Line {
    number: usize,
    link: String,
    time: Option<Moment>,
    name: String,
    service: String,
    who: String,
    region: String,
    source: String,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogFile {
    records: Vec<Box<RawValue>>,
}

fn named(visitor: &Visitor) -> Result<(&str, &str), Problem> {
    let query = &visitor.wanted.query;
    match (query.get("bucket"), query.raw("key").filter(|key| !key.is_empty())) {
        (Some(bucket), Some(key)) => Ok((bucket, key)),
        _ => Err(Problem::NotFound("The address names no file.")),
    }
}

/// The text of a file, and whether it is only the beginning.
fn plain(body: &[u8], cut: bool) -> (Vec<u8>, bool) {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return (body.to_vec(), cut);
    }
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(body).take(MAX_PLAIN_BYTES).read_to_end(&mut text);
    let cut = cut || read.is_err() || text.len() as u64 == MAX_PLAIN_BYTES;
    (text, cut)
}

pub async fn show(visitor: Visitor) -> Shown {
    let (bucket, key) = named(&visitor)?;
    let got = bucket::get(&visitor, bucket, key, MAX_STORED_BYTES).await?;
    let frame = Frame::new(&visitor, "File", "files");
    let address = |page: &str, more: &[(&str, &str)]| {
        let pairs: Vec<(&str, &str)> = [("bucket", bucket), ("key", key)].into_iter().chain(more.iter().copied()).collect();
        frame.link(&format!("files/{page}?{}", query_of(&pairs)))
    };
    let facts = facts(&got);
    let (stored, stored_cut) = (got.body.clone(), got.cut);
    let (text, cut) = tokio::task::spawn_blocking(move || plain(&stored, stored_cut)).await.unwrap_or_default();
    let records = if cut { None } else { serde_json::from_slice::<LogFile>(&text).ok().map(|file| file.records) };
    let query = &visitor.wanted.query;
    let raw = query.get("raw").is_some() || records.is_none();
    let begin = query.get("from").and_then(|from| from.parse::<usize>().ok()).unwrap_or(0);
    let chosen = query.get("event").and_then(|number| number.parse::<usize>().ok());
    let mut pager = Pager::default();
    let mut shown = None;
    let view;
    match &records {
        Some(records) if !raw => {
            let number = |at: usize| at.to_string();
            let line = |(at, record): (usize, &RawValue)| {
                let link = address("open", &[("from", &number(begin)), ("event", &number(at))]) + "#event";
                line(at, record.get(), link)
            };
            shown = Some(records.iter().map(AsRef::as_ref).enumerate().skip(begin).take(PAGE).map(line).collect());
            view = chosen.and_then(|at| records.get(at)).map(|record| JsonView::of_text(record.get(), None));
            pager = Pager {
                first: (begin > 0).then(|| address("open", &[])),
                next: (begin + PAGE < records.len()).then(|| address("open", &[("from", &number(begin + PAGE))])),
                shown: format!("{} events", records.len()),
            };
        }
        _ => view = Some(JsonView::of_text(&String::from_utf8_lossy(&text), None)),
    }
    Ok(Answer::page(&Page {
        name: key.rsplit('/').find(|part| !part.is_empty()).unwrap_or(key),
        way: way(&frame, bucket, key),
        facts,
        download: address("download", &[]),
        raw: address("open", &[("raw", "yes")]),
        table: if raw && records.is_some() { address("open", &[]) } else { String::new() },
        events: shown,
        pager,
        text: view,
        chosen,
        cut,
        frame,
    }))
}

fn facts(got: &bucket::Got) -> Vec<(String, String)> {
    let named = [
        ("content-length", "Size"),
        ("last-modified", "Modified"),
        ("content-type", "Type"),
        ("etag", "ETag"),
        ("x-amz-server-side-encryption", "Encryption"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "Key"),
        ("x-amz-version-id", "Version"),
    ];
    let size = |value: &str| value.parse().map_or_else(|_| value.to_owned(), size_words);
    let fact = |(header, name): (&str, &str)| {
        let value = got.header(header)?;
        Some((name.to_owned(), if name == "Size" { size(value) } else { value.to_owned() }))
    };
    let metadata = got.metadata().into_iter().map(|(name, value)| (format!("Metadata {name}"), value));
    named.into_iter().filter_map(fact).chain(metadata).collect()
}

fn line(number: usize, text: &str, link: String) -> Line {
    let record = Record::read(text);
    Line {
        number: number + 1,
        link,
        time: Moment::read(&record.time()),
        name: record.name(),
        service: record.service(),
        who: record.who(),
        region: record.at("/awsRegion").unwrap_or_default(),
        source: record.at("/sourceIPAddress").unwrap_or_default(),
        error: record.error(),
    }
}

/// The file as it is stored.
pub async fn download(visitor: Visitor) -> Shown {
    let (bucket, key) = named(&visitor)?;
    let response = visitor.s3("GET", &bucket::path_of(bucket, key), "", Bytes::new()).await?;
    if !response.status().is_success() {
        // Asked again for its reason in words.
        bucket::get(&visitor, bucket, key, 0).await?;
        return Err(Problem::NotFound("The file could not be read."));
    }
    let mut body = response.into_body();
    let (sender, pieces) = mpsc::channel(IN_FLIGHT);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let piece = frame.map_err(io::Error::other).map(|frame| frame.into_data().unwrap_or_default());
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    let name = key.rsplit('/').find(|part| !part.is_empty()).unwrap_or("file");
    Ok(Answer::stream("application/octet-stream", pieces).saved_as(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_decompressed_within_bounds() {
        let packed = crate::answer::gzip(b"{\"Records\": []}");
        assert_eq!(plain(&packed, false), (b"{\"Records\": []}".to_vec(), false));
        assert!(plain(&packed[..packed.len() - 9], false).1, "cut off");
        assert_eq!(plain(b"text", true), (b"text".to_vec(), true));
        let bomb = crate::answer::gzip(&vec![b' '; 70 << 20]);
        let (text, cut) = plain(&bomb, false);
        assert!(cut && text.len() as u64 == MAX_PLAIN_BYTES);
    }

    #[test]
    fn events_are_told_in_a_line() {
        let line = line(4, r#"{"eventName": "X", "eventSource": "s3.amazonaws.com", "errorCode": "Denied"}"#, String::new());
        assert_eq!((line.number, line.name.as_str(), line.service.as_str()), (5, "X", "s3"));
        assert_eq!(line.error.as_deref(), Some("Denied"));
        assert_eq!(super::line(0, "7", String::new()).name, "");
    }
}
