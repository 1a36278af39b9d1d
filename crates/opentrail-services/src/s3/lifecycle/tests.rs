use super::*;

fn of(rules: Vec<LifecycleRule>) -> S3Result<Lifecycle> {
    parse(BucketLifecycleConfiguration { rules }, TransitionMinimum::default())
}

fn rule_with(edit: impl FnOnce(&mut LifecycleRule)) -> LifecycleRule {
    let mut rule = LifecycleRule {
        abort_incomplete_multipart_upload: None,
        expiration: Some(LifecycleExpiration { days: Some(30), ..LifecycleExpiration::default() }),
        filter: Some(LifecycleRuleFilter::default()),
        id: Some("r".into()),
        noncurrent_version_expiration: None,
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(ExpirationStatus::ENABLED),
        transitions: None,
    };
    edit(&mut rule);
    rule
}

fn check(edit: impl FnOnce(&mut LifecycleRule), expect: Result<(), &str>) {
    match (of(vec![rule_with(edit)]), expect) {
        (Ok(lifecycle), Ok(())) => {
            let wire = lifecycle.rules.iter().map(rule_to_wire).collect();
            assert_eq!(of(wire).expect("what is told can be given"), lifecycle);
        }
        (Err(error), Err(text)) => {
            let said = format!("{} {}", error.code().as_str(), error.message().unwrap_or(""));
            assert!(said.contains(text), "{said} should say {text}");
        }
        (got, wanted) => panic!("{got:?} instead of {wanted:?}"),
    }
}

fn transitions(all: &[(i32, &'static str)]) -> Option<Vec<Transition>> {
    let one = |(days, class): &(i32, &'static str)| Transition {
        date: None,
        days: Some(*days),
        storage_class: Some(TransitionStorageClass::from_static(class)),
    };
    Some(all.iter().map(one).collect())
}

fn date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::DateTime, text).ok()
}

fn tag(key: &str) -> Tag {
    Tag { key: Some(key.into()), value: Some("1".into()) }
}

#[test]
fn rules_are_told_as_they_were_given() {
    check(|_| {}, Ok(()));
    check(|rule| (rule.filter, rule.prefix) = (None, Some("logs/".into())), Ok(()));
    check(|rule| rule.filter = Some(LifecycleRuleFilter { tag: Some(tag("a")), ..LifecycleRuleFilter::default() }), Ok(()));
    let and = LifecycleRuleAndOperator {
        object_size_greater_than: Some(1),
        object_size_less_than: Some(9),
        prefix: Some("x".into()),
        tags: Some(vec![tag("a"), tag("b")]),
    };
    check(|rule| rule.filter = Some(LifecycleRuleFilter { and: Some(and), ..LifecycleRuleFilter::default() }), Ok(()));
    check(
        |rule| rule.expiration = Some(LifecycleExpiration { date: date("2026-03-01T00:00:00Z"), ..Default::default() }),
        Ok(()),
    );
    check(
        |rule| {
            rule.expiration = Some(LifecycleExpiration { expired_object_delete_marker: Some(true), ..Default::default() });
            rule.noncurrent_version_expiration =
                Some(NoncurrentVersionExpiration { newer_noncurrent_versions: Some(3), noncurrent_days: Some(7) });
            rule.abort_incomplete_multipart_upload = Some(AbortIncompleteMultipartUpload { days_after_initiation: Some(7) });
        },
        Ok(()),
    );
    check(
        |rule| {
            rule.expiration = None;
            rule.transitions = transitions(&[(30, "STANDARD_IA"), (60, "GLACIER"), (0, "INTELLIGENT_TIERING")]);
        },
        Ok(()),
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check(|rule| rule.expiration = None, Err("At least one action"));
    check(|rule| rule.filter = None, Err("MalformedXML"));
    check(|rule| rule.prefix = Some("x".into()), Err("MalformedXML"));
    check(|rule| rule.status = ExpirationStatus::from_static("On"), Err("MalformedXML"));
    check(|rule| rule.id = Some("i".repeat(256)), Err("255"));
    check(|rule| rule.expiration = Some(LifecycleExpiration { days: Some(0), ..Default::default() }), Err("positive integer"));
    check(|rule| rule.expiration = Some(LifecycleExpiration::default()), Err("MalformedXML"));
    let both = LifecycleExpiration { days: Some(1), date: date("2026-03-01T00:00:00Z"), ..Default::default() };
    check(|rule| rule.expiration = Some(both), Err("MalformedXML"));
    let noon = LifecycleExpiration { date: date("2026-03-01T12:00:00Z"), ..Default::default() };
    check(|rule| rule.expiration = Some(noon), Err("midnight"));
    check(|rule| rule.transitions = transitions(&[(30, "GLACIER")]), Err("must be greater than"));
    check(|rule| rule.transitions = transitions(&[(1, "GLACIER"), (2, "GLACIER")]), Err("must be different"));
    check(|rule| rule.transitions = transitions(&[(1, "STANDARD_IA")]), Err("greater than or equal to 30"));
    check(|rule| rule.transitions = transitions(&[(1, "STANDARD")]), Err("MalformedXML"));
    check(|rule| rule.transitions = transitions(&[(-1, "GLACIER")]), Err("nonnegative"));
    check(
        |rule| {
            rule.abort_incomplete_multipart_upload = Some(AbortIncompleteMultipartUpload { days_after_initiation: Some(7) });
            rule.filter = Some(LifecycleRuleFilter { tag: Some(tag("a")), ..LifecycleRuleFilter::default() });
        },
        Err("AbortIncompleteMultipartUpload cannot"),
    );
    check(
        |rule| {
            rule.filter =
                Some(LifecycleRuleFilter { tag: Some(tag("a")), prefix: Some("x".into()), ..LifecycleRuleFilter::default() });
        },
        Err("MalformedXML"),
    );
    check(
        |rule| {
            rule.noncurrent_version_expiration =
                Some(NoncurrentVersionExpiration { newer_noncurrent_versions: Some(101), noncurrent_days: Some(7) });
        },
        Err("NewerNoncurrentVersions"),
    );
    assert!(of(Vec::new()).is_err());
    let twice = of(vec![rule_with(|_| {}), rule_with(|_| {})]).expect_err("two rules of one name");
    assert!(twice.message().unwrap_or("").contains("unique"));
}
