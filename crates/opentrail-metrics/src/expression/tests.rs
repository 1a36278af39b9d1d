use super::*;

fn inputs() -> Inputs {
    let series = |values: &[(i64, f64)]| values.iter().copied().collect::<BTreeMap<_, _>>();
    Inputs {
        series: [("m1", series(&[(0, 2.0), (60, 4.0)])), ("m2", series(&[(0, 1.0), (120, 0.0)])), ("e1", series(&[(0, 9.0)]))]
            .map(|(id, series)| (id.to_owned(), series))
            .into(),
        metrics: ["m1".to_owned(), "m2".to_owned()].into(),
        period: 60,
        times: vec![0, 60, 120],
    }
}

fn check(text: &str, expect: &str) {
    let expression: Expression = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let shown = match expression.evaluate(&inputs()) {
        Ok(Value::Number(number)) => format!("{number}"),
        Ok(Value::Series(series)) => format!("{series:?}"),
        Ok(Value::Many(many)) => format!("{many:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expect, "{text}");
}

#[test]
fn expressions() {
    check("1 + 2 * 3 ^ 2", "19");
    check("-(1 - 3)", "2");
    check("m1 * 10", "{0: 20.0, 60: 40.0}");
    check("10 / m1", "{0: 5.0, 60: 2.5}");
    check("m1 / m2", "{0: 2.0}");
    check("m1 / (m2 - m2)", "{}");
    check("SUM(METRICS())", "{0: 3.0, 60: 4.0, 120: 0.0}");
    check("SUM([m1, m2]) / METRIC_COUNT(METRICS())", "{0: 1.5, 60: 2.0, 120: 0.0}");
    check("MAX(m1)", "4");
    check("AVG(m1) + MIN(m1)", "5");
    check("FILL(m2, 5)", "{0: 1.0, 60: 5.0, 120: 0.0}");
    check("IF(m1 > 3, 1, 0)", "{0: 0.0, 60: 1.0}");
    check("IF(m1 > 3 OR m1 == 2, m1)", "Error in expression: IF takes three operands");
    check("m1 >= 2 && m1 != 4", "{0: 1.0, 60: 0.0}");
    check("DIFF(m1)", "{60: 2.0}");
    check("RATE(m1) * PERIOD(m1)", "{60: 2.0}");
    check("RUNNING_SUM(m1)", "{0: 2.0, 60: 6.0}");
    check("CEIL(ABS(-m1 / 3))", "{0: 1.0, 60: 2.0}");
    check("m9", "Error in expression: Unknown id m9");
}

#[test]
fn refusals() {
    let deep = format!("{}1{}", "(".repeat(900), ")".repeat(900));
    let long = vec!["m1"; 600].join("+");
    for text in ["", "1 +", "m1 m2", "(1", "SUM(m1", "SUM m1", "1..2", "ANOMALY_DETECTION_BAND(m1)", "m1 $ m2", &deep, &long] {
        assert!(text.parse::<Expression>().is_err(), "{text}");
    }
    let ids: Expression = "SUM([m1, m2]) + m1".parse().expect("an expression");
    assert_eq!(ids.ids().into_iter().collect::<Vec<_>>(), ["m1", "m2"]);
}
