"""Wrong inputs get the code that AWS gives, as the AWS CLI prints it; and each is itself recorded."""

import json
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT
from trail import BUCKET, TRAIL, bucket_policy, make_bucket, make_trail, trail_arn

LONG = "x" * 129
OTHER_SERVICE = f"arn:aws:s3:us-east-1:{ACCOUNT}:trail/{TRAIL}"
NO_TRAIL = trail_arn("nothing")
TAG_TRAIL = ["--resource-id", trail_arn()]
CREATE = ["create-trail", "--s3-bucket-name", BUCKET, "--name"]
UPDATE = ["update-trail", "--name", TRAIL]
SELECT = ["put-event-selectors", "--trail-name", TRAIL]
LOOKUP = ["lookup-events"]


def basic(**changes):
    return ["--event-selectors", json.dumps([{"ReadWriteType": "All", "IncludeManagementEvents": True} | changes])]


def objects(*values, kind="AWS::S3::Object"):
    return basic(DataResources=[{"Type": kind, "Values": list(values)}])


def advanced(*fields):
    return ["--advanced-event-selectors", json.dumps([{"Name": "n", "FieldSelectors": list(fields)}])]


DATA = {"Field": "eventCategory", "Equals": ["Data"]}
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}
S3_OBJECT = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}

