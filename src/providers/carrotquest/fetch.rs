//! Reading a conversation over the REST API: the conversation, its parts page by page, and the
//! visitor's card when the webhook did not show it whole. Answers pass through as the text they
//! came as: ids have 64 bits and page cursors a fraction, and a float would spoil both.

use super::SLUG;
use crate::model::{FetchNeed, IntegrationSettings, OutboundRequest, OutboundResponse};
use crate::providers::lenient::Lenient;
use crate::providers::{Budget, FetchStep, Fetcher};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Address of the Russian service; Dashly and proxies have their own.
pub const DEFAULT_BASE: &str = "https://api.carrotquest.io";

/// The vendor allows 60 a minute and may block a key that overruns; this leaves room for others
/// who use the same key.
const PER_MINUTE: u32 = 50;

/// Parts a page; the vendor's limit.
const PAGE_PARTS: u32 = 50;

/// A conversation of more pages is kept as far as it was read (its newest 5,000 parts).
const MAX_PAGES: usize = 100;

/// Reads one conversation a need.
pub struct Conversations;

impl Fetcher for Conversations {
    fn budget(&self, settings: &IntegrationSettings) -> Budget {
        let key = settings.own_text("api_key").unwrap_or_default();
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(key)[..16]);
        Budget {
            key: format!("{SLUG}:{hash}"),
            per_minute: PER_MINUTE,
        }
    }

    fn step(
        &self,
        need: &FetchNeed,
        settings: &IntegrationSettings,
        answers: &[OutboundResponse],
    ) -> FetchStep {
        next(need, settings, answers).unwrap_or_else(|end| end)
    }
}

/// Walks through the answers in the order of the questions. `Err` is an end that an answer forced;
/// `?` makes the story short.
fn next(
    need: &FetchNeed,
    settings: &IntegrationSettings,
    answers: &[OutboundResponse],
) -> Result<FetchStep, FetchStep> {
    let asker = Asker::new(settings)?;
    let number = need
        .about
        .get("conversation")
        .ok_or_else(|| give_up("The question names no conversation."))?;
    let mut answers = answers.iter();

    let Some(answer) = answers.next() else {
        return Ok(asker.conversation(number));
    };
    let conversation = Answer::read(answer)?.data;

    let mut parts: Vec<Box<RawValue>> = Vec::new();
    let mut cursor: Option<Box<RawValue>> = None;
    for _ in 0..MAX_PAGES {
        let Some(answer) = answers.next() else {
            return Ok(asker.parts(number, cursor.as_deref()));
        };
        let page = Answer::read(answer)?;
        parts.extend(page.list()?);
        let same =
            page.before.as_deref().map(RawValue::get) == cursor.as_deref().map(RawValue::get);
        cursor = page.before;
        if cursor.is_none() || same {
            break;
        }
    }

    let inside: Value = serde_json::from_str(conversation.get()).unwrap_or_default();
    let card = match card(need, &inside) {
        Card::Known(card) => Some(card),
        Card::Nobody => None,
        Card::Ask(user) => match answers.next() {
            None => return Ok(asker.user(&user)),
            Some(answer) => user_card(answer)?,
        },
    };
    Ok(done(&conversation, &parts, card.as_deref()))
}

/// Where the visitor's card comes from.
enum Card {
    /// The webhook brought his custom properties and the conversation the rest.
    Known(Box<RawValue>),
    Ask(String),
    Nobody,
}

fn card(need: &FetchNeed, conversation: &Value) -> Card {
    let about = |name: &str| need.about.get(name).cloned();
    let Some(user) = about("user").or_else(|| super::webhook::id(conversation, "user.id")) else {
        return Card::Nobody;
    };
    let custom: Option<Value> =
        about("props_custom").and_then(|text| serde_json::from_str(&text).ok());
    match custom {
        Some(custom) if conversation.at("user.props").is_object() => {
            let card = serde_json::json!({"id": user, "props_custom": custom});
            Card::Known(serde_json::value::to_raw_value(&card).expect("a JSON value is JSON"))
        }
        _ => Card::Ask(user),
    }
}

/// A card that was merged away or may not be read costs the card, not the chat.
fn user_card(answer: &OutboundResponse) -> Result<Option<Box<RawValue>>, FetchStep> {
    match Answer::read(answer) {
        Ok(answer) => Ok(Some(answer.data)),
        Err(FetchStep::GiveUp { .. }) => Ok(None),
        Err(retry) => Err(retry),
    }
}

fn done(conversation: &RawValue, parts: &[Box<RawValue>], user: Option<&RawValue>) -> FetchStep {
    let parts: Vec<&str> = parts.iter().map(|part| part.get()).collect();
    let body = format!(
        r#"{{"conversation":{},"parts":[{}],"user":{}}}"#,
        conversation.get(),
        parts.join(","),
        user.map_or("null", RawValue::get),
    );
    FetchStep::Done {
        body: body.into_bytes(),
    }
}

