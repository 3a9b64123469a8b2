//! Between our values and the engine's columns.

use crate::model::Timestamp;
use crate::store::{Page, StoreError, StoreResult};
use rusqlite::{Row, RowIndex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn get_time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Timestamp> {
    row.get(column).map(time)
}

pub(super) fn get_time_or_none(
    row: &Row<'_>,
    column: impl RowIndex,
) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(time))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Other(error.into()))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Other(error.into()))
}

/// Reads a JSON column inside a row reader.
pub(super) fn get_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl RowIndex,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}

/// Reads a column that holds one of our words.
pub(super) fn get_word<T>(
    row: &Row<'_>,
    column: impl RowIndex + Display + Copy,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            0,
            rusqlite::types::Type::Text,
            format!("`{text}` is no known value of {column}").into(),
        )
    })
}

/// Cuts a list that was read with one row too many into a page.
pub(super) fn page<T>(
    mut items: Vec<T>,
    limit: u32,
    cursor_of: impl FnOnce(&T) -> String,
) -> Page<T> {
    let limit = limit as usize;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        cursor_of(items.last().expect("a page with a next one is not empty"))
    });
    Page { items, next }
}

/// The integers of a cursor, which are joined by `_`.
pub(super) fn cursor_parts<const N: usize>(cursor: Option<&str>) -> StoreResult<Option<[i64; N]>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let parts: Result<Vec<i64>, _> = cursor.split('_').map(str::parse).collect();
    parts
        .ok()
        .and_then(|parts| parts.try_into().ok())
        .map(Some)
        .ok_or(StoreError::NotFound("the cursor"))
}
