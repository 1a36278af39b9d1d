//! What CreateTrail and UpdateTrail accept.

use super::*;

async fn create_refused(bench: &Bench, more: Value, code: &str, message: &str) {
    let mut input = json!({"Name": "main", "S3BucketName": "logs"});
    for (member, value) in more.as_object().expect("members") {
        input[member] = value.clone();
    }
    refused(bench, "us-east-1", "CreateTrail", input, code, message).await;
}

#[tokio::test]
async fn buckets_and_prefixes() {
    let bench = Bench::new();
    let missing = json!({"S3BucketName": "missing-bucket"});
    create_refused(&bench, missing, "S3BucketDoesNotExistException", "S3 bucket missing-bucket does not exist!").await;
    let denied = "Incorrect S3 bucket policy is detected for bucket: denied-bucket";
    create_refused(&bench, json!({"S3BucketName": "denied-bucket"}), "InsufficientS3BucketPolicyException", denied).await;
    for bad in ["", "ab", "Bucket", "a..b", "192.168.0.1"] {
        let message = format!("Bucket name is invalid: {bad}");
        create_refused(&bench, json!({"S3BucketName": bad}), "InvalidS3BucketNameException", &message).await;
    }
    let long = "p".repeat(201);
    for bad in ["/a", "a/", "a//b", "a b", &long] {
        let message = format!("S3 prefix is invalid: {bad}");
        create_refused(&bench, json!({"S3KeyPrefix": bad}), "InvalidS3PrefixException", &message).await;
    }
    // Names are looked at before the bucket is asked.
    assert_eq!(bench.buckets.checked.lock().expect("no panic").len(), 2);
    let output =
        ok(&bench, "us-east-1", "CreateTrail", json!({"Name": "main", "S3BucketName": "logs", "S3KeyPrefix": "a/b"})).await;
    assert_eq!(output["S3KeyPrefix"], "a/b");
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused() {
    let bench = Bench::new();
    let topic = "SNS Topic does not exist or the topic policy is incorrect!";
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
    let role = "arn:aws:iam::123456789012:role/r";
    let cases = [
        (json!({"SnsTopicName": "topic"}), "InsufficientSnsTopicPolicyException", topic),
        (json!({"SnsTopicName": "arn:aws:sns:us-east-1:123456789012:t"}), "InsufficientSnsTopicPolicyException", topic),
        (json!({"SnsTopicName": "a b"}), "InvalidSnsTopicNameException", "SNS topic name is invalid: a b"),
        (
            json!({"CloudWatchLogsRoleArn": role}),
            "InvalidCloudWatchLogsLogGroupArnException",
            "You must specify a log group and a role ARN.",
        ),
        (
            json!({"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": ""}),
            "InvalidCloudWatchLogsRoleArnException",
            "You must specify a log group and a role ARN.",
        ),
        (
            json!({"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}),
            "InvalidCloudWatchLogsLogGroupArnException",
            "CloudTrail cannot validate the specified log group ARN.",
        ),
        (json!({"KmsKeyId": "alias/x"}), "KmsKeyNotFoundException", "KMS key alias/x could not be found."),
        (json!({"KmsKeyId": "arn:aws:kms"}), "InvalidKmsKeyIdException", "KMS key ID arn:aws:kms is invalid."),
        (
            json!({"IsOrganizationTrail": true}),
            "OrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        ),
        (
            json!({"IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false}),
            "InvalidParameterCombinationException",
            "Multi-Region trail must include global service events.",
        ),
    ];
    for (more, code, message) in &cases {
        create_refused(&bench, more.clone(), code, message).await;
    }
    create(&bench, "us-east-1", "main").await;
    for (mut more, code, message) in cases {
        more["Name"] = "main".into();
        refused(&bench, "us-east-1", "UpdateTrail", more, code, message).await;
    }
    let cleared = json!({"Name": "main", "SnsTopicName": "", "KmsKeyId": "", "CloudWatchLogsLogGroupArn": "",
        "CloudWatchLogsRoleArn": "", "IsOrganizationTrail": false});
    ok(&bench, "us-east-1", "UpdateTrail", cleared).await;
}

#[tokio::test]
async fn the_first_fault_in_order_is_told() {
    let bench = Bench::new();
    let mut input = json!({"Name": "a", "IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false, "S3BucketName": "X",
        "SnsTopicName": "a b", "CloudWatchLogsRoleArn": "r", "KmsKeyId": "k", "IsOrganizationTrail": true});
    let steps = [
        ("InvalidTrailNameException", "Name", json!("main")),
        ("InvalidParameterCombinationException", "IncludeGlobalServiceEvents", json!(true)),
        ("InvalidS3BucketNameException", "S3BucketName", json!("missing-bucket")),
        ("InvalidSnsTopicNameException", "SnsTopicName", json!("topic")),
        ("OrganizationsNotInUseException", "IsOrganizationTrail", json!(false)),
        ("S3BucketDoesNotExistException", "S3BucketName", json!("logs")),
        ("InsufficientSnsTopicPolicyException", "SnsTopicName", json!("")),
        ("InvalidCloudWatchLogsLogGroupArnException", "CloudWatchLogsRoleArn", json!("")),
        ("KmsKeyNotFoundException", "KmsKeyId", json!("")),
    ];
    for (code, member, mended) in steps {
        refused_as(&bench, "us-east-1", "CreateTrail", input.clone(), code).await;
        input[member] = mended;
    }
    ok(&bench, "us-east-1", "CreateTrail", input).await;
}

#[tokio::test]
async fn updates_keep_what_is_absent_and_clear_what_is_empty() {
    let bench = Bench::new();
    let made = json!({"Name": "main", "S3BucketName": "logs", "S3KeyPrefix": "p", "EnableLogFileValidation": true,
        "IncludeGlobalServiceEvents": false, "RecursiveLogging": false});
    let created = ok(&bench, "us-east-1", "CreateTrail", made).await;
    assert_eq!(ok(&bench, "us-east-1", "UpdateTrail", json!({"Name": "main"})).await, created);
    let output =
        ok(&bench, "us-east-1", "UpdateTrail", json!({"Name": "main", "S3KeyPrefix": "", "S3BucketName": "other"})).await;
    assert_eq!(output["S3BucketName"], "other");
    assert_eq!(output.get("S3KeyPrefix"), None);
    assert_eq!(output.get("HomeRegion"), None);
    assert_eq!(bench.last_record()["responseElements"]["s3BucketName"], "other");

    let wide = ok(&bench, "us-east-1", "UpdateTrail", json!({"Name": "main", "IsMultiRegionTrail": true})).await;
    assert_eq!((&wide["IsMultiRegionTrail"], &wide["IncludeGlobalServiceEvents"]), (&json!(true), &json!(true)));
    let code = "InvalidParameterCombinationException";
    let without = json!({"Name": "main", "IncludeGlobalServiceEvents": false});
    refused_as(&bench, "us-east-1", "UpdateTrail", without, code).await;
    let narrow = ok(&bench, "us-east-1", "UpdateTrail", json!({"Name": "main", "IsMultiRegionTrail": false})).await;
    assert_eq!((&narrow["IsMultiRegionTrail"], &narrow["IncludeGlobalServiceEvents"]), (&json!(false), &json!(true)));
    refused_as(
        &bench,
        "us-east-1",
        "UpdateTrail",
        json!({"Name": "main", "S3BucketName": "denied-x"}),
        "InsufficientS3BucketPolicyException",
    )
    .await;
}

#[tokio::test]
async fn an_update_keeps_what_others_changed_meanwhile() {
    let bench = Bench::new();
    create(&bench, "us-east-1", "main").await;
    let update = bench.run(&SERVICE, bench.call(), "UpdateTrail", json!({"Name": "main", "EnableLogFileValidation": true}));
    let start = bench.run(&SERVICE, bench.call(), "StartLogging", json!({"Name": "main"}));
    let (update, start) = futures::future::join(update, start).await;
    assert!(update.is_ok() && start.is_ok());
    assert_eq!(ok(&bench, "us-east-1", "GetTrailStatus", json!({"Name": "main"})).await["IsLogging"], true);
    assert_eq!(ok(&bench, "us-east-1", "GetTrail", json!({"Name": "main"})).await["Trail"]["LogFileValidationEnabled"], true);
}

async fn role(bench: &Bench, name: &str, trusted: &str, actions: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}]});
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions,
        "Resource": "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:123456789012_CloudTrail_us-east-1*"}]});
    let iam = &crate::iam::SERVICE;
    let made = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string()});
    bench.run(iam, bench.call(), "CreateRole", made).await.expect("a role");
    let put = json!({"RoleName": name, "PolicyName": "p", "PolicyDocument": policy.to_string()});
    bench.run(iam, bench.call(), "PutRolePolicy", put).await.expect("a policy");
    format!("arn:aws:iam::123456789012:role/{name}")
}