fn give_up(reason: impl Into<String>) -> FetchStep {
    FetchStep::GiveUp {
        reason: reason.into(),
    }
}

/// Makes the questions.
struct Asker<'a> {
    base: &'a str,
    key: &'a str,
}

impl<'a> Asker<'a> {
    fn new(settings: &'a IntegrationSettings) -> Result<Self, FetchStep> {
        let key = settings
            .own_text("api_key")
            .ok_or_else(|| give_up("No API key is configured."))?;
        let base = settings.own_text("api_base").unwrap_or(DEFAULT_BASE);
        Ok(Asker {
            base: base.trim_end_matches('/'),
            key,
        })
    }

    fn conversation(&self, number: &str) -> FetchStep {
        self.ask(&["conversations", number], &[])
    }

    /// Newest parts first, which is what the vendor does unless told otherwise.
    fn parts(&self, number: &str, cursor: Option<&RawValue>) -> FetchStep {
        let count = PAGE_PARTS.to_string();
        let mut query = vec![("paginate_direction", "before"), ("paginate_count", &count)];
        query.extend(cursor.map(|cursor| ("paginate_position", cursor.get())));
        self.ask(&["conversations", number, "parts"], &query)
    }

    fn user(&self, user: &str) -> FetchStep {
        self.ask(&["users", user], &[("props_custom", "true")])
    }

    /// The key stands in a header: addresses end up in logs.
    fn ask(&self, path: &[&str], query: &[(&str, &str)]) -> FetchStep {
        let Ok(mut url) = url::Url::parse(self.base) else {
            return give_up(
                "The address of the API is not an address; correct it in the settings.",
            );
        };
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().extend(path),
            Err(()) => return give_up("The address of the API must begin with https://."),
        };
        url.query_pairs_mut()
            .append_pair("id_as_string", "true")
            .extend_pairs(query);
        FetchStep::Ask(OutboundRequest {
            method: "GET",
            url: url.into(),
            headers: vec![
                ("authorization".into(), format!("Token {}", self.key)),
                ("accept".into(), "application/json".into()),
            ],
            body: Vec::new(),
        })
    }
}

/// A successful answer.
struct Answer {
    data: Box<RawValue>,
    /// Cursor of the next older page, as it is written.
    before: Option<Box<RawValue>>,
}

/// `{"meta": {"status": 200, …}, "data": …}`
#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    status: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    next_before_position: Option<Box<RawValue>>,
}

impl Answer {
    /// Judges an answer by its HTTP status and by the status inside, which must agree.
    fn read(answer: &OutboundResponse) -> Result<Answer, FetchStep> {
        let envelope: Option<Envelope> =
            serde_json::from_str(&String::from_utf8_lossy(&answer.body)).ok();
        let inner = envelope.as_ref().and_then(|e| e.meta.status.integer(""));
        let status = match inner {
            Some(inner) if (200..300).contains(&answer.status) => inner,
            _ => answer.status.into(),
        };
        match envelope {
            Some(Envelope {
                meta,
                data: Some(data),
            }) if (200..300).contains(&status) => Ok(Answer {
                data,
                before: meta.next_before_position,
            }),
            envelope => {
                let error = envelope
                    .and_then(|e| e.meta.error.text(""))
                    .unwrap_or_default();
                Err(refusal(status, &error, answer.retry_after_s))
            }
        }
    }

    fn list(&self) -> Result<Vec<Box<RawValue>>, FetchStep> {
        serde_json::from_str(self.data.get()).map_err(|_| {
            give_up("Carrot quest answered with something that is no list of messages.")
        })
    }
}

/// What a refusal means. `error` is the vendor's mnemonic; its free text is not repeated, since it
/// may hold anything. A 404 is a wrong address: a missing record is a 400 with `LookupError`.
fn refusal(status: i64, error: &str, retry_after_s: Option<u32>) -> FetchStep {
    let retry = |reason: String| FetchStep::Retry {
        after_s: retry_after_s,
        reason,
    };
    let shown: String = error
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(40)
        .collect();
    match status {
        429 => retry("Carrot quest asks to slow down (429).".into()),
        408 | 500.. => retry(format!("Carrot quest has an error of its own ({status}).")),
        200..300 => retry("Carrot quest answered with something that is not its JSON.".into()),
        400 if error == "LookupError" => give_up(
            "The conversation does not exist for this API key (400 LookupError); check that the key is of the same Carrot quest account.",
        ),
        401 => give_up(
            "Carrot quest refused the API key (401); make a new one there (Settings, For developers) and save it here.",
        ),
        403 => give_up(
            "The API key has no right to read conversations (403); make one with the right, or of the right account.",
        ),
        404 => give_up(
            "There is no such method at the address of the API (404); correct the address in the settings.",
        ),
        _ => give_up(format!(
            "Carrot quest refused to answer ({status} {shown})."
        )),
    }
}

#[cfg(test)]
mod tests;
