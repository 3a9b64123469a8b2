//! Campaigns and sources: lists and forms of the two kinds of target.

use super::conditions::{self, Builder};
use super::form::{Form, html, to};
use super::integration_form::{Lists, with_none};
use super::parts::{Choice, Notice};
use super::{Editor, Menu, Page, Person};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::Hub;
use crate::model::{Campaign, CampaignId, ChannelGroup, Conditions, SiteId, Source, SourceId};
use crate::store::Removable;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "targets.html")]
pub struct TargetsPage {
    pub page: Page,
    /// Section of the texts, `campaigns` or `sources`.
    pub section: &'static str,
    pub path: &'static str,
    pub icon: &'static str,
    pub lines: Vec<TargetLine>,
    pub notice: Option<Notice>,
}

#[derive(Clone, Debug)]
pub struct TargetLine {
    pub id: i64,
    pub name: String,
    /// Site of a campaign, channel group of a source.
    pub of: String,
    /// Conditions, a line for each group.
    pub conditions: Vec<String>,
}

#[derive(Template)]
#[template(path = "target.html")]
pub struct TargetPage {
    pub page: Page,
    pub section: &'static str,
    pub path: &'static str,
    /// `None`: a new one.
    pub id: Option<i64>,
    pub name: String,
    pub name_error: String,
    /// Of a campaign.
    pub sites: Vec<Choice>,
    /// Of a source.
    pub groups: Vec<Choice>,
    /// Of a source; the higher is asked first.
    pub priority: String,
    pub builder: Builder,
}

/// What a form is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noun {
    Campaigns,
    Sources,
}

/// What was typed, or what is stored.
#[derive(Clone, Debug, Default)]
struct Draft {
    name: String,
    site: Option<SiteId>,
    channel_group: Option<ChannelGroup>,
    priority: Option<i64>,
    conditions: Conditions,
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

impl Noun {
    fn menu(self) -> Menu {
        match self {
            Noun::Campaigns => Menu::Campaigns,
            Noun::Sources => Menu::Sources,
        }
    }

    fn section(self) -> &'static str {
        match self {
            Noun::Campaigns => "campaigns",
            Noun::Sources => "sources",
        }
    }

    fn action(self, verb: &str) -> String {
        let noun = match self {
            Noun::Campaigns => "campaign",
            Noun::Sources => "source",
        };
        format!("{noun}.{verb}")
    }

    fn lines(self, person: &Person, page: &Page) -> Vec<TargetLine> {
        let setup = &person.setup;
        let campaign = |one: &Campaign| TargetLine {
            id: one.id.0,
            name: one.name.clone(),
            of: setup
                .site(one.site)
                .map(|site| site.name.clone())
                .unwrap_or_default(),
            conditions: conditions::told(page, &one.conditions),
        };
        let source = |one: &Source| TargetLine {
            id: one.id.0,
            name: one.name.clone(),
            of: one
                .channel_group
                .map(|group| page.channel_group(group))
                .unwrap_or_default(),
            conditions: conditions::told(page, &one.conditions),
        };
        match self {
            Noun::Campaigns => setup.campaigns.iter().map(campaign).collect(),
            Noun::Sources => setup.sources.iter().map(source).collect(),
        }
    }

    fn stored(self, person: &Person, id: i64) -> HttpResult<Draft> {
        let missing = || HttpError::not_found("this target");
        Ok(match self {
            Noun::Campaigns => {
                let one = person.setup.campaign(CampaignId(id)).ok_or_else(missing)?;
                Draft {
                    name: one.name.clone(),
                    site: Some(one.site),
                    conditions: one.conditions.clone(),
                    ..Draft::default()
                }
            }
            Noun::Sources => {
                let one = person.setup.source(SourceId(id)).ok_or_else(missing)?;
                Draft {
                    name: one.name.clone(),
                    channel_group: one.channel_group,
                    priority: Some(one.priority),
                    conditions: one.conditions.clone(),
                    ..Draft::default()
                }
            }
        })
    }

    /// Stores a new one or changes an existing one; gives its id.
    async fn store(self, person: &Person, id: Option<i64>, draft: Draft) -> HttpResult<i64> {
        let (store, workspace) = (&person.hub.store, person.workspace());
        let Draft {
            name,
            site,
            channel_group,
            priority,
            conditions,
        } = draft;
        let site = site.unwrap_or(SiteId(0));
        Ok(match (self, id) {
            (Noun::Campaigns, None) => {
                store
                    .add_campaign(workspace, site, &name, &conditions)
                    .await?
                    .0
            }
            (Noun::Campaigns, Some(id)) => {
                let before = person.setup.campaign(CampaignId(id));
                let position = before.map_or(0, |one| one.position);
                let campaign = Campaign {
                    id: CampaignId(id),
                    site,
                    name,
                    conditions,
                    position,
                };
                store.save_campaign(workspace, &campaign).await?;
                id
            }
            (Noun::Sources, None) => {
                store
                    .add_source(workspace, &name, channel_group, &conditions, priority)
                    .await?
                    .0
            }
            (Noun::Sources, Some(id)) => {
                let before = person.setup.source(SourceId(id));
                let kept = before.map_or(0, |one| one.priority);
                let priority = priority.unwrap_or(kept);
                let source = Source {
                    id: SourceId(id),
                    name,
                    channel_group,
                    conditions,
                    priority,
                };
                store.save_source(workspace, &source).await?;
                id
            }
        })
    }

