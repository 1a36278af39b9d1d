use super::SERVICE;
use crate::testing::{Bench, code, hostile};
use serde_json::json;

#[tokio::test]
async fn records_hold_no_plaintext_and_the_context_as_given() {
    let bench = Bench::new();
    let created = bench.run(&SERVICE, bench.call(), "CreateKey", json!({})).await.expect("created");
    let id = created["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned();
    let input = json!({"KeyId": id, "Plaintext": "c2VjcmV0", "EncryptionContext": {"Upper": "Case"}});
    let sealed = bench.run(&SERVICE, bench.call(), "Encrypt", input).await.expect("encrypted");
    let record = bench.last_record();
    assert_eq!(record["requestParameters"]["encryptionContext"], json!({"Upper": "Case"}));
    let input = json!({"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": {"Upper": "Case"}});
    let opened = bench.run(&SERVICE, bench.call(), "Decrypt", input).await.expect("decrypted");
    assert_eq!(opened["Plaintext"], "c2VjcmV0");
    for record in bench.records() {
        let text = record.to_string();
        assert!(!text.contains("c2VjcmV0") && !text.contains(sealed["CiphertextBlob"].as_str().expect("text")), "{text}");
    }
}

#[tokio::test]
async fn keys_are_of_their_account_and_region() {
    let bench = Bench::new();
    let created = bench.run(&SERVICE, bench.call(), "CreateKey", json!({})).await.expect("created");
    let arn = created["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned();
    let describe = json!({"KeyId": arn});
    let elsewhere = bench.run(&SERVICE, bench.call_in("eu-west-1"), "DescribeKey", describe).await;
    assert_eq!(code(elsewhere), "NotFoundException");
    let id = created["KeyMetadata"]["KeyId"].clone();
    let elsewhere = bench.run(&SERVICE, bench.call_in("eu-west-1"), "DescribeKey", json!({"KeyId": id})).await;
    assert_eq!(code(elsewhere), "NotFoundException");
}

#[test]
fn no_input_is_too_much() {
    const MEMBERS: &[&str] = &[
        "KeyId",
        "AliasName",
        "TargetKeyId",
        "Plaintext",
        "CiphertextBlob",
        "EncryptionContext",
        "KeySpec",
        "NumberOfBytes",
        "Policy",
        "PolicyName",
        "Tags",
        "TagKeys",
        "Limit",
        "Marker",
        "PendingWindowInDays",
        "RotationPeriodInDays",
        "Description",
        "DestinationKeyId",
        "DryRun",
        "GranteePrincipal",
        "RetiringPrincipal",
        "Operations",
        "Constraints",
        "EncryptionContextSubset",
        "GrantId",
        "GrantToken",
        "GrantTokens",
    ];
    const TEXTS: &[&str] = &[
        "alias/a",
        "alias/aws/s3",
        "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
        "AQ==",
        "AES_256",
        "default",
        "Decrypt",
        "arn:aws:iam::123456789012:user/somebody",
        "{}",
        "12345678-1234-1234-1234-123456789012",
    ];
    let prepare = |runtime: &tokio::runtime::Runtime, bench: &Bench| {
        runtime.block_on(async {
            let made = bench.run(&SERVICE, bench.call(), "CreateKey", json!({})).await.expect("created");
            let id = made["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned();
            let input =
                json!({"KeyId": id, "GranteePrincipal": "arn:aws:iam::123456789012:user/somebody", "Operations": ["Decrypt"]});
            let grant = bench.run(&SERVICE, bench.call(), "CreateGrant", input).await.expect("granted");
            let text = |member: &str| grant[member].as_str().expect("a text").to_owned();
            vec![id, text("GrantId"), text("GrantToken")]
        })
    };
    hostile::check_after(&SERVICE, MEMBERS, TEXTS, prepare, |_, _, _| {});
}
