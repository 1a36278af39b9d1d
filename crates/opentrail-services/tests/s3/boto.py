"""What SDKs do, and what they are told."""
import datetime, io, os, sys, urllib.error, urllib.request
try:
    import boto3, botocore.config
    from botocore import UNSIGNED
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED"); sys.exit(0)

retries = {"max_attempts": 1}
def client(**kwargs):
    config = botocore.config.Config(retries=retries, **kwargs.pop("config", {}))
    return boto3.client("s3", config=config, **kwargs)

s3 = client()

def refused(call, *codes, **kwargs):
    try:
        call(**kwargs)
    except ClientError as error:
        assert error.response["Error"]["Code"] in codes, error.response
        assert error.response["ResponseMetadata"]["RequestId"]
        return error.response
    raise AssertionError(f"{codes} expected")

# Buckets.
s3.create_bucket(Bucket="first")
s3.create_bucket(Bucket="first")
s3.create_bucket(Bucket="second", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
refused(s3.create_bucket, "BucketAlreadyOwnedByYou", Bucket="second")
assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["first", "second"]
assert s3.get_bucket_location(Bucket="first")["LocationConstraint"] is None
assert s3.get_bucket_location(Bucket="second")["LocationConstraint"] == "eu-west-1"
assert s3.head_bucket(Bucket="second")["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"
refused(s3.head_bucket, "404", Bucket="absent")
refused(s3.list_objects_v2, "NoSuchBucket", Bucket="absent")
assert s3.get_bucket_acl(Bucket="first")["Grants"][0]["Permission"] == "FULL_CONTROL"
s3.put_bucket_acl(Bucket="first", ACL="private")
refused(s3.put_bucket_acl, "AccessControlListNotSupported", Bucket="first", ACL="public-read")

# Settings.
assert "Status" not in s3.get_bucket_versioning(Bucket="first")
assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="first")
assert s3.get_bucket_request_payment(Bucket="first")["Payer"] == "BucketOwner"
assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="first")
s3.get_bucket_notification_configuration(Bucket="first")
refused(s3.get_bucket_tagging, "NoSuchTagSet", Bucket="first")
s3.put_bucket_tagging(Bucket="first", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
assert s3.get_bucket_tagging(Bucket="first")["TagSet"] == [{"Key": "a", "Value": "b"}]
s3.delete_bucket_tagging(Bucket="first")
refused(s3.get_bucket_cors, "NoSuchCORSConfiguration", Bucket="first")
refused(s3.get_bucket_website, "NoSuchWebsiteConfiguration", Bucket="first")
refused(s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", Bucket="first")
refused(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError", Bucket="first")
refused(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", Bucket="first")
assert s3.get_bucket_ownership_controls(Bucket="first")["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
assert all(s3.get_public_access_block(Bucket="first")["PublicAccessBlockConfiguration"].values())
s3.put_bucket_encryption(Bucket="first", ServerSideEncryptionConfiguration={
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
rule = s3.get_bucket_encryption(Bucket="first")["ServerSideEncryptionConfiguration"]["Rules"][0]
assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, rule
refused(s3.put_bucket_encryption, "NotImplemented", Bucket="first", ServerSideEncryptionConfiguration={
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}]})

# Objects.
put = s3.put_object(Bucket="first", Key="open/a", Body=b"0123456789", ContentType="text/plain", Metadata={"who": "me"},
                    CacheControl="no-cache", ContentEncoding="gzip", ContentDisposition="inline", ContentLanguage="de",
                    Expires=datetime.datetime(2030, 1, 1))
assert put["ETag"] == '"781e5e245d69b566979b86e28d23f2c7"'
got = s3.get_object(Bucket="first", Key="open/a")
assert got["Body"].read() == b"0123456789" and got["Metadata"] == {"who": "me"} and got["ContentType"] == "text/plain"
assert got["ContentEncoding"] == "gzip" and got["CacheControl"] == "no-cache" and got["AcceptRanges"] == "bytes"
assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
assert s3.get_object(Bucket="first", Key="open/a", Range="bytes=2-4")["Body"].read() == b"234"
part = s3.get_object(Bucket="first", Key="open/a", Range="bytes=-3")
assert part["Body"].read() == b"789" and part["ContentRange"] == "bytes 7-9/10"
refused(s3.get_object, "InvalidRange", Bucket="first", Key="open/a", Range="bytes=10-")
refused(s3.get_object, "NoSuchKey", Bucket="first", Key="absent")
refused(s3.head_object, "404", Bucket="first", Key="absent")
refused(s3.get_object, "304", Bucket="first", Key="open/a", IfNoneMatch=put["ETag"])
refused(s3.get_object, "PreconditionFailed", Bucket="first", Key="open/a", IfMatch='"x"')
refused(s3.put_object, "PreconditionFailed", Bucket="first", Key="open/a", Body=b"", IfNoneMatch="*")
head = s3.head_object(Bucket="first", Key="open/a")
assert head["ContentLength"] == 10 and head["LastModified"]
assert s3.get_object_acl(Bucket="first", Key="open/a")["Owner"]["ID"]
got = s3.get_object(Bucket="first", Key="open/a", ResponseContentType="text/html")
assert got["ContentType"] == "text/html"
for algorithm in ("CRC32", "SHA1", "SHA256"):
    s3.put_object(Bucket="first", Key="sum", Body=b"abc", ChecksumAlgorithm=algorithm)
    assert s3.head_object(Bucket="first", Key="sum", ChecksumMode="ENABLED")["Checksum" + algorithm]
refused(s3.put_object, "BadDigest", Bucket="first", Key="sum", Body=b"abc", ChecksumCRC32="AAAAAA==")
refused(s3.put_object, "BadDigest", Bucket="first", Key="sum", Body=b"abc", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
for setting in ({"ServerSideEncryption": "aws:kms:dsse"}, {"WebsiteRedirectLocation": "/x"}):
    refused(s3.put_object, "NotImplemented", Bucket="first", Key="k", Body=b"", **setting)
refused(s3.put_object, "InvalidStorageClass", Bucket="first", Key="k", Body=b"", StorageClass="COLD")
refused(s3.put_object, "AccessControlListNotSupported", Bucket="first", Key="k", Body=b"", ACL="public-read")
s3.put_object(Bucket="first", Key="k", Body=b"", ACL="bucket-owner-full-control")
refused(s3.get_object, "InvalidArgument", Bucket="first", Key="k", VersionId="v1")

# Copies.
s3.copy_object(Bucket="second", Key="copy ä", CopySource={"Bucket": "first", "Key": "open/a"})
assert s3.head_object(Bucket="second", Key="copy ä")["Metadata"] == {"who": "me"}
s3.copy_object(Bucket="second", Key="copy ä", CopySource={"Bucket": "second", "Key": "copy ä"},
               MetadataDirective="REPLACE", Metadata={"new": "1"})
assert s3.head_object(Bucket="second", Key="copy ä")["Metadata"] == {"new": "1"}
refused(s3.copy_object, "InvalidRequest", Bucket="second", Key="copy ä", CopySource={"Bucket": "second", "Key": "copy ä"})
refused(s3.copy_object, "NoSuchKey", Bucket="second", Key="x", CopySource={"Bucket": "first", "Key": "absent"})

# Listings.
for key in ("l/1", "l/2/a", "l/2/b", "l/3", "l/ö %+", "m"):
    s3.put_object(Bucket="second", Key=key, Body=b"")
page = s3.list_objects_v2(Bucket="second", Prefix="l/", Delimiter="/")
assert [o["Key"] for o in page["Contents"]] == ["l/1", "l/3", "l/ö %+"] and page["CommonPrefixes"] == [{"Prefix": "l/2/"}]
assert page["KeyCount"] == 4
for name, size in (("list_objects_v2", "MaxKeys"), ("list_objects", "MaxKeys")):
    pages = s3.get_paginator(name).paginate(Bucket="second", Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 1})
    keys = [e.get("Key") or e.get("Prefix") for p in pages for e in p.get("Contents", []) + p.get("CommonPrefixes", [])]
    assert keys == ["l/1", "l/2/", "l/3", "l/ö %+"], (name, keys)
assert [o["Key"] for o in s3.list_objects(Bucket="second", Marker="l/3", Prefix="l/")["Contents"]] == ["l/ö %+"]
assert [o["Key"] for o in s3.list_objects_v2(Bucket="second", StartAfter="l/ö")["Contents"]] == ["l/ö %+", "m"]

# Multipart uploads.
big = os.urandom(12 * 1024 * 1024)
s3.upload_fileobj(io.BytesIO(big), "first", "big")
head = s3.head_object(Bucket="first", Key="big", PartNumber=1)
assert head["PartsCount"] == 2 and head["ContentLength"] == 8 * 1024 * 1024, head
out = io.BytesIO(); s3.download_fileobj("first", "big", out)
assert out.getvalue() == big
for algorithm, kind in (("CRC32", "FULL_OBJECT"), ("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE")):
    upload = s3.create_multipart_upload(Bucket="first", Key="mp", ChecksumAlgorithm=algorithm, ChecksumType=kind)["UploadId"]
    one = s3.upload_part(Bucket="first", Key="mp", UploadId=upload, PartNumber=1, Body=big[:5 << 20], ChecksumAlgorithm=algorithm)
    two = s3.upload_part(Bucket="first", Key="mp", UploadId=upload, PartNumber=2, Body=b"tail", ChecksumAlgorithm=algorithm)
    name = "Checksum" + algorithm
    parts = [{"PartNumber": n, "ETag": p["ETag"], name: p[name]} for n, p in ((1, one), (2, two))]
    listed = s3.list_parts(Bucket="first", Key="mp", UploadId=upload)["Parts"]
    assert [p["Size"] for p in listed] == [5 << 20, 4]
    assert s3.list_multipart_uploads(Bucket="first")["Uploads"][0]["Key"] == "mp"
    done = s3.complete_multipart_upload(Bucket="first", Key="mp", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"') and done["ChecksumType"] == kind, done
    assert s3.get_object(Bucket="first", Key="mp")["Body"].read() == big[:5 << 20] + b"tail"
upload = s3.create_multipart_upload(Bucket="first", Key="mp2")["UploadId"]
refused(s3.delete_bucket, "BucketNotEmpty", Bucket="first")
one = s3.upload_part_copy(Bucket="first", Key="mp2", UploadId=upload, PartNumber=1, CopySource="first/big",
                          CopySourceRange="bytes=0-9")["CopyPartResult"]
two = s3.upload_part(Bucket="first", Key="mp2", UploadId=upload, PartNumber=2, Body=b"x")
both = {"Parts": [{"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["ETag"]}]}
refused(s3.complete_multipart_upload, "EntityTooSmall", Bucket="first", Key="mp2", UploadId=upload, MultipartUpload=both)
s3.abort_multipart_upload(Bucket="first", Key="mp2", UploadId=upload)
refused(s3.list_parts, "NoSuchUpload", Bucket="first", Key="mp2", UploadId=upload)

# Policies and callers.
refused(s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket="first")
refused(s3.put_bucket_policy, "MalformedPolicy", Bucket="first", Policy='{"Statement": []}')
refused(s3.put_bucket_policy, "MalformedPolicy", Bucket="first", Policy='nonsense')
anonymous = client(config={"signature_version": UNSIGNED})
refused(anonymous.get_object, "AccessDenied", Bucket="first", Key="open/a")
policy = '''{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::first/open/*"},
 {"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::first/kept"}]}'''
refused(s3.put_bucket_policy, "AccessDenied", Bucket="first", Policy=policy)
s3.delete_public_access_block(Bucket="first")
s3.put_bucket_policy(Bucket="first", Policy=policy)
assert s3.get_bucket_policy(Bucket="first")["Policy"] == policy
assert s3.get_bucket_policy_status(Bucket="first")["PolicyStatus"]["IsPublic"] is True
assert anonymous.get_object(Bucket="first", Key="open/a")["Body"].read() == b"0123456789"
refused(anonymous.get_object, "AccessDenied", Bucket="first", Key="open/absent")
s3.put_object(Bucket="first", Key="kept", Body=b"")
refused(s3.delete_object, "AccessDenied", Bucket="first", Key="kept")
deletion = s3.delete_objects(Bucket="first", Delete={"Objects": [{"Key": "kept"}, {"Key": "sum"}, {"Key": "absent"}]})
assert [d["Key"] for d in deletion["Deleted"]] == ["sum", "absent"] and deletion["Errors"][0]["Code"] == "AccessDenied"
reader = client(aws_access_key_id=os.environ["READER_ID"], aws_secret_access_key=os.environ["READER_SECRET"])
assert reader.get_object(Bucket="first", Key="big", Range="bytes=0-0")["ContentLength"] == 1
assert reader.list_objects_v2(Bucket="first", Prefix="open/")["KeyCount"] == 1
refused(reader.list_objects_v2, "AccessDenied", Bucket="first", Prefix="k")
refused(reader.get_object, "AccessDenied", Bucket="first", Key="absent")
refused(reader.put_object, "AccessDenied", Bucket="first", Key="x", Body=b"")
refused(reader.copy_object, "AccessDenied", Bucket="first", Key="x", CopySource="second/m")
refused(reader.list_buckets, "AccessDenied")
s3.delete_bucket_policy(Bucket="first")

# Signatures.
for version in ("s3", "s3v4"):
    signer = client(config={"signature_version": version})
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "first", "Key": "open/a"})
    assert urllib.request.urlopen(url).read() == b"0123456789"
    put_url = signer.generate_presigned_url("put_object", Params={"Bucket": "first", "Key": "presigned"})
    request = urllib.request.Request(put_url, b"via url", {"Content-Type": ""}, method="PUT")
    assert urllib.request.urlopen(request).status == 200
    stale = signer.generate_presigned_url("get_object", Params={"Bucket": "first", "Key": "open/a"}, ExpiresIn=-10)
    for bad in (url.replace("ignature=", "ignature=A"), stale):
        try:
            urllib.request.urlopen(bad)
            raise AssertionError(bad)
        except urllib.error.HTTPError as error:
            assert error.code in (400, 403), error.read()
legacy = client(config={"signature_version": "s3"})
legacy.put_object(Bucket="first", Key="legacy", Body=b"x")
wrong = client(aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
refused(wrong.put_object, "SignatureDoesNotMatch", Bucket="first", Key="k", Body=b"")
unknown = client(aws_secret_access_key="x", aws_access_key_id="AKIAUNKNOWN")
answer = refused(unknown.get_object, "InvalidAccessKeyId", Bucket="first", Key="k")
assert answer["Error"]["Message"] == "The AWS Access Key Id you provided does not exist in our records."
session = client(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
                 aws_session_token="token")
refused(session.list_buckets, "InvalidToken")

# The end.
for bucket in ("first", "second"):
    keys = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)
assert s3.list_buckets()["Buckets"] == []
