//! One visit: when, from where, on what, its pages and goals, and the visits before it.

use super::communication::{VisitFacts, VisitPart};
use super::form::html;
use super::goals::GoalLine;
use super::mask::mask_goal;
use super::{Menu, Page, Person};
use crate::http_error::HttpResult;
use crate::hub::Hub;
use crate::model::{Visit, VisitId};
use crate::store::Removable;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// Earlier visits shown.
const EARLIER: u32 = 50;

#[derive(Template)]
#[template(path = "visit.html")]
pub struct VisitPage {
    pub page: Page,
    pub visit: VisitPart,
    pub goals: Vec<GoalLine>,
    pub visitor: String,
    pub site: String,
    pub campaign: String,
    pub source: String,
    pub earlier: Vec<EarlierVisit>,
}

/// A visit before this one.
#[derive(Clone, Debug)]
pub struct EarlierVisit {
    pub id: i64,
    pub at: String,
    pub channel_group: String,
    /// UTM values, else the referrer's host.
    pub marks: String,
}

impl EarlierVisit {
    pub fn new(page: &Page, visit: &Visit) -> Self {
        Self {
            id: visit.id.0,
            at: page.date_time(visit.started_at),
            channel_group: page.channel_group(visit.channel_group),
            marks: marks_line(visit),
        }
    }
}

/// UTM values of a visit, else the referrer's host.
pub fn marks_line(visit: &Visit) -> String {
    let utm = &visit.marks.utm;
    let utm = [&utm.utm_source, &utm.utm_medium, &utm.utm_campaign];
    let utm: Vec<&str> = utm.into_iter().flatten().map(String::as_str).collect();
    match utm.is_empty() {
        true => visit.marks.referrer_host.clone().unwrap_or_default(),
        false => utm.join(" / "),
    }
}

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/visits/{id}", get(show))
}

async fn show(person: Person, Path(id): Path<i64>) -> HttpResult<Response> {
    let (store, workspace) = (&person.hub.store, person.workspace());
    let view = store.visit(workspace, VisitId(id)).await?;
    let earlier = store
        .earlier_visits(workspace, view.visit.id, EARLIER)
        .await?;
    let page = person.page(Menu::Visits);
    let goals = view.goals.iter().cloned();
    let goals = goals.map(|goal| GoalLine::new(&page, &mask_goal(&person, goal)));
    let name = |what: Option<Removable>| {
        let named = what.and_then(|what| person.setup.named(what));
        named.map(|named| named.name).unwrap_or_default()
    };
    html(&VisitPage {
        goals: goals.collect(),
        visit: VisitPart::new(&page, &VisitFacts::of(&view), None),
        visitor: view.visitor_key.clone(),
        site: name(Some(Removable::Site(view.visit.site))),
        campaign: name(view.visit.campaign.map(Removable::Campaign)),
        source: name(view.visit.source.map(Removable::Source)),
        earlier: earlier
            .iter()
            .map(|visit| EarlierVisit::new(&page, visit))
            .collect(),
        page,
    })
}
