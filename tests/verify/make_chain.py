#!/usr/bin/env python3
"""Writes CloudTrail log files, digests and public keys as AWS documents them. Shares no code with OpenTrail.

Uses only the standard library and `cryptography`. Written after the AWS CloudTrail User Guide, "CloudTrail digest file
structure" and "Custom implementations of log file integrity validation".

    make_chain.py OUT [--digests 5] [--logs 3] [--gap-before N] [--no-metadata] [--spki] [--prefix P] [--organization O]

makes OUT/bucket/… (keys are paths), beside each digest `<file>.metadata.json` with its user metadata, and
OUT/keys.json as `aws cloudtrail list-public-keys` prints it.
"""

import argparse
import base64
import datetime
import gzip
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ACCOUNT = "111122223333"
BUCKET = "audit-bucket"
TRAIL = "main_trail"
REGION = "eu-west-1"
HOME = "us-east-1"
FIRST_START = datetime.datetime(2024, 2, 28, 21, 17, 28)
HOUR = datetime.timedelta(hours=1)


def iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def write(root, key, data):
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def compress(data):
    return gzip.compress(data, 9, mtime=0)


def make_key(spki):
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo if spki else serialization.PublicFormat.PKCS1
    der = private.public_key().public_bytes(serialization.Encoding.DER, form)
    return private, der, hashlib.md5(der).hexdigest()


def log_file(root, folder, delivered, number):
    """One log file; returns its line in the digest."""
    event_time = iso(delivered - datetime.timedelta(minutes=4))
    records = [{"eventVersion": "1.10", "eventTime": event_time, "eventName": "Get%d" % i, "n": number} for i in range(20)]
    data = (json.dumps({"Records": records}, separators=(",", ":")) + "\n").encode()
    name = "%s_CloudTrail_%s_%s_%016d.json.gz" % (ACCOUNT, REGION, delivered.strftime("%Y%m%dT%H%MZ"), number)
    key = "%s/CloudTrail/%s/%s/%s" % (folder, REGION, delivered.strftime("%Y/%m/%d"), name)
    write(root, key, compress(data))
    return {
        "s3Bucket": BUCKET,
        "s3Object": key,
        "hashValue": hashlib.sha256(data).hexdigest(),
        "hashAlgorithm": "SHA-256",
        "newestEventTime": event_time,
        "oldestEventTime": event_time,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--digests", type=int, default=5)
    parser.add_argument("--logs", type=int, default=3)
    parser.add_argument("--gap-before", type=int, help="digest N starts anew, one hour later")
    parser.add_argument("--no-metadata", action="store_true")
    parser.add_argument("--spki", action="store_true")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--organization", default="")
    args = parser.parse_args()

    root = args.out / "bucket"
    folder = "/".join(part for part in (args.prefix, "AWSLogs", args.organization, ACCOUNT) if part)
    private, der, fingerprint = make_key(args.spki)
    start, previous = FIRST_START, None
    for number in range(args.digests):
        if number == args.gap_before:
            start, previous = start + HOUR, None
        end = start + HOUR
        logs = []
        # The second window is an hour without deliveries.
        for i in range(0 if number == 1 else args.logs):
            delivered = start + datetime.timedelta(minutes=10 + 5 * i)
            logs.append(log_file(root, folder, delivered, number * 100 + i))
        name = "%s_CloudTrail-Digest_%s_%s_%s_%s.json.gz" % (ACCOUNT, REGION, TRAIL, HOME, end.strftime("%Y%m%dT%H%M%SZ"))
        key = "%s/CloudTrail-Digest/%s/%s/%s" % (folder, REGION, end.strftime("%Y/%m/%d"), name)
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": iso(start),
            "digestEndTime": iso(end),
            "digestS3Bucket": BUCKET,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": logs[-1]["newestEventTime"] if logs else None,
            "oldestEventTime": logs[0]["oldestEventTime"] if logs else None,
            "previousDigestS3Bucket": BUCKET if previous else None,
            "previousDigestS3Object": previous["key"] if previous else None,
            "previousDigestHashValue": previous["hash"] if previous else None,
            "previousDigestHashAlgorithm": "SHA-256" if previous else None,
            "previousDigestSignature": previous["signature"] if previous else None,
            "logFiles": list(reversed(logs)),
        }
        data = json.dumps(digest, separators=(",", ":")).replace("/", "\\/").encode()
        digest_hash = hashlib.sha256(data).hexdigest()
        to_sign = "\n".join(
            [iso(end), "%s/%s" % (BUCKET, key), digest_hash, previous["signature"] if previous else "null"]
        ).encode()
        signature = private.sign(to_sign, padding.PKCS1v15(), hashes.SHA256()).hex()
        path = write(root, key, compress(data))
        if not args.no_metadata:
            metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
            path.with_name(path.name + ".metadata.json").write_text(json.dumps(metadata))
        previous = {"key": key, "hash": digest_hash, "signature": signature}
        start = end

    keys = {
        "PublicKeyList": [
            {
                "Value": base64.b64encode(der).decode(),
                "ValidityStartTime": 1709154000.0,
                "ValidityEndTime": "2024-04-01T00:00:00Z",
                "Fingerprint": fingerprint,
                "Region": HOME,
            }
        ]
    }
    (args.out / "keys.json").write_text(json.dumps(keys, indent=1))


if __name__ == "__main__":
    main()
