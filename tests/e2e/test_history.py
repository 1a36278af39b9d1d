"""The event history: what is in memory survives a kill, its files can go, and lookups can be extended."""

import shutil

from server import ACCOUNT, wait_for


def names(server, **request):
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate(**request)
    return [event["EventName"] for page in pages for event in page["Events"]]


def attributes(**wanted):
    return [{"AttributeKey": key, "AttributeValue": value} for key, value in wanted.items()]


def test_what_is_searchable_survives_a_kill_and_the_loss_of_the_files(make_server):
    server = make_server().start()
    iam = server.client("iam")
    for n in range(30):
        iam.create_user(UserName=f"user-{n}")
    created = lambda: server.lookup("CreateUser")
    records = wait_for("all users", lambda: len(created()) == 30 and created())
    server.kill()
    server.start()
    assert wait_for("all users again", lambda: len(created()) == 30 and created()) == records
    server.stop()
    shutil.rmtree(server.data_dir / "history")
    server.start()
    assert wait_for("a new index", lambda: len(created()) == 30 and created()) == records
    found = server.lookup(ResourceName="user-7")
    assert [record["requestParameters"]["userName"] for record in found] == ["user-7"]


def test_lookups_can_be_extended(make_server):
    server = make_server().start()
    cloudtrail = server.client("cloudtrail")
    server.client("iam").create_user(UserName="alice")
    cloudtrail.describe_trails()
    both = attributes(EventName="CreateUser", EventSource="iam.amazonaws.com")
    assert server.run_aws("cloudtrail", "lookup-events", "--lookup-attributes", *[
        f"AttributeKey={one['AttributeKey']},AttributeValue={one['AttributeValue']}" for one in both
    ]).returncode != 0

    server.restart(OPENTRAIL_HISTORY__EXTENDED_LOOKUP="true")
    assert wait_for("the user", lambda: names(server, LookupAttributes=both)) == ["CreateUser"]
    assert names(server, LookupAttributes=attributes(EventName="CreateUser", EventSource="sts.amazonaws.com")) == []
    found = server.aws("cloudtrail", "lookup-events", "--lookup-attributes", *[
        f"AttributeKey={one['AttributeKey']},AttributeValue={one['AttributeValue']}" for one in both
    ])
    assert [event["EventName"] for event in found["Events"]] == ["CreateUser"]
    refused = server.run_aws("cloudtrail", "lookup-events", "--event-category", "nonsense")
    assert "InvalidEventCategoryException" in refused.stderr
    assert ACCOUNT in found["Events"][0]["CloudTrailEvent"]
