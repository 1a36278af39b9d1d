//! Chains as real events make them.

use super::*;
use serde_json::{Value, json};
use std::convert::Infallible;

type World = Ledger<Box<dyn FnMut(&[String]) -> Result<Vec<Activity>, Infallible>>>;

/// A ledger of these events; what keys did is counted from the same.
fn world(records: &[Value]) -> World {
    let events: Vec<Event> = records.iter().map(|r| Event::read(r.to_string().as_bytes()).expect("an object")).collect();
    let all = events.clone();
    let count = move |keys: &[String]| {
        let of = |key: &String| {
            let made: Vec<&Event> = all.iter().filter(|event| event.identity.access_key.as_ref() == Some(key)).collect();
            Activity {
                events: made.len() as u64,
                errors: made.iter().filter(|event| event.error.is_some()).count() as u64,
                first: made.first().map(|event| event.time_text.clone()),
                last: made.last().map(|event| event.time_text.clone()),
                operations: Vec::new(),
            }
        };
        Ok(keys.iter().map(of).collect())
    };
    let mut ledger: World = Ledger::new(Box::new(count));
    events.into_iter().for_each(|event| ledger.add(event));
    ledger
}

fn event(id: &str, second: u32, name: &str, identity: Value) -> Value {
    json!({"eventID": id, "eventTime": format!("2026-11-21T10:00:{second:02}Z"), "eventName": name,
        "eventSource": "sts.amazonaws.com", "recipientAccountId": "111111111111", "userIdentity": identity})
}

fn issuing(id: &str, second: u32, name: &str, identity: Value, key: &str, arn: &str) -> Value {
    let mut event = event(id, second, name, identity);
    event["responseElements"] = json!({"credentials": {"accessKeyId": key}, "assumedRoleUser": {"arn": arn}});
    event
}

fn user(key: &str) -> Value {
    json!({"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/alice", "userName": "alice", "accessKeyId": key,
        "accountId": "111111111111"})
}

fn role(name: &str, key: &str, created_second: u32) -> Value {
    json!({"type": "AssumedRole", "arn": session(name), "principalId": format!("AROA{name}:s"), "accessKeyId": key,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::111111111111:role/{name}")},
            "attributes": {"creationDate": format!("2026-11-21T10:00:{created_second:02}Z"), "mfaAuthenticated": "true"}}})
}

fn session(name: &str) -> String {
    format!("arn:aws:sts::111111111111:assumed-role/{name}/s")
}

fn traced(records: &[Value], id: &str) -> Lineage {
    let lineage = trace(&mut world(records), id).expect("there is such an event");
    let json = serde_json::to_string(&lineage).expect("written");
    assert_eq!(serde_json::from_str::<Lineage>(&json).expect("read"), lineage);
    assert!(!render(&lineage).is_empty());
    lineage
}

#[test]
fn a_role_chain_leads_back_to_its_user_and_forward_to_what_was_done() {
    let lineage = traced(
        &[
            event(
                "made",
                0,
                "CreateAccessKey",
                json!({"type": "Root", "arn": "arn:aws:iam::111111111111:root", "accessKeyId": "AKIAROOT"}),
            ),
            issuing("1", 1, "AssumeRole", user("AKIAALICE"), "ASIAA", &session("a")),
            issuing("2", 2, "AssumeRole", role("a", "ASIAA", 1), "ASIAB", &session("b")),
            event("3", 3, "GetObject", role("b", "ASIAB", 2)),
            issuing("4", 4, "AssumeRole", role("b", "ASIAB", 2), "ASIAC", &session("c")),
            event("5", 5, "DeleteBucket", role("c", "ASIAC", 4)),
        ],
        "3",
    );
    assert!(lineage.broken.is_none());
    assert_eq!((lineage.origin.kind, lineage.origin.name.as_str()), (OriginKind::User, "arn:aws:iam::111111111111:user/alice"));
    let steps: Vec<_> = lineage.chain.iter().map(|link| (link.issued_by.id.as_str(), link.known_by)).collect();
    assert_eq!(steps, [("2", Certainty::AccessKey), ("1", Certainty::AccessKey)]);
    assert_eq!(lineage.caller.mfa, Some(true));
    let done = lineage.session.expect("credentials of its own");
    assert_eq!((done.access_key_id.as_str(), done.events, done.opened.len()), ("ASIAB", 2, 1));
    assert_eq!((done.opened[0].name.as_str(), done.opened[0].events), (session("c").as_str(), 1));
    assert_eq!(done.opened[0].opened_by.as_ref().map(|by| by.id.as_str()), Some("4"));
}

