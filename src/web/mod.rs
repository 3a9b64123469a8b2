//! Pages for people. A page is a template with its view struct beside it: `sites.html`, `sites.rs`.
//! View structs hold what is shown, prepared; templates only lay out. Each file has its `router()`.

pub mod assets;
pub mod communication;
pub mod communications;
mod conditions;
mod failure;
pub mod first_run;
mod form;
pub mod goals;
mod guard;
pub mod inbox;
pub mod integration;
mod integration_form;
pub mod integrations;
mod language;
pub mod login;
mod mask;
mod names;
mod own_path;
mod page;
pub mod parts;
mod person;
pub mod raw_event;
mod receipt;
#[cfg(test)]
mod samples;
mod settings;
mod show;
pub mod sites;
mod targets;
pub mod visit;
pub mod visits;

pub use page::{Icon, Menu, Page};
use person::{Editor, Guest, Person};

use crate::http_error::HttpError;
use crate::hub::Hub;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;
use std::sync::Arc;

/// The full list of pages, and the page of what is not there.
pub fn router(hub: &Arc<Hub>) -> Router<Arc<Hub>> {
    let pages = Router::new()
        .route("/", get(home))
        .merge(login::router())
        .merge(first_run::router())
        .merge(language::router())
        .merge(integrations::router())
        .merge(integration::router())
        .merge(communications::router())
        .merge(communication::router())
        .merge(visit::router())
        .merge(visits::router())
        .merge(inbox::router())
        .merge(raw_event::router())
        .merge(sites::router())
        .merge(settings::router())
        .merge(targets::router())
        .merge(names::router())
        .fallback(async || HttpError::not_found("this page"))
        .layer(from_fn_with_state(hub.clone(), guard::guard));
    let packed = Router::new().route("/assets/{*name}", get(assets::serve));
    packed.merge(pages)
}

async fn home(_: Person) -> Redirect {
    Redirect::to("/communications")
}
