//! A rule made ready for matching.

use crate::input::{CompiledInput, InputFault};
use crate::rule::{Rule, RuleState, Target, TargetKind};
use opentrail_patterns::event::{EventPattern, EventPatternError};

/// A rule with its pattern and its targets' inputs understood.
#[derive(Debug)]
pub struct CompiledRule {
    pub rule: Rule,
    pub arn: String,
    pub pattern: EventPattern,
    pub targets: Vec<CompiledTarget>,
}

#[derive(Debug)]
pub struct CompiledTarget {
    pub target: Target,
    pub kind: TargetKind,
    pub input: CompiledInput,
}

/// Why a stored rule cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum RuleFault {
    #[error(transparent)]
    Pattern(#[from] EventPatternError),
    #[error("target {id}: {fault}")]
    Input { id: String, fault: InputFault },
    #[error("target {id} is of no kind that is known")]
    Kind { id: String },
}

impl CompiledRule {
    /// # Errors
    /// What of it is not understood.
    pub fn of(rule: Rule) -> Result<Self, RuleFault> {
        let targets = rule.targets.iter().map(CompiledTarget::of).collect::<Result<_, _>>()?;
        Ok(Self { pattern: rule.pattern.parse()?, arn: rule.arn(), targets, rule })
    }

    /// Whether a management event that only reads is something for this rule.
    pub fn takes_reads(&self) -> bool {
        self.rule.state == RuleState::EnabledWithAllCloudtrailManagementEvents
    }
}

impl CompiledTarget {
    fn of(target: &Target) -> Result<Self, RuleFault> {
        let kind = TargetKind::of(&target.arn).ok_or_else(|| RuleFault::Kind { id: target.id.clone() })?;
        let input = target.input.compile().map_err(|fault| RuleFault::Input { id: target.id.clone(), fault })?;
        Ok(Self { target: target.clone(), kind, input })
    }
}
