//! A trail and its status, read from the answers of the API.

use crate::problem::Refusal;
use crate::times::Moment;
use crate::visitor::Visitor;
use futures::future::join_all;
use opentrail_model::selector::Selectors;
use opentrail_wire::ApiError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A trail's settings.
#[derive(Debug, Clone, Default)]
pub struct Info {
    pub name: String,
    pub arn: String,
    pub home: String,
    pub bucket: String,
    pub prefix: String,
    pub key: String,
    pub topic: String,
    pub group: String,
    pub role: String,
    pub multi_region: bool,
    pub validation: bool,
    pub organization: bool,
    pub global_events: bool,
}

/// A text member; empty if it is not there.
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn is(value: &Value, member: &str) -> bool {
    value[member].as_bool().unwrap_or(false)
}

/// A time in seconds, as the JSON protocols give it.
#[expect(clippy::cast_possible_truncation, reason = "times within reason; others saturate")]
pub fn moment(value: &Value) -> Option<Moment> {
    value.as_f64().and_then(|seconds| Moment::at_seconds(seconds as i64))
}

impl Info {
    pub fn read(value: &Value) -> Self {
        Self {
            name: text(value, "Name"),
            arn: text(value, "TrailARN"),
            home: text(value, "HomeRegion"),
            bucket: text(value, "S3BucketName"),
            prefix: text(value, "S3KeyPrefix"),
            key: text(value, "KmsKeyId"),
            topic: text(value, "SnsTopicARN"),
            group: text(value, "CloudWatchLogsLogGroupArn"),
            role: text(value, "CloudWatchLogsRoleArn"),
            multi_region: is(value, "IsMultiRegionTrail"),
            validation: is(value, "LogFileValidationEnabled"),
            organization: is(value, "IsOrganizationTrail"),
            global_events: is(value, "IncludeGlobalServiceEvents"),
        }
    }

    /// The account that owns the trail.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The name of its log group.
    pub fn group_name(&self) -> &str {
        self.group.split(':').nth(6).unwrap_or_default()
    }

    /// Where its page is: trails of others by their ARN.
    pub fn link(&self, visitor: &Visitor) -> String {
        if self.account() == visitor.account() {
            return visitor.link_in(&self.home, &format!("trails/{}", self.name));
        }
        let arn: String = form_urlencoded::byte_serialize(self.arn.as_bytes()).collect();
        visitor.link_in(&self.home, &format!("trails/{}?arn={arn}", self.name))
    }
}

/// What became of a trail's deliveries.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub logging: bool,
    pub started: Option<Moment>,
    pub stopped: Option<Moment>,
    pub delivered: Option<Moment>,
    pub digested: Option<Moment>,
    pub notified: Option<Moment>,
    pub logged: Option<Moment>,
    /// What is wrong, with what it is about.
    pub errors: Vec<(&'static str, String)>,
}

impl Status {
    pub fn read(value: &Value) -> Self {
        let errors = [
            ("Log files", "LatestDeliveryError"),
            ("Digests", "LatestDigestDeliveryError"),
            ("Notifications", "LatestNotificationError"),
            ("Log group", "LatestCloudWatchLogsDeliveryError"),
        ];
        let errors = errors.into_iter().map(|(about, member)| (about, text(value, member)));
        Self {
            logging: is(value, "IsLogging"),
            started: moment(&value["StartLoggingTime"]),
            stopped: moment(&value["StopLoggingTime"]),
            delivered: moment(&value["LatestDeliveryTime"]),
            digested: moment(&value["LatestDigestDeliveryTime"]),
            notified: moment(&value["LatestNotificationTime"]),
            logged: moment(&value["LatestCloudWatchLogsDeliveryTime"]),
            errors: errors.filter(|(_, error)| !error.is_empty()).collect(),
        }
    }
}

/// A trail with its status, or why that cannot be seen.
pub struct Known {
    pub info: Info,
    pub status: Result<Status, Refusal>,
}

impl Known {
    pub fn is_logging(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.logging)
    }
}

/// The status of a trail at home.
pub async fn status(visitor: &Visitor, info: &Info) -> Result<Status, ApiError> {
    let answer = visitor.run_in(&info.home, "cloudtrail", "GetTrailStatus", json!({"Name": info.arn})).await?;
    Ok(Status::read(&answer))
}

/// A trail's selectors.
pub async fn selectors(visitor: &Visitor, info: &Info) -> Result<(Selectors, Value), ApiError> {
    let answer = visitor.run_in(&info.home, "cloudtrail", "GetEventSelectors", json!({"TrailName": info.arn})).await?;
    let list = |member: &str| answer.get(member).filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let read = match (list("AdvancedEventSelectors"), list("EventSelectors")) {
        (Some(advanced), _) => serde_json::from_value(advanced.clone()).map(Selectors::Advanced),
        (None, Some(basic)) => serde_json::from_value(basic.clone()).map(Selectors::Basic),
        (None, None) => Ok(Selectors::default()),
    };
    let shown = list("AdvancedEventSelectors").or(list("EventSelectors")).cloned().unwrap_or_default();
    Ok((read.unwrap_or_default(), shown))
}

/// The trails of all regions, in the order of name. Every region is asked, as people may have trails anywhere.
///
/// # Errors
/// If the region of the page refuses; other regions' refusals are counted.
pub async fn everywhere(visitor: &Visitor) -> Result<(Vec<Info>, usize), ApiError> {
    let ask = |region: String| async move { visitor.run_in(&region, "cloudtrail", "DescribeTrails", json!({})).await };
    let own = ask(visitor.region().to_owned()).await?;
    let others = visitor.regions().iter().filter(|region| region.as_str() != visitor.region()).cloned();
    let answers = join_all(others.map(ask)).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for answer in std::iter::once(own).chain(answers.into_iter().flatten()) {
        for trail in answer["trailList"].as_array().into_iter().flatten() {
            let info = Info::read(trail);
            if seen.insert(info.arn.clone()) {
                all.push(info);
            }
        }
    }
    all.sort_by(|a, b| (&a.name, &a.home).cmp(&(&b.name, &b.home)));
    Ok((all, refused))
}

/// These trails with their status.
pub async fn with_status(visitor: &Visitor, trails: Vec<Info>) -> Vec<Known> {
    join_all(trails.into_iter().map(|info| async move {
        let status = status(visitor, &info).await.map_err(Refusal::from);
        Known { info, status }
    }))
    .await
}

/// The trail that a page's address names.
///
/// # Errors
/// As GetTrail.
pub async fn named(visitor: &Visitor) -> Result<Info, ApiError> {
    let given = visitor.wanted.query.get("arn").unwrap_or(visitor.parameter("name"));
    let answer = visitor.run("cloudtrail", "GetTrail", json!({"Name": given})).await?;
    Ok(Info::read(&answer["Trail"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let info =
            Info::read(&json!({"Name": "a", "TrailARN": "arn:aws:cloudtrail:r:123456789012:trail/a", "IsMultiRegionTrail": true,
            "CloudWatchLogsLogGroupArn": "arn:aws:logs:r:123456789012:log-group:/a/b:*"}));
        assert_eq!((info.account(), info.group_name(), info.multi_region), ("123456789012", "/a/b", true));
        let status = Status::read(&json!({"IsLogging": true, "LatestDeliveryTime": 1.5, "LatestDeliveryError": "NoSuchBucket"}));
        assert!(status.logging && status.delivered.is_some() && status.digested.is_none());
        assert_eq!(status.errors, [("Log files", "NoSuchBucket".to_owned())]);
        assert_eq!(Info::read(&json!("odd")).name, "");
    }
}
