//! `/api/v1/employees`

use super::key::{Reader, Writer};
use super::list::{Items, Paging, configured};
use super::shapes::{Failure, checked_name, named};
use crate::http_error::{HttpError, HttpResult, Json, Path, Query};
use crate::hub::Hub;
use crate::model::{Employee, EmployeeId, Named};
use crate::store::Removable;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmployeeFields)]
struct Fields {
    name: String,
}

/// List the employees.
#[utoipa::path(get, path = "/employees", tag = "employees", params(Paging),
    responses((status = 200, body = Items<Named>), Failure))]
async fn list(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Query(paging): Query<Paging>,
) -> HttpResult<Json<Items<Named>>> {
    let setup = hub.setups.of(caller.workspace).await?;
    configured(
        &setup.employees,
        paging,
        |one| one.id.0,
        |one| named(one.id.0, &one.name),
    )
}

/// Add an employee.
#[utoipa::path(post, path = "/employees", tag = "employees", request_body = Fields,
    responses((status = 201, body = Named), Failure))]
async fn create(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Json(fields): Json<Fields>,
) -> HttpResult<(StatusCode, Json<Named>)> {
    let name = checked_name(&fields.name)?;
    let id = hub.store.add_employee(caller.workspace, &name).await?;
    caller.did(&hub, "employee.create", id).await?;
    Ok((StatusCode::CREATED, Json(named(id.0, &name))))
}

/// Read an employee.
#[utoipa::path(get, path = "/employees/{id}", tag = "employees", params(("id" = i64, Path)),
    responses((status = 200, body = Named), Failure))]
async fn read(
    State(hub): State<Arc<Hub>>,
    Reader(caller): Reader,
    Path(id): Path<EmployeeId>,
) -> HttpResult<Json<Named>> {
    let setup = hub.setups.of(caller.workspace).await?;
    let found = setup.employee(id).ok_or_else(|| not_found(id))?;
    Ok(Json(named(id.0, &found.name)))
}

/// Rename an employee.
#[utoipa::path(method(patch, put), path = "/employees/{id}", tag = "employees",
    params(("id" = i64, Path)), request_body = Fields,
    responses((status = 200, body = Named), Failure))]
async fn change(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<EmployeeId>,
    Json(fields): Json<Fields>,
) -> HttpResult<Json<Named>> {
    let setup = hub.setups.of(caller.workspace).await?;
    setup.employee(id).ok_or_else(|| not_found(id))?;
    let name = checked_name(&fields.name)?;
    let employee = Employee { id, name };
    hub.store.save_employee(caller.workspace, &employee).await?;
    caller.did(&hub, "employee.change", id).await?;
    Ok(Json(named(id.0, &employee.name)))
}

/// Remove an employee. Communications keep the name.
#[utoipa::path(delete, path = "/employees/{id}", tag = "employees", params(("id" = i64, Path)),
    responses((status = 204), Failure))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    Writer(caller): Writer,
    Path(id): Path<EmployeeId>,
) -> HttpResult<StatusCode> {
    let setup = hub.setups.of(caller.workspace).await?;
    setup.employee(id).ok_or_else(|| not_found(id))?;
    hub.store
        .remove(caller.workspace, Removable::Employee(id))
        .await?;
    caller.did(&hub, "employee.remove", id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_found(id: EmployeeId) -> HttpError {
    HttpError::not_found(format!("employee {id}"))
}
