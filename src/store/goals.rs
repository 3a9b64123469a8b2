//! Goals of visits, and the one list of communications and goals.

use super::{CommunicationFilter, CommunicationSort, Page, PageRequest, StoreResult};
use crate::model::{
    CampaignId, Communication, Goal, SiteId, SourceId, Timestamp, Visit, VisitId, WorkspaceId,
};
use async_trait::async_trait;

/// Lists goals. `Visits::record_hit` keeps them.
#[async_trait]
pub trait Goals: Send + Sync {
    /// Newest first.
    async fn goals_page(
        &self,
        workspace: WorkspaceId,
        filter: &GoalFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<GoalOfVisit>>;

    /// Communications and goals in one order of time. Its cursors are its own.
    async fn raw_data_page(
        &self,
        workspace: WorkspaceId,
        filter: &RawDataFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<RawData>>;
}

/// A goal with its visit.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalOfVisit {
    pub goal: Goal,
    pub visit: Visit,
}

/// Which goals; all given parts must hold.
#[derive(Clone, Debug, Default)]
pub struct GoalFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// As the site told it.
    pub name: Option<String>,
    /// The site whose page told it.
    pub site: Option<SiteId>,
    pub visit: Option<VisitId>,
    /// Of the visit.
    pub campaign: Option<CampaignId>,
    /// Of the visit.
    pub source: Option<SourceId>,
    /// Words; every word must occur in the name, letter case aside.
    pub text: Option<String>,
}

/// What the list of raw data shows.
#[derive(Clone, Debug, Default)]
pub struct RawDataFilter {
    /// `None` leaves communications out.
    pub communications: Option<CommunicationFilter>,
    /// `None` leaves goals out.
    pub goals: Option<GoalFilter>,
    pub order: RawDataOrder,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawDataOrder {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl RawDataOrder {
    pub fn of_communications(self) -> CommunicationSort {
        match self {
            RawDataOrder::NewestFirst => CommunicationSort::NewestFirst,
            RawDataOrder::OldestFirst => CommunicationSort::OldestFirst,
        }
    }
}

/// A row of the list of raw data.
#[derive(Clone, Debug)]
pub enum RawData {
    Communication(Box<Communication>),
    Goal(Box<GoalOfVisit>),
}
