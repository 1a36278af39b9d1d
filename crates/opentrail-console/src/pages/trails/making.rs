//! Makes what a draft describes: one operation of the public APIs after another, each under the person's rights. When one
//! is refused, what was made before stays, is named, and is used by the next attempt.

use super::documents;
use super::draft::Draft;
use super::info::{Info, text};
use crate::bucket;
use crate::visitor::Visitor;
use opentrail_model::arn::trail_arn;
use opentrail_wire::ApiError;
use serde_json::{Value, json};

/// A refusal and the field of the form that it is about.
type Refused = (&'static str, ApiError);

/// Work in progress.
pub struct Making<'a> {
    visitor: &'a Visitor,
    pub draft: Draft,
    /// What has been done so far, in words.
    pub made: Vec<String>,
    /// The trail that is changed; `None` for a new one.
    before: Option<&'a Info>,
}

fn at(field: &'static str) -> impl Fn(ApiError) -> Refused {
    move |error| (field, error)
}

/// The field that an error of CreateTrail or UpdateTrail is about.
fn field_of(error: &ApiError) -> &'static str {
    let code = error.code.as_str();
    let about = [
        ("S3Prefix", "prefix"),
        ("S3Bucket", "bucket"),
        ("Kms", "key"),
        ("EncryptionPolicy", "key"),
        ("Sns", "topic"),
        ("CloudWatchLogsRole", "group_role"),
        ("CloudWatchLogs", "group"),
        ("Tag", "tags"),
        ("Trail", "name"),
    ];
    about.into_iter().find(|(part, _)| code.contains(part)).map_or("", |(_, field)| field)
}

impl<'a> Making<'a> {
    pub fn new(visitor: &'a Visitor, draft: Draft, before: Option<&'a Info>) -> Self {
        Self { visitor, draft, made: Vec::new(), before }
    }

    fn arn(&self) -> String {
        trail_arn(self.visitor.region(), self.visitor.account(), self.draft.text("name"))
    }

    /// From now on this exists, also for another attempt.
    fn exists(&mut self, kind: &str, field: &str, value: &str) {
        self.draft.form = self.draft.form.with(kind, "existing").with(field, value);
    }

