//! The receipt: every rule tried, what it saw, which decided.

use serde::{Deserialize, Serialize};

/// One rule that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiptStep {
    /// Name of the rule: `link.…` or `credit.…`; a key of the interface text.
    pub step: String,
    pub outcome: Outcome,
    /// What the rule saw, as named facts: an object of scalars.
    #[schema(value_type = Object)]
    pub evidence: serde_json::Value,
}

impl ReceiptStep {
    pub fn new(step: impl Into<String>, outcome: Outcome, evidence: serde_json::Value) -> Self {
        ReceiptStep {
            step: step.into(),
            outcome,
            evidence,
        }
    }
}

/// How a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It decided.
    Matched,
    /// It had something to look for and found nothing.
    NoMatch,
    /// It had nothing to look for, or an earlier rule had decided.
    Skipped,
    /// It found something that cannot be used, and says why.
    Rejected,
}
