//! Goals on pages: rows of the raw data and of their visit's page.

use super::Page;
use super::communications::{Names, reached_by};
use crate::model::{Goal, LEAD, Named};
use crate::store::GoalOfVisit;
use serde_json::{Map, Value};

/// Characters of a goal's data in the table.
const PREVIEW: usize = 120;

/// A goal among communications.
#[derive(Clone, Debug)]
pub struct GoalRow {
    /// The page of its visit is that of the goal too.
    pub visit: i64,
    pub date: String,
    pub time: String,
    pub name: String,
    pub site: String,
    /// The beginning of what the site told with it.
    pub data: String,
    pub person: String,
    pub contacts: Vec<String>,
    pub campaign: String,
    pub source: String,
    pub channel_group: String,
    pub utm: Vec<String>,
}

impl GoalRow {
    /// `of` is already as the person may see it.
    pub fn new(page: &Page, of: &GoalOfVisit, names: &Names) -> Self {
        let GoalOfVisit { goal, visit } = of;
        let contact = goal.contact();
        let name =
            |named: &Option<Named>| named.as_ref().map(|n| n.name.clone()).unwrap_or_default();
        let utm = &visit.marks.utm;
        let utm = [&utm.utm_source, &utm.utm_medium, &utm.utm_campaign];
        Self {
            visit: visit.id.0,
            date: page.date(goal.at),
            time: page.time(goal.at),
            name: goal.name.clone(),
            site: name(&names.site),
            data: preview(goal),
            contacts: reached_by(&contact),
            person: contact.name.unwrap_or_default(),
            campaign: name(&names.campaign),
            source: name(&names.source),
            channel_group: page.channel_group(visit.channel_group),
            utm: utm.into_iter().flatten().cloned().collect(),
        }
    }
}

/// A goal on the page of its visit.
#[derive(Clone, Debug)]
pub struct GoalLine {
    pub time: String,
    pub name: String,
    /// Names and values.
    pub data: Vec<(String, String)>,
}

impl GoalLine {
    pub fn new(page: &Page, goal: &Goal) -> Self {
        Self {
            time: page.time(goal.at),
            name: goal.name.clone(),
            data: fields(&goal.data).collect(),
        }
    }
}

fn fields(data: &Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    data.iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null => "–".to_owned(),
            other => other.to_string(),
        };
        (name.clone(), text)
    })
}

/// Names and values in a row, without those of a lead that the contact shows.
fn preview(goal: &Goal) -> String {
    let in_contact = |name: &str| {
        let shown = ["phone", "email", "name"];
        goal.name == LEAD && shown.contains(&name.trim().to_lowercase().as_str())
    };
    let told = fields(&goal.data).filter(|(name, _)| !in_contact(name));
    let told: Vec<_> = told
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    told.join(", ").chars().take(PREVIEW).collect()
}