    /// Does everything, in an order in which each step finds what it needs.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn run(&mut self) -> Result<(), Refused> {
        self.bucket().await?;
        self.key().await?;
        self.topic().await?;
        self.group().await?;
        self.trail().await?;
        self.selectors().await?;
        if self.before.is_some() {
            self.tags().await?;
        } else if self.draft.ticked("start") {
            let name = json!({"Name": self.draft.text("name")});
            self.visitor.run("cloudtrail", "StartLogging", name).await.map_err(at(""))?;
            self.made.push("Logging was started.".into());
        }
        Ok(())
    }

    async fn bucket(&mut self) -> Result<(), Refused> {
        let name = self.draft.text("bucket").to_owned();
        let is_new = self.draft.is("bucket_kind", "new");
        if is_new {
            bucket::create(self.visitor, &name).await.map_err(at("bucket"))?;
            self.made.push(format!("Bucket {name} was created."));
            self.exists("bucket_kind", "bucket", &name);
            self.draft.form = self.draft.form.with("write_policy", "yes");
        }
        if !self.draft.ticked("write_policy") {
            return Ok(());
        }
        let before = bucket::policy(self.visitor, &name).await.map_err(at("bucket"))?;
        let statements = documents::bucket_statements(
            &name,
            self.draft.text("prefix"),
            self.visitor.account(),
            self.draft.text("name"),
            &self.arn(),
        );
        let unreadable =
            || ApiError::new("MalformedPolicy", "The bucket's policy could not be read, so nothing was added to it.");
        let policy = documents::with_statements(before.as_deref(), statements).ok_or_else(unreadable).map_err(at("bucket"))?;
        bucket::put_policy(self.visitor, &name, policy).await.map_err(at("bucket"))?;
        self.made.push(format!("The policy of bucket {name} lets CloudTrail write."));
        Ok(())
    }

    async fn key(&mut self) -> Result<(), Refused> {
        if !self.draft.is("key_kind", "new") {
            return Ok(());
        }
        let alias = format!("alias/{}", self.draft.text("key_alias").trim_start_matches("alias/"));
        let policy = documents::key_policy(self.visitor.account(), &self.arn());
        let description = format!("Log files of trail {}", self.draft.text("name"));
        let key = json!({"Policy": policy, "Description": description});
        let made = self.visitor.run("kms", "CreateKey", key).await.map_err(at("key_alias"))?;
        let arn = text(&made["KeyMetadata"], "Arn");
        self.made.push(format!("Key {arn} was created, with a policy for CloudTrail."));
        self.exists("key_kind", "key", &arn);
        let named = json!({"AliasName": alias, "TargetKeyId": arn});
        self.visitor.run("kms", "CreateAlias", named).await.map_err(at("key"))?;
        self.made.push(format!("The key is called {alias}."));
        Ok(())
    }

    async fn topic(&mut self) -> Result<(), Refused> {
        let is_new = self.draft.is("topic_kind", "new");
        if is_new {
            let name = self.draft.text("topic_new").to_owned();
            let made = self.visitor.run("sns", "CreateTopic", json!({"Name": name})).await.map_err(at("topic_new"))?;
            self.made.push(format!("Topic {name} was created."));
            self.exists("topic_kind", "topic", &text(&made, "TopicArn"));
        }
        let adds = self.draft.is("topic_kind", "existing") && self.draft.ticked("topic_policy");
        if !is_new && !adds {
            return Ok(());
        }
        let given = self.draft.text("topic");
        let own = format!("arn:aws:sns:{}:{}:{given}", self.visitor.region(), self.visitor.account());
        let arn = if given.starts_with("arn:") { given.to_owned() } else { own };
        let named = json!({"TopicArn": arn});
        let before = self.visitor.run("sns", "GetTopicAttributes", named).await.map_err(at("topic"))?;
        let statement = documents::topic_statement(&arn, self.draft.text("name"), &self.arn());
        let unreadable =
            || ApiError::new("InvalidParameter", "The topic's policy could not be read, so nothing was added to it.");
        let policy = documents::with_statements(policy_in(&before).as_deref(), vec![statement]);
        let policy = policy.ok_or_else(unreadable).map_err(at("topic"))?;
        let change = json!({"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy});
        self.visitor.run("sns", "SetTopicAttributes", change).await.map_err(at("topic"))?;
        self.made.push("The policy of the topic lets CloudTrail publish.".into());
        Ok(())
    }

    async fn group(&mut self) -> Result<(), Refused> {
        if !self.draft.is("group_kind", "new") {
            return Ok(());
        }
        let group = self.draft.text("group").to_owned();
        let role = self.draft.text("group_role").to_owned();
        let made = self.visitor.run("logs", "CreateLogGroup", json!({"logGroupName": group})).await;
        match made {
            Err(error) if error.code == "ResourceAlreadyExistsException" => {}
            made => {
                made.map_err(at("group"))?;
                self.made.push(format!("Log group {group} was created."));
            }
        }
        let trust = documents::role_trust();
        let made = self.visitor.run("iam", "CreateRole", json!({"RoleName": role, "AssumeRolePolicyDocument": trust})).await;
        match made {
            Err(error) if error.code == "EntityAlreadyExists" => {}
            made => {
                made.map_err(at("group_role"))?;
                self.made.push(format!("Role {role} was created."));
            }
        }
        let policy = documents::role_policy(self.visitor.account(), self.visitor.region(), &group);
        let name = format!("CloudTrail-{}", self.draft.text("name"));
        let put = json!({"RoleName": role, "PolicyName": name, "PolicyDocument": policy});
        self.visitor.run("iam", "PutRolePolicy", put).await.map_err(at("group_role"))?;
        self.made.push(format!("Role {role} may write into the log group."));
        self.exists("group_kind", "group", &group);
        Ok(())
    }

    /// What CreateTrail and UpdateTrail are given. Empty texts take settings away.
    fn settings(&self) -> Value {
        let draft = &self.draft;
        let chosen = |kind: &str, value: &str| if draft.is(kind, "none") { String::new() } else { draft.text(value).to_owned() };
        let (mut group, mut role) = (String::new(), String::new());
        if !draft.is("group_kind", "none") {
            let (region, account) = (self.visitor.region(), self.visitor.account());
            let (named, by) = (draft.text("group"), draft.text("group_role"));
            let group_arn = format!("arn:aws:logs:{region}:{account}:log-group:{named}:*");
            group = if named.starts_with("arn:") { named.to_owned() } else { group_arn };
            // The role is shown by its name; one with a path is kept if it was not changed.
            let kept = self.before.map(|before| &before.role).filter(|before| before.rsplit('/').next() == Some(by));
            role = match kept {
                Some(kept) => kept.clone(),
                None if by.starts_with("arn:") => by.to_owned(),
                None => format!("arn:aws:iam::{account}:role/{by}"),
            };
        }
        let mut settings = json!({
            "Name": draft.text("name"),
            "S3BucketName": draft.text("bucket"),
            "S3KeyPrefix": draft.text("prefix"),
            "IsMultiRegionTrail": draft.ticked("multi_region"),
            "EnableLogFileValidation": draft.ticked("validation"),
            "KmsKeyId": chosen("key_kind", "key"),
            "SnsTopicName": chosen("topic_kind", "topic"),
            "CloudWatchLogsLogGroupArn": group,
            "CloudWatchLogsRoleArn": role,
        });
        if self.before.is_none()
            && let Some(members) = settings.as_object_mut()
        {
            members.retain(|_, value| value.as_str() != Some(""));
        }
        settings
    }

    async fn trail(&mut self) -> Result<(), Refused> {
        let mut settings = self.settings();
        let operation = if self.before.is_some() { "UpdateTrail" } else { "CreateTrail" };
        let tags = self.draft.tags().unwrap_or_default();
        if self.before.is_none() && !tags.is_empty() {
            settings["TagsList"] = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        }
        let done = self.visitor.run("cloudtrail", operation, settings).await;
        done.map_err(|error| (field_of(&error), error))?;
        let word = if self.before.is_some() { "changed" } else { "created" };
        self.made.push(format!("Trail {} was {word}.", self.draft.text("name")));
        Ok(())
    }

    async fn selectors(&mut self) -> Result<(), Refused> {
        let invalid = |problem: String| ("selectors", ApiError::new("InvalidEventSelectorsException", problem));
        let (member, list) = self.draft.selector_list().map_err(invalid)?;
        let mut input = json!({"TrailName": self.draft.text("name")});
        input[member] = list;
        self.visitor.run("cloudtrail", "PutEventSelectors", input).await.map_err(at("selectors"))?;
        self.made.push("Its event selectors were set.".into());
        Ok(())
    }

    /// Brings the tags of a trail that is there to what the form says.
    async fn tags(&mut self) -> Result<(), Refused> {
        let arn = self.arn();
        let before = tags_of(self.visitor, &arn).await.map_err(at("tags"))?;
        let wanted = self.draft.tags().unwrap_or_default();
        let list = |tags: Vec<&(String, String)>| -> Value {
            tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
        };
        let gone: Vec<_> = before.iter().filter(|(key, _)| !wanted.iter().any(|(other, _)| other == key)).collect();
        let new: Vec<_> = wanted.iter().filter(|tag| !before.contains(tag)).collect();
        for (operation, tags) in [("RemoveTags", gone), ("AddTags", new)] {
            if !tags.is_empty() {
                let change = json!({"ResourceId": arn, "TagsList": list(tags)});
                self.visitor.run("cloudtrail", operation, change).await.map_err(at("tags"))?;
            }
        }
        Ok(())
    }
}

/// The policy among a topic's attributes, which are members or pairs.
fn policy_in(answer: &Value) -> Option<String> {
    let attributes = answer.get("Attributes")?;
    if let Some(policy) = attributes.get("Policy") {
        return policy.as_str().map(str::to_owned);
    }
    let pairs = attributes.get("entry").or(Some(attributes))?.as_array()?;
    let found = pairs.iter().find(|pair| pair["key"] == "Policy")?;
    found["value"].as_str().map(str::to_owned)
}

/// The tags of a trail.
///
/// # Errors
/// As ListTags.
pub async fn tags_of(visitor: &Visitor, arn: &str) -> Result<Vec<(String, String)>, ApiError> {
    let answer = visitor.run("cloudtrail", "ListTags", json!({"ResourceIdList": [arn]})).await?;
    let tags = answer["ResourceTagList"][0]["TagsList"].as_array().cloned().unwrap_or_default();
    Ok(tags.iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect())
}
