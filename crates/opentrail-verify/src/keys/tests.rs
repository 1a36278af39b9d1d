use super::*;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Vectors {
    public_keys: Vec<VectorKey>,
    signatures_that_verify: Vec<VectorSignature>,
    signatures_that_do_not: Vec<VectorSignature>,
}

#[derive(Deserialize)]
struct VectorKey {
    fingerprint: String,
    value_base64: String,
}

#[derive(Deserialize)]
struct VectorSignature {
    signature_hex: String,
    key_fingerprint: Option<String>,
    recovered_signing_string_sha256: Option<String>,
}

fn vectors() -> Option<Vectors> {
    let corpus = std::env::var_os("OPENTRAIL_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    let path = corpus.join("digest-vectors/vectors.json");
    match std::fs::read(&path) {
        Ok(json) => Some(serde_json::from_slice(&json).expect("vectors.json has the documented form")),
        Err(_) => {
            println!("skipped: no {}", path.display());
            None
        }
    }
}

fn key_file(keys: &[VectorKey]) -> String {
    let list: Vec<_> = keys
        .iter()
        .map(|k| {
            serde_json::json!({
                "Value": k.value_base64, "Fingerprint": k.fingerprint, "Region": "us-east-1",
                "ValidityStartTime": 1_436_317_441.0, "ValidityEndTime": "2015-08-07T02:10:41Z",
            })
        })
        .collect();
    serde_json::json!({ "PublicKeyList": list }).to_string()
}

fn hash(signature: &VectorSignature) -> [u8; 32] {
    let text = signature.recovered_signing_string_sha256.as_deref().expect("has a hash");
    hex::decode(text).expect("hex").try_into().expect("32 bytes")
}

#[test]
fn aws_published_keys_load_and_their_signatures_verify() {
    let Some(vectors) = vectors() else { return };
    let keys = KeySet::from_json(key_file(&vectors.public_keys).as_bytes()).expect("keys load");
    assert_eq!(keys.len(), vectors.public_keys.len());
    for vector in &vectors.signatures_that_verify {
        let signature = hex::decode(&vector.signature_hex).expect("hex");
        let right = vector.key_fingerprint.as_deref().expect("names its key");
        let hash = hash(vector);
        assert!(keys.get(right).expect("known").verifies_hash(&hash, &signature));
        for (fingerprint, key) in &keys.keys {
            assert_eq!(key.verifies_hash(&hash, &signature), fingerprint == right);
        }
        let key = keys.get(right).expect("known");
        let mut other_hash = hash;
        other_hash[31] ^= 1;
        assert!(!key.verifies_hash(&other_hash, &signature));
        for position in [0, 100, signature.len() - 1] {
            let mut other = signature.clone();
            other[position] ^= 1;
            assert!(!key.verifies_hash(&hash, &other));
        }
    }
    let known: Vec<_> = vectors.signatures_that_verify.iter().map(hash).collect();
    for vector in &vectors.signatures_that_do_not {
        let signature = hex::decode(&vector.signature_hex).expect("hex");
        for key in keys.keys.values() {
            assert!(known.iter().all(|hash| !key.verifies_hash(hash, &signature)));
        }
    }
}

#[test]
fn a_wrong_fingerprint_is_an_error() {
    let Some(mut vectors) = vectors() else { return };
    vectors.public_keys[0].fingerprint = "00".repeat(16);
    let error = KeySet::from_json(key_file(&vectors.public_keys).as_bytes()).expect_err("mismatch");
    assert!(matches!(error, KeyError::Fingerprint { .. }), "{error}");
}

#[test]
fn what_is_not_a_key_is_an_error() {
    let check = |der: &[u8]| {
        let file = serde_json::json!({ "PublicKeyList": [
            { "Value": STANDARD.encode(der), "Fingerprint": hex::encode(Md5::digest(der)) }
        ]});
        let error = KeySet::from_json(file.to_string().as_bytes()).expect_err("not a key");
        assert!(matches!(error, KeyError::NotRsa { .. }), "{error}");
    };
    check(b"");
    check(b"\x30");
    check(b"\x30\x84\xff\xff\xff\xff");
    check(b"\x30\x03\x02\x01\x05");
    check(b"\x30\x80\x02\x01\x05\x00\x00");
    assert!(matches!(KeySet::from_json(b"[]"), Err(KeyError::Format(_))));
}
