//! The form for a trail: filled in, reviewed, and then made. It works without script: everything is one form, and the
//! review carries it along in hidden fields.

use super::documents;
use super::draft::{DATA_ROWS, Draft};
use super::info::{self, Info};
use super::making::{Making, tags_of};
use super::sample;
use crate::answer::Answer;
use crate::bucket;
use crate::frame::Frame;
use crate::problem::{Problem, Refusal};
use crate::routes::Shown;
use crate::visitor::Visitor;
use askama::Template;
use opentrail_model::arn::trail_arn;
use serde_json::{Value, json};

/// Kinds of resources that are proposed for data events.
const KINDS: &[&str] =
    &["AWS::S3::Object", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::DynamoDB::Table"];
/// Most names that are proposed for a field.
const MOST_PROPOSED: usize = 100;
/// Why there is nothing to choose at Insights.
const NO_INSIGHTS: &str =
    "CloudTrail Insights is not supported by OpenTrail yet: PutInsightSelectors accepts only an empty list.";

#[derive(Template)]
#[template(path = "trails/form.html")]
struct FormPage<'a> {
    frame: Frame<'a>,
    draft: &'a Draft,
    editing: bool,
    action: String,
    /// An error that belongs to no field, with its reason.
    refusal: Option<Refusal>,
    made: &'a [String],
    proposed: Proposed,
    kinds: &'static [&'static str],
    rows: Vec<Row>,
    no_insights: &'static str,
}

/// A row of the form for data events.
struct Row {
    number: usize,
    kind: String,
    reads: String,
    operator: String,
    arns: String,
}

/// Names that a person may choose from.
#[derive(Default)]
struct Proposed {
    buckets: Vec<String>,
    keys: Vec<String>,
    topics: Vec<String>,
    groups: Vec<String>,
}

#[derive(Template)]
#[template(path = "trails/review.html")]
struct Review<'a> {
    frame: Frame<'a>,
    draft: &'a Draft,
    editing: bool,
    action: String,
    hidden: Vec<(&'a str, &'a str)>,
    documents: Vec<(&'static str, String)>,
    selectors: String,
    forecast: Result<String, Refusal>,
    tags: Vec<(String, String)>,
}

pub async fn create(visitor: Visitor) -> Shown {
    page(&visitor, &Draft::new(), None, None, &[]).await
}

pub async fn submit(visitor: Visitor) -> Shown {
    step(&visitor, None).await
}

pub async fn edit(visitor: Visitor) -> Shown {
    let info = info::named(&visitor).await?;
    if info.home != visitor.region() {
        return Ok(Answer::redirect(&visitor.link_in(&info.home, &format!("trails/{}/edit", info.name))));
    }
    let (selectors, _) = info::selectors(&visitor, &info).await?;
    let tags = tags_of(&visitor, &info.arn).await?;
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    page(&visitor, &Draft::editing(&info, &selectors, &tags.join("\n")), Some(&info), None, &[]).await
}

pub async fn submit_edit(visitor: Visitor) -> Shown {
    let info = info::named(&visitor).await?;
    step(&visitor, Some(&info)).await
}

fn action(visitor: &Visitor, before: Option<&Info>) -> String {
    match before {
        Some(info) => visitor.link(&format!("trails/{}/edit", info.name)),
        None => visitor.link("trails/create"),
    }
}

/// One step: back to the form, on to the review, or doing it.
async fn step(visitor: &Visitor, before: Option<&Info>) -> Shown {
    let wanted = visitor.wanted.form.text("step").to_owned();
    let mut form = visitor.wanted.form.with("csrf", "").with("step", "").with_plain_lines();
    if let Some(info) = before {
        form = form.with("name", &info.name);
    }
    let mut draft = Draft::of(form);
    if wanted == "edit" {
        return page(visitor, &draft, before, None, &[]).await;
    }
    draft.check();
    if !draft.errors.is_empty() {
        return page(visitor, &draft, before, None, &[]).await;
    }
    if wanted != "make" {
        return review(visitor, &draft, before).await;
    }
    let mut making = Making::new(visitor, draft, before);
    let done = making.run().await;
    let Making { mut draft, made, .. } = making;
    match done {
        Ok(()) => Ok(Answer::redirect(&visitor.link(&format!("trails/{}?done=made", draft.text("name"))))),
        Err((field, error)) => {
            let refusal = Refusal::from(&error);
            // At its field if there is one; with all its reasons where a permission is missing.
            if !field.is_empty() && refusal.missing.is_none() {
                draft.errors.insert(field, format!("{} ({})", error.message, error.code));
                return page(visitor, &draft, before, None, &made).await;
            }
            page(visitor, &draft, before, Some(refusal), &made).await
        }
    }
}

