//! Event selectors and Insights selectors.

use super::*;

const CODE: &str = "InvalidEventSelectorsException";

#[tokio::test]
async fn a_fresh_trail_has_the_one_default_selector() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let output = ok(&bench, "us-east-1", "GetEventSelectors", json!({"TrailName": "main"})).await;
    let default = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}]);
    assert_eq!(output, json!({"TrailARN": arn("us-east-1", "main"), "EventSelectors": default}));
    // Setting the default is not a customisation.
    ok(&bench, "us-east-1", "PutEventSelectors", json!({"TrailName": "main", "EventSelectors": default})).await;
    let trail = ok(&bench, "us-east-1", "GetTrail", json!({"Name": "main"})).await;
    assert_eq!(trail["Trail"]["HasCustomEventSelectors"], false);
}

#[tokio::test]
async fn one_list_replaces_the_other() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let advanced = json!([{"Name": "objects", "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}]}]);
    let input = json!({"TrailName": "main", "AdvancedEventSelectors": advanced, "EventSelectors": []});
    let output = ok(&bench, "us-east-1", "PutEventSelectors", input).await;
    assert_eq!(output, json!({"TrailARN": arn("us-east-1", "main"), "AdvancedEventSelectors": advanced}));
    assert_eq!(ok(&bench, "us-east-1", "GetEventSelectors", json!({"TrailName": "main"})).await, output);
    assert_eq!(ok(&bench, "us-east-1", "GetTrail", json!({"Name": "main"})).await["Trail"]["HasCustomEventSelectors"], true);

    let basic = json!([{"ReadWriteType": "WriteOnly", "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/"]}],
        "IncludeManagementEvents": null}]);
    let output = ok(&bench, "us-east-1", "PutEventSelectors", json!({"TrailName": "main", "EventSelectors": basic})).await;
    assert_eq!(output.get("AdvancedEventSelectors"), None);
    assert_eq!(output["EventSelectors"][0]["IncludeManagementEvents"], true);
    let record = bench.last_record();
    assert_eq!(record["requestParameters"]["eventSelectors"][0]["dataResources"][0]["type"], "AWS::S3::Object");
    assert_eq!(record["responseElements"]["trailARN"], arn("us-east-1", "main"));
    assert_eq!(record["responseElements"]["eventSelectors"][0]["readWriteType"], "WriteOnly");
}

#[tokio::test]
async fn wrong_selectors_are_refused_in_the_model_s_words() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let many: Vec<String> = (0..251).map(|n| format!("arn:aws:s3:::b{n}/")).collect();
    let data = |value: Value| json!([{"DataResources": [{"Type": "AWS::S3::Object", "Values": value}]}]);
    let told = [
        (json!({"EventSelectors": data(json!(["arn:aws:s3:::b"]))}), "Value arn:aws:s3:::b for DataResources.Values is invalid."),
        (
            json!({"EventSelectors": data(json!(many))}),
            "Specify a valid number of DataResources.Values (0 to 250) for all your selectors",
        ),
        (json!({}), "Specify EventSelectors or AdvancedEventSelectors."),
        (json!({"EventSelectors": [], "AdvancedEventSelectors": []}), "Specify EventSelectors or AdvancedEventSelectors."),
        (
            json!({"EventSelectors": [{}], "AdvancedEventSelectors": [{}]}),
            "Specify either EventSelectors or AdvancedEventSelectors, not both.",
        ),
    ];
    for (mut input, message) in told {
        input["TrailName"] = "main".into();
        refused(&bench, "us-east-1", "PutEventSelectors", input, CODE, message).await;
    }
    for wrong in [json!([{"ReadWriteType": "Sometimes"}]), json!("x"), json!([7]), json!([{}, {}, {}, {}, {}, {}])] {
        refused_as(&bench, "us-east-1", "PutEventSelectors", json!({"TrailName": "main", "EventSelectors": wrong}), CODE).await;
    }
    refused_as(&bench, "us-east-1", "PutEventSelectors", json!({"TrailName": "main", "AdvancedEventSelectors": [{}]}), CODE)
        .await;
}

#[tokio::test]
async fn insights_can_be_off_and_nothing_else() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let off = ok(&bench, "us-east-1", "PutInsightSelectors", json!({"TrailName": "main", "InsightSelectors": []})).await;
    assert_eq!(off, json!({"TrailARN": arn("us-east-1", "main"), "InsightSelectors": []}));
    let message = "Trail main does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.";
    refused(&bench, "us-east-1", "GetInsightSelectors", json!({"TrailName": "main"}), "InsightNotEnabledException", message)
        .await;
    let cases = [
        (json!([{"InsightType": "ApiCallRateInsight"}]), "UnsupportedOperationException"),
        (json!([{"InsightType": "Guess"}]), "InvalidInsightSelectorsException"),
        (json!([{"InsightType": "ApiCallRateInsight", "EventCategories": ["x"]}]), "InvalidInsightSelectorsException"),
        (json!([7]), "InvalidInsightSelectorsException"),
        (Value::Null, "InvalidParameterException"),
    ];
    for (selectors, code) in cases {
        let input = json!({"TrailName": "main", "InsightSelectors": selectors});
        refused_as(&bench, "us-east-1", "PutInsightSelectors", input, code).await;
    }
    for (input, code) in [
        (json!({}), "InvalidParameterException"),
        (json!({"TrailName": "main", "EventDataStore": "x"}), "InvalidParameterCombinationException"),
        (json!({"EventDataStore": "x"}), "UnsupportedOperationException"),
    ] {
        refused_as(&bench, "us-east-1", "GetInsightSelectors", input.clone(), code).await;
        refused_as(&bench, "us-east-1", "PutInsightSelectors", input, code).await;
    }
}
