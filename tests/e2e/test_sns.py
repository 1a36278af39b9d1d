"""Topics through boto3 and the AWS CLI, and what webhooks get."""

import base64
import hashlib
import hmac
import http.server
import json
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for

SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Webhook:
    """A subscriber's endpoint: keeps what is posted, answers what it is told to."""

    def __init__(self, status=200):
        self.status, self.posts = status, []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.status
                hook.posts.append((self.headers, body.decode(), status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count, seconds=20):
        wait_for(f"{count} posts", lambda: len(self.posts) >= count, seconds)
        return self.posts[count - 1]


@pytest.fixture
def webhook():
    made = []

    def make(**options):
        made.append(Webhook(**options))
        return made[-1]

    yield make
    for hook in made:
        hook.close()


@pytest.fixture(scope="module")
def reachable(tmp_path_factory):
    """A server whose webhooks may be on this machine."""
    from server import Server

    server = Server(tmp_path_factory.mktemp("sns") / "data", OPENTRAIL_SNS__WEBHOOKS="loopback").start()
    yield server
    try:
        server.stop()
    finally:
        server.close()


def queue(server, name, topic_arn, **attributes):
    """A queue that a topic may send to."""
    sqs, arn = server.client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}}}]}
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy), **attributes})["QueueUrl"]
    return url, arn


def receive(server, url, wait=5):
    got = server.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return got.get("Messages", [])


def check_signature(message, tmp_path):
    """As a consumer would, with openssl and the certificate that the message points to."""
    text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED[message["Type"]] if name in message)
    with urllib.request.urlopen(message["SigningCertURL"], timeout=10) as answer:
        (tmp_path / "cert.pem").write_bytes(answer.read())
    (tmp_path / "text").write_bytes(text.encode())
    (tmp_path / "signature").write_bytes(base64.b64decode(message["Signature"]))
    run = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "key.pem").write_bytes(run("x509", "-in", "cert.pem", "-pubkey", "-noout").stdout)
    digest = {"1": "-sha1", "2": "-sha256"}[message["SignatureVersion"]]
    run("dgst", digest, "-verify", "key.pem", "-signature", "signature", "text")


def test_a_queue_gets_signed_envelopes(reachable, tmp_path):
    sns = reachable.client("sns")
    arn = sns.create_topic(Name="signed")["TopicArn"]
    url, queue_arn = queue(reachable, "signed", arn)
    subscription = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"]
    for version in ("1", "2"):
        sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue=version)
        sent = sns.publish(TopicArn=arn, Message="grüße\n", Subject="s", MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"}})
        envelope = json.loads(receive(reachable, url)[0]["Body"])
        assert list(envelope) == ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
                                  "SigningCertURL", "UnsubscribeURL", "MessageAttributes"]
        assert (envelope["MessageId"], envelope["Message"], envelope["SignatureVersion"]) == (sent["MessageId"], "grüße\n", version)
        check_signature(envelope, tmp_path)
    # Whoever follows the link is out.
    with urllib.request.urlopen(envelope["UnsubscribeURL"], timeout=10) as answer:
        assert b"UnsubscribeResponse" in answer.read()
    assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] == []
    with pytest.raises(ClientError) as gone:
        sns.get_subscription_attributes(SubscriptionArn=subscription)
    assert gone.value.response["Error"]["Code"] == "NotFound"


def test_filters_and_raw_delivery(reachable):
    sns = reachable.client("sns")
    arn = sns.create_topic(Name="filtered")["TopicArn"]
    red_url, red = queue(reachable, "red", arn)
    logs_url, logs = queue(reachable, "logs", arn)
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=red, Attributes={
        "RawMessageDelivery": "true", "FilterPolicy": json.dumps({"color": ["red", {"prefix": "dark"}]})})
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=logs, Attributes={
        "RawMessageDelivery": "true", "FilterPolicyScope": "MessageBody",
        "FilterPolicy": json.dumps({"s3ObjectKey": [{"prefix": "AWSLogs/"}]})})
    color = lambda value: {"color": {"DataType": "String", "StringValue": value}}
    entries = [{"Id": str(n), "Message": value, "MessageAttributes": color(value)} for n, value in enumerate(("red", "blue", "dark blue"))]
    assert len(sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)["Successful"]) == 3
    sns.publish(TopicArn=arn, Message=json.dumps({"s3ObjectKey": ["AWSLogs/x"]}))
    got = receive(reachable, red_url)
    assert sorted(message["Body"] for message in got) == ["dark blue", "red"]
    assert got[0]["MessageAttributes"]["color"]["DataType"] == "String"
    assert [message["Body"] for message in receive(reachable, logs_url)] == ['{"s3ObjectKey": ["AWSLogs/x"]}']


def test_a_webhook_confirms_and_is_told(reachable, webhook, tmp_path):
    sns, hook = reachable.client("sns"), webhook()
    arn = sns.create_topic(Name="hooked")["TopicArn"]
    pending = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=hook.url, Attributes={"WebhookSecret": "s3cret"})
    assert pending["SubscriptionArn"] == "pending confirmation"
    headers, body, _ = hook.wait(1)
    asked = json.loads(body)
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    assert "x-amz-sns-subscription-arn" not in headers and headers["Content-Type"] == "text/plain; charset=UTF-8"
    check_signature(asked, tmp_path)
    sns.publish(TopicArn=arn, Message="before")
    with urllib.request.urlopen(asked["SubscribeURL"], timeout=10) as answer:
        assert b"<SubscriptionArn>" + arn.encode() in answer.read()
    sns.publish(TopicArn=arn, Message="hello")
    headers, body, _ = hook.wait(2)
    told = json.loads(body)
    assert (told["Message"], headers["x-amz-sns-topic-arn"]) == ("hello", arn)
    assert headers["x-amz-sns-subscription-arn"].startswith(arn) and headers["x-amz-sns-message-id"] == told["MessageId"]
    check_signature(told, tmp_path)
    when, mac = (part.split("=", 1)[1] for part in headers["x-opentrail-signature"].split(","))
    assert hmac.compare_digest(mac, hmac.new(b"s3cret", f"{when}.{body}".encode(), hashlib.sha256).hexdigest())
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(asked["SubscribeURL"].replace(asked["Token"], "0" * 64), timeout=10)


