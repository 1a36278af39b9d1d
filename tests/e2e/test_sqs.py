"""Queues through boto3, the AWS CLI, and the query protocol as older SDKs speak it."""

import hashlib
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


def refused(call, *arguments, **parameters):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    return caught.value.response["Error"]["Code"], caught.value.response


def make(sqs, name, **attributes):
    return sqs.create_queue(QueueName=name, Attributes={key: str(value) for key, value in attributes.items()})["QueueUrl"]


def query(server, action, path="/", method="POST", **parameters):
    """A raw signed request of the query protocol."""
    form = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05", **parameters})
    url = server.endpoint + path + ("?" + form if method == "GET" else "")
    body = None if method == "GET" else form.encode()
    headers = {} if method == "GET" else {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    SigV4Auth(Credentials(*server.root_key()), "sqs", REGION).add_auth(request)
    raw = urllib.request.Request(url, data=body, headers=dict(request.headers), method=method)
    try:
        with urllib.request.urlopen(raw, timeout=30) as answer:
            return answer.status, ET.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ET.fromstring(error.read())


def texts(tree, name):
    return [element.text for element in tree.iter(NAMESPACE + name)]


def test_a_message_through_boto3(shared):
    sqs = shared.client("sqs")
    url = make(sqs, "boto")
    assert url == f"{shared.endpoint}/{ACCOUNT}/boto" == sqs.get_queue_url(QueueName="boto")["QueueUrl"]
    attributes = {"n": {"DataType": "Number.int", "StringValue": "7"}, "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"}}
    # boto3 checks the MD5s itself.
    sent = sqs.send_message(QueueUrl=url, MessageBody="grüße 🐑", MessageAttributes=attributes)
    got = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"])["Messages"][0]
    assert (got["Body"], got["MessageId"], got["MessageAttributes"]) == ("grüße 🐑", sent["MessageId"], attributes)
    assert got["MD5OfBody"] == hashlib.md5("grüße 🐑".encode()).hexdigest()
    assert got["Attributes"]["ApproximateReceiveCount"] == "1" and got["Attributes"]["SenderId"] == ACCOUNT
    assert abs(int(got["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"][0]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    numbers = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert {numbers[f"ApproximateNumberOfMessages{kind}"] for kind in ("", "NotVisible", "Delayed")} == {"0"}
    sqs.delete_queue(QueueUrl=url)
    code, response = refused(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert code == "AWS.SimpleQueueService.NonExistentQueue" and response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    assert refused(sqs.create_queue, QueueName="boto")[0] == "AWS.SimpleQueueService.QueueDeletedRecently"


def test_the_command_line(shared):
    aws = lambda *arguments: shared.aws("sqs", *arguments, "--endpoint-url", shared.endpoint)
    url = aws("create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=1", "--tags", "team=a")["QueueUrl"]
    for body in ("one", "two"):
        aws("send-message", "--queue-url", url, "--message-body", body)
    got = aws("receive-message", "--queue-url", url, "--max-number-of-messages", "10", "--attribute-names", "All")["Messages"]
    assert sorted(message["Body"] for message in got) == ["one", "two"]
    aws("delete-message", "--queue-url", url, "--receipt-handle", got[0]["ReceiptHandle"])
    left = aws("receive-message", "--queue-url", url, "--wait-time-seconds", "5")["Messages"]
    assert [message["Body"] for message in left] == [got[1]["Body"]]
    assert aws("list-queue-tags", "--queue-url", url) == {"Tags": {"team": "a"}}
    assert url in aws("list-queues", "--queue-name-prefix", "cl")["QueueUrls"]
    aws("purge-queue", "--queue-url", url)
    aws("delete-queue", "--queue-url", url)
    done = shared.run_aws("sqs", "receive-message", "--queue-url", url, "--endpoint-url", shared.endpoint)
    assert done.returncode != 0 and "AWS.SimpleQueueService.NonExistentQueue" in done.stderr


def test_the_query_protocol(shared):
    status, made = query(shared, "CreateQueue", QueueName="query", **{
        "Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "60", "Tag.1.Key": "k", "Tag.1.Value": "v",
    })
    (url,) = texts(made, "QueueUrl")
    assert (status, url) == (200, f"{shared.endpoint}/{ACCOUNT}/query")
    path = f"/{ACCOUNT}/query"
    entries = {f"SendMessageBatchRequestEntry.{n}.{name}": value for n in (1, 2) for name, value in (
        ("Id", f"e{n}"), ("MessageBody", f"<body {n}>"), ("MessageAttribute.1.Name", "color"),
        ("MessageAttribute.1.Value.StringValue", "red"), ("MessageAttribute.1.Value.DataType", "String"))}
    _, sent = query(shared, "SendMessageBatch", path, **entries)
    assert [e.find(NAMESPACE + "Id").text for e in sent.iter(NAMESPACE + "SendMessageBatchResultEntry")] == ["e1", "e2"]
    _, got = query(shared, "ReceiveMessage", path, method="GET", MaxNumberOfMessages="10", **{
        "AttributeName.1": "ApproximateReceiveCount", "MessageAttributeName.1": "All",
    })
    messages = list(got.iter(NAMESPACE + "Message"))
    assert sorted(texts(got, "Body")) == ["<body 1>", "<body 2>"] and len(messages) == 2
    attribute = messages[0].find(NAMESPACE + "Attribute")
    assert [child.text for child in attribute] == ["ApproximateReceiveCount", "1"]
    assert texts(messages[0], "StringValue") == ["red"] and texts(messages[0], "DataType") == ["String"]
    handles = {f"DeleteMessageBatchRequestEntry.{n}.{name}": value for n, handle in enumerate(texts(got, "ReceiptHandle"), 1)
               for name, value in (("Id", f"d{n}"), ("ReceiptHandle", handle))}
    _, deleted = query(shared, "DeleteMessageBatch", QueueUrl=url, **handles)
    assert len(list(deleted.iter(NAMESPACE + "DeleteMessageBatchResultEntry"))) == 2
    _, shown = query(shared, "GetQueueAttributes", path, **{"AttributeName.1": "VisibilityTimeout"})
    assert [child.text for child in shown.find(f".//{NAMESPACE}Attribute")] == ["VisibilityTimeout", "60"]
    status, error = query(shared, "SendMessage", f"/{ACCOUNT}/nowhere", MessageBody="x")
    assert (status, texts(error, "Code")) == (400, ["AWS.SimpleQueueService.NonExistentQueue"])
    status, error = query(shared, "SendMessage", path)
    assert (status, texts(error, "Code")) == (400, ["MissingParameter"])
    assert texts(query(shared, "StartMessageMoveTask", SourceArn="x")[1], "Code") == ["UnsupportedOperation"]


def test_a_long_poll_wakes_when_a_message_comes(shared):
    sqs = shared.client("sqs")
    url = make(sqs, "poll")
    got = []
    waiting = [threading.Thread(target=lambda: got.append((sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20), time.monotonic())))
               for _ in range(3)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    sent = time.monotonic()
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(3)])
    for thread in waiting:
        thread.join()
    assert sorted(answer["Messages"][0]["Body"] for answer, _ in got) == ["0", "1", "2"]
    assert all(when - sent < 10 for _, when in got)
    # One that is delayed comes when it is due, and one whose receiver gave up comes back.
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, VisibilityTimeout=1)["Messages"][0]["Body"] == "late"
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"] == "late"
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


