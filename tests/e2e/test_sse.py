"""Objects encrypted at rest: by the store, under KMS keys, with bucket keys; and trails under a key."""

import base64
import json
import os

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, run_binary, wait_for
from test_kms import ROOT_STATEMENT, allow, code, make_user
from trail import BUCKET, TRAIL, DIGEST_KEY, Delivered, keys, make_bucket, make_trail, now, stamp, trail_arn, wait_for_digests

MEGABYTE = 1024 * 1024


def stored(server):
    return [path for path in (server.data_dir / "objects/blobs").glob("??/*") if path.is_file()]


def test_every_object_is_encrypted_at_rest(shared):
    s3 = shared.client("s3")
    s3.create_bucket(Bucket="plain")
    body = b"a text that nobody must find on the disk" * 10_000
    put = s3.put_object(Bucket="plain", Key="k", Body=body)
    assert put["ServerSideEncryption"] == "AES256"
    got = s3.get_object(Bucket="plain", Key="k", Range="bytes=131060-131090")
    assert got["Body"].read() == body[131060:131091] and got["ServerSideEncryption"] == "AES256"
    assert all(body[:40] not in path.read_bytes() for path in stored(shared))
    assert s3.head_object(Bucket="plain", Key="k")["ServerSideEncryption"] == "AES256"
    assert code(s3.put_object, Bucket="plain", Key="x", Body=b"", ServerSideEncryption="aws:kms:dsse")[0] == "NotImplemented"
    assert code(s3.put_object, Bucket="plain", Key="x", Body=b"", ServerSideEncryption="AES256", SSEKMSKeyId="k")[0] == "InvalidArgument"


