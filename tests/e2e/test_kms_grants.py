"""Grants of KMS keys with boto3 and the AWS CLI: who may use a key because of one, under which context, and how it ends."""

import json

import pytest
from botocore.exceptions import ClientError

from server import ACCOUNT
from test_accounts import create_account
from test_sts import document, make_user, refused, with_session

OTHER = "555555555555"
USE = ["Encrypt", "Decrypt"]


def arn(name):
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def message(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def world(shared):
    """The server, root's client, two users without policies and their keys."""
    return shared, shared.client("kms"), {name: make_user(shared, name) for name in ("ann", "bob")}


def test_a_grant_needs_no_policy_and_ends_when_it_is_revoked(world):
    server, kms, users = world
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ann = server.client("kms", key=users["ann"])
    assert "no identity-based policy allows the kms:Encrypt action" in message(ann.encrypt, KeyId=key, Plaintext=b"x")
    made = server.aws("kms", "create-grant", "--key-id", key, "--grantee-principal", arn("ann"), "--operations", *USE, "DescribeKey",
                      "--retiring-principal", arn("bob"), "--name", "for-ann")
    again = kms.create_grant(KeyId=key, GranteePrincipal=arn("ann"), RetiringPrincipal=arn("bob"), Name="for-ann",
                             Operations=[*USE, "DescribeKey"])
    assert again["GrantId"] == made["GrantId"]
    sealed = ann.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[made["GrantToken"]])["CiphertextBlob"]
    assert ann.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert ann.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
    assert "no identity-based policy allows the kms:GenerateDataKey action" in message(
        ann.generate_data_key, KeyId=key, KeySpec="AES_256")
    assert refused(server.client("kms", key=users["bob"]).decrypt, CiphertextBlob=sealed) == "AccessDeniedException"
    assert refused(ann.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=["nonsense"]) == "InvalidGrantTokenException"
    listed = server.aws("kms", "list-grants", "--key-id", key)["Grants"]
    assert [(one["GrantId"], one["GranteePrincipal"], one["RetiringPrincipal"], one["Name"], one["IssuingAccount"]) for one in listed] == [
        (made["GrantId"], arn("ann"), arn("bob"), "for-ann", f"arn:aws:iam::{ACCOUNT}:root")]
    record = server.recorded("CreateGrant", lambda record: record["requestParameters"].get("name") == "for-ann")
    assert record["requestParameters"]["granteePrincipal"] == arn("ann")
    assert record["responseElements"]["grantId"] == made["GrantId"] and made["GrantToken"] not in json.dumps(record)

    # A deny is above a grant.
    iam = server.client("iam")
    iam.put_user_policy(UserName="ann", PolicyName="no", PolicyDocument=document(
        {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}))
    assert "explicit deny in an identity-based policy" in message(ann.decrypt, CiphertextBlob=sealed)
    iam.delete_user_policy(UserName="ann", PolicyName="no")
    server.restart()
    kms, ann = server.client("kms"), server.client("kms", key=users["ann"])
    assert ann.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    server.aws("kms", "revoke-grant", "--key-id", key, "--grant-id", made["GrantId"])
    assert refused(ann.decrypt, CiphertextBlob=sealed) == "AccessDeniedException"
    assert refused(kms.revoke_grant, KeyId=key, GrantId=made["GrantId"]) == "NotFoundException"
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_constraints_hold_for_the_encryption_context(world):
    server, _, users = world
    kms, ann = server.client("kms"), server.client("kms", key=users["ann"])
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    context = {"Department": "audit", "Case": "7"}
    for kind, good, bad in (("EncryptionContextSubset", context, {"Department": "sales"}),
                            ("EncryptionContextEquals", {"Department": "audit"}, context)):
        grant = kms.create_grant(KeyId=key, GranteePrincipal=arn("ann"), Operations=[*USE, "DescribeKey"],
                                 Constraints={kind: {"Department": "audit"}})["GrantId"]
        sealed = ann.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=good)["CiphertextBlob"]
        assert ann.decrypt(CiphertextBlob=sealed, EncryptionContext=good)["Plaintext"] == b"x"
        assert refused(ann.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=bad) == "AccessDeniedException"
        assert refused(ann.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
        ann.describe_key(KeyId=key)
        record = server.recorded("CreateGrant", lambda record: kind[0].lower() + kind[1:] in record["requestParameters"].get("constraints", {}))
        assert list(record["requestParameters"]["constraints"].values()) == [{"Department": "audit"}]
        kms.revoke_grant(KeyId=key, GrantId=grant)


def test_grants_are_retired_by_whom_they_name(world):
    server, _, users = world
    kms, ann, bob = server.client("kms"), server.client("kms", key=users["ann"]), server.client("kms", key=users["bob"])
    key = kms.create_key()["KeyMetadata"]
    make = lambda *operations, **more: kms.create_grant(
        KeyId=key["KeyId"], GranteePrincipal=arn("ann"), Operations=[*USE, *operations], **more)
    by_bob, by_ann, by_root = make(RetiringPrincipal=arn("bob")), make("RetireGrant"), make()
    retirable = server.aws("kms", "list-retirable-grants", "--retiring-principal", arn("bob"))["Grants"]
    assert [one["GrantId"] for one in retirable] == [by_bob["GrantId"]]
    for who, grant in ((ann, by_bob), (bob, by_ann), (bob, by_root), (ann, by_root)):
        assert refused(who.retire_grant, GrantToken=grant["GrantToken"]) == "AccessDeniedException"
    bob.retire_grant(GrantToken=by_bob["GrantToken"])
    ann.retire_grant(KeyId=key["Arn"], GrantId=by_ann["GrantId"])
    kms.retire_grant(GrantToken=by_root["GrantToken"])
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    assert refused(kms.retire_grant, GrantToken=by_bob["GrantToken"]) == "InvalidGrantTokenException"


def test_grants_made_by_a_grant_are_no_wider(world):
    server, _, users = world
    kms, ann, bob = server.client("kms"), server.client("kms", key=users["ann"]), server.client("kms", key=users["bob"])
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_grant(KeyId=key, GranteePrincipal=arn("ann"), Operations=["Decrypt", "CreateGrant"],
                     Constraints={"EncryptionContextSubset": {"a": "1"}})
    child = {"KeyId": key, "GranteePrincipal": arn("bob"), "Operations": ["Decrypt"]}
    assert refused(ann.create_grant, **child) == "AccessDeniedException"
    assert refused(ann.create_grant, **child | {"Operations": ["Encrypt"]}, Constraints={"EncryptionContextSubset": {"a": "1"}}) \
        == "AccessDeniedException"
    ann.create_grant(**child, Constraints={"EncryptionContextSubset": {"a": "1", "b": "2"}})
    context = {"a": "1", "b": "2", "c": "3"}
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    assert bob.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"x"


def test_a_grant_reaches_into_another_account_and_into_s3(world):
    server, _, users = world
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    root = create_account(server, "other-side", "--account-id", OTHER)
    carol = make_user(server, "carol", key=root)
    theirs = server.client("kms", key=carol)
    assert refused(theirs.encrypt, KeyId=key["Arn"], Plaintext=b"x") == "AccessDeniedException"
    kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=f"arn:aws:iam::{OTHER}:user/carol", Operations=USE)
    sealed = theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]
    assert theirs.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"

    s3 = server.client("s3")
    s3.create_bucket(Bucket="under-a-key")
    s3.put_object(Bucket="under-a-key", Key="o", Body=b"sealed", ServerSideEncryption="aws:kms", SSEKMSKeyId=key["KeyId"])
    server.client("iam").put_user_policy(UserName="ann", PolicyName="read", PolicyDocument=document(
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::under-a-key/*"}))
    reader = server.client("s3", key=users["ann"])
    assert refused(reader.get_object, Bucket="under-a-key", Key="o") == "AccessDenied"
    kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=arn("ann"), Operations=["Decrypt"],
                     Constraints={"EncryptionContextSubset": {"aws:s3:arn": "arn:aws:s3:::under-a-key/o"}})
    assert reader.get_object(Bucket="under-a-key", Key="o")["Body"].read() == b"sealed"


def test_what_is_not_a_grant_is_refused(world):
    server, _, _ = world
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    good = {"KeyId": key, "GranteePrincipal": arn("ann"), "Operations": USE}
    for code, wrong in (
        ("InvalidArnException", {"GranteePrincipal": "*"}),
        ("InvalidArnException", {"GranteePrincipal": "arn:aws:iam::123456789012:user/*"}),
        ("InvalidArnException", {"GranteePrincipal": "arn:aws:s3:::bucket"}),
        ("InvalidArnException", {"RetiringPrincipal": "arn:aws:iam::123:root"}),
        ("ValidationException", {"Operations": ["Sign"]}),
        ("ValidationException", {"Operations": []}),
        ("ValidationException", {"Name": "a b"}),
        ("ValidationException", {"Constraints": {"EncryptionContextSubset": {}}}),
        ("ValidationException", {"Constraints": {"EncryptionContextSubset": {"a": "b"}, "EncryptionContextEquals": {"a": "b"}}}),
        ("NotFoundException", {"KeyId": "12345678-1234-1234-1234-123456789012"}),
    ):
        assert refused(kms.create_grant, **good | wrong) == code, wrong
    assert refused(kms.create_grant, **good, DryRun=True) == "DryRunOperationException"
    kms.disable_key(KeyId=key)
    assert refused(kms.create_grant, **good) == "DisabledException"
    kms.enable_key(KeyId=key)
    many = [kms.create_grant(**good)["GrantId"] for _ in range(5)]
    pages = list(kms.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 2}))
    assert [len(page["Grants"]) for page in pages] == [2, 2, 1]
    assert sorted(grant["GrantId"] for page in pages for grant in page["Grants"]) == sorted(many)
