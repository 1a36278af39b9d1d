//! Makes a chain of any size, for benchmarks and for tests of behaviour under load. The content of the log files is the
//! same in every run. Not for tests of truth: those use `tests/verify/make_chain.py`, which shares no code with us.

use crate::digest::s3_url;
use crate::error::VerifyError;
use crate::keys::KeySet;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libdeflater::{CompressionLvl, Compressor};
use md5::{Digest as _, Md5};
use opentrail_model::digest::{Digest, DigestLogFile, HASH_ALGORITHM, SIGNATURE_ALGORITHM, signing_string};
use opentrail_model::timestamp;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const TRAIL: &str = "sample";
const BUCKET: &str = "sample-bucket";
const START: OffsetDateTime = datetime!(2024-01-01 00:17:28 UTC);

/// How much to make: one digest an hour.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub log_files: u64,
    pub digests: u64,
    pub events: u64,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    pub keys: KeySet,
    /// The keys as a file for `--public-keys`.
    pub keys_json: String,
    pub log_files: Vec<PathBuf>,
    pub raw_bytes: u64,
    pub stored_bytes: u64,
}

impl Sample {
    /// Writes the files below `root`, as a copy of the bucket would have them, with the metadata of digests beside them.
    pub fn write(&self, root: &Path) -> Result<Made, VerifyError> {
        let failed = |error: &str| VerifyError::Read { path: root.to_owned(), source: std::io::Error::other(error.to_owned()) };
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed("no key could be made"))?;
        let der = key.public_key().as_ref();
        let fingerprint = hex::encode(Md5::digest(der));
        let list = json!({"PublicKeyList": [{"Value": STANDARD.encode(der), "Fingerprint": fingerprint, "Region": REGION}]});
        let keys_json = list.to_string();
        let keys = KeySet::from_json(keys_json.as_bytes())?;
        let mut made = Made { keys, keys_json, log_files: Vec::new(), raw_bytes: 0, stored_bytes: 0 };
        let mut compressor = Compressor::new(CompressionLvl::new(6).map_err(|_| failed("compression level"))?);
        let mut previous: Option<(String, String, String)> = None;
        let mut written = 0;
        for hour in 0..self.digests {
            let start = START + Duration::HOUR * i32::try_from(hour).unwrap_or(i32::MAX);
            let end = start + Duration::HOUR;
            let mut log_files = Vec::new();
            let until = self.log_files * (hour + 1) / self.digests;
            let here = until - written;
            for number in 0..here {
                let delivered = start + Duration::HOUR * (number as f64 / here as f64 * 0.9 + 0.05);
                log_files.push(self.log_file(root, delivered, written + number, &mut compressor, &mut made)?);
            }
            written = until;
            let object = format!(
                "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/{}/{ACCOUNT}_CloudTrail-Digest_{REGION}_{TRAIL}_{REGION}_{}.json.gz",
                timestamp::folder(end),
                timestamp::digest_name_time(end)
            );
            let document = document(start, end, &object, &fingerprint, previous.as_ref(), log_files);
            let plain = serde_json::to_vec(&document).map_err(|_| failed("a digest could not be written"))?;
            let hash = hex::encode(digest(&SHA256, &plain));
            let signed =
                signing_string(&document.digest_end_time, BUCKET, &object, &hash, document.previous_digest_signature.as_deref());
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
                .map_err(|_| failed("signing failed"))?;
            let signature = hex::encode(signature);
            let metadata = json!({"signature": signature, "signature-algorithm": SIGNATURE_ALGORITHM}).to_string();
            write(root, &object, &compress(&mut compressor, &plain))?;
            write(root, &format!("{object}{}", crate::source::METADATA_ENDING), metadata.as_bytes())?;
            previous = Some((object, hash, signature));
        }
        Ok(made)
    }

    fn log_file(
        &self,
        root: &Path,
        delivered: OffsetDateTime,
        number: u64,
        compressor: &mut Compressor,
        made: &mut Made,
    ) -> Result<DigestLogFile, VerifyError> {
        let event_time = timestamp::event_time(delivered - Duration::minutes(4));
        let mut plain = String::from("{\"Records\":[");
        for event in 0..self.events {
            if event > 0 {
                plain.push(',');
            }
            record(&mut plain, number * self.events + event, &event_time);
        }
        plain.push_str("]}\n");
        let object = format!(
            "AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{}/{ACCOUNT}_CloudTrail_{REGION}_{}_{number:016}.json.gz",
            timestamp::folder(delivered),
            timestamp::log_name_time(delivered)
        );
        let stored = compress(compressor, plain.as_bytes());
        made.log_files.push(write(root, &object, &stored)?);
        made.raw_bytes += plain.len() as u64;
        made.stored_bytes += stored.len() as u64;
        Ok(DigestLogFile {
            s3_bucket: BUCKET.into(),
            s3_object: object,
            hash_value: hex::encode(digest(&SHA256, plain.as_bytes())),
            hash_algorithm: HASH_ALGORITHM.into(),
            newest_event_time: event_time.clone(),
            oldest_event_time: event_time,
        })
    }
}

