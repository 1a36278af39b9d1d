//! `opentrail alarms`: the filters and alarms that everybody wants, made through the public API, here or at AWS.

use crate::client::{Caller, Client, caller_from_environment};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use opentrail_patterns::cis::{CONTROLS, Control};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub enum AlarmsCommand {
    /// Install a ready-made set of metric filters and alarms.
    Install {
        #[command(subcommand)]
        set: AlarmSet,
    },
}

#[derive(Subcommand)]
pub enum AlarmSet {
    Cis(CisArgs),
}

/// Install the fifteen monitoring controls of the CIS AWS Foundations Benchmark on a trail's log group.
///
/// Each is a metric filter and an alarm that tells a topic. Installing again changes nothing that is as it should be, and
/// sets right what is not. Works at AWS as well: without an endpoint the calls go there.
///
/// Example: opentrail alarms install cis --trail audit --topic arn:aws:sns:us-east-1:123456789012:alerts
#[derive(Args)]
pub struct CisArgs {
    /// The trail whose log group is watched: its name, or its ARN.
    #[arg(long, value_name = "NAME", required_unless_present = "log_group", conflicts_with = "log_group")]
    trail: Option<String>,
    /// The log group itself.
    #[arg(long, value_name = "NAME")]
    log_group: Option<String>,
    /// ARN of the topic that alarms tell.
    #[arg(long, value_name = "ARN")]
    topic: String,
    /// Namespace of the metrics.
    #[arg(long, value_name = "NAME", default_value = "CISBenchmark")]
    namespace: String,
    /// What the names of filters and alarms begin with.
    #[arg(long, value_name = "TEXT", default_value = "cis-")]
    prefix: String,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The server. [default: AWS_ENDPOINT_URL, or AWS itself]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If a call fails; what was done before stays.
pub async fn run(command: AlarmsCommand) -> anyhow::Result<()> {
    let AlarmsCommand::Install { set: AlarmSet::Cis(arguments) } = command;
    let endpoint = arguments.endpoint.clone().or_else(|| std::env::var("AWS_ENDPOINT_URL").ok()).filter(|url| !url.is_empty());
    let mut install = Install { caller: caller_from_environment()?, endpoint, arguments };
    install.run().await
}

struct Install {
    caller: Caller,
    /// `None` for AWS.
    endpoint: Option<String>,
    arguments: CisArgs,
}

impl Install {
    async fn run(&mut self) -> anyhow::Result<()> {
        if !self.arguments.topic.starts_with("arn:") {
            bail!("--topic wants an ARN, not {}", self.arguments.topic);
        }
        let group = match (&self.arguments.log_group, &self.arguments.trail) {
            (Some(group), _) => group.clone(),
            (None, Some(trail)) => self.group_of(trail).await?,
            (None, None) => bail!("name a trail or a log group"),
        };
        let known = self.filters(&group).await?;
        let alarms = self.alarms().await?;
        for control in CONTROLS {
            self.install(&group, control, &known, &alarms).await?;
        }
        let did = if self.arguments.dry_run { "would be" } else { "are" };
        println!("{} filters and alarms {did} on {group}, telling {}", CONTROLS.len(), self.arguments.topic);
        Ok(())
    }

    async fn connect(&self, service: &str) -> anyhow::Result<Client> {
        match &self.endpoint {
            Some(endpoint) => Client::connect(endpoint).await,
            None => Client::connect(&format!("https://{service}.{}.amazonaws.com", self.caller.region)).await,
        }
    }

    /// The log group that a trail writes into.
    async fn group_of(&self, trail: &str) -> anyhow::Result<String> {
        let mut client = self.connect("cloudtrail").await?;
        let answer = client.cloudtrail(&self.caller, "GetTrail", &json!({"Name": trail})).await?;
        let trail = answer.json().with_context(|| format!("cannot look at the trail {trail}"))?["Trail"].clone();
        let arn = trail["CloudWatchLogsLogGroupArn"].as_str();
        let arn =
            arn.with_context(|| format!("the trail {} writes into no log group", trail["Name"].as_str().unwrap_or_default()))?;
        let name = arn.splitn(7, ':').nth(6).and_then(|rest| rest.split(':').next());
        name.map(str::to_owned).with_context(|| format!("{arn} names no log group"))
    }

