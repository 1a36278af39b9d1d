"""What S3 and CloudTrail tell queues and topics."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for


def queue(server, name, service, condition=None):
    """A queue that a service may send to."""
    sqs, arn = server.client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
    if condition:
        statement["Condition"] = condition
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"], arn


def topic(server, name, service):
    sns = server.client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "SNS:Publish", "Resource": arn}]}
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy))
    return arn


def take(server, url, wait=10):
    """The bodies of what is there, deleted."""
    sqs = server.client("sqs")
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait, MaxNumberOfMessages=10).get("Messages", [])
    for message in got:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in got]


def test_objects_are_announced_to_queues_and_topics(shared):
    s3, sns = shared.client("s3"), shared.client("sns")
    s3.create_bucket(Bucket="notifying")
    url, arn = queue(shared, "objects", "s3.amazonaws.com", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::notifying"}})
    topic_arn = topic(shared, "objects", "s3.amazonaws.com")
    topic_url, topic_queue = queue(shared, "objects-of-topic", "sns.amazonaws.com")
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=topic_queue)
    rules = [{"Name": "prefix", "Value": "logs/"}, {"Name": "suffix", "Value": ".gz"}]
    s3.put_bucket_notification_configuration(Bucket="notifying", NotificationConfiguration={
        "QueueConfigurations": [{"Id": "q", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}],
        "TopicConfigurations": [{"Id": "t", "TopicArn": topic_arn, "Events": ["s3:ObjectRemoved:*"]}],
    })
    (test,) = take(shared, url)
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", "notifying")
    (enveloped,) = take(shared, topic_url)
    assert enveloped["Subject"] == "Amazon S3 Notification" and json.loads(enveloped["Message"])["Event"] == "s3:TestEvent"
    for key in ("logs/a b@c.gz", "logs/a.txt", "other/a.gz"):
        s3.put_object(Bucket="notifying", Key=key, Body=b"x" * 5)
    s3.copy_object(Bucket="notifying", Key="logs/copy.gz", CopySource="notifying/logs/a.txt")
    records = [record for body in take(shared, url) for record in body["Records"]]
    records += [record for body in take(shared, url, 2) for record in body["Records"]] if len(records) < 2 else []
    put, copy = records
    assert (put["eventName"], copy["eventName"]) == ("ObjectCreated:Put", "ObjectCreated:Copy")
    assert put["eventVersion"] == "2.1" and put["eventSource"] == "aws:s3" and put["s3"]["configurationId"] == "q"
    assert put["s3"]["object"] | {"sequencer": ""} == {"key": "logs/a+b%40c.gz", "size": 5, "eTag": "fb0e22c79ac75679e9881e6ba183b354", "sequencer": ""}
    assert put["s3"]["object"]["sequencer"] and put["s3"]["bucket"]["arn"] == "arn:aws:s3:::notifying"
    s3.delete_object(Bucket="notifying", Key="logs/a.txt")
    (removed,) = take(shared, topic_url)
    (record,) = json.loads(removed["Message"])["Records"]
    assert record["eventName"] == "ObjectRemoved:Delete" and "size" not in record["s3"]["object"]
    assert take(shared, url, 0) == []


def test_destinations_that_refuse_are_refused(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="refused")
    _, arn = queue(shared, "not-for-s3", "sns.amazonaws.com")
    for bad in (arn, f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing"):
        with pytest.raises(ClientError) as caught:
            s3.put_bucket_notification_configuration(Bucket="refused", NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": bad, "Events": ["s3:ObjectCreated:*"]}]})
        error = caught.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("InvalidArgument", "Unable to validate the following destination configurations")


def test_a_trail_announces_each_file(shared):
    s3, sns, cloudtrail = shared.client("s3"), shared.client("sns"), shared.client("cloudtrail")
    s3.create_bucket(Bucket="announced")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::announced"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": f"arn:aws:s3:::announced/AWSLogs/{ACCOUNT}/*", "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]}
    s3.put_bucket_policy(Bucket="announced", Policy=json.dumps(policy))
    create = lambda name, topic_name: cloudtrail.create_trail(Name=name, S3BucketName="announced", SnsTopicName=topic_name)
    for name, code in (("missing", "InsufficientSnsTopicPolicyException"), ("no such!", "InvalidSnsTopicNameException")):
        with pytest.raises(ClientError) as caught:
            create("main", name)
        assert caught.value.response["Error"]["Code"] == code
    arn = topic(shared, "files", "cloudtrail.amazonaws.com")
    url, queue_arn = queue(shared, "files", "sns.amazonaws.com")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    made = create("main", "files")
    assert (made["SnsTopicName"], made["SnsTopicARN"]) == ("files", arn)
    (validation,) = [json.loads(body["Body"]) for body in
                     shared.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]]
    assert validation["Message"] == "CloudTrail validation message." and "Subject" not in validation
    cloudtrail.start_logging(Name="main")
    announced = []

    def told():
        announced.extend(json.loads(body["Message"]) for body in take(shared, url, 1) if body["Message"].startswith("{"))
        return announced

    wait_for("an announcement", told)
    assert announced[0]["s3Bucket"] == "announced" and list(announced[0]) == ["s3Bucket", "s3ObjectKey"]
    (key,) = announced[0]["s3ObjectKey"]
    content = gzip.decompress(s3.get_object(Bucket="announced", Key=key)["Body"].read())
    assert json.loads(content)["Records"]
    status = wait_for("the status", lambda: (lambda s: s if "LatestNotificationTime" in s else None)(cloudtrail.get_trail_status(Name="main")))
    assert status["LatestNotificationAttemptTime"] == status["LatestNotificationAttemptSucceeded"] != ""
    # A topic that is gone is a fault in the status, and does not hold up deliveries.
    sns.delete_topic(TopicArn=arn)
    failed = lambda: cloudtrail.get_trail_status(Name="main").get("LatestNotificationError") == "NotFound"
    wait_for("the fault", failed)
    assert "LatestDeliveryError" not in cloudtrail.get_trail_status(Name="main")
    cleared = cloudtrail.update_trail(Name="main", SnsTopicName="")
    assert "SnsTopicARN" not in cleared
    cloudtrail.delete_trail(Name="main")
