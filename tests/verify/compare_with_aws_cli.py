#!/usr/bin/env python3
"""Runs `aws cloudtrail validate-logs` and `opentrail verify` on the same chain behind the same store, and compares.

    compare_with_aws_cli.py CHAIN --opentrail PATH [--delay-ms 20] [--only aws|opentrail]

CHAIN is what make_chain.py or `opentrail bench verify --keep` wrote: CHAIN/bucket/… and CHAIN/keys.json. A small server in
this process plays S3 (ListObjects 1 and 2, GetObject, GetBucketLocation) and CloudTrail (ListPublicKeys). With --delay-ms each
request waits that long. Prints wall time and processor time of both, the ratios, and every line in which the verdicts differ.
Exit status 1 if any do. The AWS CLI is the one on PATH, or AWS_CLI.
"""

import argparse
import http.server
import json
import os
import pathlib
import resource
import shlex
import subprocess
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Store:
    def __init__(self, chain, delay):
        self.root = chain / "bucket"
        self.keys_json = json.loads((chain / "keys.json").read_text())
        files = (path for path in self.root.rglob("*") if path.is_file() and not path.name.endswith(".metadata.json"))
        self.keys = sorted(path.relative_to(self.root).as_posix() for path in files)
        self.delay = delay
        self.requests = 0
        digest = next(key for key in self.keys if "/CloudTrail-Digest/" in key and "_backfill" not in key)
        self.digest = json.loads(__import__("gzip").decompress((self.root / digest).read_bytes()))
        self.bucket = self.digest["digestS3Bucket"]

    def listing(self, query):
        prefix = query.get("prefix", "")
        after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
        matching = [key for key in self.keys if key.startswith(prefix) and key > after]
        page, more = matching[:1000], len(matching) > 1000
        content = "".join(
            "<Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>%d</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>" % (escape(key), (self.root / key).stat().st_size) for key in page)
        token = "<NextContinuationToken>%s</NextContinuationToken><NextMarker>%s</NextMarker>" % (escape(page[-1]), escape(page[-1])) if more else ""
        return "%s<ListBucketResult %s><Name>%s</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount><MaxKeys>1000</MaxKeys>%s<IsTruncated>%s</IsTruncated>%s</ListBucketResult>" % (
            HEADER, NAMESPACE, self.bucket, escape(prefix), len(page), token, str(more).lower(), content)


def handler(store):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_):
            pass

        def answer(self, status, body, headers=()):
            data = body if isinstance(body, bytes) else body.encode()
            head = "HTTP/1.1 %d OK\r\nContent-Length: %d\r\n" % (status, len(data))
            head += "".join("%s: %s\r\n" % header for header in headers) + "\r\n"
            self.wfile.write(head.encode() + (data if self.command != "HEAD" else b""))

        def do_GET(self):
            store.requests += 1
            if store.delay:
                time.sleep(store.delay)
            path, _, query = self.path.partition("?")
            query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
            xml = [("Content-Type", "application/xml")]
            if not key and "location" in query:
                return self.answer(200, HEADER + "<LocationConstraint %s/>" % NAMESPACE, xml)
            if not key:
                return self.answer(200, store.listing(query), xml)
            path = store.root / key
            if bucket != store.bucket or not path.is_file():
                return self.answer(404, HEADER + "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", xml)
            headers = [("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("ETag", '"0"'), ("Content-Type", "application/json")]
            side = path.with_name(path.name + ".metadata.json")
            if "/CloudTrail-Digest/" in key and side.is_file():
                headers += [("x-amz-meta-" + name, value) for name, value in json.loads(side.read_text()).items()]
            self.answer(200, path.read_bytes(), headers)

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            keys = [dict(key) for key in store.keys_json["PublicKeyList"]]
            for key in keys:
                key.pop("Region", None)
                key["ValidityStartTime"], key["ValidityEndTime"] = 0, 4102444800
            self.answer(200, json.dumps({"PublicKeyList": keys}), [("Content-Type", "application/x-amz-json-1.1")])

    return Handler


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def run(command, environment):
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, wall, cpu


def verdicts(text):
    """File to verdict, of lines in the AWS CLI's wording."""
    lines = (line.split("\t") for line in text.splitlines() if line.count("\t") == 2)
    return {name: verdict for _, name, verdict in lines}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chain", type=pathlib.Path)
    parser.add_argument("--opentrail", help="the binary; without it only the AWS CLI runs")
    parser.add_argument("--lines", action="store_true", help="print a line per file, as the AWS CLI does, and nothing else")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--only", choices=["aws", "opentrail"])
    args = parser.parse_args()
    store = Store(args.chain, args.delay_ms / 1000)
    server = Server(("127.0.0.1", 0), handler(store))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = "http://127.0.0.1:%d" % server.server_port
    name = pathlib.PurePosixPath(store.digest["digestS3Object"]).name.removesuffix(".json.gz")
    account, _, region, rest = name.split("_", 3)
    trail, home, _ = rest.rsplit("_", 2)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PAGER": "",
    }
    prefix = store.digest["digestS3Object"].partition("AWSLogs/")[0].rstrip("/")
    aws = shlex.split(os.environ.get("AWS_CLI", "aws")) + [
        "cloudtrail", "validate-logs", "--trail-arn", "arn:aws:cloudtrail:%s:%s:trail/%s" % (home, account, trail),
        # Without this option the CLI walks the home region, whatever the environment says.
        "--region", region, "--start-time", "2000-01-01", "--s3-bucket", store.bucket, "--verbose"] + (["--s3-prefix", prefix] if prefix else [])
    if not args.opentrail:
        args.only = "aws"
    ours = shlex.split(args.opentrail or "") + [
        "verify", "s3://" + store.bucket, "--public-keys", str(args.chain / "keys.json"), "--verbose"]
    results = {}
    for tool, command in (("aws", aws), ("opentrail", ours)):
        if args.only in (None, tool):
            store.requests = 0
            done, wall, cpu = run(command, environment)
            found = verdicts(done.stdout + done.stderr)
            results[tool] = (found, wall, cpu)
            if args.lines:
                print("".join("%s\t%s\n" % line for line in sorted(found.items())), end="")
                continue
            print("%-10s exit %3d  %8.2f s wall  %8.2f s CPU  %6d requests  %6d files" % (tool, done.returncode, wall, cpu, store.requests, len(found)))
            if not found and not args.lines:
                print(done.stdout[-2000:], done.stderr[-2000:])
    server.shutdown()
    if len(results) < 2:
        return 0
    (theirs, their_wall, their_cpu), (our_found, our_wall, our_cpu) = results["aws"], results["opentrail"]
    print("ratios     %.1f less wall time, %.1f less CPU time" % (their_wall / our_wall, their_cpu / max(our_cpu, 0.001)))
    different = [name for name in theirs.keys() & our_found.keys() if theirs[name].startswith("INVALID") != our_found[name].startswith("INVALID")]
    for name in sorted(different):
        print("differ: %s\n  aws: %s\n  opentrail: %s" % (name, theirs[name], our_found[name]))
    for name in sorted(theirs.keys() - our_found.keys()):
        print("only aws: %s %s" % (name, theirs[name]))
    print("%d files compared, %d verdicts differ" % (len(theirs.keys() & our_found.keys()), len(different)))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
