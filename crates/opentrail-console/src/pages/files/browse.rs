//! Buckets, and what is in a folder of one.

use super::{Step, folder, size_words, way};
use crate::answer::Answer;
use crate::bucket;
use crate::form::query_of;
use crate::frame::Frame;
use crate::pager::Pager;
use crate::problem::Problem;
use crate::routes::Shown;
use crate::times::Moment;
use crate::visitor::Visitor;
use askama::Template;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Entries of one page.
const PAGE: usize = 200;
/// Most buckets on the page.
const MOST_BUCKETS: usize = 500;

#[derive(Template)]
#[template(path = "files/buckets.html")]
struct Buckets<'a> {
    frame: Frame<'a>,
    buckets: Vec<(String, String, Option<Moment>)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "files/folder.html")]
struct Folder<'a> {
    frame: Frame<'a>,
    title: &'a str,
    way: Vec<Step>,
    folders: Vec<Step>,
    files: Vec<File>,
    pager: Pager,
}

struct File {
    name: String,
    link: String,
    download: String,
    size: String,
    modified: Option<Moment>,
}

fn moment(text: &str) -> Option<Moment> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(Moment)
}

pub async fn buckets(visitor: Visitor) -> Shown {
    let frame = Frame::new(&visitor, "Files", "files");
    let all = bucket::buckets(&visitor).await?;
    let more = all.len().saturating_sub(MOST_BUCKETS);
    let line = |bucket: bucket::Bucket| {
        let link = folder(&frame, &bucket.name, "");
        (bucket.name, link, moment(&bucket.creation_date))
    };
    let buckets = all.into_iter().take(MOST_BUCKETS).map(line).collect();
    Ok(Answer::page(&Buckets { buckets, more, frame }))
}

pub async fn show(visitor: Visitor) -> Shown {
    let query = &visitor.wanted.query;
    let Some(bucket) = query.get("bucket") else { return Err(Problem::NotFound("The address names no bucket.")) };
    // Not trimmed: keys may begin and end with spaces.
    let prefix = query.raw("prefix").unwrap_or_default();
    let listing = bucket::list(&visitor, bucket, prefix, true, query.get("token"), PAGE).await?;
    let frame = Frame::new(&visitor, bucket, "files");
    let name = |key: &str| key.strip_prefix(prefix).unwrap_or(key).to_owned();
    let address = |page: &str, key: &str| frame.link(&format!("files/{page}?{}", query_of(&[("bucket", bucket), ("key", key)])));
    let below = |key: &String| Step { name: name(key), link: folder(&frame, bucket, key) };
    let folders: Vec<Step> = listing.folders.iter().map(below).collect();
    let file = |object: &bucket::Object| File {
        name: name(&object.key),
        link: address("open", &object.key),
        download: address("download", &object.key),
        size: size_words(object.size),
        modified: moment(&object.modified),
    };
    let files: Vec<File> = listing.objects.iter().filter(|object| object.key != prefix).map(file).collect();
    let next = |token: String| {
        let pairs = [("bucket", bucket), ("prefix", prefix), ("token", token.as_str())];
        frame.link(&format!("files/show?{}", query_of(&pairs)))
    };
    let pager = Pager {
        first: query.get("token").map(|_| folder(&frame, bucket, prefix)),
        next: listing.next.map(next),
        shown: format!("{} folders, {} files", folders.len(), files.len()),
    };
    Ok(Answer::page(&Folder { title: bucket, way: way(&frame, bucket, prefix), folders, files, pager, frame }))
}
