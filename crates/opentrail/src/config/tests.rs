//! Files, the environment, and what is refused.

use super::*;

fn load(text: &str) -> anyhow::Result<Config> {
    let mut config = Config::default();
    config.apply_file(text)?;
    Ok(config)
}

#[test]
fn files_and_environment_set_values() {
    let config = load("account_id = \"000000000001\"\nregions = [\"us-east-1\", \"eu-west-1\"]\n[delivery]\ninterval = \"5s\"\nmax_bytes = \"1KB\"\n[remote.s3]\nendpoint = \"http://x\"\n").expect("loads");
    assert_eq!(config.account_id, "000000000001");
    assert_eq!(config.regions, ["us-east-1", "eu-west-1"]);
    assert_eq!((config.delivery_interval, config.delivery_max_bytes), (Duration::from_secs(5), 1000));
    assert_eq!(config.remote_s3.expect("set").endpoint, "http://x");
    let variables = [("OPENTRAIL_DELIVERY__INTERVAL", "7s"), ("OTHER", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(Config::load(None, variables.into_iter()).expect("loads").delivery_interval, Duration::from_secs(7));
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_known() {
    let error = format!("{:#}", load("account_id = \"000000000001\"\n[delivery]\nintervall = \"5s\"\n").expect_err("unknown"));
    assert!(error.contains("line 3") && error.contains("did you mean delivery.interval?"), "{error}");
    let variables = [("OPENTRAIL_LISTN".to_owned(), "x".to_owned())];
    assert!(format!("{:#}", Config::load(None, variables.into_iter()).expect_err("unknown")).contains("did you mean listen?"));
}

#[test]
fn bad_values_are_refused() {
    for bad in [
        "account_id = \"12\"",
        "regions = []",
        "listen = \"here\"",
        "[auth]\nmode = \"open\"",
        "[delivery]\ninterval = \"0s\"",
        "[delivery]\nmax_bytes = \"5 parsecs\"",
        "[log]\nsync = 3",
        "x = ",
        "regions = [1]",
    ] {
        assert!(load(bad).is_err(), "{bad}");
    }
    let open = Config { accept_any: true, listen: SocketAddr::from(([0, 0, 0, 0], 1)), ..Config::default() };
    assert!(open.validate().is_err());
}
