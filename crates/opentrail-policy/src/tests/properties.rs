//! What holds for all policies and all patterns.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::{PolicyText, text_matches};

/// The definition of a wildcard match, word for word; slow.
fn naive_match(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(('*', rest)), None) => naive_match(rest, text),
        (Some(('*', rest)), Some((_, shorter))) => naive_match(rest, text) || naive_match(pattern, shorter),
        (Some(_), None) => false,
        (Some((expected, rest)), Some((actual, shorter))) => {
            (*expected == '?' || expected == actual) && naive_match(rest, shorter)
        }
    }
}

/// The elements of a statement behind its effect and principal.
fn body() -> impl Strategy<Value = String> {
    let action = select(vec![
        r#""Action":"*""#,
        r#""Action":"s3:Get*""#,
        r#""Action":["s3:PutObject","sns:*"]"#,
        r#""NotAction":"s3:Put*""#,
    ]);
    let resource = select(vec![
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:s3:::logs/*""#,
        r#""Resource":"arn:aws:s3:::logs/${aws:username}/*""#,
        r#""NotResource":"arn:aws:s3:::logs/a/*""#,
    ]);
    let condition = select(vec![
        "{}",
        r#"{"StringEquals":{"aws:username":"alice"}}"#,
        r#"{"StringNotLike":{"aws:username":"a*"}}"#,
        r#"{"Null":{"aws:username":"true"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}"#,
    ]);
    (action, resource, condition).prop_map(|(a, r, c)| format!(r#"{a},{r},"Condition":{c}"#))
}

fn effect() -> impl Strategy<Value = &'static str> {
    select(vec!["Allow", "Allow", "Deny"])
}

/// The principal element with its comma, as it stands in a resource policy.
fn principal_element() -> impl Strategy<Value = &'static str> {
    select(vec![
        r#""Principal":"*","#,
        r#""Principal":{"AWS":"111122223333"},"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/auditor"},"#,
        r#""Principal":{"Service":"cloudtrail.amazonaws.com"},"#,
        r#""NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/alice"]},"#,
    ])
}

/// One statement; `None` as principal for identity policies.
fn statement(effect: &str, principal: Option<&str>, body: &str) -> String {
    format!(r#"{{"Effect":"{effect}",{}{body}}}"#, principal.unwrap_or_default())
}

fn identity_policy() -> impl Strategy<Value = Vec<String>> {
    let one = (effect(), body()).prop_map(|(effect, body)| statement(effect, None, &body));
    proptest::collection::vec(one, 1..4)
}

fn resource_policy() -> impl Strategy<Value = Vec<String>> {
    let one =
        (effect(), principal_element(), body()).prop_map(|(effect, principal, body)| statement(effect, Some(principal), &body));
    proptest::collection::vec(one, 1..4)
}

fn caller() -> impl Strategy<Value = Principal> {
    select(vec![user("alice"), user("bob"), role_session(), federated(), root(), cloudtrail(), Principal::Anonymous])
}

fn parse(statements: &[String], kind: PolicyKind) -> PolicyDocument {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    PolicyDocument::parse(&text, kind).expect("the generated policy is well-formed")
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab*?ü]{0,10}") {
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(text_matches(&pattern, &text), naive_match(&characters(&pattern), &characters(&text)));
    }

    #[test]
    fn any_text_parses_or_is_refused(text in "\\PC{0,200}") {
        for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust] {
            let _ = PolicyDocument::parse(&format!("{{{text}"), kind);
        }
    }

    #[test]
    fn a_deny_more_never_allows_more(
        (caller, owner) in (caller(), select(vec![HOME, AWAY])),
        action in select(vec!["s3:GetObject", "s3:PutObject"]),
        resource in select(vec!["arn:aws:s3:::logs/a/b", "arn:aws:s3:::logs/alice/b", "arn:aws:s3:::other/x"]),
        (identity, on_resource) in (identity_policy(), resource_policy()),
        (session, boundary) in (proptest::option::of(identity_policy()), proptest::option::of(identity_policy())),
        (name_known, target) in (any::<bool>(), 0..4_usize),
        (principal, body) in (principal_element(), body()),
    ) {
        let context = if name_known { RequestContext::new().with("aws:username", "alice") } else { RequestContext::new() };
        let request = Request { principal: &caller, action, resource, resource_account: owner, context: &context };
        // Decides with the deny appended to the policy with this number; number 4 does not exist.
        let decide_with_deny_in = |place: usize| {
            let parse_at = |number, statements: &[String], kind: PolicyKind| {
                let named = (kind == PolicyKind::Resource).then_some(principal);
                let extra = (number == place).then(|| statement("Deny", named, &body));
                parse(&statements.iter().cloned().chain(extra).collect::<Vec<_>>(), kind)
            };
            let identity = parse_at(0, &identity, PolicyKind::Identity);
            let on_resource = parse_at(1, &on_resource, PolicyKind::Resource);
            let session = session.as_deref().map(|policy| parse_at(2, policy, PolicyKind::Identity));
            let session = session.as_ref();
            let boundary = boundary.as_deref().map(|policy| parse_at(3, policy, PolicyKind::Identity));
            let policies = Policies {
                identity: &[&identity],
                resource: Some(&on_resource),
                session: session.as_ref().map(std::slice::from_ref),
                boundary: boundary.as_ref(),
                organization: &[],
                grants: None,
            };
            decide(&request, &policies)
        };
        let (before, after) = (decide_with_deny_in(4), decide_with_deny_in(target));
        prop_assert!(before.is_allowed() || !after.is_allowed(), "{before:?} became {after:?}");
    }

    #[test]
    fn an_allow_more_never_denies_more(
        caller in caller(),
        owner in select(vec![HOME, AWAY]),
        action in select(vec!["s3:GetObject", "s3:PutObject"]),
        (identity, body) in (identity_policy(), body()),
        on_resource in proptest::option::of(resource_policy()),
        principal in principal_element(),
        to_resource in any::<bool>(),
    ) {
        let context = RequestContext::new().with("aws:username", "alice");
        let request =
            Request { principal: &caller, action, resource: "arn:aws:s3:::logs/a/b", resource_account: owner, context: &context };
        let with = |identity: &[String], on_resource: Option<&[String]>| {
            let identity = parse(identity, PolicyKind::Identity);
            let on_resource = on_resource.map(|statements| parse(statements, PolicyKind::Resource));
            let policies = Policies { identity: &[&identity], resource: on_resource.as_ref(), ..Policies::default() };
            decide(&request, &policies).is_allowed()
        };
        let before = with(&identity, on_resource.as_deref());
        let grown = |statements: &[String], principal: Option<&str>| {
            statements.iter().cloned().chain([statement("Allow", principal, &body)]).collect::<Vec<_>>()
        };
        // A key's policy apart, a resource policy where there was none takes nothing away either.
        let after = if to_resource {
            with(&identity, Some(&grown(on_resource.as_deref().unwrap_or_default(), Some(principal))))
        } else {
            with(&grown(&identity, None), on_resource.as_deref())
        };
        prop_assert!(!before || after);
    }

    #[test]
    fn the_order_of_statements_and_policies_means_nothing(
        caller in caller(),
        action in select(vec!["s3:GetObject", "s3:PutObject"]),
        (identity, on_resource) in (identity_policy(), resource_policy()),
        (turn, split) in (0..4_usize, 0..4_usize),
    ) {
        let context = RequestContext::new().with("aws:username", "alice");
        let request =
            Request { principal: &caller, action, resource: "arn:aws:s3:::logs/a/b", resource_account: HOME, context: &context };
        let with = |parts: &[&[String]], on_resource: &[String]| {
            let identity: Vec<_> =
                parts.iter().filter(|part| !part.is_empty()).map(|part| parse(part, PolicyKind::Identity)).collect();
            let on_resource = parse(on_resource, PolicyKind::Resource);
            let identity: Vec<_> = identity.iter().collect();
            decide(&request, &Policies { identity: &identity, resource: Some(&on_resource), ..Policies::default() })
        };
        let (mut turned, mut turned_resource) = (identity.clone(), on_resource.clone());
        turned.rotate_left(turn % identity.len());
        turned_resource.rotate_left(turn % on_resource.len());
        let (first, second) = turned.split_at(split.min(turned.len()));
        prop_assert_eq!(with(&[&identity], &on_resource), with(&[second, first], &turned_resource));
    }

    #[test]
    fn what_narrows_never_allows_more(
        caller in caller(),
        action in select(vec!["s3:GetObject", "s3:PutObject"]),
        (identity, on_resource) in (identity_policy(), proptest::option::of(resource_policy())),
        (narrowing, place) in (identity_policy(), 0..3_usize),
    ) {
        // A federated user may do nothing by itself before it has a session policy.
        prop_assume!(!matches!(caller, Principal::FederatedUser { .. }));
        let context = RequestContext::new().with("aws:username", "alice");
        let request =
            Request { principal: &caller, action, resource: "arn:aws:s3:::logs/a/b", resource_account: HOME, context: &context };
        let identity = parse(&identity, PolicyKind::Identity);
        let on_resource = on_resource.map(|statements| parse(&statements, PolicyKind::Resource));
        let narrowing = parse(&narrowing, PolicyKind::Identity);
        let plain = Policies { identity: &[&identity], resource: on_resource.as_ref(), ..Policies::default() };
        let level: &[&PolicyDocument] = &[&narrowing];
        let narrowed = match place {
            0 => Policies { boundary: Some(&narrowing), ..plain },
            1 => Policies { session: Some(level), ..plain },
            _ => Policies { organization: &[level], ..plain },
        };
        prop_assert!(decide(&request, &plain).is_allowed() || !decide(&request, &narrowed).is_allowed());
    }

    #[test]
    fn a_kept_text_comes_back_and_says_the_same(statements in identity_policy()) {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(", "));
        let kept = PolicyText::from(text.as_str());
        let stored = serde_json::to_string(&kept).expect("a text");
        let again: PolicyText = serde_json::from_str(&stored).expect("a text");
        prop_assert_eq!(again.as_str(), text.as_str());
        prop_assert_eq!(again.document(PolicyKind::Identity), kept.document(PolicyKind::Identity));
        prop_assert_eq!(&**again.document(PolicyKind::Identity), &parse(&statements, PolicyKind::Identity));
    }
}
