//! `skvoz replay`: raw events are worked on again with the code and the settings of now.

use super::Place;
use crate::model::{IntegrationId, RawEventId, RawState, SetAsideReason, WorkspaceId};
use crate::store::{RawFilter, RawSelection};
use anyhow::bail;
use clap::Args;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Only of this workspace
    #[arg(long, value_name = "ID")]
    workspace: Option<i64>,
    /// Only these raw events
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with_all = ["state", "reason", "integration", "provider", "all"])]
    id: Vec<i64>,
    /// Only in this state: done, duplicate, set_aside
    #[arg(long, value_parser = state)]
    state: Option<RawState>,
    /// Only set aside for this reason, like wrong_shape
    #[arg(long, value_parser = reason)]
    reason: Option<SetAsideReason>,
    /// Only of this integration
    #[arg(long, value_name = "ID")]
    integration: Option<i64>,
    /// Only of this provider, like jivosite
    #[arg(long)]
    provider: Option<String>,
    /// Everything there is
    #[arg(long)]
    all: bool,
}

fn state(text: &str) -> Result<RawState, String> {
    RawState::parse(text).ok_or_else(|| {
        let known: Vec<_> = RawState::ALL.iter().map(|state| state.as_str()).collect();
        format!("give one of: {}", known.join(", "))
    })
}

fn reason(text: &str) -> Result<SetAsideReason, String> {
    SetAsideReason::parse(text).ok_or_else(|| {
        let known: Vec<_> = SetAsideReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        format!("give one of: {}", known.join(", "))
    })
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let selection = selection(&arguments)?;
    let store = arguments.place.open()?;
    let mut replayed = 0;
    for workspace in store.workspaces().await? {
        if arguments
            .workspace
            .is_none_or(|id| WorkspaceId(id) == workspace.id)
        {
            replayed += store.replay_raw(workspace.id, &selection).await?;
        }
    }
    println!("{replayed} raw events will be worked on again");
    Ok(())
}

fn selection(arguments: &Arguments) -> anyhow::Result<RawSelection> {
    if !arguments.id.is_empty() {
        let ids = arguments.id.iter().copied().map(RawEventId).collect();
        return Ok(RawSelection::Ids(ids));
    }
    let filter = RawFilter {
        state: arguments.state,
        reason: arguments.reason,
        integration: arguments.integration.map(IntegrationId),
        provider: arguments.provider.clone(),
        communication: None,
    };
    let is_narrowed = filter.state.is_some()
        || filter.reason.is_some()
        || filter.integration.is_some()
        || filter.provider.is_some();
    if !is_narrowed && !arguments.all {
        bail!("say which raw events: --id, --state, --reason, --integration, --provider or --all");
    }
    Ok(RawSelection::Filter(filter))
}