fn document(
    start: OffsetDateTime,
    end: OffsetDateTime,
    object: &str,
    fingerprint: &str,
    previous: Option<&(String, String, String)>,
    log_files: Vec<DigestLogFile>,
) -> Digest {
    Digest {
        aws_account_id: ACCOUNT.into(),
        digest_start_time: timestamp::event_time(start),
        digest_end_time: timestamp::event_time(end),
        digest_s3_bucket: BUCKET.into(),
        digest_s3_object: object.into(),
        digest_public_key_fingerprint: fingerprint.into(),
        digest_signature_algorithm: SIGNATURE_ALGORITHM.into(),
        newest_event_time: None,
        oldest_event_time: None,
        previous_digest_s3_bucket: previous.map(|_| BUCKET.into()),
        previous_digest_s3_object: previous.map(|(object, ..)| object.clone()),
        previous_digest_hash_value: previous.map(|(_, hash, _)| hash.clone()),
        previous_digest_hash_algorithm: previous.map(|_| HASH_ALGORITHM.into()),
        previous_digest_signature: previous.map(|(.., signature)| signature.clone()),
        log_files,
    }
}

/// One record of the size of real ones, with what differs between real ones differing.
fn record(plain: &mut String, number: u64, event_time: &str) {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (a, b) = (noise ^ noise >> 29, noise.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let names = ["DescribeInstances", "GetObject", "AssumeRole", "PutObject", "ListBuckets", "Decrypt"];
    let name = names[(a % 6) as usize];
    let _ = write!(
        plain,
        "{{\"eventVersion\":\"1.10\",\"userIdentity\":{{\"type\":\"AssumedRole\",\"principalId\":\"AROA{a:016X}:session-{}\",\
         \"arn\":\"arn:aws:sts::{ACCOUNT}:assumed-role/role-{}/session-{}\",\"accountId\":\"{ACCOUNT}\",\"accessKeyId\":\"ASIA{b:016X}\",\
         \"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"AROA{a:016X}\",\
         \"arn\":\"arn:aws:iam::{ACCOUNT}:role/role-{}\",\"accountId\":\"{ACCOUNT}\",\"userName\":\"role-{}\"}},\
         \"attributes\":{{\"creationDate\":\"{event_time}\",\"mfaAuthenticated\":\"false\"}}}}}},\"eventTime\":\"{event_time}\",\
         \"eventSource\":\"service-{}.amazonaws.com\",\"eventName\":\"{name}\",\"awsRegion\":\"{REGION}\",\
         \"sourceIPAddress\":\"10.{}.{}.{}\",\"userAgent\":\"aws-sdk-java/2.20.{} Linux/5.10 OpenJDK_64-Bit_Server_VM/17\",\
         \"requestParameters\":{{\"resource\":\"item-{b:x}\",\"filterSet\":{{\"items\":[{{\"name\":\"tag:{a:x}\"}}]}}}},\
         \"responseElements\":null,\"requestID\":\"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\",\
         \"eventID\":\"{:08x}-{:04x}-4{:03x}-b{:03x}-{:012x}\",\"readOnly\":true,\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\
         \"recipientAccountId\":\"{ACCOUNT}\",\"eventCategory\":\"Management\",\"tlsDetails\":{{\"tlsVersion\":\"TLSv1.3\",\
         \"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"service-{}.{REGION}.amazonaws.com\"}}}}",
        a % 9973,
        a % 40,
        a % 9973,
        a % 40,
        a % 40,
        b % 30,
        a >> 8 & 255,
        a >> 16 & 255,
        a >> 24 & 255,
        b % 100,
        b >> 32,
        b >> 16 & 0xffff,
        b & 0xfff,
        a & 0xfff,
        b & 0xffff_ffff_ffff,
        a >> 32,
        a >> 16 & 0xffff,
        b & 0xfff,
        a & 0xfff,
        number,
        b % 30,
    );
}

fn compress(compressor: &mut Compressor, plain: &[u8]) -> Vec<u8> {
    let mut stored = vec![0; compressor.gzip_compress_bound(plain.len())];
    let length = compressor.gzip_compress(plain, &mut stored).expect("the buffer is as large as asked for");
    stored.truncate(length);
    stored
}

fn write(root: &Path, object: &str, bytes: &[u8]) -> Result<PathBuf, VerifyError> {
    let path = root.join(object);
    let written = match std::fs::write(&path, bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(root);
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, bytes))
        }
        other => other,
    };
    written.map_err(|source| VerifyError::Read { path: s3_url(BUCKET, object).into(), source })?;
    Ok(path)
}
