//! What GetObjectAttributes tells: only what was asked for.

use super::S3Context;
use super::bucket::{existing, timestamp};
use super::exchange::Exchange;
use super::object::{checksum_type, set_checksum, shown_version};
use super::{customer_key, fault, read};
use opentrail_storage::Object;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

const KNOWN: &[&str] = &["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
const MAX_PARTS: usize = 1000;

pub fn get(context: &S3Context, req: &S3Request<GetObjectAttributesInput>) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let exchange = Exchange::of(&req.extensions)?;
    let bucket = existing(&exchange)?;
    let input = &req.input;
    let object = read::find(context, &exchange, input.version_id.as_deref())?;
    customer_key::of_object(&exchange, &object, &customer_key::OWN)?;
    // Some clients send one header with commas, others a header for each.
    let headers = exchange.headers.get_all("x-amz-object-attributes");
    let wanted: Vec<&str> = headers.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    let wanted: Vec<&str> = wanted.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
    if wanted.is_empty() || wanted.iter().any(|name| !KNOWN.contains(name)) {
        return Err(fault::invalid_argument("Invalid attribute name specified"));
    }
    let wants = |name: &str| wanted.contains(&name);
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum: object.checksum.clone().filter(|_| wants("Checksum")).map(|checksum| {
            let mut output = Checksum { checksum_type: Some(checksum_type(checksum.kind)), ..Checksum::default() };
            set_checksum!(output, checksum.algorithm, checksum.value);
            output
        }),
        e_tag: wants("ETag").then(|| ETag::Strong(object.etag.clone())),
        last_modified: Some(timestamp(object.last_modified_ms)),
        object_parts: wants("ObjectParts").then(|| parts(&object, input)).flatten(),
        object_size: i64::try_from(object.size).ok().filter(|_| wants("ObjectSize")),
        storage_class: wants("StorageClass").then(|| StorageClass::from_static(object.settings.storage_class.name())),
        version_id: shown_version(&bucket, &object),
        ..GetObjectAttributesOutput::default()
    }))
}

/// The parts of an object that was uploaded in parts. Their checksums are not kept, only their sizes.
fn parts(object: &Object, input: &GetObjectAttributesInput) -> Option<GetObjectAttributesParts> {
    let count = object.parts_count()?;
    let marker = usize::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
    let most = input.max_parts.and_then(|most| usize::try_from(most).ok()).map_or(MAX_PARTS, |most| most.min(MAX_PARTS));
    let number = |index: usize| i32::try_from(index).ok();
    let page: Vec<ObjectPart> = object
        .blobs
        .iter()
        .enumerate()
        .skip(marker)
        .take(most)
        .map(|(index, blob)| ObjectPart {
            part_number: number(index + 1),
            size: i64::try_from(blob.size).ok(),
            ..ObjectPart::default()
        })
        .collect();
    let last = marker + page.len();
    Some(GetObjectAttributesParts {
        is_truncated: Some(last < count),
        max_parts: number(most),
        next_part_number_marker: number(last),
        part_number_marker: number(marker),
        // Without checksums of their own S3 does not list them either.
        parts: (object.checksum.is_some() && !page.is_empty()).then_some(page),
        total_parts_count: number(count),
    })
}
