//! Employees and tags: lists of names, each kept, changed and removed in place.

use super::form::{Form, html, to};
use super::parts::Notice;
use super::{Editor, Menu, Page, Person};
use crate::http_error::{HttpError, HttpResult};
use crate::hub::Hub;
use crate::model::{Employee, EmployeeId, Tag, TagId};
use crate::store::Removable;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "names.html")]
pub struct NamesPage {
    pub page: Page,
    /// Address of the list, and the section of its texts.
    pub path: &'static str,
    pub section: &'static str,
    pub icon: &'static str,
    pub names: Vec<(i64, String)>,
    pub error: String,
    pub notice: Option<Notice>,
}

/// What a list is of.
#[derive(Clone, Copy)]
enum Noun {
    Employees,
    Tags,
}

impl Noun {
    fn menu(self) -> Menu {
        match self {
            Noun::Employees => Menu::Employees,
            Noun::Tags => Menu::Tags,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Noun::Employees => "employee",
            Noun::Tags => "tag",
        }
    }

    fn names(self, person: &Person) -> Vec<(i64, String)> {
        let setup = &person.setup;
        match self {
            Noun::Employees => setup
                .employees
                .iter()
                .map(|one| (one.id.0, one.name.clone()))
                .collect(),
            Noun::Tags => setup
                .tags
                .iter()
                .map(|one| (one.id.0, one.name.clone()))
                .collect(),
        }
    }

    async fn add(self, person: &Person, name: &str) -> HttpResult<i64> {
        let (store, workspace) = (&person.hub.store, person.workspace());
        Ok(match self {
            Noun::Employees => store.add_employee(workspace, name).await?.0,
            Noun::Tags => store.add_tag(workspace, name).await?.0,
        })
    }

    async fn save(self, person: &Person, id: i64, name: &str) -> HttpResult<()> {
        let (store, workspace) = (&person.hub.store, person.workspace());
        let name = name.to_owned();
        match self {
            Noun::Employees => {
                let employee = Employee {
                    id: EmployeeId(id),
                    name,
                };
                store.save_employee(workspace, &employee).await?;
            }
            Noun::Tags => {
                let tag = Tag {
                    id: TagId(id),
                    name,
                };
                store.save_tag(workspace, &tag).await?;
            }
        }
        Ok(())
    }

    fn removable(self, id: i64) -> Removable {
        match self {
            Noun::Employees => Removable::Employee(EmployeeId(id)),
            Noun::Tags => Removable::Tag(TagId(id)),
        }
    }
}

pub fn router() -> Router<Arc<Hub>> {
    list_of(Noun::Employees).merge(list_of(Noun::Tags))
}

fn list_of(noun: Noun) -> Router<Arc<Hub>> {
    let path = noun.menu().address();
    let list = get(move |person, asked| list(noun, person, asked))
        .post(move |editor, form| add(noun, editor, form));
    let one = post(move |editor, id, form| save(noun, editor, id, form));
    let remove = post(move |editor, id| remove(noun, editor, id));
    Router::new()
        .route(path, list)
        .route(&format!("{path}/{{id}}"), one)
        .route(&format!("{path}/{{id}}/remove"), remove)
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn list(noun: Noun, person: Person, Query(asked): Query<Asked>) -> HttpResult<Response> {
    let mut shown = page(noun, &person);
    shown.notice = Notice::done(&shown.page, "names", &asked.done);
    html(&shown)
}

fn page(noun: Noun, person: &Person) -> NamesPage {
    let (section, icon) = match noun {
        Noun::Employees => ("employees", "users"),
        Noun::Tags => ("tags", "tag"),
    };
    NamesPage {
        page: person.page(noun.menu()),
        path: noun.menu().address(),
        section,
        icon,
        names: noun.names(person),
        error: String::new(),
        notice: None,
    }
}

/// The list again with what is wrong; `None` when the name can be taken.
fn refused(noun: Noun, person: &Person, form: &Form, id: Option<i64>) -> Option<NamesPage> {
    let mut shown = page(noun, person);
    let key = match form.name("name") {
        None => "error.name",
        Some(name)
            if shown
                .names
                .iter()
                .any(|(other, known)| known == name && Some(*other) != id) =>
        {
            "error.known"
        }
        Some(_) => return None,
    };
    shown.error = shown.page.text(key).to_owned();
    Some(shown)
}

async fn add(noun: Noun, Editor(person): Editor, form: Form) -> HttpResult<Response> {
    if let Some(shown) = refused(noun, &person, &form, None) {
        return html(&shown);
    }
    let id = noun.add(&person, form.get("name")).await?;
    let action = format!("{}.create", noun.word());
    person.changed(&action, id, false).await?;
    Ok(to(format!("{}?done=added", noun.menu().address())))
}

async fn save(
    noun: Noun,
    Editor(person): Editor,
    Path(id): Path<i64>,
    form: Form,
) -> HttpResult<Response> {
    known(noun, &person, id)?;
    if let Some(shown) = refused(noun, &person, &form, Some(id)) {
        return html(&shown);
    }
    noun.save(&person, id, form.get("name")).await?;
    let action = format!("{}.rename", noun.word());
    person.changed(&action, id, false).await?;
    Ok(to(format!("{}?done=saved", noun.menu().address())))
}

async fn remove(noun: Noun, Editor(person): Editor, Path(id): Path<i64>) -> HttpResult<Response> {
    known(noun, &person, id)?;
    let store = &person.hub.store;
    store.remove(person.workspace(), noun.removable(id)).await?;
    let action = format!("{}.remove", noun.word());
    person.changed(&action, id, false).await?;
    Ok(to(format!("{}?done=removed", noun.menu().address())))
}

fn known(noun: Noun, person: &Person, id: i64) -> HttpResult<()> {
    match noun.names(person).iter().any(|(one, _)| *one == id) {
        true => Ok(()),
        false => Err(HttpError::not_found(noun.word())),
    }
}
