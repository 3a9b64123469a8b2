//! Lists: `?limit=&cursor=` in, `{"items", "next_cursor"}` out.

use crate::http_error::{HttpError, HttpResult, Json};
use crate::store::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Items<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` to get the following page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// 1–500 items, 50 by default.
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Checks what was asked for.
pub fn page(limit: Option<u32>, cursor: Option<String>) -> HttpResult<PageRequest> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("query: limit is {limit}; give 1 to {MAX_LIMIT}");
        return Err(HttpError::bad_request(detail));
    }
    let cursor = cursor.filter(|cursor| !cursor.is_empty());
    if cursor.as_deref().is_some_and(|cursor| !is_cursor(cursor)) {
        return Err(HttpError::bad_request(
            "query: cursor is none of ours; send the `next_cursor` of the page before",
        ));
    }
    Ok(PageRequest { limit, cursor })
}

/// Cursors are integers joined by `_`; how many is the list's own business.
fn is_cursor(cursor: &str) -> bool {
    cursor.split('_').all(|part| part.parse::<i64>().is_ok())
}

/// A page of the store as it is answered.
pub fn items<T, U>(page: Page<T>, show: impl FnMut(T) -> U) -> Json<Items<U>> {
    let page = page.map(show);
    Json(Items {
        items: page.items,
        next_cursor: page.next,
    })
}

/// A page of what is configured, which is at hand as a whole; in the order of the ids.
pub fn configured<T, U>(
    all: &[T],
    paging: Paging,
    id: impl Fn(&T) -> i64,
    show: impl Fn(&T) -> U,
) -> HttpResult<Json<Items<U>>> {
    let request = page(paging.limit, paging.cursor)?;
    let after = match &request.cursor {
        Some(cursor) => cursor
            .parse()
            .map_err(|_| HttpError::bad_request("query: cursor is none of ours"))?,
        None => i64::MIN,
    };
    let mut rest: Vec<&T> = all.iter().filter(|one| id(one) > after).collect();
    rest.sort_by_key(|one| id(one));
    let limit = request.limit as usize;
    let has_more = rest.len() > limit;
    rest.truncate(limit);
    Ok(Json(Items {
        next_cursor: rest
            .last()
            .filter(|_| has_more)
            .map(|last| id(last).to_string()),
        items: rest.into_iter().map(show).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(limit: u32, cursor: Option<&str>) -> HttpResult<Items<i64>> {
        let paging = Paging {
            limit: Some(limit),
            cursor: cursor.map(str::to_string),
        };
        configured(&[5, 1, 9, 3], paging, |id| *id, |id| *id).map(|Json(items)| items)
    }

    #[test]
    fn a_configured_list_is_read_to_its_end_page_by_page() {
        let first = ask(3, None).unwrap();
        assert_eq!(first.items, [1, 3, 5]);
        let second = ask(3, first.next_cursor.as_deref()).unwrap();
        assert_eq!((second.items, second.next_cursor), (vec![9], None));
        assert_eq!(
            ask(4, None).unwrap().next_cursor,
            None,
            "a full last page is the last"
        );
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for (limit, cursor) in [(0, None), (501, None), (5, Some("x")), (5, Some("1_2"))] {
            assert!(ask(limit, cursor).is_err(), "{limit} {cursor:?}");
        }
    }
}
