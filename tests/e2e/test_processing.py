"""`opentrail process`: events of log files to a program, from directories, buckets and queues."""

import gzip
import json
import os
import random
import signal
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, BINARY, REGION, clean_environment, run_binary, wait_for
from trail import BUCKET, Delivered, keys, make_bucket, make_trail, settle

NAME = "123456789012_CloudTrail_us-east-1_20261121T{:04}Z_{:016}.json.gz"


def write_files(directory, files, events):
    """Log files whose events' ids are `<file>-<n>`."""
    for file in range(files):
        records = [{"eventVersion": "1.11", "eventID": f"{file}-{n}", "eventName": ["CreateUser", "DeleteUser"][n % 2],
                    "eventSource": "iam.amazonaws.com", "userIdentity": {"type": "IAMUser", "userName": "u"}} for n in range(events)]
        path = directory / "AWSLogs" / NAME.format(1000 + file % 59, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_directory_to_standard_output_and_journal(tmp_path):
    logs, journal = tmp_path / "logs", tmp_path / "journal"
    write_files(logs, 7, 10)
    run = run_binary("process", "--directory", logs, "--once", "--journal", journal)
    assert run.returncode == 0, run.stderr
    assert sorted(event["eventID"] for event in lines(run.stdout)) == sorted(f"{f}-{n}" for f in range(7) for n in range(10))
    assert "7 files, 70 events" in run.stderr
    write_files(logs, 8, 10)
    run = run_binary("process", "--directory", logs, "--once", "--journal", journal, "--filter", "event:Delete*")
    assert [event["eventID"] for event in lines(run.stdout)] == [f"7-{n}" for n in range(1, 10, 2)]
    run = run_binary("process", "--directory", logs, "--once", "--filter", "event:")
    assert run.returncode == 2 and "the query cannot be understood" in run.stderr
    for bad in (["--directory", tmp_path / "absent"], ["--s3", "bucket"], ["--queue", "name"], []):
        assert run_binary("process", *bad, "--once").returncode == 2, bad


def test_the_exit_status_of_a_program_decides(tmp_path):
    logs, parked, out = tmp_path / "logs", tmp_path / "parked", tmp_path / "out"
    out.mkdir()
    write_files(logs, 4, 500)
    script = tmp_path / "program.sh"
    script.write_text(f"""#!/bin/sh
name=$(basename "$OPENTRAIL_KEY")
echo "$OPENTRAIL_ACCOUNT $OPENTRAIL_REGION $OPENTRAIL_RECEIVE_COUNT" > {out}/env
case "$name" in
  *0000000000000000.json.gz) cat > {out}/$name ;;
  *0000000000000001.json.gz) exit 65 ;;
  *0000000000000002.json.gz) echo try >> {out}/tries; [ $(wc -l < {out}/tries) -ge 3 ] && cat > {out}/$name ;;
  *) kill -9 $$ ;;
esac
""")
    script.chmod(0o755)
    run = run_binary("process", "--directory", logs, "--once", "--exec", script, "--park", parked, "--parallel", "3")
    assert run.returncode == 1, run.stderr
    done = sorted(path.name for path in out.iterdir() if path.name.endswith(".gz"))
    assert done == [NAME.format(1000, 0), NAME.format(1002, 2)]
    for name in done:
        assert [event["eventID"].split("-")[1] for event in lines((out / name).read_text())] == [str(n) for n in range(500)]
    reasons = {path.name: json.loads(path.read_text())["reason"] for path in parked.iterdir()}
    assert reasons == {
        NAME.format(1001, 1) + ".json": "the program wants it parked: exit status 65",
        NAME.format(1003, 3) + ".json": "the program did not accept it: exit status 137",
    }
    assert (out / "env").read_text() == "123456789012 us-east-1 1\n"



def test_a_bucket_and_only_what_digests_vouch_for(server, tmp_path):
    make_trail(server)
    iam = server.client("iam")
    names = [f"user-{n}" for n in range(5)]
    for name in names:
        iam.create_user(UserName=name)
    Delivered(server).find("the last one", lambda r: (r["requestParameters"] or {}).get("userName") == names[-1])
    settle(server)
    env = server.environment()
    (tmp_path / "keys.json").write_text(run_binary("keys", "export", env=env).stdout)
    filtered = ["--s3", f"s3://{BUCKET}/AWSLogs/", "--once", "--filter", "event:CreateUser"]
    for more in ([], ["--public-keys", tmp_path / "keys.json"]):
        run = run_binary("process", *filtered, *more, env=env)
        assert run.returncode == 0, run.stderr
        assert sorted(event["requestParameters"]["userName"] for event in lines(run.stdout)) == names, more
    key = keys(server)[0]
    server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b'{"Records":[]}'))
    run = run_binary("process", *filtered, "--public-keys", tmp_path / "keys.json", "--park", tmp_path / "parked", env=env)
    assert run.returncode == 1 and "its content is not what its digest says" in run.stderr, run.stderr


def queue_or_skip(server, name="trail"):
    sqs = server.client("sqs")
    try:
        return sqs, sqs.create_queue(QueueName=name)["QueueUrl"]
    except ClientError as error:
        pytest.skip(f"no queues here: {error}")


def announce(sqs, url, bucket, keys):
    """Every form that a key comes in."""
    for at, key in enumerate(keys):
        plain = json.dumps({"s3Bucket": bucket, "s3ObjectKey": [key]})
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                  "s3": {"bucket": {"name": bucket}, "object": {"key": key.replace("/", "%2F"), "size": 1}}}
        forms = [plain, json.dumps({"Type": "Notification", "Message": plain}), json.dumps({"Records": [record]})]
        sqs.send_message(QueueUrl=url, MessageBody=forms[at % 3])


