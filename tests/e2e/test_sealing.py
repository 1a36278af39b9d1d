"""Secrets at rest: none of them is to be found in the data directory, also not those that earlier versions kept in plain."""

import json
import random
import sqlite3
import subprocess
import time

from server import BINARY, SHORT, clean_environment


def holders(server, secret):
    """Files of the data directory that hold this text. `credentials` is where root's own key is handed out."""
    files = [path for path in server.data_dir.rglob("*") if path.is_file() and path != server.credentials]
    assert any(path.suffix == ".seg" for path in files) and any(path.name == "catalog.db" for path in files)
    return [path.name for path in files if secret.encode() in path.read_bytes()]


def make_secrets(server):
    """Everything that has a secret; access keys by id, and the other texts."""
    iam, sns, sts = (server.client(name) for name in ("iam", "sns", "sts"))
    keys = dict([server.root_key()])
    texts = []
    for name in ("ann", "bob"):
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[key["AccessKeyId"]] = key["SecretAccessKey"]
    iam.create_login_profile(UserName="ann", Password="Tr0ub4dor&3-at-rest")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    session = sts.get_session_token()["Credentials"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://hooks.invalid/x",
                  Attributes={"WebhookSecret": "w3bhook-s3cret"})
    texts += ["Tr0ub4dor&3-at-rest", device["Base32StringSeed"].decode(), session["SecretAccessKey"], "w3bhook-s3cret"]
    return keys, texts


def works(server, key):
    return server.client("sts", key=key).get_caller_identity()["Account"]


def test_no_secret_lies_in_the_data_directory(server):
    keys, texts = make_secrets(server)
    for restart in (False, True):
        if restart:
            server.restart()
        found = {text[:4]: holders(server, text) for text in [*keys.values(), *texts]}
        assert not any(found.values()), found
        assert all(works(server, key) for key in keys.items())
    server.client("s3").create_bucket(Bucket="sealed-keys")
    assert server.credentials.stat().st_mode & 0o777 == 0o600


def leave_plain(server, keys):
    """Makes the catalog as a version left it that did not seal access keys and webhook secrets."""
    catalog = sqlite3.connect(server.data_dir / "catalog.db")
    with catalog:
        for table, member, texts in (("access_key", "secret", keys), ("sns_subscription", "webhook_secret", {})):
            rows = catalog.execute("SELECT key, value FROM entity WHERE tbl = ?", (table,)).fetchall()
            assert rows
            for key, value in rows:
                entity = json.loads(value)
                assert set(entity[member]) == {"sealed"}
                entity[member] = texts.get(key, "w3bhook-s3cret")
                catalog.execute("UPDATE entity SET value = ? WHERE tbl = ? AND key = ?", (json.dumps(entity).encode(), table, key))
    catalog.close()


def test_what_an_earlier_version_kept_in_plain_is_sealed_whatever_kills_the_start(make_server, request):
    server = make_server().start()
    keys, _ = make_secrets(server)
    server.stop()
    leave_plain(server, keys)
    secrets = [*keys.values(), "w3bhook-s3cret"]
    assert all(holders(server, secret) for secret in secrets)
    for number in range(max(4, request.config.getoption("--kills"))):
        copy = server.copy(server.data_dir.with_name(f"copy-{number}"))
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(copy.data_dir)]
        process = subprocess.Popen(command, env=clean_environment(copy.data_dir.parent, **SHORT), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.0, 0.25))
        process.kill()
        process.wait(timeout=30)
        copy.start()
        try:
            found = {secret[:4]: holders(copy, secret) for secret in secrets}
            assert not any(found.values()), found
            assert all(works(copy, key) for key in keys.items())
        finally:
            copy.close()