# (arguments after `aws cloudtrail`, code)
CASES = [
    # names
    ([*CREATE, "ab"], "InvalidTrailName"),
    ([*CREATE, LONG], "InvalidTrailName"),
    (["create-trail", "--s3-bucket-name", BUCKET, "--name=-abc"], "InvalidTrailName"),
    ([*CREATE, "abc."], "InvalidTrailName"),
    ([*CREATE, "my--trail"], "InvalidTrailName"),
    ([*CREATE, "my_-trail"], "InvalidTrailName"),
    ([*CREATE, "192.168.5.4"], "InvalidTrailName"),
    ([*CREATE, "sp ace"], "InvalidTrailName"),
    ([*CREATE, TRAIL], "TrailAlreadyExists"),
    # where to
    ([*CREATE, "other", "--s3-bucket-name", "no-such-bucket"], "S3BucketDoesNotExist"),
    ([*CREATE, "other", "--s3-bucket-name", "no-policy"], "InsufficientS3BucketPolicy"),
    ([*CREATE, "other", "--s3-key-prefix", "elsewhere"], "InsufficientS3BucketPolicy"),
    ([*CREATE, "other", "--s3-bucket-name", "No_Bucket!"], "InvalidS3BucketName"),
    ([*CREATE, "other", "--s3-bucket-name", "ab"], "InvalidS3BucketName"),
    ([*CREATE, "other", "--s3-key-prefix", "p" * 201], "InvalidS3Prefix"),
    ([*CREATE, "other", "--is-multi-region-trail", "--no-include-global-service-events"], "InvalidParameterCombination"),
    # what is not there
    ([*CREATE, "other", "--sns-topic-name", "no-such-topic"], "InsufficientSnsTopicPolicy"),
    ([*CREATE, "other", "--sns-topic-name", "bad topic!"], "InvalidSnsTopicName"),
    ([*CREATE, "other", "--sns-topic-name", "t" * 257], "InvalidSnsTopicName"),
    ([*CREATE, "other", "--kms-key-id", "1234abcd-12ab-34cd-56ef-1234567890ab"], "KmsKeyNotFound"),
    ([*CREATE, "other", "--kms-key-id", "not a key!"], "InvalidKmsKeyId"),
    ([*CREATE, "other", "--cloud-watch-logs-log-group-arn", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:x:*"],
     "InvalidCloudWatchLogsRoleArn"),
    ([*CREATE, "other", "--cloud-watch-logs-role-arn", f"arn:aws:iam::{ACCOUNT}:role/x"], "InvalidCloudWatchLogsLogGroupArn"),
    ([*CREATE, "other", "--is-organization-trail", "--is-multi-region-trail"], "OrganizationsNotInUse"),
    ([*CREATE, "other", "--tags-list", "Key=aws:x,Value=1"], "InvalidTagParameter"),
    ([*CREATE, "other", "--tags-list", "Key=a,Value=1", "Key=a,Value=2"], "InvalidTagParameter"),
    ([*CREATE, "other", "--tags-list", *[f"Key=k{n},Value=v" for n in range(51)]], "TagsLimitExceeded"),
    # changing
    ([*UPDATE, "--s3-bucket-name", "no-such-bucket"], "S3BucketDoesNotExist"),
    ([*UPDATE, "--s3-bucket-name", "no-policy"], "InsufficientS3BucketPolicy"),
    ([*UPDATE, "--s3-bucket-name", "A"], "InvalidS3BucketName"),
    ([*UPDATE, "--s3-key-prefix", "p" * 201], "InvalidS3Prefix"),
    ([*UPDATE, "--is-multi-region-trail", "--no-include-global-service-events"], "InvalidParameterCombination"),
    ([*UPDATE, "--sns-topic-name", "no-such-topic"], "InsufficientSnsTopicPolicy"),
    ([*UPDATE, "--kms-key-id", "alias/none"], "KmsKeyNotFound"),
    (["update-trail", "--name", "nothing"], "TrailNotFound"),
    (["update-trail", "--name", OTHER_SERVICE], "CloudTrailARNInvalid"),
    # finding
    (["get-trail", "--name", "nothing"], "TrailNotFound"),
    (["get-trail", "--name", NO_TRAIL], "TrailNotFound"),
    (["get-trail", "--name", "ab"], "InvalidTrailName"),
    (["get-trail", "--name", OTHER_SERVICE], "CloudTrailARNInvalid"),
    (["get-trail", "--name", f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/x"], "CloudTrailARNInvalid"),
    (["get-trail-status", "--name", "nothing"], "TrailNotFound"),
    (["start-logging", "--name", "nothing"], "TrailNotFound"),
    (["start-logging", "--name", OTHER_SERVICE], "CloudTrailARNInvalid"),
    (["start-logging", "--name", "ab"], "InvalidTrailName"),
    (["stop-logging", "--name", "nothing"], "TrailNotFound"),
    (["delete-trail", "--name", "nothing"], "TrailNotFound"),
    (["get-event-selectors", "--trail-name", "nothing"], "TrailNotFound"),
    (["get-insight-selectors", "--trail-name", TRAIL], "InsightNotEnabled"),
    # selectors
    (["put-event-selectors", "--trail-name", "nothing", *basic()], "TrailNotFound"),
    ([*SELECT], "InvalidEventSelectors"),
    ([*SELECT, *basic(), *advanced(MANAGEMENT)], "InvalidEventSelectors"),
    ([*SELECT, "--event-selectors", json.dumps([{"ReadWriteType": "All"}] * 6)], "InvalidEventSelectors"),
    ([*SELECT, *basic(ReadWriteType="Some")], "InvalidEventSelectors"),
    ([*SELECT, *basic(IncludeManagementEvents=False)], "InvalidEventSelectors"),
    ([*SELECT, *basic(ExcludeManagementEventSources=["iam.amazonaws.com"])], "InvalidEventSelectors"),
    ([*SELECT, *objects("arn:aws:s3:::bucket")], "InvalidEventSelectors"),
    ([*SELECT, *objects("arn:aws:sqs:us-east-1:1:q")], "InvalidEventSelectors"),
    ([*SELECT, *objects("arn:aws:s3", kind="AWS::SNS::Topic")], "InvalidEventSelectors"),
    ([*SELECT, *objects(*[f"arn:aws:s3:::b/{n}" for n in range(251)])], "InvalidEventSelectors"),
    ([*SELECT, *advanced(S3_OBJECT)], "InvalidEventSelectors"),
    ([*SELECT, *advanced(DATA)], "InvalidEventSelectors"),
    ([*SELECT, *advanced(MANAGEMENT, {"Field": "eventcolour", "Equals": ["red"]})], "InvalidEventSelectors"),
    ([*SELECT, *advanced(MANAGEMENT, {"Field": "readOnly", "Equals": ["maybe"]})], "InvalidEventSelectors"),
    ([*SELECT, *advanced(MANAGEMENT, {"Field": "readOnly"})], "InvalidEventSelectors"),
    # the history
    ([*LOOKUP, "--lookup-attributes", "AttributeKey=EventColour,AttributeValue=red"], "InvalidLookupAttributes"),
    ([*LOOKUP, "--lookup-attributes", "AttributeKey=EventName,AttributeValue=a",
      "AttributeKey=Username,AttributeValue=b"], "InvalidLookupAttributes"),
    ([*LOOKUP, "--lookup-attributes", f"AttributeKey=EventName,AttributeValue={'x' * 2001}"], "InvalidLookupAttributes"),
    ([*LOOKUP, "--start-time", "2026-01-02", "--end-time", "2026-01-01"], "InvalidTimeRange"),
    ([*LOOKUP, "--page-size", "51"], "InvalidMaxResults"),
    ([*LOOKUP, "--event-category", "management"], "InvalidEventCategory"),
    (["list-public-keys", "--start-time", "2026-01-02", "--end-time", "2026-01-01"], "InvalidTimeRange"),
    # tags
    (["add-tags", *TAG_TRAIL, "--tags-list", "Key=aws:x,Value=1"], "InvalidTagParameter"),
    (["add-tags", *TAG_TRAIL, "--tags-list", "Key=a,Value=1", "Key=a,Value=2"], "InvalidTagParameter"),
    (["add-tags", *TAG_TRAIL, "--tags-list", f"Key={LONG},Value=1"], "InvalidTagParameter"),
    (["add-tags", *TAG_TRAIL, "--tags-list", "Key=a,Value=b!"], "InvalidTagParameter"),
    (["add-tags", *TAG_TRAIL, "--tags-list", *[f"Key=k{n},Value=v" for n in range(51)]], "TagsLimitExceeded"),
    (["add-tags", "--resource-id", NO_TRAIL, "--tags-list", "Key=a"], "ResourceNotFound"),
    (["add-tags", "--resource-id", "arn:aws:s3:::bucket", "--tags-list", "Key=a"], "ResourceTypeNotSupported"),
    (["add-tags", "--resource-id", "nonsense", "--tags-list", "Key=a"], "CloudTrailARNInvalid"),
    (["remove-tags", "--resource-id", NO_TRAIL, "--tags-list", "Key=a"], "ResourceNotFound"),
    (["list-tags", "--resource-id-list", NO_TRAIL], "ResourceNotFound"),
    (["list-tags", "--resource-id-list", "arn:aws:s3:::bucket"], "ResourceTypeNotSupported"),
    # not here yet: an error of the API, never a hang or a broken answer
    (["list-event-data-stores"], "UnsupportedOperation"),
    (["start-query", "--query-statement", "SELECT 1"], "UnsupportedOperation"),
    (["create-event-data-store", "--name", "lake"], "UnsupportedOperation"),
]


@pytest.fixture(scope="module")
def answers(shared):
    """All commands, some at a time: the CLI spends its time starting up."""
    make_trail(shared, TRAIL)
    shared.client("s3").create_bucket(Bucket="no-policy")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda case: shared.run_aws("cloudtrail", *case[0]), CASES))
    return dict(enumerate(done))


def name_of(index):
    arguments, code = CASES[index]
    return f"{index}-{code}-{arguments[0]}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("index", range(len(CASES)), ids=name_of)
def test_code(answers, index):
    arguments, code = CASES[index]
    done = answers[index]
    assert done.returncode == 254 or done.returncode == 255, f"{arguments}: exit status {done.returncode}\n{done.stdout}"
    assert f"An error occurred ({code}Exception) when calling" in done.stderr, done.stderr


def test_bad_calls_are_recorded(answers, shared):
    """Nothing that was refused went unrecorded."""
    shared.recorded("CreateEventDataStore")
    shared.recorded("StartQuery")
    shared.recorded("ListEventDataStores")
    by_code = {}
    for record in shared.lookup(None, EventSource="cloudtrail.amazonaws.com"):
        if "errorCode" in record:
            by_code.setdefault(record["errorCode"], []).append(record)
    expected = {f"{code}Exception" for _, code in CASES}
    assert expected <= set(by_code), expected - set(by_code)
    for code in expected:
        wanted = sum(1 for _, of in CASES if f"{of}Exception" == code)
        assert len(by_code[code]) >= wanted, f"{code}: {len(by_code[code])} recorded of {wanted}"
    refused = by_code["S3BucketDoesNotExistException"][0]
    assert refused["requestParameters"]["s3BucketName"] == "no-such-bucket" and refused["responseElements"] is None
    assert refused["errorMessage"] == "S3 bucket no-such-bucket does not exist!"


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_what_the_cli_would_not_send(shared):
    """Inputs that the AWS CLI stops by itself."""
    from botocore.config import Config

    key = shared.root_key()
    session = boto3.session.Session(*key, region_name="us-east-1")
    loose = session.client("cloudtrail", endpoint_url=shared.endpoint, config=Config(parameter_validation=False))
    assert code_of(loose.lookup_events, MaxResults=0) == "InvalidMaxResultsException"
    assert code_of(loose.lookup_events, NextToken="made up") == "InvalidNextTokenException"
    attribute = {"AttributeKey": "EventName", "AttributeValue": ""}
    assert code_of(loose.lookup_events, LookupAttributes=[attribute]) == "InvalidLookupAttributesException"
    assert code_of(loose.create_trail, Name="", S3BucketName=BUCKET) == "InvalidTrailNameException"
    assert code_of(loose.get_trail) == "InvalidTrailNameException"
    page = loose.lookup_events(MaxResults=1)
    assert code_of(loose.lookup_events, MaxResults=1, NextToken=page["NextToken"],
                   LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "true"}]) == "InvalidNextTokenException"