def test_objects_under_a_kms_key(shared):
    s3, kms = shared.client("s3"), shared.client("kms")
    s3.create_bucket(Bucket="sealed")
    key = kms.create_key()["KeyMetadata"]
    arn, body = key["Arn"], os.urandom(300_000)
    put = s3.put_object(Bucket="sealed", Key="dir/k", Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key["KeyId"],
                        SSEKMSEncryptionContext=base64.b64encode(b'{"project":"blue"}').decode())
    assert put["ServerSideEncryption"] == "aws:kms" and put["SSEKMSKeyId"] == arn
    got = s3.get_object(Bucket="sealed", Key="dir/k")
    assert got["Body"].read() == body and got["SSEKMSKeyId"] == arn
    context = {"aws:s3:arn": "arn:aws:s3:::sealed/dir/k", "project": "blue"}
    made = shared.recorded("GenerateDataKey", lambda r: r["requestParameters"].get("keyId") == arn)
    assert made["requestParameters"] == {"encryptionContext": context, "keyId": arn, "keySpec": "AES_256"}
    assert made["userIdentity"]["invokedBy"] == "AWS Internal" and made["userIdentity"]["type"] == "Root"
    opened = shared.recorded("Decrypt", lambda r: r["requestParameters"]["encryptionContext"] == context)
    assert opened["resources"][0]["ARN"] == arn and opened["sourceIPAddress"] == "AWS Internal"

    kms.disable_key(KeyId=key["KeyId"])
    assert code(s3.get_object, Bucket="sealed", Key="dir/k") == ("KMS.DisabledException", f"{arn} is disabled.")
    assert code(s3.put_object, Bucket="sealed", Key="x", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)[0] == "KMS.DisabledException"
    s3.head_object(Bucket="sealed", Key="dir/k")
    kms.enable_key(KeyId=key["KeyId"])
    assert code(s3.put_object, Bucket="sealed", Key="x", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId="x") == (
        "KMS.NotFoundException", "Invalid keyId 'x'")

    reader = make_user(shared, "sse-reader", allow("s3:GetObject", "s3:PutObject"))
    of_reader = shared.client("s3", key=reader)
    refusal, message = code(of_reader.get_object, Bucket="sealed", Key="dir/k")
    assert refusal == "AccessDenied" and "kms:Decrypt" in message
    shared.client("iam").put_user_policy(UserName="sse-reader", PolicyName="k", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [allow("kms:Decrypt", resource=arn) | {
            "Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}}]}))
    assert of_reader.get_object(Bucket="sealed", Key="dir/k")["Body"].read() == body
    assert code(of_reader.put_object, Bucket="sealed", Key="y", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=arn)[0] == "AccessDenied"

    other = kms.create_key()["KeyMetadata"]["Arn"]
    copied = s3.copy_object(Bucket="sealed", Key="copy", CopySource="sealed/dir/k", ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    assert copied["SSEKMSKeyId"] == other
    s3.copy_object(Bucket="sealed", Key="plain", CopySource="sealed/copy")
    assert s3.head_object(Bucket="sealed", Key="plain")["ServerSideEncryption"] == "AES256"
    assert s3.get_object(Bucket="sealed", Key="plain")["Body"].read() == body

    managed = s3.put_object(Bucket="sealed", Key="managed", Body=b"m", ServerSideEncryption="aws:kms")
    assert managed["SSEKMSKeyId"] == kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    assert s3.get_object(Bucket="sealed", Key="managed")["Body"].read() == b"m"
    assert code(kms.decrypt, CiphertextBlob=kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"], KeyId="alias/aws/s3")[0] in (
        "IncorrectKeyException", "AccessDeniedException")


def test_multipart_and_bucket_keys(shared):
    s3, kms = shared.client("s3"), shared.client("kms")
    s3.create_bucket(Bucket="parts")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    sealing = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn, "BucketKeyEnabled": True}
    upload = s3.create_multipart_upload(Bucket="parts", Key="big", **sealing)
    assert upload["SSEKMSKeyId"] == arn and upload["BucketKeyEnabled"]
    bodies = [os.urandom(5 * MEGABYTE), os.urandom(MEGABYTE)]
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(Bucket="parts", Key="big", UploadId=upload["UploadId"], PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket="parts", Key="big", UploadId=upload["UploadId"], MultipartUpload={"Parts": parts})
    whole = b"".join(bodies)
    got = s3.get_object(Bucket="parts", Key="big", Range=f"bytes={5 * MEGABYTE - 10}-{5 * MEGABYTE + 10}")
    assert got["Body"].read() == whole[5 * MEGABYTE - 10:5 * MEGABYTE + 11] and got["BucketKeyEnabled"]
    assert s3.get_object(Bucket="parts", Key="big")["Body"].read() == whole
    for number in range(3):
        s3.put_object(Bucket="parts", Key=f"small-{number}", Body=b"s", **sealing)
        assert s3.get_object(Bucket="parts", Key=f"small-{number}")["Body"].read() == b"s"
    context = {"aws:s3:arn": "arn:aws:s3:::parts"}
    uses = lambda: [r for r in shared.lookup("GenerateDataKey") if r["requestParameters"]["encryptionContext"] == context]
    wait_for("the bucket's data key", uses)
    assert len(uses()) == 1, "one data key for all objects of the bucket"
    kms.disable_key(KeyId=arn)
    assert code(s3.get_object, Bucket="parts", Key="small-0")[0] == "KMS.DisabledException", "even while it is cached"


def test_the_bucket_default(shared):
    s3, kms = shared.client("s3"), shared.client("kms")
    s3.create_bucket(Bucket="defaulted")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_bucket_encryption(Bucket="defaulted", ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}, "BucketKeyEnabled": True}]})
    put = s3.put_object(Bucket="defaulted", Key="k", Body=b"x")
    assert put["SSEKMSKeyId"] == arn and put["BucketKeyEnabled"]
    assert s3.get_object(Bucket="defaulted", Key="k")["Body"].read() == b"x"
    assert s3.put_object(Bucket="defaulted", Key="p", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    shared.aws("s3api", "put-bucket-versioning", "--bucket", "defaulted", "--versioning-configuration", "Status=Enabled")
    first = s3.put_object(Bucket="defaulted", Key="v", Body=b"1")["VersionId"]
    s3.put_object(Bucket="defaulted", Key="v", Body=b"2")
    assert s3.get_object(Bucket="defaulted", Key="v", VersionId=first)["Body"].read() == b"1"
    s3.delete_bucket_encryption(Bucket="defaulted")
    assert s3.put_object(Bucket="defaulted", Key="q", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_altered_blobs_are_not_given_out(make_server):
    server = make_server().start()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="altered")
    body = os.urandom(400_000)
    s3.put_object(Bucket="altered", Key="k", Body=body)
    [path] = stored(server)
    whole = bytearray(path.read_bytes())
    for at in (100, len(whole) - 1):
        altered = bytearray(whole)
        altered[at] ^= 1
        path.write_bytes(altered)
        with pytest.raises(Exception) as failed:
            s3.get_object(Bucket="altered", Key="k")["Body"].read()
        assert failed.value is not None
    path.write_bytes(whole)
    assert s3.get_object(Bucket="altered", Key="k")["Body"].read() == body


def key_policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [ROOT_STATEMENT, *statements]})