    fn removable(self, id: i64) -> Removable {
        match self {
            Noun::Campaigns => Removable::Campaign(CampaignId(id)),
            Noun::Sources => Removable::Source(SourceId(id)),
        }
    }
}

pub fn router() -> Router<Arc<Hub>> {
    pages_of(Noun::Campaigns).merge(pages_of(Noun::Sources))
}

fn pages_of(noun: Noun) -> Router<Arc<Hub>> {
    let path = noun.menu().address();
    let blank = get(move |editor| blank(noun, editor))
        .post(move |editor, form| save(noun, editor, None, form));
    let one = get(move |editor, id| open(noun, editor, id))
        .post(move |editor, Path(id): Path<i64>, form| save(noun, editor, Some(id), form));
    Router::new()
        .route(path, get(move |person, asked| list(noun, person, asked)))
        .route(&format!("{path}/new"), blank)
        .route(&format!("{path}/{{id}}"), one)
        .route(
            &format!("{path}/{{id}}/remove"),
            post(move |editor, id| remove(noun, editor, id)),
        )
}

async fn list(noun: Noun, person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let page = person.page(noun.menu());
    html(&TargetsPage {
        section: noun.section(),
        path: noun.menu().address(),
        icon: match noun {
            Noun::Campaigns => "ad-2",
            Noun::Sources => "route",
        },
        lines: noun.lines(&person, &page),
        notice: Notice::done(&page, "targets", &asked.done),
        page,
    })
}

async fn blank(noun: Noun, Editor(person): Editor) -> HttpResult<Response> {
    let draft = Draft {
        site: person.setup.sites.first().map(|site| site.id),
        ..Draft::default()
    };
    html(&form_page(noun, &person, None, &draft, "", String::new()))
}

async fn open(noun: Noun, Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    let draft = noun.stored(&person, id)?;
    html(&form_page(
        noun,
        &person,
        Some(id),
        &draft,
        "",
        String::new(),
    ))
}

fn form_page(
    noun: Noun,
    person: &Person,
    id: Option<i64>,
    draft: &Draft,
    name_error: &str,
    conditions_error: String,
) -> TargetPage {
    let page = person.page(noun.menu());
    let lists = Lists {
        page: &page,
        setup: &person.setup,
    };
    let group = |one: &ChannelGroup| {
        Choice::new(
            one.as_str(),
            page.channel_group(*one),
            draft.channel_group == Some(*one),
        )
    };
    let is_campaign = noun == Noun::Campaigns;
    TargetPage {
        section: noun.section(),
        path: noun.menu().address(),
        id,
        name: draft.name.clone(),
        name_error: page.locale.find(name_error).unwrap_or_default().to_owned(),
        sites: match is_campaign {
            true => lists.sites(draft.site.map(|site| site.0)),
            false => Vec::new(),
        },
        groups: match is_campaign {
            true => Vec::new(),
            false => with_none(
                page.text("sources.any_group"),
                ChannelGroup::ALL.iter().map(group).collect(),
            ),
        },
        priority: draft.priority.map(|n| n.to_string()).unwrap_or_default(),
        builder: Builder::new(&page, &draft.conditions, conditions_error),
        page,
    }
}

async fn save(
    noun: Noun,
    Editor(person): Editor,
    id: Option<i64>,
    form: Form,
) -> HttpResult<Response> {
    if let Some(id) = id {
        noun.stored(&person, id)?;
    }
    let mut draft = Draft {
        name: form.get("name").to_owned(),
        site: form.id("site").map(SiteId),
        channel_group: ChannelGroup::parse(form.get("channel_group")),
        priority: form.id("priority"),
        conditions: conditions::sent(&form),
    };
    if form.has("edit") {
        draft.conditions = conditions::edited(draft.conditions, form.get("edit"));
        return html(&form_page(noun, &person, id, &draft, "", String::new()));
    }
    let has_site = draft
        .site
        .is_some_and(|site| person.setup.site(site).is_some());
    let is_wrong = form.name("name").is_none() || (noun == Noun::Campaigns && !has_site);
    let name_error = if is_wrong { "error.name" } else { "" };
    let checked = conditions::checked(&person.page(noun.menu()), draft.conditions.clone());
    let conditions = match checked {
        Ok(conditions) if !is_wrong => conditions,
        Ok(_) => {
            return html(&form_page(
                noun,
                &person,
                id,
                &draft,
                name_error,
                String::new(),
            ));
        }
        Err(wrong) => return html(&form_page(noun, &person, id, &draft, name_error, wrong)),
    };
    let draft = Draft {
        conditions,
        ..draft
    };
    let made = noun.store(&person, id, draft).await?;
    let verb = if id.is_none() { "create" } else { "change" };
    person
        .changed(&noun.action(verb), made, form.has("recredit"))
        .await?;
    Ok(to(format!("{}?done=saved", noun.menu().address())))
}

async fn remove(noun: Noun, Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    noun.stored(&person, id)?;
    let store = &person.hub.store;
    store.remove(person.workspace(), noun.removable(id)).await?;
    person.changed(&noun.action("remove"), id, false).await?;
    Ok(to(format!("{}?done=removed", noun.menu().address())))
}