async fn page(visitor: &Visitor, draft: &Draft, before: Option<&Info>, refusal: Option<Refusal>, made: &[String]) -> Shown {
    let title = if before.is_some() { "Change a trail" } else { "Create a trail" };
    let text = |row: usize, name: &str| draft.text(&format!("row{row}_{name}")).to_owned();
    let row = |number| Row {
        number,
        kind: text(number, "type"),
        reads: text(number, "reads"),
        operator: text(number, "op"),
        arns: text(number, "arn"),
    };
    let page = FormPage {
        frame: Frame::new(visitor, title, "trails"),
        draft,
        editing: before.is_some(),
        action: action(visitor, before),
        refusal,
        made,
        proposed: proposed(visitor).await,
        kinds: KINDS,
        rows: (0..DATA_ROWS).map(row).collect(),
        no_insights: NO_INSIGHTS,
    };
    let wrong = page.refusal.is_some() || !draft.errors.is_empty();
    Ok(Answer::page_with(if wrong { 400 } else { 200 }, &page))
}

/// What is there to be chosen. What the person may not list is not proposed.
async fn proposed(visitor: &Visitor) -> Proposed {
    let texts = |answer: Result<Value, _>, list: &str, member: &str| -> Vec<String> {
        let answer: Value = answer.unwrap_or_default();
        let items = answer[list].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item[member].as_str()).take(MOST_PROPOSED).map(str::to_owned).collect()
    };
    let (buckets, keys, topics, groups) = tokio::join!(
        bucket::buckets(visitor),
        visitor.run("kms", "ListAliases", json!({})),
        visitor.run("sns", "ListTopics", json!({})),
        visitor.run("logs", "DescribeLogGroups", json!({})),
    );
    Proposed {
        buckets: buckets.unwrap_or_default().into_iter().take(MOST_PROPOSED).map(|bucket| bucket.name).collect(),
        keys: texts(keys, "Aliases", "AliasName"),
        topics: texts(topics, "Topics", "TopicArn"),
        groups: texts(groups, "logGroups", "logGroupName"),
    }
}

async fn review(visitor: &Visitor, draft: &Draft, before: Option<&Info>) -> Shown {
    let unclear = |problem: String| Problem::Unclear(problem);
    let (_, list) = draft.selector_list().map_err(unclear)?;
    let forecast = match draft.taking(visitor.region()) {
        Some(taking) => sample::sample(visitor).await.map(|sample| sample.forecast(&taking).words()),
        None => Ok(String::new()),
    };
    let title = if before.is_some() { "Change a trail: review" } else { "Create a trail: review" };
    let page = Review {
        frame: Frame::new(visitor, title, "trails"),
        draft,
        editing: before.is_some(),
        action: action(visitor, before),
        hidden: draft.form.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        documents: written(visitor, draft),
        selectors: serde_json::to_string_pretty(&list).unwrap_or_default(),
        forecast: forecast.map_err(Refusal::from),
        tags: draft.tags().map_err(unclear)?,
    };
    Ok(Answer::page(&page))
}

/// The policies that will be written.
fn written(visitor: &Visitor, draft: &Draft) -> Vec<(&'static str, String)> {
    let (account, name) = (visitor.account(), draft.text("name"));
    let arn = trail_arn(visitor.region(), account, name);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let of_text = |text: String| pretty(&serde_json::from_str(&text).unwrap_or_default());
    let mut documents = Vec::new();
    if draft.ticked("write_policy") || draft.is("bucket_kind", "new") {
        let statements = documents::bucket_statements(draft.text("bucket"), draft.text("prefix"), account, name, &arn);
        documents.push(("Added to the bucket's policy", pretty(&statements.into())));
    }
    if draft.is("key_kind", "new") {
        documents.push(("Policy of the new key", of_text(documents::key_policy(account, &arn))));
    }
    if draft.is("topic_kind", "new") || (draft.is("topic_kind", "existing") && draft.ticked("topic_policy")) {
        let topic = if draft.is("topic_kind", "new") { draft.text("topic_new") } else { draft.text("topic") };
        documents.push(("Added to the topic's policy", pretty(&documents::topic_statement(topic, name, &arn))));
    }
    if draft.is("group_kind", "new") {
        documents.push(("Who may take on the role", of_text(documents::role_trust())));
        let policy = documents::role_policy(account, visitor.region(), draft.text("group"));
        documents.push(("What the role may do", of_text(policy)));
    }
    documents
}