def for_cloudtrail():
    """What AWS's documentation gives for a trail's key."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    return [
        {"Sid": "Allow CloudTrail to encrypt logs", "Effect": "Allow", "Principal": service, "Action": "kms:GenerateDataKey*",
         "Resource": "*", "Condition": {
             "StringEquals": {"aws:SourceArn": trail_arn()},
             "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}}},
        {"Sid": "Allow CloudTrail to describe key", "Effect": "Allow", "Principal": service, "Action": "kms:DescribeKey",
         "Resource": "*", "Condition": {"StringEquals": {"aws:SourceArn": trail_arn()}}}]


def test_trails_check_their_key(shared):
    kms, cloudtrail = shared.client("kms"), shared.client("cloudtrail")
    make_bucket(shared, "keyed-logs")
    create = lambda key: code(cloudtrail.create_trail, Name=TRAIL, S3BucketName="keyed-logs", KmsKeyId=key)
    assert create("no key!")[0] == "InvalidKmsKeyIdException"
    assert create("alias/none")[0] == "KmsKeyNotFoundException"
    key = kms.create_key()["KeyMetadata"]
    denied = create(key["KeyId"])
    assert denied == ("InsufficientEncryptionPolicyException",
                      f"Insufficient permissions to access S3 bucket keyed-logs or KMS key {key['Arn']}.")
    kms.put_key_policy(KeyId=key["KeyId"], Policy=key_policy(*for_cloudtrail()))
    kms.disable_key(KeyId=key["KeyId"])
    assert create(key["KeyId"])[0] == "KmsException"
    kms.enable_key(KeyId=key["KeyId"])
    elsewhere = shared.client("kms", region="eu-west-1").create_key()["KeyMetadata"]["Arn"]
    assert create(elsewhere)[0] == "KmsKeyNotFoundException"
    kms.create_alias(AliasName="alias/trail", TargetKeyId=key["KeyId"])
    made = shared.aws("cloudtrail", "create-trail", "--name", TRAIL, "--s3-bucket-name", "keyed-logs", "--kms-key-id", "alias/trail")
    assert made["KmsKeyId"] == key["Arn"]
    assert cloudtrail.get_trail(Name=TRAIL)["Trail"]["KmsKeyId"] == key["Arn"]
    probe = shared.recorded("GenerateDataKey", lambda r: "errorCode" not in r and r["userIdentity"].get("invokedBy") == "cloudtrail.amazonaws.com")
    assert probe["requestParameters"]["encryptionContext"] == {
        "aws:cloudtrail:arn": trail_arn(), "aws:s3:arn": f"arn:aws:s3:::keyed-logs/AWSLogs/{ACCOUNT}/"}
    shared.aws("cloudtrail", "update-trail", "--name", TRAIL, "--kms-key-id", "")
    assert "KmsKeyId" not in cloudtrail.get_trail(Name=TRAIL)["Trail"]


def test_a_trail_under_a_key(server):
    kms = server.client("kms")
    key = kms.create_key(Policy=key_policy(*for_cloudtrail()))["KeyMetadata"]
    started = now()
    cloudtrail = make_trail(server, KmsKeyId=key["Arn"])
    s3 = server.client("s3")
    delivered = Delivered(server)
    delivered.named("StartLogging")
    name = keys(server)[0]
    assert s3.head_object(Bucket=BUCKET, Key=name)["SSEKMSKeyId"] == key["Arn"]
    wait_for_digests(server, 1, with_files=True)
    digest = keys(server, BUCKET, DIGEST_KEY)[0]
    assert s3.head_object(Bucket=BUCKET, Key=digest)["SSEKMSKeyId"] == key["Arn"]
    made = server.recorded("GenerateDataKey", lambda r: r["requestParameters"]["encryptionContext"]["aws:s3:arn"] == f"arn:aws:s3:::{BUCKET}/{name}")
    assert made["requestParameters"]["encryptionContext"]["aws:cloudtrail:arn"] == trail_arn()
    assert made["userIdentity"] == {"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}

    reader = make_user(server, "reader", allow("s3:*"))
    assert code(server.client("s3", key=reader).get_object, Bucket=BUCKET, Key=name)[0] == "AccessDenied"

    kms.disable_key(KeyId=key["KeyId"])
    server.client("iam").create_user(UserName="while-disabled")
    status = lambda: cloudtrail.get_trail_status(Name=TRAIL)
    wait_for("the failure to show", lambda: status().get("LatestDeliveryError") == "KMS.DisabledException")
    server.recorded("GenerateDataKey", lambda r: r.get("errorCode") == "DisabledException")
    metrics = server.get("/-/metrics")[1]
    refused = next(line for line in metrics.splitlines() if line.startswith("opentrail_delivery_refused_total"))
    assert float(refused.split()[-1]) > 0
    kms.enable_key(KeyId=key["KeyId"])
    delivered.find("what was held back", lambda r: r["eventName"] == "CreateUser" and r["requestParameters"]["userName"] == "while-disabled", 40)
    wait_for("the failure to go", lambda: "LatestDeliveryError" not in status())

    count = sum(DIGEST_KEY.fullmatch(key)["region"] == REGION for key in keys(server, BUCKET, DIGEST_KEY))
    wait_for_digests(server, count + 1, with_files=True)
    checked = server.aws("cloudtrail", "validate-logs", "--trail-arn", trail_arn(), "--start-time", stamp(started), "--verbose")
    assert "INVALID" not in checked and "Digest file" in checked and "log files valid" in checked
    env = server.environment()
    own = run_binary("verify", f"s3://{BUCKET}", "--endpoint", server.endpoint, env=env)
    assert own.returncode == 0, own.stdout + own.stderr


def test_files_held_back_by_a_deleted_key_go_out_under_another(server):
    kms = server.client("kms")
    first, second = (kms.create_key(Policy=key_policy(*for_cloudtrail()))["KeyMetadata"] for _ in range(2))
    cloudtrail = make_trail(server, KmsKeyId=first["Arn"])
    delivered = Delivered(server)
    delivered.named("StartLogging")
    kms.schedule_key_deletion(KeyId=first["KeyId"], PendingWindowInDays=7)
    server.client("iam").create_user(UserName="held-back")
    status = lambda: cloudtrail.get_trail_status(Name=TRAIL).get("LatestDeliveryError")
    wait_for("the failure to show", lambda: status() == "KMS.KMSInvalidStateException")
    cloudtrail.update_trail(Name=TRAIL, KmsKeyId=second["Arn"])
    wait_for("it to go on", lambda: status() is None, 40)
    kms.cancel_key_deletion(KeyId=first["KeyId"])
    kms.enable_key(KeyId=first["KeyId"])
    delivered.find("what was held back", lambda r: r["eventName"] == "CreateUser", 30)
