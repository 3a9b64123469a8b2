//! Small pieces of JSON that several nouns share.

use crate::credit;
use crate::http_error::{FieldProblem, HttpError, HttpResult};
use crate::model::{Conditions, Named, Utm};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// An error, for the descriptions of all operations.
#[derive(utoipa::IntoResponses)]
pub enum Failure {
    /// Anything that went wrong, as problem details.
    #[response(status = "default", content_type = "application/problem+json")]
    #[allow(dead_code)]
    Problem(#[to_schema] crate::http_error::Problem),
}

/// A field of a change: absent stays as it is, null empties it.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A name that says something: not empty, at most 255 characters.
pub fn checked_name(name: &str) -> HttpResult<String> {
    let name = name.trim();
    match name.chars().count() {
        1..=255 => Ok(name.to_string()),
        _ => Err(wrong("name", "give a name of 1 to 255 characters")),
    }
}

/// Conditions that can be compared.
pub fn checked_conditions(conditions: Conditions) -> HttpResult<Conditions> {
    credit::validate(&conditions).map_err(|detail| wrong("conditions", &detail))?;
    Ok(conditions)
}

/// A refusal of one field.
pub fn wrong(field: &str, detail: &str) -> HttpError {
    HttpError::invalid(vec![FieldProblem::new(field, detail)])
}

/// UTM fields as credited or as seen on a visit.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UtmFields {
    pub utm_source: Option<String>,
    pub utm_medium: Option<String>,
    pub utm_campaign: Option<String>,
    pub utm_content: Option<String>,
    pub utm_term: Option<String>,
}

impl From<Utm> for UtmFields {
    fn from(utm: Utm) -> Self {
        UtmFields {
            utm_source: utm.utm_source,
            utm_medium: utm.utm_medium,
            utm_campaign: utm.utm_campaign,
            utm_content: utm.utm_content,
            utm_term: utm.utm_term,
        }
    }
}

/// A thing that was made or is referred to.
pub fn named(id: i64, name: &str) -> Named {
    Named {
        id,
        name: name.to_string(),
    }
}
