"""HTTPS at the endpoint, with the AWS CLI and boto3 proving the server by its certificate."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

from server import REGION, run_binary, wait_for

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def certify(directory, name="localhost"):
    """A self-signed certificate for 127.0.0.1, replacing the one before."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", cert, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True, capture_output=True)
    return cert, key


@pytest.fixture
def secure(make_server, tmp_path):
    cert, key = certify(tmp_path)
    return make_server(OPENTRAIL_TLS__CERT=str(cert), OPENTRAIL_TLS__KEY=str(key)).start(), cert


def client(server, service, bundle, **config):
    access, secret = server.root_key()
    return boto3.client(service, region_name=REGION, endpoint_url=server.endpoint, aws_access_key_id=access,
                        aws_secret_access_key=secret, verify=str(bundle), config=Config(retries={"max_attempts": 0}, **config))


def served(server):
    port = int(server.endpoint.rsplit(":", 1)[1])
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_clients_prove_the_server(secure, tmp_path):
    server, cert = secure
    assert server.endpoint.startswith("https://")
    who = server.aws("--ca-bundle", cert, "sts", "get-caller-identity")
    assert who["Arn"].endswith(":root")
    refused = server.run_aws("sts", "get-caller-identity")
    assert refused.returncode != 0 and "SSL" in refused.stderr
    with pytest.raises(SSLError):
        client(server, "sts", True).get_caller_identity()

    s3 = client(server, "s3", cert)
    s3.create_bucket(Bucket="over-tls")
    s3.put_object(Bucket="over-tls", Key="k", Body=b"x" * 300_000)
    assert len(s3.get_object(Bucket="over-tls", Key="k")["Body"].read()) == 300_000
    cloudtrail = client(server, "cloudtrail", cert)
    find = lambda: cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateBucket"}])["Events"]
    record = json.loads(wait_for("the record", find)[0]["CloudTrailEvent"])
    assert record["tlsDetails"]["tlsVersion"] == "TLSv1.3"
    assert record["tlsDetails"]["cipherSuite"].startswith("TLS_")
    keys = run_binary("keys", "export", "--endpoint", server.endpoint, env=server.environment() | {"AWS_CA_BUNDLE": str(cert)})
    assert keys.returncode == 0, keys.stderr


def test_a_policy_can_ask_for_tls(secure):
    server, cert = secure
    s3 = client(server, "s3", cert)
    s3.create_bucket(Bucket="only-tls")
    s3.put_bucket_policy(Bucket="only-tls", Policy="""{"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
        "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::only-tls/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}""")
    s3.put_object(Bucket="only-tls", Key="k", Body=b"x")


def test_the_certificate_is_read_again(secure, tmp_path):
    server, cert = secure
    first = served(server)
    certify(tmp_path, "second")
    wait_for("the new certificate", lambda: served(server) != first)
    second = served(server)
    (tmp_path / "key.pem").write_text("no key")
    server.process.send_signal(signal.SIGHUP)
    wait_for("the complaint", lambda: "cannot be used" in server.log_path.read_text())
    assert served(server) == second, "the one before stays"
    certify(tmp_path, "third")
    server.process.send_signal(signal.SIGHUP)
    wait_for("the third certificate", lambda: served(server) != second)


def test_plain_http_and_silence_are_not_answered(secure):
    server, cert = secure
    port = int(server.endpoint.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET /-/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in plain.recv(1000)
    silent = socket.create_connection(("127.0.0.1", port), timeout=30)
    began = time.monotonic()
    assert silent.recv(1) == b"", "hung up on"
    assert time.monotonic() - began < 29


def test_what_cannot_serve_does_not_start(tmp_path):
    cert, key = certify(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, other_key = certify(other)
    for settings, complaint in [
        ({"OPENTRAIL_TLS__CERT": str(cert)}, "go together"),
        ({"OPENTRAIL_TLS__CERT": str(cert), "OPENTRAIL_TLS__KEY": str(tmp_path / "none")}, "cannot read"),
        ({"OPENTRAIL_TLS__CERT": str(key), "OPENTRAIL_TLS__KEY": str(key)}, "certificates"),
        ({"OPENTRAIL_TLS__CERT": str(cert), "OPENTRAIL_TLS__KEY": str(other_key)}, "cannot be used together"),
    ]:
        done = run_binary("serve", "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0", env=settings)
        assert done.returncode == 2 and complaint in done.stderr, done.stderr
