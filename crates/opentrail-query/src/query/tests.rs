use super::*;
use proptest::prelude::*;
use time::macros::datetime;

/// The query as it is written back, which shows how it was read.
fn check(text: &str, expect: &str) {
    let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}\n{}", error.render()));
    assert_eq!(query.to_string(), expect, "{text}");
    assert_eq!(Query::parse(expect).as_ref(), Ok(&query), "{expect}");
}

fn check_error(text: &str, column: usize, part: &str) {
    let error = Query::parse(text).expect_err(text);
    assert!(error.to_string().contains(part), "{text}: {error}");
    assert_eq!(error.column(), column, "{}", error.render());
}

#[test]
fn the_language_is_read() {
    check("", "*");
    check("*", "*");
    check("*:*", "*");
    check(
        r#"eventName:Delete* AND NOT userIdentity.type:AWSService errorCode:* sourceIPAddress:10.0.0.0/8 "sg-0123""#,
        r#"eventName:Delete* AND NOT userIdentity.type:AWSService AND errorCode:* AND sourceIPAddress:10.0.0.0/8 AND "sg-0123""#,
    );
    check("a b OR c", r#""a" AND "b" OR "c""#);
    check("a (b OR c)", r#""a" AND ("b" OR "c")"#);
    check("a && b || -c", r#""a" AND "b" OR NOT "c""#);
    check("-(a b)", r#"NOT ("a" AND "b")"#);
    check("NOT NOT a", r#"NOT NOT "a""#);
    check("+a -b", r#""a" AND NOT "b""#);
    check("(a AND (b AND c)) d", r#""a" AND "b" AND "c" AND "d""#);
    check("eventName:(A OR B* -C)", "eventName:A OR eventName:B* AND NOT eventName:C");
    check("count-me", r#""count-me""#);
    check("and or not", r#""and" AND "or" AND "not""#);
    check("ANDY", r#""ANDY""#);
    check("foo?bar*", "foo?bar*");
    check(r"foo\*bar", r#""foo*bar""#);
    check(r"eventName:a\*", r#"eventName:"a*""#);
    check(r#"eventName:"a*""#, r#"eventName:"a*""#);
    check(r#"errorMessage:"say \"no\"""#, r#"errorMessage:"say \"no\"""#);
    check("userIdentity.arn:arn:aws:iam::1:user/a", "userIdentity.arn:arn:aws:iam::1:user/a");
    check("arn:aws:iam::1:user/a", r#""arn:aws:iam::1:user/a""#);
    check("https://x.example/", r#""https://x.example/""#);
    check("2001:db8::1", r#""2001:db8::1""#);
    check("ip:2001:db8::1", "ip:2001:db8::1/128");
    check("USER:alice", "user:alice");
    check("source:s3", r#"source:"s3.amazonaws.com""#);
    check("source:s3*", "source:s3*");
    check(".p_log:x", ".p_log:x");
    check(r".a\ b\:c:x", r".a\ b\:c:x");
}

#[test]
fn ranges_are_read() {
    check("requestParameters.maxResults:>=5", "requestParameters.maxResults:[5.0 TO *]");
    check("requestParameters.maxResults:<5.5", "requestParameters.maxResults:[* TO 5.5}");
    check("requestParameters.a:{1 TO 2]", "requestParameters.a:{1.0 TO 2.0]");
    check(
        "requestParameters.a:(>1 <-2 -3)",
        "requestParameters.a:{1.0 TO *] AND requestParameters.a:[* TO -2.0} AND requestParameters.a:\"-3\"",
    );
    check("eventTime:[2026-01-01 TO 2026-01-02]", "eventTime:[2026-01-01T00:00:00Z TO 2026-01-03T00:00:00Z}");
    check("eventTime:{2026-01-01 TO 2026-01-02}", "eventTime:[2026-01-02T00:00:00Z TO 2026-01-02T00:00:00Z}");
    check("time:2026-01-01", "time:[2026-01-01T00:00:00Z TO 2026-01-02T00:00:00Z}");
    check("time:>2026-01", "time:[2026-02-01T00:00:00Z TO *]");
    check("time:[2025 TO 2026-06]", "time:[2025-01-01T00:00:00Z TO 2026-07-01T00:00:00Z}");
    check(r#"time:["2026-01-01 10:00" TO *]"#, "time:[2026-01-01T10:00:00Z TO *]");
    check("time:<=2026-01-01T10:00:00.5Z", "time:[* TO 2026-01-01T10:00:00.600000000Z}");
    check("apiVersion:2012-06-01", "apiVersion:2012-06-01");
    check("eventTime:2026-01-01*", "eventTime:2026-01-01*");
    check("ip:[10.0.0.1 TO 10.0.0.9]", "ip:[10.0.0.1 TO 10.0.0.9]");
    check("eventName:[A TO B}", r#"eventName:["A" TO "B"}"#);
    check("eventName:[1 TO B]", r#"eventName:["1" TO "B"]"#);
    let window = |text: &str| Query::parse(text).map(|query| query.window());
    let (first, third) = (datetime!(2026-01-01 0:00 UTC), datetime!(2026-01-03 0:00 UTC));
    assert_eq!(window("x time:>=2026-01-01 time:<2026-01-03"), Ok(Window { from: Some(first), to: Some(third) }));
    assert_eq!(window("time:2026-01-01 OR time:2026-01-02"), Ok(Window { from: Some(first), to: Some(third) }));
    assert_eq!(window("time:2026-01-01 OR x"), Ok(Window::default()));
    assert_eq!(window("-time:2026-01-01"), Ok(Window::default()));
}

#[test]
fn errors_say_where() {
    check_error("a AND", 3, "AND needs a term on both sides");
    check_error("AND a", 1, "AND needs");
    check_error("a OR OR b", 6, "OR needs");
    check_error("(a", 1, "not closed");
    check_error("a)", 2, "no parenthesis is open");
    check_error("()", 1, "nothing between");
    check_error("a \"b", 3, "not closed");
    check_error("eventName: x", 11, "right after the colon");
    check_error("evenName:x", 1, "did you mean eventName?");
    check_error("üü evenName:x", 4, "did you mean eventName?");
    check_error("s3:GetObject", 1, "write .s3");
    check_error("eventName=x", 1, "eventName:value");
    check_error("errorCode!=x", 1, "-errorCode:value");
    check_error("eventName:[a b]", 11, "[from TO to]");
    check_error("eventName:[* TO *]", 11, "open ends");
    check_error("eventName:[1 TO 2026-01-01]", 11, "both be");
    check_error("[aws-cli", 1, "need a field");
    check_error("event*:x", 1, "wildcards");
    check_error("eventName:>", 11, "comparison sign");
    check_error("userIdentity..arn:x", 1, "joined by dots");
    check_error("a - b", 3, "- needs a term");
    check_error("NOT", 1, "NOT needs a term");
    check_error("a\"b\"", 2, "inside a word");
    check_error("a\\", 2, "nothing follows");
    check_error(&"x".repeat(20_000), 10_241, "at most 10240 bytes");
    check_error(&"(".repeat(60), 51, "at most 50 deep");
    check_error(&"NOT ".repeat(60), 201, "at most 50 deep");
    check_error(&"a ".repeat(1001), 2001, "at most 1000 terms");
    check_error(&"a*".repeat(20), 1, "at most 16 wildcards");
}

#[test]
fn errors_are_drawn() {
    let render = |text: &str| Query::parse(text).expect_err(text).render();
    assert_eq!(
        render("a evenName:x"),
        format!("a evenName:x\n  ^^^^^^^^\n{}", Query::parse("evenName:x").expect_err("unknown").reason)
    );
    let long = format!("{}\u{1b} s3:x {}", "a".repeat(100), "b".repeat(100));
    let drawn = render(&long);
    let lines: Vec<&str> = drawn.lines().collect();
    assert_eq!(lines[0], format!("…{}  s3:x {}…", "a".repeat(58), "b".repeat(57)));
    assert_eq!(lines[1], format!("{}^^", " ".repeat(61)));
}

/// Text made of what means something here.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(" ".to_owned()),
        prop::sample::select(vec![
            "(",
            ")",
            "\"",
            "\\",
            "*",
            "?",
            ":",
            "[",
            "]",
            "{",
            "}",
            "-",
            "+",
            "<",
            ">",
            "=",
            " AND ",
            " OR ",
            " NOT ",
            " TO ",
            "&&",
            "||",
            ".",
            "/8",
            "eventName:",
            "user:",
            "time:",
            "ip:",
            "source:",
            "10.0.0.0",
            "2026-01-01",
            "5",
            "é",
            "\u{202e}",
            "\n",
            "a",
            "arn:",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9_.:/*?\\\\\"() -]{1,8}", "AND|OR|NOT|TO|-x|2026-01-01|10.0.0.0/8|s3", any::<String>()]
        .prop_filter("empty phrases mean everything", |text| !text.is_empty())
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let piece = prop_oneof![Just(Piece::Any), Just(Piece::One), "[a-zA-Z:\\\\\"()<&|>\\[-]{1,3}".prop_map(Piece::Text)];
    prop::collection::vec(piece, 1..6)
        .prop_map(Pattern::new)
        .prop_filter("with wildcards, but more than *", |pattern| pattern.wildcards() > 0 && !pattern.is_any())
}

fn bounds<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = Bounds<T>> {
    let edge = (value, any::<bool>()).prop_map(|(value, included)| Edge { value, included });
    (prop::option::of(edge.clone()), edge, any::<bool>()).prop_map(|(one, other, lower)| {
        if lower { Bounds { lower: Some(other), upper: one } } else { Bounds { lower: one, upper: Some(other) } }
    })
}

fn term() -> impl Strategy<Value = Term> {
    let field = prop::sample::select(vec!["eventName", "user", "source", "time", "userIdentity.x-y z", ".a:b*", "ip"])
        .prop_map(|name| Field::named(name).expect("a field"));
    let instant = (0i64..4_000_000_000, 0i64..1_000_000_000).prop_map(|(seconds, nanoseconds)| {
        time::OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds) + time::Duration::nanoseconds(nanoseconds)
    });
    let times = bounds(instant).prop_map(|bounds| Bounds {
        lower: bounds.lower.map(|edge| Edge::included(edge.value)),
        upper: bounds.upper.map(|edge| Edge::excluded(edge.value)),
    });
    let test = prop_oneof![
        Just(Test::Exists),
        text().prop_map(Test::Equals),
        pattern().prop_map(Test::Like),
        (any::<std::net::Ipv6Addr>(), 0u8..=128)
            .prop_map(|(address, prefix_bits)| Test::Within(Network { address: address.into(), prefix_bits })),
        bounds(-1e300f64..1e300).prop_map(Test::Number),
        times.prop_map(Test::Time),
        bounds(any::<std::net::IpAddr>()).prop_map(Test::Address),
        bounds("[a-z \"\\\\]{1,5}x").prop_map(Test::Text),
    ];
    prop_oneof![
        text().prop_map(Term::Phrase),
        pattern().prop_map(Term::Words),
        (field, test).prop_map(|(field, test)| Term::Field(field, test)),
    ]
}

fn clause() -> impl Strategy<Value = Clause> {
    let leaf = prop_oneof![9 => term().prop_map(Clause::Term), 1 => Just(Clause::Not(Box::new(Clause::All)))];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|clause| Clause::Not(Box::new(clause))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Clause::and),
            prop::collection::vec(inner, 2..4).prop_map(Clause::or),
        ]
    })
}

proptest! {
    #[test]
    fn parsing_never_panics(text in hostile()) {
        match Query::parse(&text) {
            Ok(query) => prop_assert_eq!(Query::parse(&query.to_string()), Ok(query)),
            Err(error) => prop_assert!(error.render().lines().count() >= 3),
        }
    }

    #[test]
    fn what_is_written_is_read_back(root in clause()) {
        let query = Query { root };
        let text = query.to_string();
        match Query::parse(&text) {
            Ok(read) => prop_assert_eq!(read, query, "{}", text),
            Err(error) => prop_assert!(false, "{}", error.render()),
        }
    }
}
