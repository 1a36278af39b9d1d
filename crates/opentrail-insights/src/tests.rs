//! Queries of the documentation, one by one; and any text at all.

use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_795_255_200;

/// Log events of CloudTrail, newest first: one a minute, from 10:04 to 10:00 on 2026-11-21.
fn records() -> Vec<(i64, String)> {
    let record = |n: i64, source: &str, name: &str, who: &str, more: &str| {
        let text = format!(
            r#"{{"eventSource":"{source}","eventName":"{name}","awsRegion":"us-east-1","sourceIPAddress":"10.0.{n}.1","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/{who}","userName":"{who}"}},"resources":[{{"ARN":"a{n}"}}],"readOnly":{},"n":{n}{more}}}"#,
            n % 2 == 0,
        );
        (1_795_255_200_000 + n * 60_000, text)
    };
    vec![
        record(4, "s3.amazonaws.com", "CreateBucket", "ann", r#","errorCode":"AccessDenied""#),
        record(3, "iam.amazonaws.com", "CreateUser", "bob", ""),
        record(2, "ec2.amazonaws.com", "RunInstances", "ann", ""),
        record(1, "ec2.amazonaws.com", "StopInstances", "bob", r#","errorCode":"UnauthorizedOperation""#),
        record(0, "ec2.amazonaws.com", "RunInstances", "ann", ""),
    ]
}

fn run_on(query: &str, records: &[(i64, String)], limit: Option<usize>) -> Results {
    let query: Query = query.parse().unwrap_or_else(|fault: QueryFault| panic!("{query}: {fault} at {}", fault.start));
    let mut execution = Execution::new(&query, limit, NOW);
    for (n, (timestamp, message)) in records.iter().enumerate() {
        let record = LogRecord {
            timestamp: *timestamp,
            ingestion: *timestamp + 5,
            message,
            stream: "123456789012_CloudTrail_us-east-1",
            log: "123456789012:trail",
            pointer: &format!("p{n}"),
        };
        if !execution.push(record).expect("it fits") {
            break;
        }
    }
    execution.finish().expect("it fits")
}

/// The rows, without pointers: each `field=value` with blanks between.
fn check(query: &str, expect: &[&str]) {
    let results = run_on(query, &records(), None);
    let row = |row: &Vec<(String, String)>| {
        let fields = row.iter().filter(|(name, _)| name != "@ptr").map(|(name, value)| format!("{name}={value}"));
        fields.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(results.rows.iter().map(row).collect::<Vec<_>>(), expect, "{query}");
}

/// The value of an expression of the newest event.
fn value(expression: &str, expect: &str) {
    let results = run_on(&format!("fields {expression} as x | limit 1"), &records(), None);
    let found = results.rows[0].iter().find(|(name, _)| name == "x").map_or("", |(_, value)| value.as_str());
    assert_eq!(found, expect, "{expression}");
}

#[test]
fn documented_queries_of_cloudtrail_logs() {
    check(
        "stats count(*) by eventSource, eventName, awsRegion",
        &[
            "eventSource=s3.amazonaws.com eventName=CreateBucket awsRegion=us-east-1 count(*)=1",
            "eventSource=iam.amazonaws.com eventName=CreateUser awsRegion=us-east-1 count(*)=1",
            "eventSource=ec2.amazonaws.com eventName=RunInstances awsRegion=us-east-1 count(*)=2",
            "eventSource=ec2.amazonaws.com eventName=StopInstances awsRegion=us-east-1 count(*)=1",
        ],
    );
    check(
        r#"filter eventName="RunInstances" or eventName="StopInstances" | fields eventName, userIdentity.userName | sort @timestamp asc"#,
        &[
            "eventName=RunInstances userIdentity.userName=ann",
            "eventName=StopInstances userIdentity.userName=bob",
            "eventName=RunInstances userIdentity.userName=ann",
        ],
    );
    check(
        r#"filter eventSource="ec2.amazonaws.com" | stats count(*) as eventCount by eventName | sort eventCount desc"#,
        &["eventName=RunInstances eventCount=2", "eventName=StopInstances eventCount=1"],
    );
    check(
        "filter eventName = 'CreateUser' and ispresent(userIdentity.arn)\n| fields awsRegion, requestParameters.userName, userIdentity.arn # who",
        &["awsRegion=us-east-1 userIdentity.arn=arn:aws:iam::123456789012:user/bob"],
    );
    check(
        "filter errorCode like /Unauthorized|Denied|Forbidden/ | stats count(*) as n by errorCode, userIdentity.arn | sort n desc, errorCode asc | limit 1",
        &["errorCode=AccessDenied userIdentity.arn=arn:aws:iam::123456789012:user/ann n=1"],
    );
    check(
        "stats count(*) as n by bin(2m) as t | sort t asc",
        &["t=2026-11-21 10:00:00.000 n=2", "t=2026-11-21 10:02:00.000 n=2", "t=2026-11-21 10:04:00.000 n=1"],
    );
    check("stats count(*) by bin(5m)", &["bin(5m)=2026-11-21 10:00:00.000 count(*)=5"]);
}

#[test]
fn fields_and_what_is_shown() {
    check("fields eventName | filter n > 3", &["eventName=CreateBucket"]);
    check(
        "filter n = 4 | fields @timestamp, @logStream, @log",
        &["@timestamp=2026-11-21 10:04:00.000 @logStream=123456789012_CloudTrail_us-east-1 @log=123456789012:trail"],
    );
    check("fields eventName, n + 1 as m | display m | filter m >= 4", &["m=5", "m=4"]);
    check("fields resources.0.ARN, nothing | limit 1", &["resources.0.ARN=a4"]);
    check("fields `n` as number | limit 2", &["number=4", "number=3"]);
    let newest = run_on("limit 1", &records(), None);
    let names: Vec<&str> = newest.rows[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["@timestamp", "@message", "@ptr"]);
    assert_eq!(run_on("fields n", &records(), Some(2)).rows.len(), 2);
}

#[test]
fn filters() {
    for (filter, expect) in [
        ("n in [1, 2, \"3\"]", 3),
        ("n not in [1, 2]", 3),
        ("eventName like \"Instances\"", 3),
        ("eventName not like /^Run/", 3),
        ("eventName like /(?i)createBUCKET/", 1),
        ("eventName =~ /User$/", 1),
        ("not (n > 1 and n <= 3)", 3),
        ("not n > 1 or n = 2", 3),
        ("errorCode = \"AccessDenied\"", 1),
        ("errorCode != \"AccessDenied\"", 4),
        ("not ispresent(errorCode)", 3),
        ("readOnly = 1", 3),
        ("readOnly = \"true\"", 3),
        ("isIpInSubnet(sourceIPAddress, \"10.0.2.0/23\")", 2),
        ("isIpv4InSubnet(sourceIPAddress, \"10.0.0.0/8\") and not isValidIpv6(sourceIPAddress)", 5),
        ("@timestamp >= 1795255440000", 1),
        ("n < \"2\"", 2),
        ("strcontains(eventSource, 'ec2')", 3),
    ] {
        let results = run_on(&format!("filter {filter}"), &records(), None);
        assert_eq!(results.rows.len(), expect, "{filter}");
        assert_eq!(results.matched, expect as u64, "{filter}");
    }
}

#[test]
fn functions() {
    for (expression, expect) in [
        ("abs(-2.5)", "2.5"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("greatest(1, 5, 3)", "5"),
        ("least(4, 2)", "2"),
        ("sqrt(16)", "4"),
        ("log(1)", "0"),
        ("2 ^ 3 ^ 2", "512"),
        ("7 % 4", "3"),
        ("(1 + 2) * 3 / 2", "4.5"),
        ("1 / 0", ""),
        ("-n + 1", "-3"),
        ("10 / 3", "3.3333"),
        ("n", "4"),
        ("strlen(\"gr\u{fc}n\")", "4"),
        ("trim('  a ')", "a"),
        ("trim('xxaxx', 'x')", "a"),
        ("ltrim(' a ')", "a "),
        ("rtrim('a--', '-')", "a"),
        ("toupper('aB')", "AB"),
        ("tolower('aB')", "ab"),
        ("substr('abcdef', 2)", "cdef"),
        ("substr('abcdef', 2, 3)", "cde"),
        ("replace('a.b.c', '.', '-')", "a-b-c"),
        ("concat('n', n, '!')", "n4!"),
        ("isempty('')", "1"),
        ("isblank(' ')", "1"),
        ("coalesce(nothing, errorCode, 'x')", "AccessDenied"),
        ("if(n > 3, 'big', 'small')", "big"),
        ("strcontains('abc', 'bc')", "1"),
        ("toMillis(@timestamp)", "1795255440000"),
        ("fromMillis(1795255200000)", "2026-11-21 10:00:00.000"),
        ("datefloor(@timestamp, 1h)", "2026-11-21 10:00:00.000"),
        ("dateceil(@timestamp, 1h)", "2026-11-21 11:00:00.000"),
        ("datefloor(@timestamp, 1mo)", "2026-11-01 00:00:00.000"),
        ("datefloor(@timestamp, 1d)", "2026-11-21 00:00:00.000"),
        ("isValidIp('::1')", "1"),
        ("isValidIpv4('::1')", "0"),
        ("isIpv6InSubnet('2001:db8::1', '2001:db8::/32')", "1"),
        ("isIpInSubnet('::1', '10.0.0.0/8')", "0"),
        ("now()", "1795255200"),
    ] {
        value(expression, expect);
    }
}

#[test]
fn statistics() {
    check(
        "stats count(*) as c, sum(n) as s, avg(n) as a, min(n) as lo, max(n) as hi, pct(n, 50) as p, stddev(n) as d, count_distinct(eventName) as e",
        &["c=5 s=10 a=2 lo=0 hi=4 p=2 d=1.4142 e=4"],
    );
    check(
        "stats earliest(eventName) as first, latest(eventName) as last, sortsFirst(eventName) as a, sortsLast(eventName) as z",
        &["first=RunInstances last=CreateBucket a=CreateBucket z=StopInstances"],
    );
    check(
        "stats count(errorCode) as failed, count(*) as all, count(errorCode) / count(*) * 100 as percent",
        &["failed=2 all=5 percent=40"],
    );
    check(
        "stats max(n) - min(n) as span by userIdentity.userName",
        &["userIdentity.userName=ann span=4", "userIdentity.userName=bob span=2"],
    );
    check("stats count(*) as n by eventSource | stats max(n) as most, count(*) as sources", &["most=3 sources=3"]);
    check("stats count(*) by eventSource | sort count(*) desc | limit 1", &["eventSource=ec2.amazonaws.com count(*)=3"]);
    check(
        "stats count(*) by errorCode | sort errorCode asc",
        &["count(*)=3", "errorCode=AccessDenied count(*)=1", "errorCode=UnauthorizedOperation count(*)=1"],
    );
    check("filter n > 100 | stats count(*)", &[]);
    check("stats pct(n, 100), pct(n, 0)", &["pct(n, 100)=4 pct(n, 0)=0"]);
}

#[test]
fn parsing_sorting_and_doubles() {
    let lines: Vec<(i64, String)> = ["user=ann, method:GET, latency := 12", "user=bob, method:PUT, latency := 7", "nothing"]
        .iter()
        .enumerate()
        .map(|(n, line)| (NOW * 1000 - n as i64, (*line).to_owned()))
        .collect();
    let rows = |query: &str| {
        let results = run_on(query, &lines, None);
        results
            .rows
            .iter()
            .map(|row| {
                row.iter().filter(|(name, _)| name != "@ptr").map(|(_, value)| value.clone()).collect::<Vec<_>>().join(" ")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows(r#"parse @message "user=*, method:*, latency := *" as @user, @method, @latency | display @user, @method, @latency"#),
        ["ann GET 12", "bob PUT 7", ""]
    );
    assert_eq!(rows(r"parse @message /user=(?<who>.*?), method:(?<how>\w+)/ | filter how = 'PUT' | display who"), ["bob"]);
    assert_eq!(rows(r#"parse "user=*," as who | stats count(*) as n by who | sort who desc"#), ["bob 1", "ann 1", "1"]);
    assert_eq!(
        rows(r#"parse "latency := *" as ms | filter ispresent(ms) | sort ms asc | display ms"#),
        ["7", "12"],
        "as numbers"
    );
    check("dedup userIdentity.userName | fields n", &["n=4", "n=3"]);
    check("sort n asc | dedup userIdentity.userName | display n", &["n=0", "n=1"]);
    check("sort eventName asc, n desc | display n", &["n=4", "n=3", "n=2", "n=0", "n=1"]);
    check("sort n | limit 2 | display n", &["n=0", "n=1"]);
}

#[test]
fn faults_say_where() {
    for (query, start, part) in [
        ("", 0, "empty"),
        ("# nothing", 0, "empty"),
        ("fields", 6, "expected a value"),
        ("fields a |", 10, "expected a command"),
        ("fields a, | limit 1", 10, "expected a value"),
        ("select a", 0, "expected a command"),
        ("filter a = ", 11, "expected a value"),
        ("filter (a = 1", 13, "expected )"),
        ("filter a = 'x", 11, "no end"),
        ("fields a ; b", 9, "unexpected symbol found ;"),
        ("stats avg(a", 11, "expected )"),
        ("stats a by b", 8, "aggregate"),
        ("fields count(*)", 7, "belongs into stats"),
        ("fields nope(1)", 7, "unknown function nope"),
        ("fields substr('a')", 7, "does not take 1"),
        ("limit 0", 6, "limit needs"),
        ("limit x", 6, "limit needs"),
        ("parse @message 'a*b*' as x", 15, "2 wildcards"),
        ("parse @message /a(b)/", 15, "named groups"),
        ("filter a like /(/", 14, "not valid"),
        ("stats pct(a, 101)", 13, "percentile"),
        ("pattern @message", 0, "not supported"),
        ("fields 5z", 7, "not a period"),
        ("fields \u{fc}, ;", 10, "unexpected symbol"),
    ] {
        let fault = query.parse::<Query>().map(|_| ()).expect_err(query);
        assert!(fault.message.contains(part) && fault.start == start, "{query}: {fault:?}");
    }
    let deep = format!("filter {}a{}", "(".repeat(10_000 - 20), ")");
    assert!(deep.parse::<Query>().is_err());
    assert!(format!("filter {}a", "not ".repeat(2000)).parse::<Query>().is_ok());
    assert!(format!("filter {}a", "1^".repeat(2000)).parse::<Query>().is_err());
    assert!(format!("fields {}", "a".repeat(10_001)).parse::<Query>().is_err());
}

#[test]
fn memory_is_bounded() {
    let query: Query = "stats count_distinct(@message)".parse().expect("a query");
    let mut execution = Execution::new(&query, None, NOW);
    let mut fault = None;
    for n in 0..600_000 {
        let message = n.to_string();
        let record = LogRecord { timestamp: n, ingestion: n, message: &message, stream: "s", log: "l", pointer: "p" };
        if let Err(error) = execution.push(record) {
            fault = Some(error);
            break;
        }
    }
    assert_eq!(fault, Some(ExecutionFault::TooManyGroups(500_000)));
}

/// The slow and certain way to count.
fn counted(values: &[u8]) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for value in values {
        let name = value.to_string();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_a_fault_in_it(text in "\\PC{0,80}") {
        if let Err(fault) = text.parse::<Query>() {
            prop_assert!(fault.start <= fault.end && fault.end <= text.chars().count());
        }
    }

    #[test]
    fn any_words_run_or_are_refused(words in prop::collection::vec(prop::sample::select(vec![
        "fields", "filter", "stats", "sort", "limit", "parse", "dedup", "display", "by", "as", "desc", "|", ",", "(", ")", "[", "]",
        "=", "!=", "<", "like", "in", "not", "and", "or", "/a(?<g>.)/", "\"*x*\"", "'text'", "@message", "@timestamp", "n", "eventName", "5", "0.5",
        "5m", "count(*)", "sum(n)", "avg(n)", "bin(1m)", "count_distinct(eventName)", "concat(n, n)", "replace(@message, 'e', 'ee')", "+", "-", "*", "/", "%", "^",
    ]), 0..14)) {
        if let Ok(query) = words.join(" ").parse::<Query>() {
            let mut execution = Execution::new(&query, Some(5), NOW);
            for (timestamp, message) in records() {
                let record = LogRecord { timestamp, ingestion: timestamp, message: &message, stream: "s", log: "l", pointer: "p" };
                let _ = execution.push(record);
            }
            if let Ok(results) = execution.finish() {
                prop_assert!(results.rows.len() <= 5);
            }
        }
    }

    #[test]
    fn groups_count_every_event_once(values in prop::collection::vec(any::<u8>(), 0..200)) {
        let records: Vec<(i64, String)> = values.iter().map(|value| (0, format!("{{\"v\":{value}}}"))).collect();
        let results = run_on("stats count(*) as c, sum(v) as s by v", &records, None);
        let found: Vec<(String, usize)> = results.rows.iter().map(|row| (row[0].1.clone(), row[1].1.parse().expect("a number"))).collect();
        prop_assert_eq!(found, counted(&values));
    }

    #[test]
    fn sorting_is_sorting_whatever_the_limit(values in prop::collection::vec(any::<i16>(), 1..300), limit in 1usize..40) {
        let records: Vec<(i64, String)> = values.iter().map(|value| (0, format!("{{\"v\":{value}}}"))).collect();
        let results = run_on(&format!("sort v desc | display v | limit {limit}"), &records, None);
        let found: Vec<i16> = results.rows.iter().map(|row| row[0].1.parse().expect("a number")).collect();
        let mut expected = values.clone();
        expected.sort_by_key(|value| std::cmp::Reverse(*value));
        expected.truncate(limit);
        prop_assert_eq!(found, expected);
    }
}
