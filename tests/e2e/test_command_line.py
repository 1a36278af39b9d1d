"""The binary by itself: configuration, data directory, health, metrics, demo."""

import os
import re
import stat
import subprocess
import urllib.error

import pytest

from server import BINARY, REGIONS, clean_environment, run_binary
from trail import Delivered, make_trail


def refuse(tmp_path, *arguments, **env):
    done = run_binary("serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "data", *arguments, env=env, timeout=20)
    assert done.returncode == 2 and done.stdout == "", done
    return done.stderr


def test_unknown_settings_stop_the_start(tmp_path):
    file = tmp_path / "opentrail.toml"
    file.write_text('account_id = "123456789012"\n\n[delivery]\nintervall = "5s"\n')
    said = refuse(tmp_path, "--config", file)
    assert "line 4" in said and "did you mean delivery.interval?" in said
    assert "did you mean regions?" in refuse(tmp_path, OPENTRAIL_REGION="us-east-1")
    assert "5 parsecs" in refuse(tmp_path, OPENTRAIL_DELIVERY__INTERVAL="5 parsecs")
    assert "opentrail.yaml" in refuse(tmp_path, "--config", tmp_path / "opentrail.yaml")
    assert run_binary("serve", "--listne", "x").returncode == 2
    assert run_binary("nonsense").returncode == 2


def test_accept_any_is_refused_off_loopback(tmp_path):
    done = run_binary(
        "serve", "--listen", "0.0.0.0:0", "--data-dir", tmp_path / "data", env={"OPENTRAIL_AUTH__MODE": "accept-any"}, timeout=20)
    assert done.returncode == 2 and "loopback" in done.stderr, done


def test_a_data_directory_has_one_server(server):
    done = run_binary("serve", "--listen", "127.0.0.1:0", "--data-dir", server.data_dir, timeout=20)
    assert done.returncode == 2 and "in use" in done.stderr, done
    assert server.get("/-/health")[0] == 200


def test_a_port_that_is_taken(server, tmp_path):
    address = server.endpoint.removeprefix("http://")
    done = run_binary("serve", "--listen", address, "--data-dir", tmp_path / "other", timeout=20)
    assert done.returncode == 2 and address in done.stderr, done


def test_help_explains_with_an_example():
    for command in ("serve", "demo", "verify", "keys export"):
        done = run_binary(*command.split(), "--help")
        assert done.returncode == 0 and re.search("Examples?:.opentrail", done.stdout, re.DOTALL), done.stdout
    assert run_binary("--version").stdout.startswith("opentrail ")


def test_health_and_metrics(server):
    assert server.get("/-/health") == (200, "ok\n")
    value = lambda name: float(re.search(rf"^opentrail_{name} (\S+)$", server.get("/-/metrics")[1], re.M)[1])
    before = value("events_total")
    server.client("sts").get_caller_identity()
    assert value("events_total") == before + 1
    text = server.get("/-/metrics")[1]
    families = re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, re.M)
    assert len(families) > 10 and all(line.startswith(("#", "opentrail_")) for line in text.splitlines())
    with pytest.raises(urllib.error.HTTPError):
        server.get("/-/nothing")


def test_the_first_start_makes_root_credentials(server):
    assert stat.S_IMODE(os.stat(server.credentials).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(server.data_dir).st_mode) == 0o700
    before = server.root_key()
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", before[0]) and len(before[1]) == 40
    server.restart()
    assert server.root_key() == before
    assert server.client("sts").get_caller_identity()


def test_another_account(make_server):
    server = make_server().start("--account-id", "000000000042")
    assert server.client("sts").get_caller_identity()["Account"] == "000000000042"
    assert server.recorded("GetCallerIdentity")["recipientAccountId"] == "000000000042"


def test_sigterm_delivers_what_is_buffered(make_server):
    """With intervals that never come round, all there is goes out at the end."""
    server = make_server(OPENTRAIL_DELIVERY__INTERVAL="1h", OPENTRAIL_DELIVERY__DIGEST_INTERVAL="1h").start()
    make_trail(server)
    for number in range(30):
        server.client("iam").create_user(UserName=f"buffered-{number}")
    assert Delivered(server).records() == []
    server.stop()
    server.start()
    names = {r["requestParameters"]["userName"] for r in Delivered(server).records() if r["eventName"] == "CreateUser"}
    assert names == {f"buffered-{number}" for number in range(30)}


def test_sigterm_may_come_as_soon_as_the_server_is_ready(make_server):
    server = make_server()
    for _ in range(10):
        server.start().stop()


def test_a_configuration_file(make_server, tmp_path):
    file = tmp_path / "opentrail.toml"
    file.write_text(f'regions = {REGIONS.split(",")!r}\n[history]\nlookup_rate = 2\n'.replace("'", '"'))
    server = make_server()
    del server.settings["OPENTRAIL_HISTORY__LOOKUP_RATE"]
    server.start("--config", file)
    cloudtrail = server.client("cloudtrail")
    codes = set()
    for _ in range(12):
        try:
            cloudtrail.lookup_events()
        except cloudtrail.exceptions.ClientError as error:
            codes.add(error.response["Error"]["Code"])
    assert codes == {"ThrottlingException"}, "AWS's two calls per second are the default"


def test_demo(tmp_path):
    demo = subprocess.run(
        [BINARY, "demo", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "demo"), "--once"],
        env=clean_environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Proof: opentrail verify s3://audit-logs" in demo.stdout
    for kind in ("digests", "log files"):
        counts = re.findall(rf"^  {kind}: (\d+) of (\d+) valid$", demo.stdout, re.M)
        assert counts and all(good == every != "0" for good, every in counts), demo.stdout
    assert "Result: valid." in demo.stdout and "AccessDenied" in demo.stdout