#[tokio::test]
async fn log_groups_and_their_roles_are_checked() {
    const GROUP_CODE: &str = "InvalidCloudWatchLogsLogGroupArnException";
    const ROLE_CODE: &str = "InvalidCloudWatchLogsRoleArnException";
    let bench = Bench::new();
    bench.run(&crate::logs::SERVICE, bench.call(), "CreateLogGroup", json!({"logGroupName": "g"})).await.expect("a group");
    let good = role(&bench, "good", "cloudtrail.amazonaws.com", "logs:*").await;
    let half = role(&bench, "half", "cloudtrail.amazonaws.com", "logs:PutLogEvents").await;
    let other = role(&bench, "other", "ec2.amazonaws.com", "logs:*").await;
    let arn = |place: &str, name: &str| format!("arn:aws:logs:{place}:log-group:{name}");
    let group = arn("us-east-1:123456789012", "g:*");
    let no_group = "CloudTrail cannot validate the specified log group ARN.";
    let trust = "Access denied. Check the trust relationships for your role.";
    let cases = [
        (arn("us-east-1:123456789012", "absent:*"), good.clone(), GROUP_CODE, no_group),
        (arn("eu-west-1:123456789012", "g:*"), good.clone(), GROUP_CODE, no_group),
        (arn("us-east-1:210987654321", "g:*"), good.clone(), GROUP_CODE, no_group),
        ("g".into(), good.clone(), GROUP_CODE, no_group),
        (group.clone(), "good".into(), ROLE_CODE, "CloudTrail cannot validate the specified role ARN."),
        (group.clone(), "arn:aws:iam::123456789012:role/absent".into(), ROLE_CODE, trust),
        (group.clone(), other, ROLE_CODE, trust),
        (group.clone(), half, GROUP_CODE, "Access denied. Verify in IAM that the role has adequate permissions."),
    ];
    for (group, role, code, message) in cases {
        create_refused(&bench, json!({"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}), code, message).await;
    }
    let given =
        json!({"Name": "main", "S3BucketName": "logs", "CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": good});
    let everything_but_passing = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "cloudtrail:*", "Resource": "*"}]});
    let call = bench.call_of_user("somebody", Some(everything_but_passing)).await;
    let (code, message) = told(bench.run(&SERVICE, call, "CreateTrail", given.clone()).await);
    assert_eq!(code, "AccessDeniedException");
    assert!(message.contains("iam:PassRole on resource: arn:aws:iam::123456789012:role/good"), "{message}");

    let made = ok(&bench, "us-east-1", "CreateTrail", given).await;
    assert_eq!(
        (made["CloudWatchLogsLogGroupArn"].as_str(), made["CloudWatchLogsRoleArn"].as_str()),
        (Some(&*group), Some(&*good))
    );
    let shown = ok(&bench, "us-east-1", "GetTrail", json!({"Name": "main"})).await;
    assert_eq!(shown["Trail"]["CloudWatchLogsLogGroupArn"], group.as_str());
    refused_as(&bench, "us-east-1", "UpdateTrail", json!({"Name": "main", "CloudWatchLogsRoleArn": ""}), ROLE_CODE).await;
    let cleared = json!({"Name": "main", "CloudWatchLogsLogGroupArn": "", "CloudWatchLogsRoleArn": ""});
    assert_eq!(ok(&bench, "us-east-1", "UpdateTrail", cleared).await.get("CloudWatchLogsLogGroupArn"), None);
}