#[test]
fn origins_are_told_apart() {
    let check = |identity: Value, extra: Value, kind: OriginKind, name: &str| {
        let mut opening = issuing("1", 1, "AssumeRoleWithSAML", identity, "ASIAA", &session("a"));
        opening.as_object_mut().expect("object").extend(extra.as_object().cloned().unwrap_or_default());
        let lineage = traced(&[opening, event("2", 2, "X", role("a", "ASIAA", 1))], "2");
        assert_eq!((lineage.origin.kind, lineage.origin.name.as_str()), (kind, name));
        assert!(lineage.broken.is_none() == (kind != OriginKind::OtherAccount));
    };
    let saml =
        json!({"type": "SAMLUser", "principalId": "x:bob@example.com", "userName": "bob@example.com", "identityProvider": "x"});
    check(saml, json!({}), OriginKind::Federated, "bob@example.com");
    let web = json!({"type": "WebIdentityUser", "userName": "sub", "identityProvider": "accounts.google.com"});
    check(web, json!({}), OriginKind::Federated, "sub");
    let service = json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"});
    check(service.clone(), json!({"requestParameters": {"roleSessionName": "i-012"}}), OriginKind::Workload, "i-012");
    check(service, json!({}), OriginKind::Service, "ec2.amazonaws.com");
    check(json!({"type": "Root", "arn": "arn:root", "accessKeyId": "AKIAR"}), json!({}), OriginKind::Root, "arn:root");
    let foreign = json!({"type": "AWSAccount", "accountId": "222222222222", "principalId": "AROAX:ext"});
    check(foreign, json!({"sharedEventID": "s"}), OriginKind::OtherAccount, "AROAX:ext of account 222222222222");
}

#[test]
fn copies_of_other_accounts_tell_who_called() {
    let mut owners = issuing("1", 1, "AssumeRole", json!({"type": "AWSAccount", "accountId": "2"}), "ASIAA", &session("a"));
    let mut callers = issuing("2", 1, "AssumeRole", user("AKIAALICE"), "ASIAA", &session("a"));
    owners["sharedEventID"] = "s".into();
    callers["sharedEventID"] = "s".into();
    // The caller's copy may lack the answer.
    callers["responseElements"] = Value::Null;
    let lineage = traced(&[owners, callers, event("3", 3, "X", role("a", "ASIAA", 1))], "3");
    assert_eq!((lineage.origin.kind, lineage.chain[0].known_by), (OriginKind::User, Certainty::SharedEvent));
    assert_eq!(lineage.chain[0].issued_by.id, "2");
}

#[test]
fn without_a_key_the_name_and_the_second_decide_unless_they_are_ambiguous() {
    let mut used = event("9", 9, "X", role("a", "", 1));
    used["userIdentity"]["accessKeyId"] = Value::Null;
    let one = issuing("1", 1, "AssumeRole", user("AKIAALICE"), "ASIAA", &session("a"));
    let lineage = traced(&[one.clone(), used.clone()], "9");
    assert_eq!((lineage.origin.kind, lineage.chain[0].known_by), (OriginKind::User, Certainty::NameAndTime));
    assert!(lineage.session.is_none());
    let mut other = user("AKIABOB");
    other["arn"] = "arn:aws:iam::111111111111:user/bob".into();
    let lineage = traced(&[one, issuing("2", 2, "AssumeRole", other, "ASIAB", &session("a")), used], "9");
    assert!(lineage.chain.is_empty());
    assert!(lineage.broken.expect("broken").reason.contains("is not here"));
}

