//! A trail as the form describes it, before anything is made.

use super::info::Info;
use super::sample::Taking;
use crate::form::Form;
use opentrail_model::names::trail_name_problem;
use opentrail_model::selector::Selectors;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rows for data events in the form.
pub const DATA_ROWS: usize = 4;
/// What the form begins with: what AWS's console proposes.
const NEW: &[(&str, &str)] = &[
    ("multi_region", "yes"),
    ("validation", "yes"),
    ("bucket_kind", "new"),
    ("write_policy", "yes"),
    ("key_kind", "none"),
    ("topic_kind", "none"),
    ("group_kind", "none"),
    ("group_role", "CloudTrail_CloudWatchLogs_Role"),
    ("management", "All"),
    ("data_kind", "none"),
    ("start", "yes"),
];
/// Kinds of resources that basic selectors know.
const SIMPLE_KINDS: &[(&str, &str)] =
    &[("simple_s3", "AWS::S3::Object"), ("simple_lambda", "AWS::Lambda::Function"), ("simple_dynamodb", "AWS::DynamoDB::Table")];

/// What was filled in, and what is wrong with it by the name of the field.
#[derive(Debug, Clone)]
pub struct Draft {
    pub form: Form,
    pub errors: BTreeMap<&'static str, String>,
}

impl Draft {
    /// An empty form.
    pub fn new() -> Self {
        let form = NEW.iter().fold(Form::default(), |form, (name, value)| form.with(name, value));
        Self::of(form)
    }

    pub fn of(form: Form) -> Self {
        Self { form, errors: BTreeMap::new() }
    }

    /// The form of a trail that is there.
    pub fn editing(info: &Info, selectors: &Selectors, tags: &str) -> Self {
        let kind = |value: &str| if value.is_empty() { "none" } else { "existing" };
        let ticked = |is: bool| if is { "yes" } else { "" };
        let mut form = Form::default();
        for (name, value) in [
            ("name", info.name.as_str()),
            ("multi_region", ticked(info.multi_region)),
            ("validation", ticked(info.validation)),
            ("bucket_kind", "existing"),
            ("bucket", &info.bucket),
            ("prefix", &info.prefix),
            ("key_kind", kind(&info.key)),
            ("key", &info.key),
            ("topic_kind", kind(&info.topic)),
            ("topic", &info.topic),
            ("group_kind", kind(&info.group)),
            ("group", info.group_name()),
            ("group_role", info.role.rsplit('/').next().unwrap_or_default()),
            ("tags", tags),
        ] {
            form = form.with(name, value);
        }
        match selectors {
            Selectors::Basic(basic) if basic.len() == 1 => form = basic_fields(form, &json!(basic[0])),
            Selectors::Basic(basic) => form = form.with("data_kind", "json").with("selectors", &pretty(&json!(basic))),
            Selectors::Advanced(advanced) => {
                form = form.with("data_kind", "json").with("selectors", &pretty(&json!(advanced)));
            }
        }
        Self::of(form)
    }

    pub fn text(&self, name: &str) -> &str {
        self.form.text(name)
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.form.text(name) == value
    }

    pub fn ticked(&self, name: &str) -> bool {
        self.form.is_ticked(name)
    }

    pub fn error(&self, name: &str) -> &str {
        self.errors.get(name).map(String::as_str).unwrap_or_default()
    }

    /// What can be said without asking anybody.
    pub fn check(&mut self) {
        let form = &self.form;
        let mut errors: Vec<(&'static str, String)> = Vec::new();
        if let Some(problem) = trail_name_problem(form.text("name")) {
            errors.push(("name", problem.to_string()));
        }
        let mut wanted = |name: &'static str, kind: &str, of: &str, words: &str| {
            if form.text(kind) == of && form.get(name).is_none() {
                errors.push((name, words.to_owned()));
            }
        };
        if form.get("bucket").is_none() {
            wanted("bucket", "bucket_kind", form.text("bucket_kind"), "A bucket is needed.");
        }
        wanted("key", "key_kind", "existing", "Name the key: its id, its ARN or an alias.");
        wanted("key_alias", "key_kind", "new", "A new key needs an alias.");
        wanted("topic", "topic_kind", "existing", "Name the topic.");
        wanted("topic_new", "topic_kind", "new", "A new topic needs a name.");
        wanted("group", "group_kind", "existing", "Name the log group.");
        wanted("group", "group_kind", "new", "A new log group needs a name.");
        if form.text("group_kind") != "none" && form.get("group_role").is_none() {
            errors.push(("group_role", "Name the role that writes into the group.".into()));
        }
        if let Err(problem) = self.tags() {
            errors.push(("tags", problem));
        }
        match self.selectors() {
            Ok(selectors) => {
                if let Err(problem) = selectors.validate() {
                    errors.push(("selectors", problem.0));
                }
            }
            Err(problem) => errors.push(("selectors", problem)),
        }
        self.errors.extend(errors);
    }

