"""A running `opentrail serve`, and clients that talk to it the way users' do."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

BINARY = os.environ.get("OPENTRAIL_BIN") or str(Path(__file__).parents[2] / "target/debug/opentrail")
SCRIPTS = Path(sys.executable).parent
ACCOUNT = "123456789012"
REGION = "us-east-1"
REGIONS = "us-east-1,eu-west-1,ap-southeast-2"

# Short intervals; everything else is as users have it.
SHORT = {
    "OPENTRAIL_REGIONS": REGIONS,
    "OPENTRAIL_DELIVERY__INTERVAL": "1s",
    "OPENTRAIL_DELIVERY__DIGEST_INTERVAL": "3s",
    "OPENTRAIL_HISTORY__LOOKUP_RATE": "0",
}


def clean_environment(home, **more):
    """Nothing of the machine's own AWS or OpenTrail settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE") if name in os.environ}
    return kept | {"HOME": str(home), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"} | more


def wait_for(what, get, seconds=20):
    """Polls until `get` returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        found = get()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}; last: {found!r}"
        time.sleep(0.05)


def run_binary(*arguments, env=None, timeout=60, stdin=None):
    """Runs another command of the binary to its end."""
    environment = clean_environment("/nonexistent", **(env or {}))
    return subprocess.run(
        [BINARY, *map(str, arguments)], env=environment, **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
        capture_output=True, text=True, timeout=timeout, check=False,
    )


class Server:
    """One data directory and, while it is started, the process that serves it."""

    def __init__(self, data_dir, **settings):
        self.data_dir = Path(data_dir)
        self.settings = SHORT | settings
        self.process = None
        self.endpoint = None
        self.log_path = self.data_dir.with_name(self.data_dir.name + ".stderr.txt")

    def start(self, *arguments, listen="127.0.0.1:0"):
        assert self.process is None, "already started"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", listen, "--data-dir", str(self.data_dir), *arguments],
                env=clean_environment(self.data_dir.parent, **self.settings),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            )
        guard = threading.Timer(30, self.process.kill)
        guard.start()
        line = self.process.stdout.readline()
        guard.cancel()
        ready = re.fullmatch(r"opentrail ready (https?://127\.0\.0\.1:\d+)\n", line)
        assert ready, f"said {line!r} instead of being ready:\n{self.log_tail()}"
        self.endpoint = ready[1]
        return self

    def stop(self):
        """SIGTERM; must end by itself and say that all is well."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process = None
        assert status == 0, f"exit status {status}:\n{self.log_tail()}"

    def kill(self):
        """SIGKILL: as if the power had failed for the process."""
        self.process.kill()
        self.process.wait(timeout=30)
        self.process = None

    def restart(self, **settings):
        self.stop()
        self.settings |= settings
        return self.start()

    def close(self):
        """For the end of a test: gone, one way or the other."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=30)
            self.process = None

    def copy(self, data_dir):
        """A stopped server's state, to be treated badly."""
        assert self.process is None, "stop it first"
        shutil.copytree(self.data_dir, data_dir, symlinks=True)
        return Server(data_dir, **self.settings)

    def log_tail(self):
        return "".join(self.log_path.read_text(errors="replace").splitlines(keepends=True)[-12:])

    def get(self, path):
        with urllib.request.urlopen(self.endpoint + path, timeout=10) as answer:
            return answer.status, answer.read().decode()

    @property
    def credentials(self):
        return self.data_dir / "credentials"

    def root_key(self):
        text = self.credentials.read_text()
        return tuple(re.search(rf"{name}\s*=\s*(\S+)", text)[1] for name in ("aws_access_key_id", "aws_secret_access_key"))

    def environment(self, region=REGION, key=None):
        """What a user exports before calling `aws` or another client."""
        who = {"AWS_SHARED_CREDENTIALS_FILE": str(self.credentials)}
        if key is not None:
            who = {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
            # A third member is the token of temporary credentials.
            who |= {"AWS_SESSION_TOKEN": key[2]} if len(key) > 2 else {}
        return clean_environment(
            self.data_dir.parent, AWS_ENDPOINT_URL=self.endpoint, AWS_DEFAULT_REGION=region, AWS_REGION=region,
            AWS_CONFIG_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true", AWS_PAGER="", **who,
        )

    def run_aws(self, *arguments, region=REGION, key=None, timeout=60, cwd=None):
        """The unmodified AWS CLI, whatever becomes of it."""
        return subprocess.run(
            [str(SCRIPTS / "aws"), *map(str, arguments)], env=self.environment(region, key), cwd=cwd,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )

    def aws(self, *arguments, **options):
        """The unmodified AWS CLI, which must succeed. Its JSON if it prints JSON, else its text."""
        done = self.run_aws(*arguments, **options)
        assert done.returncode == 0, f"aws {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}"
        text = done.stdout.strip()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def client(self, service, region=REGION, key=None, **config):
        """boto3, with the root credentials unless told otherwise."""
        key = key or self.root_key()
        config.setdefault("retries", {"max_attempts": 0})
        session = boto3.session.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=region)
        return session.client(service, endpoint_url=self.endpoint, config=Config(**config))

    def lookup(self, name=None, region=REGION, **attribute):
        """Records from the event history, newest first, all pages."""
        request = {}
        key, value = next(iter(attribute.items()), ("EventName", name))
        if value is not None:
            request["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
        pages = self.client("cloudtrail", region).get_paginator("lookup_events").paginate(**request)
        return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]

    def recorded(self, name, where=lambda record: True, region=REGION, seconds=10):
        """The newest record of this name that fits, once it is searchable."""
        fits = lambda: next((record for record in self.lookup(name, region) if where(record)), None)
        return wait_for(f"a record of {name}", fits, seconds)