def test_a_queue_with_kill_minus_nine_in_the_middle(server, tmp_path):
    sqs, url = queue_or_skip(server)
    _, parking = queue_or_skip(server, "parking")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="logs")
    write_files(tmp_path / "logs", 60, 20)
    paths = sorted((tmp_path / "logs").rglob("*.gz"))
    for path in paths:
        s3.put_object(Bucket="logs", Key=str(path.relative_to(tmp_path / "logs")), Body=path.read_bytes())
    announce(sqs, url, "logs", [str(path.relative_to(tmp_path / "logs")) for path in paths])
    sqs.send_message(QueueUrl=url, MessageBody="CloudTrail validation message.")
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    out = tmp_path / "out"
    out.mkdir()
    program = f"t=$(mktemp {out}/.XXXXXX) && sleep 0.02 && cat > $t && mv $t {out}/$(basename $t | tr -d .).done"
    arguments = [BINARY, "process", "--queue", url, "--exec", program, "--park", parking, "--visibility", "2s", "--parallel", "4"]
    dice = random.Random(3)
    for _ in range(3):
        process = subprocess.Popen(arguments, env=clean_environment(tmp_path, **server.environment()), stderr=subprocess.DEVNULL)
        before = len(list(out.glob("*.done")))
        wait_for("some files", lambda: len(list(out.glob("*.done"))) > before + dice.randrange(3, 12))
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 30
    while True:
        run = run_binary(*arguments[1:], "--once", env=server.environment())
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        left = int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])
        if left == 0:
            break
        assert time.monotonic() < deadline, (left, run.stderr)
    seen = [event["eventID"] for path in out.glob("*.done") for event in lines(path.read_text())]
    assert set(seen) == {f"{file}-{n}" for file in range(60) for n in range(20)}, "nothing was lost"
    parked = sqs.receive_message(QueueUrl=parking, MessageAttributeNames=["All"], MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in parked] == ["hello"]
    assert parked[0]["MessageAttributes"]["OpenTrailReason"]["StringValue"] == "the message is not a JSON object"


def test_sigterm_finishes_what_is_begun(tmp_path):
    write_files(tmp_path / "logs", 3, 5)
    out = tmp_path / "out"
    program = f"cat > /dev/null; echo begun >> {out}; sleep 1; echo ended >> {out}"
    arguments = [BINARY, "process", "--directory", tmp_path / "logs", "--exec", program, "--journal", tmp_path / "journal"]
    process = subprocess.Popen(arguments, env=clean_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    wait_for("the program", out.exists)
    os.kill(process.pid, signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    assert out.read_text() == "begun\nended\n" and len((tmp_path / "journal").read_text().splitlines()) == 1


def allow(action, resource, service):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}]})


def hearing_queue(server, name, service):
    sqs, arn = server.client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Policy": allow("sqs:SendMessage", arn, service)}
    return sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"], arn


def test_a_trail_to_a_program_by_way_of_notifications(server, tmp_path):
    """S3's notification, CloudTrail's in an envelope, and CloudTrail's raw: each consumer sees every event."""
    queue_or_skip(server)
    s3, sns = make_bucket(server), server.client("sns")
    urls = {}
    try:
        topic = sns.create_topic(Name="delivered")["TopicArn"]
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=allow("SNS:Publish", topic, "cloudtrail.amazonaws.com"))
        for name, attributes in (("enveloped", {}), ("raw", {"RawMessageDelivery": "true"})):
            urls[name], arn = hearing_queue(server, name, "sns.amazonaws.com")
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        urls["s3"], arn = hearing_queue(server, "objects", "s3.amazonaws.com")
        s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]})
    except ClientError as error:
        pytest.skip(f"no notifications here: {error}")
    env = server.environment()
    out = tmp_path / "out"
    out.mkdir()
    program = f"t=$(mktemp {out}/.XXXXXX) && cat > $t && sleep 0.1 && mv $t {out}/$(basename $t | tr -d .).done"
    arguments = [BINARY, "process", "--queue", urls["s3"], "--exec", program, "--visibility", "2s", "--filter", "event:CreateUser"]
    start = lambda: subprocess.Popen(arguments, env=clean_environment(tmp_path, **env), stderr=subprocess.DEVNULL)
    process = start()
    make_trail(server, SnsTopicName=topic)
    iam, names = server.client("iam"), [f"user-{n:02}" for n in range(30)]
    for at, name in enumerate(names):
        iam.create_user(UserName=name)
        time.sleep(0.1)
        if at == 15:
            wait_for("the first file", lambda: list(out.iterdir()))
            process.kill()
            process.wait()
            process = start()
    settle(server)
    created = lambda events: {event["requestParameters"]["userName"] for event in events}
    everything = lambda: created(event for path in out.glob("*.done") for event in lines(path.read_text())) == set(names)
    wait_for("every event", everything, 30)
    process.terminate()
    assert process.wait(timeout=30) == 0
    for name in ("enveloped", "raw"):
        run = run_binary("process", "--queue", urls[name], "--once", "--filter", "event:CreateUser", env=env)
        assert run.returncode == 0, run.stderr
        assert created(lines(run.stdout)) == set(names), name
        assert "1 skipped" in run.stderr, "the validation message"