def test_dead_letters(shared):
    sqs = shared.client("sqs")
    dead, source = make(sqs, "dead"), None
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
    source = make(sqs, "source", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2}))
    sqs.send_message(QueueUrl=source, MessageBody="poison")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=source, VisibilityTimeout=0)["Messages"][0]["Body"] == "poison"
        time.sleep(0.01)
    assert "Messages" not in sqs.receive_message(QueueUrl=source)
    buried = sqs.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["All"])["Messages"][0]
    assert buried["Body"] == "poison"
    assert buried["Attributes"]["DeadLetterQueueSourceArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:source"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [source]


def test_what_is_recorded(shared):
    sqs = shared.client("sqs")
    url = make(sqs, "recorded")
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    sqs.send_message(QueueUrl=url, MessageBody="secret")
    record = shared.recorded("AddPermission", lambda record: record["eventSource"] == "sqs.amazonaws.com")
    assert record["requestParameters"]["queueUrl"] == url and record["readOnly"] is False
    assert not [record for record in shared.lookup(None) if record["eventName"] == "SendMessage"]


def test_a_user_needs_permission(shared):
    iam, root = shared.client("iam"), shared.client("sqs")
    url = make(root, "guarded")
    iam.create_user(UserName="sender")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
    iam.put_user_policy(UserName="sender", PolicyName="p", PolicyDocument=json.dumps(allow))
    key = iam.create_access_key(UserName="sender")["AccessKey"]
    sqs = shared.client("sqs", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    sqs.send_message(QueueUrl=url, MessageBody="x")
    code, response = refused(sqs.receive_message, QueueUrl=url)
    assert code == "AccessDenied" and response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused(shared.client("sqs", key=("AKIANOBODY0000000000", "x")).list_queues)[0] == "InvalidClientTokenId"


def test_stopping_does_not_wait_for_long_polls(make_server):
    server = make_server().start()
    sqs = server.client("sqs")
    url = make(sqs, "q")
    answer = []
    thread = threading.Thread(target=lambda: answer.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    thread.start()
    time.sleep(0.3)
    begun = time.monotonic()
    server.stop()
    thread.join()
    assert "Messages" not in answer[0] and time.monotonic() - begun < 15


def test_nothing_acknowledged_is_lost_when_killed(make_server):
    """Senders and a receiver at work; kill -9, several times. What was sent and not deleted is there."""
    server = make_server("killed").start()
    make(server.client("sqs"), "q", VisibilityTimeout=1)
    # Tried is what may have happened; the others were acknowledged.
    tried_to_send, sent, tried_to_delete, deleted = set(), set(), set(), set()
    for round_ in range(4):
        stop = threading.Event()
        url = f"{server.endpoint}/{ACCOUNT}/q"

        def send(who):
            sqs = server.client("sqs")
            for n in range(10_000):
                if stop.is_set():
                    return
                body = f"{round_}-{who}-{n}"
                tried_to_send.add(body)
                try:
                    sqs.send_message(QueueUrl=url, MessageBody=body)
                except Exception:
                    return
                sent.add(body)

        def receive():
            sqs = server.client("sqs")
            while not stop.is_set():
                try:
                    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3, WaitTimeSeconds=1).get("Messages", []):
                        tried_to_delete.add(message["Body"])
                        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                        deleted.add(message["Body"])
                except Exception:
                    return

        threads = [threading.Thread(target=send, args=(who,)) for who in range(3)] + [threading.Thread(target=receive)]
        for thread in threads:
            thread.start()
        wait_for("some messages", lambda: len(sent) > (round_ + 1) * 40)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server.start()
    sqs, left = server.client("sqs"), set()
    url = f"{server.endpoint}/{ACCOUNT}/q"

    def drained():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=1).get("Messages", []):
            left.add(message["Body"])
        return sent <= left | tried_to_delete

    wait_for("every acknowledged message", drained, 30)
    assert left <= tried_to_send and deleted
    # What was deleted stays deleted.
    assert not left & deleted
