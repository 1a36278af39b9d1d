//! Whether a log group's resource policies let EventBridge write.

use crate::compiled::CompiledRule;
use crate::delivery::SERVICE;
use opentrail_catalog::{Catalog, CatalogError};
use opentrail_logs::{LogGroup, ResourcePolicy};
use opentrail_policy::{PolicyDocument, PolicyKind, Principal, Request, RequestContext};

/// Either of these may be let in. Source: EventBridge user guide, "Amazon CloudWatch Logs permissions".
const PRINCIPALS: [&str; 2] = [SERVICE, "delivery.logs.amazonaws.com"];
const ACTIONS: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
/// Largest resource policy.
const MAX_POLICY_BYTES: usize = 51_200;

/// Whether the rule may create this stream in the group and write into it.
pub fn may_write(catalog: &Catalog, rule: &CompiledRule, group: &LogGroup, stream: &str) -> Result<bool, CatalogError> {
    let policies = catalog.all::<ResourcePolicy>(&ResourcePolicy::prefix(&group.account, &group.region))?;
    let arn = group.arn();
    let is_about =
        |policy: &&ResourcePolicy| policy.resource_arn.as_deref().is_none_or(|of| of.strip_suffix(":*").unwrap_or(of) == arn);
    let read =
        |policy: &ResourcePolicy| PolicyDocument::parse_within(&policy.document, PolicyKind::Resource, MAX_POLICY_BYTES).ok();
    let documents: Vec<PolicyDocument> = policies.iter().filter(is_about).filter_map(read).collect();
    let resource = format!("{arn}:log-stream:{stream}");
    Ok(PRINCIPALS.iter().any(|service| {
        let context = RequestContext::new()
            .with("aws:SourceArn", rule.arn.as_str())
            .with("aws:SourceAccount", rule.rule.account.as_str())
            .with("aws:PrincipalIsAWSService", "true")
            .with("aws:PrincipalServiceName", *service)
            .with("aws:SecureTransport", "true");
        let principal = Principal::Service((*service).to_owned());
        ACTIONS.iter().all(|action| {
            let request = Request {
                principal: &principal,
                action,
                resource: &resource,
                resource_account: &group.account,
                context: &context,
            };
            let said: Vec<Option<bool>> = documents.iter().map(|document| document.says(&request)).collect();
            said.contains(&Some(true)) && !said.contains(&Some(false))
        })
    }))
}
