//! Lists of communications: filters, order, pages, search.

use super::*;

pub(in crate::store::sqlite) fn list(
    connection: &Connection,
    workspace: WorkspaceId,
    filter: &CommunicationFilter,
    sort: CommunicationSort,
    cursor: Option<[i64; 2]>,
    limit: u32,
) -> StoreResult<Page<Communication>> {
    let (column, direction, compare) = match sort {
        CommunicationSort::NewestFirst => ("started_at", "desc", "<"),
        CommunicationSort::OldestFirst => ("started_at", "asc", ">"),
        CommunicationSort::RecentlyChanged => ("changed", "desc", "<"),
    };
    let (mut condition, mut values) = list_condition(workspace, filter);
    if let Some([at, id]) = cursor {
        condition.push_str(&format!(" and ({column}, id) {compare} (?, ?)"));
        values.extend([Value::Integer(at), Value::Integer(id)]);
    }
    values.push((i64::from(limit) + 1).into());
    let sql = format!(
        "select id, version, document, {column} as position from communications
         where {condition} order by {column} {direction}, id {direction} limit ?"
    );
    let rows = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            Ok((read_communication(row)?, row.get::<_, i64>(3)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let page = page(rows, limit, |(row, position)| {
        format!("{position}_{}", row.id)
    });
    Ok(page.map(|(row, _)| row))
}

pub(super) fn list_condition(
    workspace: WorkspaceId,
    filter: &CommunicationFilter,
) -> (String, Vec<Value>) {
    let mut condition = String::from("workspace_id = ? and hidden = 0");
    let mut values = vec![Value::Integer(workspace.0)];
    let mut also = |text: &str, value: Option<Value>| {
        if let Some(value) = value {
            condition.push_str(" and ");
            condition.push_str(text);
            values.push(value);
        }
    };
    let word = |text: &str| Some(Value::Text(text.to_owned()));
    also("started_at >= ?", filter.from.map(|at| micros(at).into()));
    also("started_at < ?", filter.to.map(|at| micros(at).into()));
    also("kind = ?", filter.kind.and_then(|kind| word(kind.as_str())));
    also("provider = ?", filter.provider.as_deref().and_then(word));
    also(
        "integration_id = ?",
        filter.integration.map(|id| id.0.into()),
    );
    also("channel = ?", filter.channel.as_deref().and_then(word));
    also(
        "status = ?",
        filter.status.and_then(|status| word(status.as_str())),
    );
    also(
        "strength = ?",
        filter.strength.and_then(|strength| word(strength.as_str())),
    );
    also("campaign_id = ?", filter.campaign.map(|id| id.0.into()));
    also("source_id = ?", filter.source.map(|id| id.0.into()));
    also(
        "external_id = ?",
        filter.external_id.as_deref().and_then(word),
    );
    also(
        "id in (select rowid from communication_texts where communication_texts match ?)",
        filter.text.as_deref().and_then(text_query).map(Value::Text),
    );
    (condition, values)
}

/// Every word as a quoted prefix, so that nothing a person types is syntax; the parts of a phone as
/// one number, with and without its first digit. `None` when there is no word at all.
pub(super) fn text_query(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_phone = digits.len() >= 4
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-()".contains(c));
    if is_phone {
        return Some(match digits.strip_prefix(['7', '8']) {
            Some(rest) => format!("\"{digits}\"* OR \"{rest}\"*"),
            None => format!("\"{digits}\"*"),
        });
    }
    let words: Vec<String> = text_words(text)
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// What a person searches for, word by word, at most 16.
pub(in crate::store::sqlite) fn text_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_never_syntax() {
        assert_eq!(
            text_query("a\" OR b*"),
            Some("\"a\"* \"OR\"* \"b\"*".into())
        );
        assert_eq!(
            text_query("+7 (903) 555"),
            Some("\"7903555\"* OR \"903555\"*".into())
        );
        assert_eq!(text_query("01-42"), Some("\"0142\"*".into()));
        assert_eq!(text_query(" -- "), None);
    }
}