def confirmed(server, arn, hook, **attributes):
    sns = server.client("sns")
    made = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=hook.url, Attributes=attributes, ReturnSubscriptionArn=True)
    status, hook.status = hook.status, 200
    sns.confirm_subscription(TopicArn=arn, Token=json.loads(hook.wait(1)[1])["Token"])
    hook.status = status
    return made["SubscriptionArn"]


def test_one_that_fails_delays_nobody_and_ends_as_a_dead_letter(reachable, webhook):
    sns, good, bad = reachable.client("sns"), webhook(), webhook()
    arn = sns.create_topic(Name="failing", Attributes={"DeliveryPolicy": json.dumps({"http": {"defaultHealthyRetryPolicy": {
        "minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 2, "numNoDelayRetries": 1}}})})["TopicArn"]
    dead_url, dead = queue(reachable, "dead-letters", arn)
    confirmed(reachable, arn, good, RawMessageDelivery="true")
    confirmed(reachable, arn, bad, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    bad.status = 503
    for n in range(5):
        sns.publish(TopicArn=arn, Message=f"message {n}")
    wait_for("the good one's messages", lambda: len(good.posts) == 6)
    assert sorted(body for _, body, _ in good.posts[1:]) == [f"message {n}" for n in range(5)]
    assert good.posts[-1][0]["x-amz-sns-rawdelivery"] == "true"
    letters = []
    wait_for("the dead letters", lambda: letters.extend(receive(reachable, dead_url, 1)) or len(letters) == 5)
    assert sorted(json.loads(letter["Body"])["Message"] for letter in letters) == [f"message {n}" for n in range(5)]
    assert len(bad.posts) == 1 + 5 * 3
    assert letters[0]["MessageAttributes"]["ErrorMessage"]["StringValue"] == "status 503"


def test_pending_deliveries_survive_a_kill(make_server, webhook):
    server, hook = make_server("killed", OPENTRAIL_SNS__WEBHOOKS="loopback").start(), webhook()
    sns = server.client("sns")
    arn = sns.create_topic(Name="t")["TopicArn"]
    policy = {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 50}}
    confirmed(server, arn, hook, RawMessageDelivery="true", DeliveryPolicy=json.dumps(policy))
    hook.status = 503
    for n in range(10):
        sns.publish(TopicArn=arn, Message=str(n))
    hook.wait(3)
    server.kill()
    hook.status = 200
    server.start()
    wait_for("all messages", lambda: {body for _, body, status in hook.posts if status == 200} >= {str(n) for n in range(10)}, 30)


def test_webhooks_stay_out_of_where_they_must_not_go(shared, webhook):
    sns, hook = shared.client("sns"), webhook()
    arn = sns.create_topic(Name="guarded")["TopicArn"]
    for url in (hook.url, hook.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254/latest/meta-data/", "http://[::1]:1/"):
        sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=url)
    failures = lambda: float(next(line for line in shared.get("/-/metrics")[1].splitlines()
                                  if line.startswith("opentrail_notification_failures_total")).split()[1])
    wait_for("the refusals", lambda: failures() >= 4)
    assert hook.posts == []


def test_the_command_line_and_permissions(shared):
    arn = shared.aws("sns", "create-topic", "--name", "cli", "--attributes", "DisplayName=shown", "--tags", "Key=k,Value=v")["TopicArn"]
    assert {"TopicArn": arn} in shared.aws("sns", "list-topics")["Topics"]
    attributes = shared.aws("sns", "get-topic-attributes", "--topic-arn", arn)["Attributes"]
    assert (attributes["DisplayName"], attributes["Owner"], attributes["SubscriptionsPending"]) == ("shown", ACCOUNT, "0")
    assert shared.aws("sns", "list-tags-for-resource", "--resource-arn", arn) == {"Tags": [{"Key": "k", "Value": "v"}]}
    shared.aws("sns", "publish", "--topic-arn", arn, "--message", "hello", "--message-attributes",
               '{"a":{"DataType":"String","StringValue":"b"}}')
    iam = shared.client("iam")
    iam.create_user(UserName="publisher")
    key = iam.create_access_key(UserName="publisher")["AccessKey"]
    sns = shared.client("sns", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ClientError) as denied:
        sns.publish(TopicArn=arn, Message="x")
    assert denied.value.response["Error"]["Code"] == "AuthorizationError"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/publisher"},
                                                      "Action": "sns:Publish", "Resource": arn}]}
    shared.aws("sns", "set-topic-attributes", "--topic-arn", arn, "--attribute-name", "Policy", "--attribute-value", json.dumps(policy))
    assert sns.publish(TopicArn=arn, Message="x")["MessageId"]
    shared.aws("sns", "delete-topic", "--topic-arn", arn)
    assert shared.run_aws("sns", "publish", "--topic-arn", arn, "--message", "x").stderr.count("NotFound") == 1
