#!/usr/bin/env python3
"""Writes CloudTrail log files, digests and public keys as AWS documents them. Shares no code with OpenTrail.

Uses only the standard library and `cryptography`. Written after the AWS CloudTrail User Guide, "CloudTrail digest file
structure", "Custom implementations of log file integrity validation" and "CloudTrail Lake query results".

    make_chain.py OUT [--digests 5] [--logs 3] [--gap-before N] [--no-metadata] [--spki] [--prefix P] [--organization O] …

makes OUT/bucket/… (keys are paths; OUT/<name>/… for each further bucket), beside each digest `<file>.metadata.json` with
its user metadata, and OUT/keys.json as `aws cloudtrail list-public-keys` prints it.
"""

import argparse
import base64
import datetime
import gzip
import hashlib
import json
import pathlib
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "999999999999"
BUCKET = "audit-bucket"
NEW_BUCKET = "new-bucket"
TRAIL = "main_trail"
REGION = "eu-west-1"
HOME = "us-east-1"
FIRST_START = datetime.datetime(2024, 2, 28, 21, 17, 28)
HOUR = datetime.timedelta(hours=1)
FOLDERS = {BUCKET: "bucket", NEW_BUCKET: "new-bucket"}


def iso(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def compress(data):
    return gzip.compress(data, 9, mtime=0)


class Key:
    def __init__(self, spki=False):
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PublicFormat.SubjectPublicKeyInfo if spki else serialization.PublicFormat.PKCS1
        self.der = self.private.public_key().public_bytes(serialization.Encoding.DER, form)
        self.fingerprint = hashlib.md5(self.der).hexdigest()

    def sign(self, text):
        return self.private.sign(text, padding.PKCS1v15(), hashes.SHA256()).hex()

    def listed(self, start, end):
        return {
            "Value": base64.b64encode(self.der).decode(),
            "ValidityStartTime": start.replace(tzinfo=datetime.timezone.utc).timestamp(),
            "ValidityEndTime": iso(end),
            "Fingerprint": self.fingerprint,
            "Region": HOME,
        }


class Chain:
    """The files of one trail in one region of one account."""

    def __init__(self, out, args, key, account=ACCOUNT, region=REGION, trail=TRAIL):
        self.out, self.args, self.key = out, args, key
        self.account, self.region, self.trail = account, region, trail
        self.bucket = BUCKET
        self.prefix = args.prefix
        self.previous = None
        self.backfill = False

    def folder(self):
        return "/".join(part for part in (self.prefix, "AWSLogs", self.args.organization, self.account) if part)

    def write(self, key, data):
        path = self.out / FOLDERS[self.bucket] / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def log_file(self, delivered, number):
        """One log file; returns its line in the digest."""
        event_time = iso(delivered - datetime.timedelta(minutes=4))
        records = []
        for i in range(self.args.events):
            # With --duplicate N every file with this number repeats the first events of the chain.
            same = number == self.args.duplicate
            seed = "%s %s %s %d %d" % (self.account, self.region, self.trail, 0 if same else number, i)
            records.append({
                "eventVersion": "1.10",
                "eventTime": event_time,
                "eventName": "Get%d" % i,
                "awsRegion": "mars-north-1" if number == self.args.contradict and i == 7 else self.region,
                "requestParameters": {"eventID": "nested", "awsRegion": "nowhere-1"} if self.args.nested else None,
                "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, seed)),
                "recipientAccountId": self.account,
                "n": number,
            })
        data = (json.dumps({"Records": records}, separators=(",", ":")) + "\n").encode()
        name = "%s_CloudTrail_%s_%s_%016d.json.gz" % (self.account, self.region, delivered.strftime("%Y%m%dT%H%MZ"), number)
        key = "%s/CloudTrail/%s/%s/%s" % (self.folder(), self.region, delivered.strftime("%Y/%m/%d"), name)
        self.write(key, compress(data))
        return {
            "s3Bucket": self.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(data).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": event_time,
            "oldestEventTime": event_time,
        }

    def digest_key(self, end):
        ending = "_backfill" if self.backfill else ""
        name = "%s_CloudTrail-Digest_%s_%s_%s_%s%s.json.gz" % (
            self.account, self.region, self.trail, HOME, end.strftime("%Y%m%dT%H%M%SZ"), ending)
        return "%s/CloudTrail-Digest/%s/%s/%s" % (self.folder(), self.region, end.strftime("%Y/%m/%d"), name)

    def digest(self, start, end, logs, account=None, names=None):
        """One digest. `names` is another key to name as the previous one."""
        previous = self.previous
        key = self.digest_key(end)
        document = {
            "awsAccountId": account or self.account,
            "digestStartTime": iso(start),
            "digestEndTime": iso(end),
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": self.key.fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": logs[-1]["newestEventTime"] if logs else None,
            "oldestEventTime": logs[0]["oldestEventTime"] if logs else None,
            "previousDigestS3Bucket": previous["bucket"] if previous else None,
            "previousDigestS3Object": (names or previous["key"]) if previous else None,
            "previousDigestHashValue": previous["hash"] if previous else None,
            "previousDigestHashAlgorithm": "SHA-256" if previous else None,
            "previousDigestSignature": previous["signature"] if previous else None,
            "logFiles": list(reversed(logs)),
        }
        data = json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()
        digest_hash = hashlib.sha256(data).hexdigest()
        signed = [iso(end), "%s/%s" % (self.bucket, key), digest_hash, previous["signature"] if previous else "null"]
        signature = self.key.sign("\n".join(signed).encode())
        path = self.write(key, compress(data))
        if not self.args.no_metadata:
            metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
            if self.backfill:
                metadata["backfill-generation-timestamp"] = iso(end + 5 * HOUR)
            path.with_name(path.name + ".metadata.json").write_text(json.dumps(metadata))
        self.previous = {"bucket": self.bucket, "key": key, "hash": digest_hash, "signature": signature}

    def write_all(self):
        args = self.args
        start = FIRST_START
        for number in range(args.digests):
            if number == args.gap_before:
                start, self.previous = start + HOUR, None
            if number == args.move_before:
                self.bucket = NEW_BUCKET
            if number == args.prefix_before:
                self.prefix = "moved"
            if number == args.late_start:
                start += datetime.timedelta(minutes=10)
            end = start + HOUR
            logs = []
            # The second window is an hour without deliveries.
            for i in range(0 if number == 1 else args.logs):
                delivered = start + datetime.timedelta(minutes=10 + 5 * i)
                logs.append(self.log_file(delivered, number * 100 + i))
            account = OTHER_ACCOUNT if number == args.other_account else None
            names = self.digest_key(end) if number == args.loop else None
            self.digest(start, end, logs, account, names)
            start = end

    def write_backfill(self):
        """Files that the regular digests missed, in a chain of their own."""
        self.previous, self.backfill = None, True
        for number in range(2):
            start = FIRST_START + number * HOUR
            delivered = start + datetime.timedelta(minutes=52)
            self.digest(start, start + HOUR, [self.log_file(delivered, 9000 + number)])


def lake(out, key):
    """A set of query results with its sign file."""
    folder = out / "bucket" / "lake/AWSLogs" / ACCOUNT / "CloudTrail-Lake/Query/2024/02/29/aaaa-bbbb"
    folder.mkdir(parents=True)
    files = []
    for number in (1, 2):
        data = compress(b"eventID,eventName\n%d,Get\n" % number)
        name = "result_%d.csv.gz" % number
        (folder / name).write_bytes(data)
        files.append({"fileHashValue": hashlib.sha256(data).hexdigest(), "fileName": name})
    sign = {
        "version": "1.0",
        "region": REGION,
        "files": files,
        "hashAlgorithm": "SHA-256",
        "signatureAlgorithm": "SHA256withRSA",
        "queryCompleteTime": "2024-02-29T01:00:00Z",
        "hashSignature": key.sign(" ".join(file["fileHashValue"] for file in files).encode()),
        "publicKeyFingerprint": key.fingerprint,
    }
    (folder / "result_sign.json").write_text(json.dumps(sign))


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--digests", type=int, default=5)
    parser.add_argument("--logs", type=int, default=3)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--gap-before", type=int, help="digest N starts anew, one hour later")
    parser.add_argument("--move-before", type=int, help="from digest N on the trail delivers to another bucket")
    parser.add_argument("--prefix-before", type=int, help="from digest N on the trail has another prefix")
    parser.add_argument("--late-start", type=int, help="digest N is linked but starts ten minutes late")
    parser.add_argument("--other-account", type=int, help="digest N says it is of another account, properly signed")
    parser.add_argument("--loop", type=int, help="digest N names itself as the one before it, properly signed")
    parser.add_argument("--duplicate", type=int, help="log file N repeats the events of the first one")
    parser.add_argument("--contradict", type=int, help="a record of log file N is of another region")
    parser.add_argument("--nested", action="store_true", help="records have members of the same names further down")
    parser.add_argument("--backfill", action="store_true", help="two backfill digests")
    parser.add_argument("--many", action="store_true", help="two accounts, two regions, two trails")
    parser.add_argument("--lake", action="store_true", help="a set of query results")
    parser.add_argument("--expired", action="store_true", help="the key was valid only before the first digest")
    parser.add_argument("--no-metadata", action="store_true")
    parser.add_argument("--spki", action="store_true")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--organization", default="")
    return parser.parse_args()


def main():
    args = arguments()
    key = Key(args.spki)
    chains = [Chain(args.out, args, key)]
    if args.many:
        chains += [
            Chain(args.out, args, key, region="ap-south-1"),
            Chain(args.out, args, key, account="444455556666"),
            Chain(args.out, args, key, account="444455556666", trail="second"),
        ]
        chains[-1].prefix = "second"
    for chain in chains:
        chain.write_all()
        if args.backfill:
            chain.write_backfill()
    if args.lake:
        lake(args.out, key)
    start, end = FIRST_START - 24 * HOUR, datetime.datetime(2024, 4, 1)
    if args.expired:
        start, end = datetime.datetime(2023, 1, 1), datetime.datetime(2023, 2, 1)
    (args.out / "keys.json").write_text(json.dumps({"PublicKeyList": [key.listed(start, end)]}, indent=1))


if __name__ == "__main__":
    main()