    /// Tags: `key=value` on each line.
    ///
    /// # Errors
    /// The first line without a key.
    pub fn tags(&self) -> Result<Vec<(String, String)>, String> {
        let lines = self.form.text("tags").lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                let pair = (key.trim().to_owned(), value.trim().to_owned());
                if pair.0.is_empty() { Err(format!("There is no key before = in: {line}")) } else { Ok(pair) }
            })
            .collect()
    }

    /// The member and the list that PutEventSelectors takes.
    ///
    /// # Errors
    /// If what was typed is not JSON.
    pub fn selector_list(&self) -> Result<(&'static str, Value), String> {
        match self.form.text("data_kind") {
            "json" => self.typed(),
            "advanced" => Ok(("AdvancedEventSelectors", self.advanced())),
            _ => Ok(("EventSelectors", self.basic())),
        }
    }

    pub fn selectors(&self) -> Result<Selectors, String> {
        let (member, list) = self.selector_list()?;
        let read = match member {
            "EventSelectors" => serde_json::from_value(list).map(Selectors::Basic),
            _ => serde_json::from_value(list).map(Selectors::Advanced),
        };
        read.map_err(|error| format!("These are no selectors: {error}"))
    }

    /// What the trail would take.
    pub fn taking(&self, home: &str) -> Option<Taking> {
        let selectors = self.selectors().ok()?;
        Some(Taking { selectors, multi_region: self.ticked("multi_region"), global_events: true, home: home.to_owned() })
    }

    fn typed(&self) -> Result<(&'static str, Value), String> {
        let text = self.form.text("selectors");
        let value: Value = serde_json::from_str(text).map_err(|error| format!("This is not JSON: {error}"))?;
        // The whole input of the command line is taken as well.
        for member in ["AdvancedEventSelectors", "EventSelectors"] {
            if let Some(list) = value.get(member) {
                return Ok((member, list.clone()));
            }
        }
        let is_basic = value.as_array().is_some_and(|list| list.iter().any(|one| one.get("FieldSelectors").is_none()));
        Ok((if is_basic { "EventSelectors" } else { "AdvancedEventSelectors" }, value))
    }

    fn excluded(&self) -> Vec<&'static str> {
        let sources = [("exclude_kms", "kms.amazonaws.com"), ("exclude_rds", "rdsdata.amazonaws.com")];
        sources.into_iter().filter(|(name, _)| self.ticked(name)).map(|(_, source)| source).collect()
    }

    fn basic(&self) -> Value {
        let management = self.form.text("management");
        let mut resources = Vec::new();
        if self.is("data_kind", "simple") {
            for (name, kind) in SIMPLE_KINDS {
                let values: Vec<&str> = self.form.text(name).split_whitespace().collect();
                if !values.is_empty() {
                    resources.push(json!({"Type": kind, "Values": values}));
                }
            }
        }
        let with_management = management != "none";
        let selector = |reads: &str, management: bool, resources: &[Value]| {
            let excluded = if management { self.excluded() } else { Vec::new() };
            json!({"ReadWriteType": reads, "IncludeManagementEvents": management, "DataResources": resources,
                "ExcludeManagementEventSources": excluded})
        };
        let data_reads = self.form.get("simple_reads").unwrap_or("All");
        match (with_management, resources.is_empty()) {
            (_, true) => json!([selector(if with_management { management } else { "All" }, with_management, &[])]),
            (true, false) if management == data_reads => json!([selector(management, true, &resources)]),
            (true, false) => json!([selector(management, true, &[]), selector(data_reads, false, &resources)]),
            (false, false) => json!([selector(data_reads, false, &resources)]),
        }
    }

    fn advanced(&self) -> Value {
        let mut list = Vec::new();
        let read_only = |reads: &str| match reads {
            "ReadOnly" => Some(json!({"Field": "readOnly", "Equals": ["true"]})),
            "WriteOnly" => Some(json!({"Field": "readOnly", "Equals": ["false"]})),
            _ => None,
        };
        let management = self.form.text("management");
        if management != "none" {
            let mut fields = vec![json!({"Field": "eventCategory", "Equals": ["Management"]})];
            fields.extend(read_only(management));
            let excluded = self.excluded();
            if !excluded.is_empty() {
                fields.push(json!({"Field": "eventSource", "NotEquals": excluded}));
            }
            list.push(json!({"Name": "Management events", "FieldSelectors": fields}));
        }
        for row in 0..DATA_ROWS {
            let Some(kind) = self.form.get(&format!("row{row}_type")) else { continue };
            let mut fields =
                vec![json!({"Field": "eventCategory", "Equals": ["Data"]}), json!({"Field": "resources.type", "Equals": [kind]})];
            fields.extend(read_only(self.form.text(&format!("row{row}_reads"))));
            let arns: Vec<&str> = self.form.text(&format!("row{row}_arn")).split_whitespace().collect();
            if !arns.is_empty() {
                let operator = match self.form.text(&format!("row{row}_op")) {
                    op @ ("Equals" | "EndsWith" | "NotEquals" | "NotStartsWith" | "NotEndsWith") => op,
                    _ => "StartsWith",
                };
                let mut field = json!({"Field": "resources.ARN"});
                field[operator] = json!(arns);
                fields.push(field);
            }
            list.push(json!({"Name": format!("Data events {}", row + 1), "FieldSelectors": fields}));
        }
        list.into()
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The form's fields of one basic selector.
fn basic_fields(mut form: Form, selector: &Value) -> Form {
    let reads = selector["ReadWriteType"].as_str().unwrap_or("All");
    let management = selector["IncludeManagementEvents"].as_bool().unwrap_or(true);
    form = form.with("management", if management { reads } else { "none" }).with("simple_reads", reads);
    let excluded = selector["ExcludeManagementEventSources"].to_string();
    for (name, source) in [("exclude_kms", "kms.amazonaws.com"), ("exclude_rds", "rdsdata.amazonaws.com")] {
        form = form.with(name, if excluded.contains(source) { "yes" } else { "" });
    }
    let resources = selector["DataResources"].as_array().cloned().unwrap_or_default();
    form = form.with("data_kind", if resources.is_empty() { "none" } else { "simple" });
    for resource in &resources {
        let known = SIMPLE_KINDS.iter().find(|(_, kind)| resource["Type"] == *kind);
        let values: Vec<&str> = resource["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some((name, _)) = known {
            form = form.with(name, &values.join("\n"));
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(fields: &[(&str, &str)]) -> Draft {
        let base = Draft::new().form.with("name", "main").with("bucket", "logs");
        Draft::of(fields.iter().fold(base, |form, (name, value)| form.with(name, value)))
    }

    #[test]
    fn forms_become_selectors() {
        let check = |fields: &[(&str, &str)], member: &str, part: &str| {
            let draft = draft(fields);
            let (given, list) = draft.selector_list().expect("selectors");
            assert_eq!(given, member);
            assert!(list.to_string().contains(part), "{list}");
            draft.selectors().expect("read").validate().expect("valid");
        };
        check(&[], "EventSelectors", "\"ReadWriteType\":\"All\"");
        check(&[("management", "WriteOnly"), ("exclude_kms", "yes")], "EventSelectors", "kms.amazonaws.com");
        let simple = [("data_kind", "simple"), ("simple_s3", "arn:aws:s3:::a/\narn:aws:s3:::b/"), ("simple_reads", "ReadOnly")];
        check(&simple, "EventSelectors", "\"Values\":[\"arn:aws:s3:::a/\",\"arn:aws:s3:::b/\"]");
        let rows = [
            ("data_kind", "advanced"),
            ("row1_type", "AWS::S3::Object"),
            ("row1_arn", "arn:aws:s3:::a/"),
            ("row1_reads", "WriteOnly"),
        ];
        check(&rows, "AdvancedEventSelectors", "\"StartsWith\":[\"arn:aws:s3:::a/\"]");
        let typed = r#"[{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]"#;
        check(&[("data_kind", "json"), ("selectors", typed)], "AdvancedEventSelectors", "Management");
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        let check = |fields: &[(&str, &str)], expect: &[&str]| {
            let mut draft = draft(fields);
            draft.check();
            assert_eq!(draft.errors.keys().copied().collect::<Vec<_>>(), expect, "{:?}", draft.errors);
        };
        check(&[], &[]);
        check(&[("name", ""), ("bucket", "")], &["bucket", "name"]);
        check(&[("key_kind", "new"), ("topic_kind", "existing")], &["key_alias", "topic"]);
        check(&[("group_kind", "new"), ("group_role", "")], &["group", "group_role"]);
        check(&[("tags", "a=1\n=2")], &["tags"]);
        check(&[("data_kind", "json"), ("selectors", "{")], &["selectors"]);
        check(&[("data_kind", "json"), ("selectors", "[{\"FieldSelectors\": []}]")], &["selectors"]);
    }

    #[test]
    fn what_is_there_can_be_edited() {
        let info = Info { name: "main".into(), bucket: "logs".into(), topic: "arn:aws:sns:r:1:t".into(), ..Info::default() };
        let before = draft(&[("data_kind", "simple"), ("simple_s3", "arn:aws:s3:::a/")]).selectors().expect("selectors");
        let editing = Draft::editing(&info, &before, "a=1");
        assert_eq!(editing.selectors().expect("selectors"), before);
        assert_eq!((editing.text("topic_kind"), editing.text("key_kind")), ("existing", "none"));
        let advanced = draft(&[("data_kind", "advanced"), ("row0_type", "AWS::S3::Object")]).selectors().expect("selectors");
        assert_eq!(Draft::editing(&info, &advanced, "").selectors().expect("selectors"), advanced);
    }
}
