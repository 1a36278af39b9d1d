//! Resource and trust policies: whom they name, within an account and between accounts.

use super::*;

const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const LIST: &str = r#"{"Effect":"Allow","Action":"s3:List*","Resource":"*"}"#;

const USER: &str = r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}"#;
const USER_ID: &str = r#""Principal":{"AWS":"AIDAEXAMPLEEXAMPLE12"}"#;
const ROLE: &str = r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/auditor"}"#;
const SESSION: &str = r#""Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/auditor/alice"}"#;
const FEDERATED: &str = r#""Principal":{"AWS":["arn:aws:sts::111122223333:federated-user/guest"]}"#;
const ROOT: &str = r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#;
const ACCOUNT: &str = r#""Principal":{"AWS":"111122223333"}"#;
const OTHER_ACCOUNT: &str = r#""Principal":{"AWS":"999999999999"}"#;
const EVERYONE: &str = r#""Principal":"*""#;

fn statement(effect: &str, principal: &str) -> String {
    format!(r#"{{"Effect":"{effect}",{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/*"}}"#)
}

#[test]
fn an_allow_by_the_resource_overrides_as_documented() {
    let (alice, session, guest, root) = (user("alice"), role_session(), federated(), root());
    // Columns: principal element, caller, then what follows from no identity policy, boundary LIST, session LIST.
    let cases = [
        (USER, &alice, Allowed, Allowed, None),
        (USER_ID, &alice, Allowed, Allowed, None),
        (ROLE, &session, Allowed, NO_BOUNDARY, Some(NO_SESSION)),
        (SESSION, &session, Allowed, Allowed, Some(Allowed)),
        (FEDERATED, &guest, Allowed, Allowed, Some(Allowed)),
        (ROOT, &alice, NO_IDENTITY, NO_IDENTITY, None),
        (ACCOUNT, &session, NO_IDENTITY, NO_IDENTITY, Some(NO_IDENTITY)),
        (EVERYONE, &alice, Allowed, NO_BOUNDARY, None),
        (OTHER_ACCOUNT, &alice, NO_IDENTITY, NO_IDENTITY, None),
        (OTHER_ACCOUNT, &root, Allowed, NO_BOUNDARY, None),
    ];
    for (principal, caller, plain, bounded, narrowed) in cases {
        let text = statement("Allow", principal);
        let texts = Texts { resource: Some(&text), ..Texts::default() };
        check(texts, get_object(caller), plain);
        check(Texts { boundary: Some(LIST), ..texts }, get_object(caller), bounded);
        if let Some(expect) = narrowed {
            check(Texts { session: Some(LIST), ..texts }, get_object(caller), expect);
        }
    }
}

#[test]
fn between_accounts_both_sides_allow() {
    let (alice, session, root) = (user("alice"), role_session(), root());
    // Columns: principal element, caller, with an identity policy, without.
    let cases = [
        (USER, &alice, Allowed, NO_IDENTITY),
        (ROOT, &alice, Allowed, NO_IDENTITY),
        (ACCOUNT, &session, Allowed, NO_IDENTITY),
        (ROLE, &session, Allowed, NO_IDENTITY),
        (SESSION, &session, Allowed, NO_IDENTITY),
        (EVERYONE, &alice, Allowed, NO_IDENTITY),
        (USER, &session, NO_RESOURCE, NO_IDENTITY),
        (OTHER_ACCOUNT, &alice, NO_RESOURCE, NO_IDENTITY),
        (ROOT, &root, Allowed, Allowed),
        (USER, &root, NO_RESOURCE, NO_RESOURCE),
    ];
    for (principal, caller, with_identity, without) in cases {
        let text = statement("Allow", principal);
        let texts = Texts { resource: Some(&text), ..Texts::default() };
        let ask = Ask { owner: AWAY, ..get_object(caller) };
        check(Texts { identity: Some(ALL), ..texts }, ask, with_identity);
        check(texts, ask, without);
    }
    let text = statement("Allow", SESSION);
    let texts = Texts { identity: Some(ALL), resource: Some(&text), ..Texts::default() };
    let ask = Ask { owner: AWAY, ..get_object(&session) };
    check(Texts { session: Some(LIST), ..texts }, ask, NO_SESSION);
    check(Texts { boundary: Some(LIST), ..texts }, ask, NO_BOUNDARY);
}

#[test]
fn a_deny_by_the_resource_reaches_everyone_it_names() {
    let (alice, session, root) = (user("alice"), role_session(), root());
    let both = |exempt: &str| format!(r#""NotPrincipal":{{"AWS":["111122223333",{exempt}]}}"#);
    let user_exempt = both(r#""arn:aws:iam::111122223333:user/alice""#);
    let role_only = both(r#""arn:aws:iam::111122223333:role/auditor""#);
    let session_exempt =
        both(r#""arn:aws:iam::111122223333:role/auditor","arn:aws:sts::111122223333:assumed-role/auditor/alice""#);
    let account_only = r#""NotPrincipal":{"AWS":"111122223333"}"#;
    let cases = [
        (USER, &alice, DENY_RESOURCE),
        (USER, &session, Allowed),
        (ROLE, &session, DENY_RESOURCE),
        (ROOT, &alice, DENY_RESOURCE),
        (ROOT, &root, DENY_RESOURCE),
        (EVERYONE, &root, DENY_RESOURCE),
        (OTHER_ACCOUNT, &alice, Allowed),
        (&user_exempt, &alice, Allowed),
        (&user_exempt, &session, DENY_RESOURCE),
        (account_only, &alice, DENY_RESOURCE),
        (account_only, &root, Allowed),
        (&role_only, &session, DENY_RESOURCE),
        (&session_exempt, &session, Allowed),
        (&user_exempt, &Principal::Anonymous, DENY_RESOURCE),
    ];
    for (principal, caller, expect) in cases {
        let text = statement("Deny", principal);
        check(Texts { identity: Some(ALL), resource: Some(&text), ..Texts::default() }, get_object(caller), expect);
    }
}

#[test]
fn anonymous_callers_and_services() {
    let any_service = r#""Principal":{"Service":"*"}"#;
    let not_alice = r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"}"#;
    let cases = [
        (EVERYONE, Principal::Anonymous, Allowed),
        (r#""Principal":{"AWS":"*"}"#, Principal::Anonymous, Allowed),
        (ROOT, Principal::Anonymous, NO_RESOURCE),
        (any_service, Principal::Anonymous, NO_RESOURCE),
        (any_service, cloudtrail(), Allowed),
        (EVERYONE, cloudtrail(), Allowed),
        (r#""Principal":{"Service":["sns.amazonaws.com","cloudtrail.amazonaws.com"]}"#, cloudtrail(), Allowed),
        (r#""Principal":{"CanonicalUser":"79a59df900b949e5"}"#, Principal::Anonymous, NO_RESOURCE),
        (not_alice, Principal::Anonymous, Allowed),
        (not_alice, user("alice"), NO_IDENTITY),
        (not_alice, user("bob"), Allowed),
    ];
    for (principal, caller, expect) in cases {
        let text = statement("Allow", principal);
        let caller = &caller;
        check(Texts { resource: Some(&text), ..Texts::default() }, get_object(caller), expect);
    }
}

#[test]
fn keys_and_roles_decide_for_themselves() {
    let (alice, root) = (user("alice"), root());
    let role = "arn:aws:iam::111122223333:role/auditor";
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    let assume = |principal| Ask { principal, action: "sts:AssumeRole", resource: role, owner: HOME, context: &[] };
    let decrypt = |principal| Ask { principal, action: "kms:Decrypt", resource: key, owner: HOME, context: &[] };
    let trust = |principal: &str| format!(r#"{{"Effect":"Allow",{principal},"Action":"sts:AssumeRole"}}"#);
    let key_policy = |principal: &str| format!(r#"{{"Effect":"Allow",{principal},"Action":"kms:*","Resource":"*"}}"#);
    // Columns: principal element, caller, with an identity policy, without.
    let cases = [
        (USER, &alice, Allowed, Allowed),
        (ROOT, &alice, Allowed, NO_IDENTITY),
        (ROLE, &alice, NO_RESOURCE, NO_RESOURCE),
        (USER, &root, NO_RESOURCE, NO_RESOURCE),
        (ROOT, &root, Allowed, Allowed),
    ];
    for (principal, caller, with_identity, without) in cases {
        let (trust, key_policy) = (trust(principal), key_policy(principal));
        for (identity, expect) in [(Some(ALL), with_identity), (None, without)] {
            check(Texts { identity, trust: Some(&trust), ..Texts::default() }, assume(caller), expect);
            check(Texts { identity, resource: Some(&key_policy), ..Texts::default() }, decrypt(caller), expect);
        }
    }
    let identity_only = Texts { identity: Some(ALL), ..Texts::default() };
    check(identity_only, assume(&alice), NO_RESOURCE);
    check(identity_only, Ask { action: "kms:ListKeys", resource: "*", ..decrypt(&alice) }, Allowed);
}

#[test]
fn the_messages_are_those_of_aws() {
    let principal = user("alice");
    let context = RequestContext::new();
    let request = Request {
        principal: &principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::logs/a",
        resource_account: HOME,
        context: &context,
    };
    let start = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:GetObject on resource: \
                 arn:aws:s3:::logs/a";
    let cases = [
        (Reason::NoIdentityAllow, "because no identity-based policy allows the s3:GetObject action"),
        (Reason::NoResourceAllow, "because no resource-based policy allows the s3:GetObject action"),
        (Reason::NoSessionAllow, "because no session policy allows the s3:GetObject action"),
        (Reason::NoBoundaryAllow, "because no permissions boundary allows the s3:GetObject action"),
        (Reason::ExplicitDeny(PolicySource::Identity), "with an explicit deny in an identity-based policy"),
        (Reason::ExplicitDeny(PolicySource::Resource), "with an explicit deny in a resource-based policy"),
        (Reason::ExplicitDeny(PolicySource::Session), "with an explicit deny in a session policy"),
        (Reason::ExplicitDeny(PolicySource::Boundary), "with an explicit deny in a permissions boundary"),
    ];
    for (reason, end) in cases {
        assert_eq!(reason.message(&request), format!("{start} {end}"));
    }
}
