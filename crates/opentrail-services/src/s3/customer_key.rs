//! SSE-C: keys that come with every request, and are forgotten with it.
//!
//! Source: Amazon S3 User Guide, "Using server-side encryption with customer-provided keys (SSE-C)".

use super::exchange::Exchange;
use super::fault;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use opentrail_seal::DerivingKey;
use opentrail_storage::{BlobEncryption, BlobKey, CustomerKeyMark, Object};
use s3s::S3Result;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The headers that a key comes in.
pub struct Names {
    algorithm: &'static str,
    key: &'static str,
    md5: &'static str,
}

/// Of the object that a request is about.
pub const OWN: Names = Names {
    algorithm: "x-amz-server-side-encryption-customer-algorithm",
    key: "x-amz-server-side-encryption-customer-key",
    md5: "x-amz-server-side-encryption-customer-key-md5",
};
/// Of the source of a copy.
pub const SOURCE: Names = Names {
    algorithm: "x-amz-copy-source-server-side-encryption-customer-algorithm",
    key: "x-amz-copy-source-server-side-encryption-customer-key",
    md5: "x-amz-copy-source-server-side-encryption-customer-key-md5",
};

/// A key that came with a request.
pub struct Given {
    key: DerivingKey,
    /// In base64, as given.
    md5: String,
}

/// The key that came with a request, if one did.
///
/// # Errors
/// If it is not whole, not what its MD5 says, or came over a line that others can read.
pub fn given(exchange: &Exchange, names: &Names) -> S3Result<Option<Given>> {
    let present = [names.algorithm, names.key, names.md5].iter().any(|name| exchange.headers.contains_key(*name));
    if !present {
        return Ok(None);
    }
    let lacks = |what: &str| {
        let start = "Requests specifying Server Side Encryption with Customer provided keys must";
        fault::invalid_argument(format!("{start} provide {what}."))
    };
    let algorithm = exchange.header(names.algorithm).ok_or_else(|| lacks("a valid encryption algorithm"))?;
    if algorithm != "AES256" {
        let message = "The Encryption request you specified is not valid. Supported value: AES256.";
        return Err(fault::custom("InvalidEncryptionAlgorithmError", 400, message));
    }
    let text = exchange.header(names.key).ok_or_else(|| lacks("an appropriate secret key"))?;
    let md5 = exchange.header(names.md5).ok_or_else(|| lacks("the client calculated MD5 of the secret key"))?;
    if exchange.call.tls.is_none() && !is_on_this_machine(&exchange.call.source_ip) {
        let start = "Requests specifying Server Side Encryption with Customer provided keys must";
        return Err(fault::invalid_request(format!("{start} be made over a secure connection.")));
    }
    let bytes = STANDARD.decode(text).map(Zeroizing::new).ok();
    let key = bytes.as_ref().and_then(|bytes| DerivingKey::from_bytes(bytes));
    let key = key.ok_or_else(|| fault::invalid_argument("The secret key was invalid for the specified algorithm."))?;
    if STANDARD.decode(md5).ok().as_deref() != Some(&Md5::digest(key.as_bytes())[..]) {
        return Err(fault::invalid_argument("The calculated MD5 hash of the key did not match the hash that was provided."));
    }
    Ok(Some(Given { key, md5: md5.to_owned() }))
}

fn is_on_this_machine(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Given {
    /// What new bytes are encrypted with under it.
    pub fn blob_key(self) -> BlobKey {
        let mark = CustomerKeyMark::of(&self.key);
        BlobKey::Given(self.key, BlobEncryption::Customer(mark))
    }

    /// Tells in the answer that it was used.
    pub fn show(&self, exchange: &Exchange) {
        exchange.add_answer_header(OWN.algorithm, "AES256");
        exchange.add_answer_header("x-amz-server-side-encryption-customer-key-MD5", &self.md5);
    }
}

/// The key for an object that is to be read, or told of; `None` for one that needs none.
///
/// # Errors
/// If it needs one and none or another came, or needs none and one came.
pub fn of_object(exchange: &Exchange, object: &Object, names: &Names) -> S3Result<Option<DerivingKey>> {
    match (object.customer_key(), given(exchange, names)?) {
        (None, None) => Ok(None),
        (Some(mark), Some(given)) if mark.is_of(&given.key) => Ok(Some(given.key)),
        (Some(_), Some(_)) => Err(fault::access_denied()),
        (None, Some(_)) => Err(fault::invalid_request("The encryption parameters are not applicable to this object.")),
        (Some(_), None) => Err(fault::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        )),
    }
}

/// What the parts of an upload under a customer's key are encrypted with; `None` for another upload.
///
/// # Errors
/// If the key is not that of the upload.
pub fn of_upload(exchange: &Exchange, mark: Option<&CustomerKeyMark>) -> S3Result<Option<BlobKey>> {
    match (mark, given(exchange, &OWN)?) {
        (None, None) => Ok(None),
        (Some(mark), Some(given)) if mark.is_of(&given.key) => {
            Ok(Some(BlobKey::Given(given.key, BlobEncryption::Customer(mark.clone()))))
        }
        (Some(_), Some(_)) => {
            Err(fault::invalid_request("The provided encryption parameters did not match the ones used originally."))
        }
        (Some(_), None) => Err(fault::invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        )),
        (None, Some(_)) => {
            Err(fault::invalid_request("The multipart upload initiate did not request encryption with a customer provided key."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_on_this_machine;

    #[test]
    fn only_this_machine_is_trusted_without_tls() {
        let check = |address: &str, expect| assert_eq!(is_on_this_machine(address), expect, "{address}");
        check("127.0.0.1", true);
        check("127.8.9.1", true);
        check("::1", true);
        check("192.0.2.1", false);
        check("10.0.0.1", false);
        check("::ffff:192.0.2.1", false);
        check("", false);
    }
}
