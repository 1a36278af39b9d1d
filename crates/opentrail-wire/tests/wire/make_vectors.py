"""Writes botocore_vectors.json: requests signed by botocore, an implementation that shares no code with ours.

    python3 make_vectors.py > botocore_vectors.json
"""
import datetime
import json
from urllib.parse import urlsplit

import botocore.auth as auth
from botocore.auth import S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 3, 14, 15, 9, 26)
auth.get_current_datetime = lambda remove_tzinfo=True: NOW
JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def vector(name, signer, service, region, method, url, headers=None, body="", token=None, context=None):
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body.encode())
    request.context.update(context or {})
    request.headers["Host"] = urlsplit(url).netloc
    signer(Credentials(KEY, SECRET, token), service, region).add_auth(request)
    parts = urlsplit(request.url)
    return {
        "name": name, "method": method, "path": parts.path, "query": parts.query,
        "headers": [list(pair) for pair in request.headers.items()], "body": body,
        "service": service, "region": region,
    }


base = "http://127.0.0.1:5056"
target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
vectors = [
    vector("json", SigV4Auth, "cloudtrail", "eu-central-1", "POST", base + "/",
           {**JSON, "X-Amz-Target": target}, '{"MaxResults":5}'),
    vector("json with session token", SigV4Auth, "logs", "us-east-1", "POST", base + "/",
           {**JSON, "X-Amz-Target": "Logs_20140328.DescribeLogGroups"}, "{}", "IQoJb3JpZ2luX2Vj//token+text=="),
    vector("query form", SigV4Auth, "sts", "us-east-1", "POST", base + "/", FORM,
           "Action=GetCallerIdentity&Version=2011-06-15"),
    vector("query in url", SigV4Auth, "sns", "us-east-1", "GET",
           base + "/?Version=2010-03-31&Action=ListTopics&b=2&b=1&a=%20x%2Fy&empty&z%C3%A9=%E2%82%AC&A=1"),
    vector("odd path", SigV4Auth, "lambda", "us-east-1", "GET",
           base + "/2015-03-31/./functions//a%20b/../arn%3Aaws%3Alambda~x/caf%C3%A9+*(1)'/"),
    vector("dots only", SigV4Auth, "iam", "us-east-1", "GET", base + "/../.././?Action=ListUsers&Version=2010-05-08"),
    vector("folded header values", SigV4Auth, "cloudtrail", "us-east-1", "POST", "http://trail.example.com/", {
        **JSON, "X-Amz-Target": target, "X-Amz-Meta-Note": "  several   inner    blanks  ", "User-Agent": "not signed",
    }, "{}"),
    vector("date header", SigV4Auth, "cloudtrail", "us-east-1", "POST", base + "/",
           {**JSON, "X-Amz-Target": target, "Date": "replaced"}, "{}"),
    vector("stated payload hash", SigV4Auth, "cloudtrail-data", "us-east-1", "POST", base + "/PutAuditEvents", {
        "Content-Type": "application/json",
        "X-Amz-Content-SHA256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }, "{}"),
    vector("unsigned payload", SigV4Auth, "cloudtrail", "us-east-1", "POST", "https://trail.example.com/",
           {**JSON, "X-Amz-Target": target}, "{}", None, {"payload_signing_enabled": False}),
    vector("presigned", SigV4QueryAuth, "sts", "us-east-1", "GET",
           base + "/?Action=GetCallerIdentity&Version=2011-06-15"),
    vector("presigned with session token", SigV4QueryAuth, "sns", "eu-west-1", "GET",
           base + "/?Action=ListTopics&Version=2010-03-31&x=a%20b%2B", token="IQoJb3JpZ2luX2Vj//token+text=="),
    vector("presigned s3 path", S3SigV4QueryAuth, "s3", "eu-west-1", "GET", base + "/bucket//a/../b%20c"),
]
print(json.dumps(vectors, indent=1, ensure_ascii=False))