#[test]
fn a_break_says_what_is_missing_and_what_the_session_tells() {
    let mut used = event("9", 9, "X", role("AWSReservedSSO_admin", "ASIAA", 1));
    used["userIdentity"]["sessionContext"]["sourceIdentity"] = "carol".into();
    used["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = "arn:aws:iam::1:role/x/AWSReservedSSO_admin".into();
    let lineage = traced(&[used.clone()], "9");
    let broken = lineage.broken.clone().expect("broken");
    assert_eq!(broken.reason, "the event that gave out ASIAA at about 2026-11-21T10:00:01Z is not here");
    assert!(broken.told.contains(&"source identity carol".to_owned()), "{broken:?}");
    assert!(broken.told.contains(&"a role of single sign-on: the session name is the user's".to_owned()), "{broken:?}");
    assert_eq!(lineage.origin.kind, OriginKind::Unknown);
    assert!(render(&lineage).contains("not proved"));
    // A workload that the context names is one all the same.
    used["userIdentity"]["inScopeOf"] = json!({"credentialsIssuedTo": "arn:aws:lambda:r:1:function:f"});
    let lineage = traced(&[used], "9");
    assert_eq!((lineage.origin.kind, lineage.origin.name.as_str()), (OriginKind::Workload, "arn:aws:lambda:r:1:function:f"));
    assert!(lineage.broken.is_none());
}

#[test]
fn sessions_of_users_are_theirs() {
    // A token of the user's own, a federated user, a console session: each begun in an event, and not.
    let mut token = user("ASIAT");
    token["sessionContext"] = json!({"attributes": {"creationDate": "2026-11-21T10:00:01Z", "mfaAuthenticated": "true"}});
    let begun = issuing("1", 1, "GetSessionToken", user("AKIAALICE"), "ASIAT", "");
    let made = json!({"eventID": "k", "eventTime": "2026-11-20T10:00:00Z", "eventName": "CreateAccessKey",
        "userIdentity": {"type": "IAMUser", "arn": "arn:mallory", "accessKeyId": "AKIAM"},
        "responseElements": {"accessKey": {"accessKeyId": "AKIAALICE"}}});
    let lineage = traced(&[made, begun, event("2", 2, "X", token.clone())], "2");
    assert_eq!((lineage.origin.kind, lineage.chain.len()), (OriginKind::User, 1));
    assert_eq!(lineage.origin.key_created_by.expect("made here").by.name, "arn:mallory");
    let lineage = traced(&[event("2", 2, "X", token.clone())], "2");
    assert_eq!((lineage.origin.kind, lineage.broken), (OriginKind::User, None));
    let mut sign_in = event("0", 0, "ConsoleLogin", user(""));
    sign_in["responseElements"] = json!({"ConsoleLogin": "Success"});
    let lineage = traced(&[sign_in, event("2", 2, "X", token)], "2");
    assert_eq!((lineage.origin.kind, lineage.chain[0].known_by), (OriginKind::User, Certainty::SignIn));
    let federated = json!({"type": "FederatedUser", "arn": "arn:f", "accessKeyId": "ASIAF",
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": "arn:alice"}}});
    let lineage = traced(&[event("2", 2, "X", federated)], "2");
    assert_eq!((lineage.origin.kind, lineage.origin.name.as_str()), (OriginKind::User, "arn:alice"));
}

#[test]
fn impossible_chains_end() {
    let a = issuing("1", 1, "AssumeRole", role("b", "ASIAB", 1), "ASIAA", &session("a"));
    let b = issuing("2", 2, "AssumeRole", role("a", "ASIAA", 1), "ASIAB", &session("b"));
    let lineage = traced(&[a, b, event("3", 3, "X", role("a", "ASIAA", 1))], "3");
    assert!(lineage.broken.expect("broken").reason.contains("opened a session with itself"));
    let many: Vec<Value> = (0..100)
        .map(|n| {
            issuing(&n.to_string(), 1, "AssumeRole", role("r", &format!("ASIA{n}"), 1), &format!("ASIA{}", n + 1), &session("r"))
        })
        .collect();
    let lineage = traced(&many, "99");
    assert!(lineage.broken.expect("broken").reason.contains("more than 32 steps"));
    let lineage = traced(&many, "0");
    assert_eq!(lineage.sessions_left_out, 1);
    assert!(matches!(trace(&mut world(&many), "none"), Err(TraceError::NoSuchEvent(_))));
    let odd = json!({"eventID": "x", "userIdentity": "x", "responseElements": ["y"], "requestParameters": 7});
    assert_eq!(traced(&[odd], "x").origin.kind, OriginKind::Unknown);
    let service = json!({"eventID": "x", "userIdentity": {"accountId": "1", "invokedBy": "AWS Internal"}});
    assert_eq!(traced(&[service], "x").origin.name, "AWS Internal");
}

#[test]
fn clues_are_queries() {
    let check = |clue: Clue, expect: &str| {
        let text = clue.query().to_string();
        assert_eq!(text, expect);
        assert_eq!(opentrail_query::Query::parse(&text).expect("parses"), clue.query());
    };
    check(Clue::Id("a b".into()), "eventID:\"a b\"");
    check(Clue::Shared("s".into()), "sharedEventID:s");
    opentrail_query::Query::parse(KEEPS).expect("parses");
    for clue in [Clue::Issued("k".into()), Clue::OpenedBy("k".into())] {
        opentrail_query::Query::parse(&clue.query().to_string()).expect("parses");
    }
}