def test_operations_that_are_not_here(shared):
    """Other services' operations, known or not: an error in the service's own protocol, and a record."""
    assert code_of(shared.client("sts").decode_authorization_message, EncodedMessage="x") == "UnsupportedOperation"
    assert code_of(shared.client("iam").get_context_keys_for_custom_policy, PolicyInputList=["{}"]) == "UnsupportedOperation"
    assert code_of(shared.client("s3").get_bucket_website, Bucket=BUCKET) in (
        "NotImplemented", "NoSuchWebsiteConfiguration")
    dynamo = shared.client("dynamodb")
    assert code_of(dynamo.list_tables) == "UnknownOperationException"
    for name in ("DecodeAuthorizationMessage", "GetContextKeysForCustomPolicy", "GetBucketWebsite"):
        assert shared.recorded(name)["errorCode"]


def test_limits_and_repeats(make_server):
    server = make_server().start()
    make_bucket(server, "prefixed", "team-a/")
    cloudtrail = server.client("cloudtrail")
    cloudtrail.create_trail(Name="one", S3BucketName="prefixed", S3KeyPrefix="team-a")
    assert code_of(cloudtrail.update_trail, Name="one", S3KeyPrefix="") == "InsufficientS3BucketPolicyException"
    server.client("s3").put_bucket_policy(Bucket="prefixed", Policy=bucket_policy("prefixed"))
    assert "S3KeyPrefix" not in cloudtrail.update_trail(Name="one", S3KeyPrefix="")
    for number in range(4):
        cloudtrail.create_trail(Name=f"more-{number}", S3BucketName="prefixed")
    assert code_of(cloudtrail.create_trail, Name="sixth", S3BucketName="prefixed") == "MaximumNumberOfTrailsExceededException"
    west = server.client("cloudtrail", "eu-west-1")
    west.create_trail(Name="one", S3BucketName="prefixed")
    everywhere = {"S3BucketName": "prefixed", "IsMultiRegionTrail": True}
    assert code_of(west.create_trail, Name="wide", **everywhere) == "MaximumNumberOfTrailsExceededException"
    cloudtrail.delete_trail(Name="more-0")
    assert code_of(cloudtrail.delete_trail, Name="more-0") == "TrailNotFoundException"
    west.create_trail(Name="wide", **everywhere)
