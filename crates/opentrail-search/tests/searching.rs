//! Whole searches over files, and over the corpus of real ones where that is there.

use object_store::ObjectStoreExt;
use opentrail_search::files::bucket::Bucket;
use opentrail_search::{Query, Silent, Source, Summary, open_source, search};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn run(query: &str, sources: Vec<Box<dyn Source>>) -> (Summary, Vec<String>) {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{}", error.render()));
    let mut found = Vec::new();
    let select = |hit: &opentrail_search::Hit<'_>| String::from_utf8_lossy(hit.record).into_owned();
    let summary = search(&query, &sources, &mut Silent, &select, &mut |batch| {
        found.extend(batch);
        ControlFlow::Continue(())
    });
    found.sort_unstable();
    (summary.expect("searched"), found)
}

fn open(path: &Path) -> Vec<Box<dyn Source>> {
    vec![open_source(path.to_str().expect("UTF-8")).expect("opens")]
}

#[test]
fn folders_are_searched_and_damage_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("a.json", r#"{"Records":[{"eventName":"A","n":1},{"eventName":"B","n":2}]}"#);
    write("b.ndjson", "{\"eventName\":\"A\",\"n\":3}\n{\"eventName\":\"A\",}\n");
    write("c.json", "not json");
    write("notes.txt", "eventName A");
    let (summary, found) = run("eventName:a", open(folder.path()));
    assert_eq!(found, [r#"{"eventName":"A","n":1}"#, r#"{"eventName":"A","n":3}"#]);
    assert_eq!((summary.files, summary.found, summary.problem_count), (3, 2, 2));
    assert_eq!(summary.unreadable_files, 1);
    let reasons: Vec<&str> = summary.problems.iter().map(|problem| problem.reason.as_str()).collect();
    assert!(reasons.contains(&"not JSON"), "{reasons:?}");
    assert_eq!(
        summary.problems.iter().find(|problem| problem.file.ends_with("b.ndjson")).map(|problem| problem.offset),
        Some(41)
    );
}

#[test]
fn nothing_readable_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.json"), "not json").expect("written");
    std::fs::write(folder.path().join("b.json.gz"), [0x1f, 0x8b, 8]).expect("written");
    for query in ["*", "nowhere"] {
        assert!(run(query, open(folder.path())).0.nothing_readable(), "{query}");
    }
    std::fs::write(folder.path().join("c.json"), r#"{"Records":[{"eventName":"A"}]}x"#).expect("written");
    for query in ["*", "nowhere"] {
        assert!(!run(query, open(folder.path())).0.nothing_readable(), "{query}");
    }
}

#[test]
fn a_source_must_exist() {
    assert!(open_source("no/such/thing").is_err());
    assert!(open_source("s3:///x").is_err());
}

#[test]
fn searches_end_when_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = "{\"eventName\":\"A\"}\n".repeat(10_000);
    for index in 0..20 {
        std::fs::write(folder.path().join(format!("{index}.ndjson")), &line).expect("written");
    }
    let sources = open(folder.path());
    let summary = search(&Query::all(), &sources, &mut Silent, &|_| (), &mut |_| ControlFlow::Break(())).expect("searched");
    assert!(summary.found < 1_000, "{}", summary.found);
}

#[test]
fn buckets_are_searched() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let store = Arc::new(object_store::memory::InMemory::new());
    let day = "p/AWSLogs/1/CloudTrail/r/2023/07/10/1_CloudTrail_r_20230710T1145Z_7xgocspSowgK0Gto.json";
    let late = day.replace("07/10", "07/20").replace("0710T", "0720T");
    let digest = "p/AWSLogs/1/CloudTrail-Digest/r/2023/07/10/1_CloudTrail-Digest_r_t_r_20230710T114500Z.json.gz";
    let record = r#"{"eventName":"A","eventTime":"2023-07-10T11:44:00Z"}"#;
    let source = runtime.block_on(async {
        for key in [day, late.as_str(), digest, "other/x.json"] {
            store.put(&key.into(), record.into()).await.expect("put");
        }
        Bucket::new(store.clone(), "b", "p/AWSLogs").expect("a bucket")
    });
    assert_eq!(source.display("k"), "s3://b/k");
    let (summary, found) = run("event:A time:2023-07-10", vec![Box::new(source)]);
    assert_eq!((summary.files, found), (1, vec![record.to_owned()]));
}

/// The corpus of real logs beside the repository, if it is there.
fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("OPENTRAIL_CORPUS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    named.or(Some(beside)).filter(|path| path.join("merged").is_dir())
}

#[test]
fn the_corpus_loads_whole() {
    let Some(corpus) = corpus() else { return };
    let check = |folder: &str, events: u64| {
        let (summary, _) = run("*", open(&corpus.join(folder)));
        assert_eq!((summary.found, summary.problems), (events, Vec::new()), "{folder}");
    };
    check("invictus-aws-dataset", 2_900);
    check("stratus-red-team", 310);
    check("merged", 3_213);
    check("panther-analysis", 502);
    check("trailscraper", 7);
    let (summary, _) = run("*", open(&corpus));
    let strange: Vec<&str> = summary.problems.iter().map(|problem| problem.file.rsplit('/').next().unwrap_or_default()).collect();
    assert_eq!(strange, ["vectors.json"], "keys and signatures, no records");
    assert_eq!(summary.found, 2_900 + 310 + 3_213 + 502 + 7);
}

/// Searching with and without the prefilter, and counting in what was parsed, must agree.
#[test]
fn the_corpus_answers_as_counted() {
    let Some(corpus) = corpus() else { return };
    let merged = corpus.join("merged");
    let (_, all) = run("*", open(&merged));
    let records: Vec<serde_json::Value> = all.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    let check = |query: &str, expect: &dyn Fn(&serde_json::Value) -> bool| {
        let wanted = records.iter().filter(|record| expect(record)).count() as u64;
        let found = run(query, open(&merged)).0.found;
        assert_eq!(found, wanted, "{query}");
        assert!(found > 0, "{query}");
    };
    check("errorCode:*", &|record| record["errorCode"].is_string());
    check("eventName:Delete*", &|record| record["eventName"].as_str().is_some_and(|name| name.starts_with("Delete")));
    check("NOT userIdentity.type:*", &|record| record["userIdentity"]["type"].is_null());
    check("sourceIPAddress:\"AWS Internal\"", &|record| record["sourceIPAddress"] == "AWS Internal");
    check("responseElements:* AND readOnly:false", &|record| {
        record["responseElements"].is_object() && record["readOnly"] == false
    });
    check("eventVersion:>=1.09", &|record| matches!(record["eventVersion"].as_str(), Some("1.09" | "1.10")));
    check("HIDDEN_DUE_TO_SECURITY_REASONS", &|record| record.to_string().contains("HIDDEN_DUE_TO_SECURITY_REASONS"));
}
