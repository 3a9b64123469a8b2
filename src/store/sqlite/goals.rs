//! Goals in SQLite, and the list that has communications beside them.

use super::SqliteStore;
use super::conversations::{list, text_words};
use super::rows::{cursor_parts, get_json, get_time, micros, page};
use super::visits::{AFTER_VISIT, read_visit, visit_columns};
use crate::model::{Goal, GoalId, SiteId, VisitId, WorkspaceId};
use crate::store::{
    GoalFilter, GoalOfVisit, Goals, Page, PageRequest, RawData, RawDataFilter, RawDataOrder,
    StoreResult,
};
use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

/// Goals of a visit that are shown with it.
const GOALS_OF_A_VISIT: u32 = 500;

/// Where a page of raw data ended. A communication stands above a goal of the same moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: i64,
    is_communication: bool,
    id: i64,
}

#[async_trait]
impl Goals for SqliteStore {
    async fn goals_page(
        &self,
        workspace: WorkspaceId,
        filter: &GoalFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<GoalOfVisit>> {
        let (filter, limit) = (filter.clone(), request.limit);
        let after = cursor_parts::<2>(request.cursor.as_deref())?;
        self.readers
            .read(move |connection| {
                let order = RawDataOrder::NewestFirst;
                let goals = goals(connection, workspace, &filter, order, after, limit)?;
                Ok(page(goals, limit, |one| {
                    format!("{}_{}", micros(one.goal.at), one.goal.id)
                }))
            })
            .await
    }

    async fn raw_data_page(
        &self,
        workspace: WorkspaceId,
        filter: &RawDataFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<RawData>> {
        let (filter, limit) = (filter.clone(), request.limit);
        let after = cursor_parts::<3>(request.cursor.as_deref())?.map(Place::read);
        self.readers
            .read(move |connection| raw_data(connection, workspace, &filter, after, limit))
            .await
    }
}

impl Place {
    fn of(row: &RawData) -> Place {
        match row {
            RawData::Communication(one) => Place {
                at: micros(one.started_at),
                is_communication: true,
                id: one.id.0,
            },
            RawData::Goal(one) => Place {
                at: micros(one.goal.at),
                is_communication: false,
                id: one.goal.id.0,
            },
        }
    }

    fn read([at, is_communication, id]: [i64; 3]) -> Place {
        Place {
            at,
            is_communication: is_communication != 0,
            id,
        }
    }

    fn cursor(self) -> String {
        format!(
            "{}_{}_{}",
            self.at,
            u8::from(self.is_communication),
            self.id
        )
    }

    /// Time and id after which the communications, or the goals, of the next page stand.
    fn of_stream(self, of_communications: bool) -> [i64; 2] {
        let id = match self.is_communication.cmp(&of_communications) {
            std::cmp::Ordering::Equal => self.id,
            // The other stream's rows of this moment stand on one side of the place: ids begin at 1.
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => i64::MAX,
        };
        [self.at, id]
    }
}

fn raw_data(
    connection: &Connection,
    workspace: WorkspaceId,
    filter: &RawDataFilter,
    after: Option<Place>,
    limit: u32,
) -> StoreResult<Page<RawData>> {
    let mut rows = Vec::new();
    if let Some(communications) = &filter.communications {
        let after = after.map(|place| place.of_stream(true));
        let sort = filter.order.of_communications();
        let found = list(
            connection,
            workspace,
            communications,
            sort,
            after,
            limit + 1,
        )?;
        let found = found.items.into_iter().map(Box::new);
        rows.extend(found.map(RawData::Communication));
    }
    if let Some(filter_of_goals) = &filter.goals {
        let after = after.map(|place| place.of_stream(false));
        let found = goals(
            connection,
            workspace,
            filter_of_goals,
            filter.order,
            after,
            limit,
        )?;
        rows.extend(found.into_iter().map(Box::new).map(RawData::Goal));
    }
    rows.sort_by_key(Place::of);
    if filter.order == RawDataOrder::NewestFirst {
        rows.reverse();
    }
    rows.truncate(limit as usize + 1);
    Ok(page(rows, limit, |row| Place::of(row).cursor()))
}

/// The goals after a time and id, one more than `limit` to tell whether there is a next page.
fn goals(
    connection: &Connection,
    workspace: WorkspaceId,
    filter: &GoalFilter,
    order: RawDataOrder,
    after: Option<[i64; 2]>,
    limit: u32,
) -> StoreResult<Vec<GoalOfVisit>> {
    let (direction, compare) = match order {
        RawDataOrder::NewestFirst => ("desc", "<"),
        RawDataOrder::OldestFirst => ("asc", ">"),
    };
    let (mut condition, mut values) = condition(workspace, filter);
    if let Some([at, id]) = after {
        condition.push_str(&format!(" and (goals.at, goals.hit_id) {compare} (?, ?)"));
        values.extend([Value::Integer(at), Value::Integer(id)]);
    }
    values.push((i64::from(limit) + 1).into());
    let sql = format!(
        "select {}, goals.hit_id, goals.site_id, goals.at, goals.name, goals.data from goals
         join hits on hits.id = goals.hit_id
         join visits on visits.id = hits.visit_id
         where {condition}
         order by goals.at {direction}, goals.hit_id {direction} limit ?",
        visit_columns!()
    );
    let found = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            let visit = read_visit(row)?;
            Ok(GoalOfVisit {
                goal: read_goal(row, visit.id, AFTER_VISIT)?,
                visit,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(found)
}

fn condition(workspace: WorkspaceId, filter: &GoalFilter) -> (String, Vec<Value>) {
    let mut condition = String::from("goals.workspace_id = ?");
    let mut values = vec![Value::Integer(workspace.0)];
    let mut also = |text: &str, value: Option<Value>| {
        if let Some(value) = value {
            condition.push_str(" and ");
            condition.push_str(text);
            values.push(value);
        }
    };
    also("goals.at >= ?", filter.from.map(|at| micros(at).into()));
    also("goals.at < ?", filter.to.map(|at| micros(at).into()));
    also("goals.name = ?", filter.name.clone().map(Value::Text));
    also("goals.site_id = ?", filter.site.map(|id| id.0.into()));
    also("hits.visit_id = ?", filter.visit.map(|id| id.0.into()));
    also(
        "visits.campaign_id = ?",
        filter.campaign.map(|id| id.0.into()),
    );
    also("visits.source_id = ?", filter.source.map(|id| id.0.into()));
    for word in filter.text.iter().flat_map(|text| text_words(text)) {
        let folded = word.to_lowercase();
        also("instr(goals.folded, ?) > 0", Some(Value::Text(folded)));
    }
    (condition, values)
}

/// Goals of one visit, oldest first.
pub(super) fn goals_of(
    connection: &Connection,
    workspace: WorkspaceId,
    visit: VisitId,
) -> StoreResult<Vec<Goal>> {
    let goals = connection
        .prepare_cached(
            "select goals.hit_id, goals.site_id, goals.at, goals.name, goals.data from hits
             join goals on goals.hit_id = hits.id
             where hits.visit_id = ?1 and goals.workspace_id = ?2
             order by goals.at, hits.message, hits.id limit ?3",
        )?
        .query_map(params![visit.0, workspace.0, GOALS_OF_A_VISIT], |row| {
            read_goal(row, visit, 0)
        })?
        .collect::<Result<_, _>>()?;
    Ok(goals)
}

/// Reads `hit_id, site_id, at, name, data` from the column `first` on.
fn read_goal(row: &Row<'_>, visit: VisitId, first: usize) -> rusqlite::Result<Goal> {
    Ok(Goal {
        id: GoalId(row.get(first)?),
        visit,
        site: SiteId(row.get(first + 1)?),
        at: get_time(row, first + 2)?,
        name: row.get(first + 3)?,
        data: get_json(row, first + 4)?,
    })
}
