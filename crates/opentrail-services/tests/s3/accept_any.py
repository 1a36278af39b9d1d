"""AuthMode::AcceptAny: wrong secrets, presigned addresses, chunked bodies."""
import http.client, os, sys, urllib.parse, urllib.request
try:
    import boto3, botocore.config
except ImportError:
    print("SKIPPED"); sys.exit(0)

s3 = boto3.client("s3", aws_access_key_id="nobody", aws_secret_access_key="wrong", region_name="us-east-1")
s3.create_bucket(Bucket="any-bucket")
s3.put_object(Bucket="any-bucket", Key="k", Body=b"x" * 100)
assert s3.get_object(Bucket="any-bucket", Key="k")["Body"].read() == b"x" * 100
v4 = boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1",
                  config=botocore.config.Config(signature_version="s3v4"))
for client in (s3, v4):
    url = client.generate_presigned_url("get_object", Params={"Bucket": "any-bucket", "Key": "k"})
    assert urllib.request.urlopen(url).read() == b"x" * 100

host = urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL"]).netloc
body = b"6\r\nhello\n\r\n0\r\nx-amz-checksum-crc32:NjowIA==\r\n\r\n"
def chunked(body):
    connection = http.client.HTTPConnection(host)
    connection.request("PUT", "/any-bucket/chunked", body, {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "6",
        "content-encoding": "gzip,aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32"})
    return connection.getresponse()
answer = chunked(body)
assert answer.status == 200, answer.read()
assert answer.headers["x-amz-checksum-crc32"] == "NjowIA=="
got = s3.get_object(Bucket="any-bucket", Key="chunked")
assert got["ContentEncoding"] == "gzip" and got["Body"].read() == b"hello\n"
answer = chunked(body.replace(b"hello", b"jello"))
assert answer.status == 400 and b"BadDigest" in answer.read()
