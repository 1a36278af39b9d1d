//! Policies attached to the caller: actions, resources, variables, boundary, session.

use super::*;

const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const READ: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;
const LIST: &str = r#"{"Effect":"Allow","Action":"s3:List*","Resource":"*"}"#;

/// Decides a request of user alice in her own account under identity statements.
#[track_caller]
fn check_alice(identity: &str, action: &str, resource: &str, expect: Decision) {
    let context: &[(&str, &[&str])] = &[("aws:username", &["alice"]), ("aws:PrincipalTag/team", &["*"])];
    let texts = Texts { identity: Some(identity), ..Texts::default() };
    check(texts, Ask { principal: &user("alice"), action, resource, owner: HOME, context }, expect);
}

/// One statement over S3 objects with this action element.
fn actions(element: &str) -> String {
    format!(r#"{{"Effect":"Allow",{element},"Resource":"*"}}"#)
}

/// One statement over S3 with this resource element.
fn resources(effect: &str, element: &str) -> String {
    format!(r#"{{"Effect":"{effect}","Action":"s3:*",{element}}}"#)
}

#[test]
fn actions_match_by_pattern_without_case() {
    let cases = [
        (r#""Action":"*""#, "s3:GetObject", Allowed),
        (r#""Action":"s3:*""#, "s3:GetObject", Allowed),
        (r#""Action":"S3:gEt*""#, "s3:GetObject", Allowed),
        (r#""Action":"s3:Get?bject""#, "s3:GetObject", Allowed),
        (r#""Action":"s3:Get?""#, "s3:GetObject", NO_IDENTITY),
        (r#""Action":"s3:*Acl""#, "s3:GetBucketAcl", Allowed),
        (r#""Action":["sns:*","s3:PutObject"]"#, "s3:PutObject", Allowed),
        (r#""Action":["sns:*","s3:PutObject"]"#, "s3:PutObjectAcl", NO_IDENTITY),
        (r#""Action":"s3-outposts:*""#, "s3:GetObject", NO_IDENTITY),
        (r#""NotAction":"iam:*""#, "s3:GetObject", Allowed),
        (r#""NotAction":["iam:*","s3:Get*"]"#, "s3:GetObject", NO_IDENTITY),
    ];
    for (element, action, expect) in cases {
        check_alice(&actions(element), action, "arn:aws:s3:::logs/a", expect);
    }
}

#[test]
fn resources_match_part_by_part() {
    let cases = [
        (r#""Resource":"arn:aws:s3:::logs/*""#, "arn:aws:s3:::logs/a/b:c", Allowed),
        (r#""Resource":"arn:aws:s3:::logs/*""#, "arn:aws:s3:::logs", NO_IDENTITY),
        (r#""Resource":"arn:aws:s3:::logs/*/x""#, "arn:aws:s3:::logs/a/b/x", Allowed),
        (r#""Resource":"arn:aws:s3:::LOGS/*""#, "arn:aws:s3:::logs/a", NO_IDENTITY),
        (r#""Resource":"arn:*:s3:::l?gs/a""#, "arn:aws:s3:::logs/a", Allowed),
        (r#""Resource":"arn:aws:s3:*:*:logs/a""#, "arn:aws:s3:::logs/a", Allowed),
        (r#""Resource":"arn:aws:*:*:*:queue""#, "arn:aws:sqs:eu-west-1:1:2:queue", NO_IDENTITY),
        (r#""Resource":"arn:aws:s3:::*""#, "*", NO_IDENTITY),
        (r#""Resource":"*""#, "*", Allowed),
        (r#""NotResource":"arn:aws:s3:::logs/*""#, "arn:aws:s3:::other/a", Allowed),
        (r#""NotResource":"arn:aws:s3:::logs/*""#, "arn:aws:s3:::logs/a", NO_IDENTITY),
    ];
    for (element, resource, expect) in cases {
        check_alice(&resources("Allow", element), "s3:GetObject", resource, expect);
    }
}

#[test]
fn variables_complete_resources() {
    let cases = [
        ("home/${aws:username}/*", "home/alice/x", Allowed),
        ("home/${aws:UserName}/*", "home/alice/x", Allowed),
        ("home/${aws:username}/*", "home/bob/x", NO_IDENTITY),
        ("home/${aws:PrincipalTag/team}/x", "home/red/x", NO_IDENTITY),
        ("home/${aws:PrincipalTag/team}/x", "home/*/x", Allowed),
        ("home/${aws:SourceIp}", "home/", NO_IDENTITY),
        ("home/${aws:SourceIp, 'nowhere'}", "home/nowhere", Allowed),
        ("home/${aws:username,'x'}", "home/alice", Allowed),
        ("a${*}b${?}c${$}{d}", "a*b?c${d}", Allowed),
        ("a${*}b", "axb", NO_IDENTITY),
    ];
    for (name, key, expect) in cases {
        let statement = resources("Allow", &format!(r#""Resource":"arn:aws:s3:::b/{name}""#));
        check_alice(&statement, "s3:GetObject", &format!("arn:aws:s3:::b/{key}"), expect);
    }
}

#[test]
fn old_versions_have_no_variables() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).expect("the policy is well-formed");
    let context = RequestContext::new().with("aws:username", "alice");
    let decide_key = |key: &str| {
        let resource = format!("arn:aws:s3:::b/{key}");
        let principal = user("alice");
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: &resource,
            resource_account: HOME,
            context: &context,
        };
        decide(&request, &Policies { identity: &[&document], ..Policies::default() })
    };
    assert_eq!(decide_key("alice"), NO_IDENTITY);
    assert_eq!(decide_key("${aws:username}"), Allowed);
}

#[test]
fn a_deny_wins() {
    let deny_logs = resources("Deny", r#""Resource":"arn:aws:s3:::logs/*""#);
    let deny_others = resources("Deny", r#""NotResource":"arn:aws:s3:::logs/*""#);
    check_alice(&format!("{ALL},{deny_logs}"), "s3:GetObject", "arn:aws:s3:::logs/a", DENY_IDENTITY);
    check_alice(&format!("{deny_logs},{ALL}"), "s3:GetObject", "arn:aws:s3:::other/a", Allowed);
    check_alice(&format!("{ALL},{deny_others}"), "s3:GetObject", "arn:aws:s3:::other/a", DENY_IDENTITY);
    check_alice(&format!("{ALL},{deny_others}"), "s3:GetObject", "arn:aws:s3:::logs/a", Allowed);
    let deny_not_read = r#"{"Effect":"Deny","NotAction":"s3:Get*","Resource":"*"}"#;
    check_alice(&format!("{ALL},{deny_not_read}"), "s3:GetObject", "arn:aws:s3:::logs/a", Allowed);
    check_alice(&format!("{ALL},{deny_not_read}"), "s3:PutObject", "arn:aws:s3:::logs/a", DENY_IDENTITY);
}

#[test]
fn boundary_and_session_narrow() {
    let deny_all = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let given = |identity, boundary, session| Texts { identity, boundary, session, ..Texts::default() };
    let by_boundary = Denied(Reason::ExplicitDeny(PolicySource::Boundary));
    let by_session = Denied(Reason::ExplicitDeny(PolicySource::Session));
    let alice = user("alice");
    check(given(Some(READ), Some(ALL), None), get_object(&alice), Allowed);
    check(given(Some(READ), Some(LIST), None), get_object(&alice), NO_BOUNDARY);
    check(given(None, Some(ALL), None), get_object(&alice), NO_IDENTITY);
    check(given(Some(READ), Some(deny_all), None), get_object(&alice), by_boundary);
    let session = role_session();
    check(given(Some(READ), None, None), get_object(&session), Allowed);
    check(given(Some(READ), None, Some(ALL)), get_object(&session), Allowed);
    check(given(Some(READ), None, Some(LIST)), get_object(&session), NO_SESSION);
    check(given(None, None, Some(ALL)), get_object(&session), NO_IDENTITY);
    check(given(Some(READ), None, Some(deny_all)), get_object(&session), by_session);
    check(given(Some(READ), None, None), get_object(&federated()), NO_SESSION);
    check(given(Some(READ), None, Some(ALL)), get_object(&federated()), Allowed);
}

#[test]
fn the_root_user_needs_no_policy_in_its_account() {
    check(Texts::default(), get_object(&root()), Allowed);
    check(Texts::default(), Ask { owner: AWAY, ..get_object(&root()) }, NO_RESOURCE);
    check(Texts::default(), get_object(&user("alice")), NO_IDENTITY);
    check(Texts::default(), get_object(&Principal::Anonymous), NO_RESOURCE);
}