    async fn logs(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let mut client = self.connect("logs").await?;
        let answer = client.json(&self.caller, "logs", "Logs_20140328", operation, input).await?;
        answer.json().with_context(|| operation.to_owned())
    }

    /// The filters that the group has.
    async fn filters(&self, group: &str) -> anyhow::Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut input = json!({"logGroupName": group, "filterNamePrefix": self.arguments.prefix});
            if !token.is_null() {
                input["nextToken"] = token;
            }
            let mut page = self.logs("DescribeMetricFilters", &input).await?;
            found.extend(page["metricFilters"].as_array_mut().map(std::mem::take).unwrap_or_default());
            token = page["nextToken"].take();
            if token.is_null() {
                return Ok(found);
            }
        }
    }

    /// What the endpoint answers about the alarms of the set: looked at as text, as the protocol is XML.
    async fn alarms(&self) -> anyhow::Result<String> {
        let parameters = [("AlarmNamePrefix", self.arguments.prefix.as_str()), ("MaxRecords", "100")];
        let mut client = self.connect("monitoring").await?;
        let answer = client.query(&self.caller, "monitoring", "2010-08-01", "DescribeAlarms", &parameters).await?;
        Ok(String::from_utf8_lossy(answer.ok().context("DescribeAlarms")?).into_owned())
    }

    async fn install(&self, group: &str, control: &Control, known: &[Value], alarms: &str) -> anyhow::Result<()> {
        let Control { number, name, title, pattern } = control;
        let called = format!("{}{name}", self.arguments.prefix);
        let transformations = json!([{"metricName": name, "metricNamespace": self.arguments.namespace, "metricValue": "1"}]);
        let is_same = |filter: &&Value| {
            let transformation = &filter["metricTransformations"][0];
            filter["filterName"] == called.as_str()
                && filter["filterPattern"] == *pattern
                && transformation["metricName"] == *name
                && transformation["metricNamespace"] == self.arguments.namespace.as_str()
                && transformation["metricValue"] == "1"
        };
        let has_filter = known.iter().find(is_same).is_some();
        let has_alarm = alarms.contains(&format!("<AlarmName>{called}</AlarmName>"));
        let (filter_state, alarm_state) =
            (if has_filter { "filter is there" } else { "filter set" }, if has_alarm { "alarm set again" } else { "alarm set" });
        if self.arguments.dry_run {
            println!("{number:>5}  {title}: {called} on {group}\n       {pattern}");
            return Ok(());
        }
        if !has_filter {
            let input = json!({"logGroupName": group, "filterName": called, "filterPattern": pattern,
                "metricTransformations": transformations});
            self.logs("PutMetricFilter", &input).await?;
        }
        self.put_alarm(&called, control).await?;
        println!("{number:>5}  {title}: {filter_state}, {alarm_state}");
        Ok(())
    }

    /// Sets the alarm; one that is already so keeps its state.
    async fn put_alarm(&self, called: &str, control: &Control) -> anyhow::Result<()> {
        let description = format!("CIS AWS Foundations {}: {}", control.number, control.title);
        let parameters = [
            ("AlarmName", called),
            ("AlarmDescription", &description),
            ("ActionsEnabled", "true"),
            ("AlarmActions.member.1", &self.arguments.topic),
            ("Namespace", &self.arguments.namespace),
            ("MetricName", control.name),
            ("Statistic", "Sum"),
            ("Period", "300"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "1"),
            ("ComparisonOperator", "GreaterThanOrEqualToThreshold"),
            ("TreatMissingData", "notBreaching"),
        ];
        let mut client = self.connect("monitoring").await?;
        let answer = client.query(&self.caller, "monitoring", "2010-08-01", "PutMetricAlarm", &parameters).await?;
        answer.ok().map(|_| ()).with_context(|| format!("cannot set the alarm {called}"))
    }
}
