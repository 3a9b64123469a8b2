//! Raw data → Visits: the table of all visits. The address holds the whole state of the view.

use super::communications::{FilterList, SHOWN_ADDRESS, address, day_start};
use super::form::html;
use super::integration_form::with_none;
use super::parts::{Choice, Pager};
use super::visit::marks_line;
use super::{Menu, Page, Person};
use crate::http_error::HttpResult;
use crate::hub::{Hub, LiveSetup};
use crate::model::{ChannelGroup, SiteId, Visit};
use crate::store::{PageRequest, Removable, VisitFilter};
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::sync::Arc;

/// Rows of a page.
const ROWS: u32 = 50;

pub fn router() -> Router<Arc<Hub>> {
    Router::new().route("/visits", get(list))
}

/// The state of the view, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    from: String,
    to: String,
    site: String,
    channel_group: String,
    cursor: String,
}

impl Asked {
    fn address(&self, cursor: &str) -> String {
        let parts = [
            ("from", self.from.as_str()),
            ("to", &self.to),
            ("site", &self.site),
            ("channel_group", &self.channel_group),
            ("cursor", cursor),
        ];
        address("/visits", &parts)
    }

    fn any(&self) -> bool {
        let filters = [&self.from, &self.to, &self.site, &self.channel_group];
        filters.iter().any(|value| !value.is_empty())
    }

    /// A value that is none of the offered ones filters nothing.
    fn filter(&self, zone: &TimeZone) -> VisitFilter {
        VisitFilter {
            from: day_start(&self.from, zone, 0),
            to: day_start(&self.to, zone, 1),
            site: self.site.parse().ok().map(SiteId),
            channel_group: ChannelGroup::parse(&self.channel_group),
            ..VisitFilter::default()
        }
    }
}

async fn list(person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(Menu::Visits);
    let request = PageRequest {
        limit: ROWS,
        cursor: Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty()),
    };
    let filter = asked.filter(&page.zone);
    let store = &person.hub.store;
    let found = store
        .visits_page(person.workspace(), &filter, &request)
        .await?;
    let rows = found.items.iter();
    let rows: Vec<Row> = rows
        .map(|visit| Row::new(&page, &person.setup, visit))
        .collect();
    let view = VisitsPage {
        from: asked.from.clone(),
        to: asked.to.clone(),
        lists: lists(&person, &page, &asked),
        any: asked.any(),
        pager: Pager {
            shown: page.fill("visits.found_on_page", "n", page.number(rows.len() as u64)),
            first: request.cursor.is_some().then(|| asked.address("")),
            next: found.next.map(|next| asked.address(&next)),
        },
        rows,
        page,
    };
    let mut answer = html(&view)?;
    if let Ok(value) = HeaderValue::from_str(&asked.address(&asked.cursor)) {
        answer.headers_mut().insert(SHOWN_ADDRESS.clone(), value);
    }
    Ok(answer)
}

fn lists(person: &Person, page: &Page, asked: &Asked) -> Vec<FilterList> {
    let list = |name: &'static str, title: &str, options: Vec<Choice>| FilterList {
        name,
        title: page.text(title).to_owned(),
        options: with_none(page.text("visits.any"), options),
    };
    let sites = person.setup.sites.iter();
    let sites = sites.map(|site| {
        let id = site.id.0.to_string();
        let chosen = asked.site == id;
        Choice::new(id, &site.host, chosen)
    });
    let groups = ChannelGroup::ALL.iter();
    let groups = groups.map(|group| {
        let chosen = asked.channel_group == group.as_str();
        Choice::new(group.as_str(), page.channel_group(*group), chosen)
    });
    vec![
        list("site", "visit.site", sites.collect()),
        list("channel_group", "visit.channel_group", groups.collect()),
    ]
}

#[derive(Template)]
#[template(path = "visits.html")]
pub struct VisitsPage {
    pub page: Page,
    /// Days of the workspace's zone, `2026-11-21`, or empty.
    pub from: String,
    pub to: String,
    pub lists: Vec<FilterList>,
    /// Some filter is set: "reset" is offered and an empty table says so.
    pub any: bool,
    pub rows: Vec<Row>,
    pub pager: Pager,
}

/// One visit in the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub date: String,
    pub time: String,
    pub channel_group: String,
    /// UTM values, else the referrer's host.
    pub marks: String,
    /// Names of the advertising clicks: `yclid`, `gclid`.
    pub clicks: Vec<String>,
    pub campaign: String,
    pub source: String,
    pub site: String,
    /// Path of the first page.
    pub entry: String,
    pub pages: String,
    pub device: String,
    pub place: String,
    pub is_robot: bool,
}

impl Row {
    pub fn new(page: &Page, setup: &LiveSetup, of: &Visit) -> Self {
        let name = |what: Option<Removable>| {
            let named = what.and_then(|what| setup.named(what));
            named.map(|named| named.name).unwrap_or_default()
        };
        let joined = |parts: [&Option<String>; 2]| {
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            parts.join(", ")
        };
        let entry = of.marks.entry_page.as_deref().unwrap_or_default();
        let path = entry.split_once("://").map_or(entry, |(_, rest)| rest);
        Self {
            id: of.id.0,
            date: page.date(of.started_at),
            time: page.time(of.started_at),
            channel_group: page.channel_group(of.channel_group),
            marks: marks_line(of),
            clicks: of.marks.click_ids.keys().cloned().collect(),
            campaign: name(of.campaign.map(Removable::Campaign)),
            source: name(of.source.map(Removable::Source)),
            site: name(Some(Removable::Site(of.site))),
            entry: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
            pages: page.count("count.page", u64::from(of.hits)),
            device: joined([&of.device.browser, &of.device.os]),
            place: joined([&of.city, &of.country]),
            is_robot: of.is_robot,
        }
    }
}
