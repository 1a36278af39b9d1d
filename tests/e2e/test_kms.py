"""KMS with the AWS CLI and boto3: keys, aliases, policies, what they encrypt, and what is recorded of it."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION, wait_for

ROOT_STATEMENT = {
    "Sid": "Enable IAM User Permissions", "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}


def code(call, *arguments, **options):
    with pytest.raises(ClientError) as refused:
        call(*arguments, **options)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def make_user(server, name, *statements):
    iam = server.client("iam")
    iam.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def allow(*actions, resource="*"):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def test_a_key_from_the_command_line(shared, tmp_path):
    key = shared.aws("kms", "create-key", "--description", "for tests", "--tags", "TagKey=team,TagValue=audit")["KeyMetadata"]
    assert key["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}"
    assert (key["KeyState"], key["KeyManager"], key["KeySpec"]) == ("Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT")
    shared.aws("kms", "create-alias", "--alias-name", "alias/cli", "--target-key-id", key["KeyId"])
    described = shared.aws("kms", "describe-key", "--key-id", "alias/cli")["KeyMetadata"]
    assert described["Description"] == "for tests" and described["KeyId"] == key["KeyId"]
    listed = shared.aws("kms", "list-aliases", "--key-id", key["KeyId"])["Aliases"]
    assert [alias["AliasName"] for alias in listed] == ["alias/cli"]
    assert {"KeyId": key["KeyId"], "KeyArn": key["Arn"]} in shared.aws("kms", "list-keys")["Keys"]
    tags = shared.aws("kms", "list-resource-tags", "--key-id", key["KeyId"])["Tags"]
    assert tags == [{"TagKey": "team", "TagValue": "audit"}]
    policy = json.loads(shared.aws("kms", "get-key-policy", "--key-id", key["KeyId"])["Policy"])
    assert policy["Statement"] == [ROOT_STATEMENT]

    sealed = shared.aws("kms", "encrypt", "--key-id", "alias/cli", "--plaintext", "secret",
                        "--encryption-context", "Purpose=test,b=2")
    blob = tmp_path / "blob"
    blob.write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    opened = shared.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}",
                        "--encryption-context", "b=2,Purpose=test")
    assert (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) == (b"secret", key["Arn"])
    refused = shared.run_aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}",
                             "--encryption-context", "Purpose=test")
    assert refused.returncode != 0 and "InvalidCiphertextException" in refused.stderr

    record = shared.recorded("Encrypt", lambda r: r["requestParameters"]["keyId"] == "alias/cli")
    assert record["requestParameters"] == {
        "keyId": "alias/cli", "encryptionContext": {"Purpose": "test", "b": "2"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
    assert record["readOnly"] is True and record["responseElements"] is None
    assert record["eventCategory"] == "Management" and record["eventSource"] == "kms.amazonaws.com"
    created = shared.recorded("CreateKey", lambda r: (r["responseElements"] or {}).get("keyMetadata", {}).get("keyId") == key["KeyId"])
    assert created["requestParameters"]["keySpec"] == "SYMMETRIC_DEFAULT" and created["readOnly"] is False
    decrypted = shared.recorded("Decrypt", lambda r: "errorCode" not in r)
    assert base64.b64encode(b"secret").decode() not in json.dumps([record, decrypted])


def test_data_keys_and_re_encryption(shared):
    kms = shared.client("kms")
    one, two = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    made = kms.generate_data_key(KeyId=one, KeySpec="AES_256", EncryptionContext={"a": "1"})
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "1"})["Plaintext"] == made["Plaintext"]
    hidden = kms.generate_data_key_without_plaintext(KeyId=one, NumberOfBytes=64)
    assert "Plaintext" not in hidden and len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 64
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext={"a": "1"},
                           DestinationKeyId=two, DestinationEncryptionContext={"b": "2"})
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"}, KeyId=two)
    assert opened["Plaintext"] == made["Plaintext"] and opened["KeyId"].endswith(two)
    assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16

    blob = moved["CiphertextBlob"]
    assert code(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"b": "2"}, KeyId=one)[0] == "IncorrectKeyException"
    assert code(kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionContext={"b": "2"})[0] == "InvalidCiphertextException"
    assert code(kms.decrypt, CiphertextBlob=b"nonsense")[0] == "InvalidCiphertextException"
    assert code(kms.encrypt, KeyId=one, Plaintext=b"x" * 4097)[0] == "ValidationException"
    assert code(kms.generate_data_key, KeyId=one)[0] == "ValidationException"
    assert code(kms.generate_data_key, KeyId=one, KeySpec="AES_256", DryRun=True)[0] == "DryRunOperationException"
    assert code(kms.encrypt, KeyId="alias/none", Plaintext=b"x") == (
        "NotFoundException", f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found.")
    assert code(kms.describe_key, KeyId="nonsense") == ("NotFoundException", "Invalid keyId 'nonsense'")
    missing = "12345678-1234-1234-1234-123456789012"
    assert code(kms.describe_key, KeyId=missing) == (
        "NotFoundException", f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/{missing}' does not exist")
    assert code(kms.create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")[0] == "UnsupportedOperationException"
    assert code(kms.sign, KeyId=one, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")[0] == "UnsupportedOperationException"
    assert code(kms.create_alias, AliasName="wrong", TargetKeyId=one)[0] == "ValidationException"
    assert code(kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=one)[0] == "NotAuthorizedException"
    kms.create_alias(AliasName="alias/twice", TargetKeyId=one)
    assert code(kms.create_alias, AliasName="alias/twice", TargetKeyId=two)[0] == "AlreadyExistsException"
    kms.update_alias(AliasName="alias/twice", TargetKeyId=two)
    assert kms.describe_key(KeyId="alias/twice")["KeyMetadata"]["KeyId"] == two
    kms.delete_alias(AliasName="alias/twice")
    assert code(kms.describe_key, KeyId="alias/twice")[0] == "NotFoundException"


def test_states(shared):
    kms = shared.client("kms")
    key = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    assert code(kms.decrypt, CiphertextBlob=blob) == ("DisabledException", f"{key['Arn']} is disabled.")
    assert code(kms.encrypt, KeyId=key["Arn"], Plaintext=b"x")[0] == "DisabledException"
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert code(kms.cancel_key_deletion, KeyId=key["KeyId"]) == (
        "KMSInvalidStateException", f"{key['Arn']} is not pending deletion.")
    assert code(kms.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=6)[0] == "ValidationException"
    scheduled = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert scheduled["KeyState"] == "PendingDeletion" and scheduled["PendingWindowInDays"] == 7
    assert code(kms.decrypt, CiphertextBlob=blob) == ("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    assert "DeletionDate" in kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    rotations = kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x", "old material keeps decrypting"
    again = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    assert kms.decrypt(CiphertextBlob=again["CiphertextBlob"])["KeyMaterialId"] == rotations[0]["KeyMaterialId"]
    kms.disable_key_rotation(KeyId=key["KeyId"])
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is False


def test_the_key_policy_decides(shared):
    kms = shared.client("kms")
    able = make_user(shared, "able", allow("kms:*"))
    named = make_user(shared, "named")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"project": "blue"})["CiphertextBlob"]
    context = {"project": "blue"}
    of_able, of_named = shared.client("kms", key=able), shared.client("kms", key=named)
    assert of_able.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    refusal, message = code(of_named.decrypt, CiphertextBlob=blob, EncryptionContext=context)
    assert refusal == "AccessDeniedException" and "is not authorized to perform: kms:Decrypt" in message
    shared.recorded("Decrypt", lambda r: r.get("errorCode") == "AccessDenied")

    only_named = {"Sid": "one", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/named"},
                  "Action": ["kms:Decrypt", "kms:PutKeyPolicy"], "Resource": "*",
                  "Condition": {"StringEquals": {"kms:EncryptionContext:project": "blue"}}}
    policy = lambda *statements: json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    assert code(kms.put_key_policy, KeyId=key, Policy=policy(only_named))[0] == "MalformedPolicyDocumentException"
    assert code(kms.put_key_policy, KeyId=key, Policy="{")[0] == "MalformedPolicyDocumentException"
    kms.put_key_policy(KeyId=key, Policy=policy(only_named), BypassPolicyLockoutSafetyCheck=True)
    assert of_named.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    assert code(of_able.decrypt, CiphertextBlob=blob, EncryptionContext=context)[0] == "AccessDeniedException"
    assert code(kms.describe_key, KeyId=key)[0] == "AccessDeniedException", "not even root, without the root statement"


def test_keys_survive_a_kill_and_their_material_is_sealed(make_server):
    server = make_server().start()
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    server.kill()
    files = list((server.data_dir / "keys/kms" / key).iterdir())
    assert len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600
    orphan = server.data_dir / "keys/kms" / "12345678-1234-1234-1234-123456789012"
    orphan.mkdir()
    (orphan / "left.sealed").write_bytes(b"left by a crash")
    server.start()
    assert server.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert not orphan.exists()


def test_root_keys_under_another_kms(make_server):
    outer = make_server("outer").start()
    key = outer.client("kms").create_key()["KeyMetadata"]["KeyId"]
    access, secret = outer.root_key()
    settings = {
        "OPENTRAIL_SEAL__KMS__ENDPOINT": outer.endpoint, "OPENTRAIL_SEAL__KMS__KEY_ID": key,
        "OPENTRAIL_SEAL__KMS__ACCESS_KEY_ID": access, "OPENTRAIL_SEAL__KMS__SECRET_ACCESS_KEY": secret}
    inner = make_server("inner", **settings).start()
    kms = inner.client("kms")
    mine = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=mine, Plaintext=b"x")["CiphertextBlob"]
    assert json.loads((inner.data_dir / "keys/root.key").read_text())["keys"][0]["protection"] == "kms"
    inner.restart()
    assert inner.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    inner.stop()
    outer.client("kms").disable_key(KeyId=key)
    with pytest.raises(AssertionError, match="DisabledException"):
        inner.start()
    inner.process.wait(timeout=20)
    inner.process = None
    outer.recorded("Decrypt", lambda r: r.get("errorCode") == "DisabledException")
