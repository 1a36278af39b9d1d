//! The truth tables of the language: recorded answers of AWS and the examples of its guide.

use super::*;

fn pattern(text: &str) -> FilterPattern {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matches(text: &str, message: &str) -> bool {
    !FilterSet::new([pattern(text).into()]).matches(message).is_empty()
}

fn check(text: &str, message: &str, expect: bool) {
    assert_eq!(matches(text, message), expect, "{text} on {message}");
}

fn refused(text: &str, error: &str) {
    assert_eq!(text.parse::<FilterPattern>().map_err(|error| error.to_string()), Err(error.to_owned()), "{text}");
}

#[test]
fn terms_as_recorded() {
    let messages = [
        "ERROR ARGUMENTS REQUEST",
        "ERROR BAD REQUEST",
        "INFO ARGUMENTS",
        "INFO REQUEST",
        "error arguments request",
        "ERROR INTERNAL SERVER ERROR",
        "ERROR INTERNAL  SERVER ERROR",
        "INTERNAL SERVER error",
        "TERROR REQUEST",
        "[ERROR] REQUEST",
        "ERROR-REQUEST",
        "ERROR_ARGUMENTS",
        "ERROR\nARGUMENTS",
        "ARGUMENTS ERROR",
        "plain",
        "say \"hello world\" now",
        "hello-world",
        " ",
    ];
    let table: &[(&str, &[usize])] = &[
        ("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]),
        ("\" \"", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 16, 18]),
        ("ERROR", &[1, 2, 6, 7, 9, 10, 11, 12, 13, 14]),
        ("ERROR ARGUMENTS", &[1, 12, 13, 14]),
        ("?ERROR ?ARGUMENTS", &[1, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14]),
        ("?ERROR ?ARGUMENTS REQUEST", &[1, 2, 4, 9, 10, 11]),
        ("?ERROR ?ARGUMENTS -REQUEST", &[3, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17, 18]),
        ("ERROR -ARGUMENTS", &[2, 6, 7, 9, 10, 11]),
        ("\"INTERNAL SERVER ERROR\"", &[6]),
        ("-ERROR", &[3, 4, 5, 8, 15, 16, 17, 18]),
        ("%^ERROR%", &[1, 2, 6, 7, 11, 12, 13]),
        (r#""\"hello""#, &[16]),
    ];
    // Together, as filters of one group are.
    let set = FilterSet::new(table.iter().map(|(text, _)| pattern(text).into()));
    for (number, message) in messages.iter().enumerate() {
        let found: Vec<usize> = set.matches(message).iter().map(|found| found.filter).collect();
        let expect: Vec<usize> =
            table.iter().enumerate().filter(|(_, (_, lines))| lines.contains(&(number + 1))).map(|(filter, _)| filter).collect();
        assert_eq!(found, expect, "{message}");
    }
}

#[test]
fn json_values_as_recorded() {
    let values = [
        "",
        "null",
        "true",
        "false",
        "\"true\"",
        "0",
        "-1",
        "1",
        "1.0",
        "1e0",
        "1.5",
        "10",
        "\"1\"",
        "\"1.0\"",
        "\"10\"",
        "\"Alpha\"",
        "\"Alphabet\"",
        "\"alpha\"",
        "\"xAlpha\"",
        "\"\"",
        "[]",
        "{}",
        "[1,\"Alpha\",null]",
    ];
    let table: &[(&str, &[&str])] = &[
        ("= 1", &["1", "1.0", "1e0", "\"1\""]),
        (
            "!= 1",
            &[
                "\"true\"",
                "0",
                "-1",
                "1.5",
                "10",
                "\"1.0\"",
                "\"10\"",
                "\"Alpha\"",
                "\"Alphabet\"",
                "\"alpha\"",
                "\"xAlpha\"",
                "\"\"",
            ],
        ),
        ("> 1", &["1.5", "10"]),
        ("= \"1\"", &["1", "\"1\""]),
        ("= \"Alpha\"", &["\"Alpha\""]),
        ("= \"Alpha*\"", &["\"Alpha\"", "\"Alphabet\""]),
        ("IS NULL", &["null", "[1,\"Alpha\",null]"]),
        ("NOT EXISTS", &[""]),
        ("IS TRUE", &["true"]),
        ("IS FALSE", &["false"]),
        ("= true", &["\"true\""]),
    ];
    for (test, expect) in table {
        for value in values {
            let message = if value.is_empty() { "{}".to_owned() } else { format!("{{\"v\": {value}}}") };
            check(&format!("{{ $.v {test} }}"), &message, expect.contains(&value));
        }
    }
}

#[test]
fn json_examples_of_the_guide() {
    let event = r#"{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},
        {"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}"#;
    check(r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#, event, true);
    check(
        r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.actions[2] = "nonmatch" }"#,
        event,
        true,
    );
    check(
        r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.actions[2] = "nonmatch" }"#,
        event,
        false,
    );
    check(r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#, event, false);
    check("{ $.users = 1 }", event, false);
    check("{ $.users != 1 }", event, false);
    check("{ $.coordinates[1][2] = 6 }", event, true);
    check("{ $.users[*].id = 3 }", event, true);
    check("{ $.users[*].id = 2 && $.users[*].email = \"Jane*\" }", event, true);
    let event = r#"{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","SomeObject":null,"n":[4.2e3],"a.b":{"c":1},
        "arr":{"0":"hit"},"d":1,"d":2,"esc\u0061ped":"x\u0041"}"#;
    check("{ $.sourceIPAddress != 123.123.* }", event, true);
    check("{ $.sourceIPAddress = 111.111.* }", event, true);
    check("{ $.SomeObject IS NULL }", event, true);
    check("{ $.SomeOtherObject NOT EXISTS }", event, true);
    check("{ $.eventType = %Trail% }", event, true);
    check(r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", event, true);
    check("{ $.n[0] < 10e3 }", event, true);
    check("{ $.n[0] < 10e-3 }", event, false);
    check("{ $.n[0] > +1000 }", event, true);
    check("{ $.['a.b'].c = 1 }", event, true);
    check("{ $.a.b.c = 1 }", event, false);
    check("{ $.arr[*] = hit }", event, true);
    check("{ $.d = 2 }", event, true);
    check("{ $.d = 1 }", event, false);
    check("{ $.escaped = xA }", event, true);
    check("{($.eventType=UpdateTrail)&&($.d=2)}", event, true);
    for not_an_object in ["x", "[1]", "{} x", "{\"a\":1", "", "null"] {
        check("{ $.nothing NOT EXISTS }", not_an_object, false);
    }
    check("{ $.nothing NOT EXISTS }", " {} ", true);
}

#[test]
fn refusals_of_json() {
    for text in [
        "{",
        "{}",
        "{ $.a }",
        "{ $.a == 1 }",
        "{ $.a = }",
        "{ $.a = null }",
        "{ $.a > x }",
        "{ a = 1 }",
        "{ $a = 1 }",
        "{ $.a[-1] = 1 }",
        "{ $.a..b = 1 }",
        "{ !($.a = 1) }",
        "{ $.a EXISTS }",
        "{ $.a IS NOT NULL }",
        "{ $.a = 1 AND $.b = 2 }",
        "{ $.a[1:2] = 1 }",
        "{ $.a = a@b }",
        "{ $.a = 1 } x",
        "{ ($.a = 1 }",
        "{ $.*.* = 1 }",
        "{ $.a = \"x }",
        "{ $.a = %(a|b)% }",
    ] {
        assert!(text.parse::<FilterPattern>().is_err(), "{text}");
    }
    let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(400), ")".repeat(400));
    assert!(deep.parse::<FilterPattern>().is_err());
    refused(
        "{ $.*.a = 1 || $.*.b = 1 || $.*.c = 1 || $.*.d = 1 }",
        "Your input has exceeded the maximum of 3 JSON wildcard selectors allowed per filter pattern.",
    );
    refused(
        "{ $.a = %a% || $.b = %b% || $.c = %c% }",
        "Your input has exceeded the maximum of 2 regular expressions per filter pattern.",
    );
    assert!("a".repeat(1025).parse::<FilterPattern>().is_err());
}

#[test]
fn regular_expressions_as_recorded() {
    check(r"%^ERROR\s[0-9]{3}$%", "ERROR 500", true);
    check(r"%^ERROR\s[0-9]{3}$%", "ERROR\n500", true);
    check(r"%^ERROR\s[0-9]{3}$%", "ERROR 5000", false);
    check("%10.10.0.1%", "10010,051", true);
    check("%gra|ey%", "greyhound", true);
    check("%^starting|^initializing%", "initializing x", true);
    check(r"%\x28x%", "f(x)", true);
    check("%a{,2}b%", "aab", true);
    for text in ["%hello!%", "%(a|b)%", "%café%", "%a", "%%", "%a'b%", "%a<b%"] {
        assert!(text.parse::<FilterPattern>().is_err(), "{text}");
    }
}

#[test]
fn refusals_of_terms() {
    refused("\"ERROR", "Invalid character(s) in term '\"ERROR'");
    for text in ["ERR*", "a-b", "a.b", "-", "?", "\"a\"b", "a\"b\""] {
        assert!(text.parse::<FilterPattern>().is_err(), "{text}");
    }
}

#[test]
fn lines_as_recorded() {
    let line = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html?x=1 HTTP/1.0\" 404 1534";
    let tabbed =
        line.replace(' ', "\t").replace("13:25:15\t-0700", "13:25:15 -0700").replace("GET\t", "GET ").replace("\tHTTP", " HTTP");
    let longer = format!("{line} extra");
    let wide = "[ip, identity, user, timestamp, request, status >= 400, bytes > 1000]";
    check(wide, line, true);
    check(wide, &tabbed, true);
    check(wide, &longer, false);
    check("[ip,identity,user,timestamp,request,status,bytes]", &longer, true);
    check("[..., request=*.html*, status=4*, bytes]", line, true);
    check("[..., request=*.html*, status_code=4*,]", line, true);
    check("[..., request=*.html*, status=4*, bytes]", &longer, false);
    check("[ip, identity, user, timestamp, request, status = 404 || status = 410, bytes]", line, true);
    check("[w1=ERROR, w2]", "ERROR request failed", true);
    check("[w1=ERROR, w2]", "ERROR", false);
    check("[w1=ERROR || w1=WARNING, w2]", "WARNING x", true);
    check("[w1!=ERROR && w1!=WARNING, w2]", "INFO x", true);
    check("[w1!=ERROR && w1!=WARNING, w2]", "ERROR x", false);
    check("[w1=%ERR%, w2]", "xERRx y", true);
    check("[]", "x", true);
    check("[]", "", false);
    check("[a]", "\"unclosed text", true);
    refused("[-", "Invalid character(s) in term '[-'");
    refused("[word, word]", "Duplicate field 'word'");
    refused("[..., a, ...]", "Duplicate field '...'");
    for text in ["[", "[a", "[a b]", "[a =]", "[a = 1 || b = 2]", "[a] x", "[a > x]"] {
        assert!(text.parse::<FilterPattern>().is_err(), "{text}");
    }
}

#[test]
fn values_of_lines() {
    let line = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 1534";
    let fields = |text: &str| {
        let set = FilterSet::new([pattern(text).into()]);
        set.matches(line).remove(0).fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    let places = ["127.0.0.1", "-", "frank", "10/Oct/2000:13:25:15 -0700", "GET /apache_pb.gif HTTP/1.0", "200"];
    let numbered: Vec<String> = places.iter().enumerate().map(|(at, value)| format!("${}={value}", at + 1)).collect();
    assert_eq!(fields("[]"), [numbered.clone(), vec!["$7=1534".into()]].concat());
    assert_eq!(fields("[..., size]"), [numbered, vec!["$size=1534".into()]].concat());
    let reference = |text: &str| Reference::parse(text).expect("a reference");
    let set = FilterSet::new([Wanted {
        pattern: pattern("[..., size]"),
        references: vec![reference("$size"), reference("$6"), reference("$9")],
    }]);
    let values = set.matches(line).remove(0).values;
    let numbers: Vec<Option<f64>> = values.iter().map(|value| value.as_ref().and_then(Leaf::as_number)).collect();
    assert_eq!(numbers, [Some(1534.0), Some(200.0), None]);
}

#[test]
fn values_of_json() {
    let reference = |text: &str| Reference::parse(text).expect("a reference");
    let wanted = Wanted {
        pattern: pattern("{ $.latency = * }"),
        references: vec![reference("$.latency"), reference("$.who.name"), reference("$.none")],
    };
    assert!(wanted.references.iter().all(|reference| reference.fits(&wanted.pattern)));
    assert!(!reference("$size").fits(&wanted.pattern));
    let set = FilterSet::new([wanted]);
    let found = set.matches(r#"{"latency":"50","who":{"name":"x"}}"#).remove(0);
    assert_eq!(found.values[0].as_ref().and_then(Leaf::as_number), Some(50.0));
    assert_eq!(found.values[1].as_ref().and_then(Leaf::as_text), Some("x"));
    assert_eq!(found.values[2], None);
    for text in ["1", "$", "$.", "$.a b", "$a b", "x"] {
        assert!(Reference::parse(text).is_err(), "{text}");
    }
}

#[test]
fn every_control_is_a_pattern_and_finds_its_event() {
    let set = FilterSet::new(cis::CONTROLS.iter().map(|control| pattern(control.pattern).into()));
    assert_eq!(cis::CONTROLS.len(), 15);
    let found = |message: &str| {
        let numbers = set.matches(message).into_iter().map(|found| cis::CONTROLS[found.filter].number);
        numbers.collect::<Vec<_>>().join(" ")
    };
    let events = [
        (r#"{"eventName":"RunInstances","errorCode":"Client.UnauthorizedOperation"}"#, "4.1"),
        (r#"{"eventName":"HeadBucket","errorCode":"AccessDenied","sourceIPAddress":"1.2.3.4"}"#, ""),
        (
            r#"{"eventName":"ConsoleLogin","additionalEventData":{"MFAUsed":"No"},"userIdentity":{"type":"IAMUser"},
                "responseElements":{"ConsoleLogin":"Success"}}"#,
            "4.2",
        ),
        (r#"{"eventName":"ConsoleLogin","errorMessage":"Failed authentication"}"#, "4.6"),
        (r#"{"eventType":"AwsApiCall","userIdentity":{"type":"Root"},"eventName":"StopLogging"}"#, "4.3 4.5"),
        (r#"{"eventType":"AwsServiceEvent","userIdentity":{"type":"Root"}}"#, ""),
        (r#"{"eventSource":"iam.amazonaws.com","eventName":"AttachRolePolicy"}"#, "4.4"),
        (r#"{"eventSource":"kms.amazonaws.com","eventName":"DisableKey"}"#, "4.7"),
        (r#"{"eventSource":"s3.amazonaws.com","eventName":"DeleteBucketPolicy"}"#, "4.8"),
        (r#"{"eventSource":"config.amazonaws.com","eventName":"StopConfigurationRecorder"}"#, "4.9"),
        (r#"{"eventName":"AuthorizeSecurityGroupIngress"}"#, "4.10"),
        (r#"{"eventName":"CreateNetworkAcl"}"#, "4.11"),
        (r#"{"eventName":"AttachInternetGateway"}"#, "4.12"),
        (r#"{"eventSource":"ec2.amazonaws.com","eventName":"DeleteRoute"}"#, "4.13"),
        (r#"{"eventName":"CreateVpc"}"#, "4.14"),
        (r#"{"eventSource":"organizations.amazonaws.com","eventName":"LeaveOrganization"}"#, "4.15"),
    ];
    for (event, expect) in events {
        assert_eq!(found(event), expect, "{event}");
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}", message in ".{0,80}") {
            if let Ok(pattern) = text.parse::<FilterPattern>() {
                let _ = FilterSet::new([pattern.into()]).matches(&message);
            }
        }

        #[test]
        fn nothing_like_a_pattern_makes_the_parser_panic(
            text in r#"[{\[][$.a*\[\]'0-9 =!<>&|()"%,{}\\]{0,40}[}\]]?"#,
            message in r#"[{\[][a"0-9 :,.{}\[\]\\u]{0,40}[}\]]?"#,
        ) {
            if let Ok(pattern) = text.parse::<FilterPattern>() {
                let _ = FilterSet::new([pattern.into()]).matches(&message);
            }
        }

        /// A set answers for each filter what the filter alone answers.
        #[test]
        fn filters_do_not_disturb_each_other(
            patterns in prop::collection::vec(prop::sample::select(vec![
                "a", "-a", "?a ?b", "\"\"", "%a.%", "{ $.a = 1 }", "{ $.a != 1 }", "{ $.a = \"x*\" }", "{ $.b.c NOT EXISTS }",
                "{ $.* = 1 }", "{ $.a > 0 || $.b IS NULL }", "[a, b]", "[..., x=1]", "[x!=1]",
            ]), 0..8),
            message in prop::sample::select(vec![
                "a b", "b 1", "", r#"{"a":1}"#, r#"{"a":"xy","b":null}"#, r#"{"a":[1],"b":{"c":2}}"#, r#"{"b":1,"a":"1"}"#,
            ]),
        ) {
            let set = FilterSet::new(patterns.iter().map(|text| pattern(text).into()));
            let together: Vec<usize> = set.matches(message).iter().map(|found| found.filter).collect();
            let alone: Vec<usize> =
                patterns.iter().enumerate().filter(|(_, text)| matches(text, message)).map(|(at, _)| at).collect();
            prop_assert_eq!(together, alone);
        }
    }
}
