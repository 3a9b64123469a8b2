//! Which of the vendor's four protocols a body speaks, and the name of its event (jivosite.md 1
//! and 6). Only the webhooks of a channel are ours.

use crate::model::{RawEvent, SetAside, SetAsideReason};
use crate::providers::lenient::{Lenient, body_text, json_body};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// The JSON object of a request.
pub fn body(raw: &RawEvent) -> Result<Value, SetAside> {
    let root = json_body(raw).or_else(|refused| as_the_vendor_prints(raw).ok_or(refused))?;
    if root.is_object() {
        Ok(root)
    } else {
        Err(wrong_shape("the body is not a JSON object"))
    }
}

/// Attributes as the vendor's sample prints them, `"attributes":["Age":42]`: pairs inside an array,
/// which is no JSON. Should it ever be sent so, the pairs are read as the object that was meant.
fn as_the_vendor_prints(raw: &RawEvent) -> Option<Value> {
    static PAIRS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"("attributes"\s*:\s*)\[([^\[\]{}]*)\]"#).expect("the pattern is constant")
    });
    let text = body_text(raw);
    serde_json::from_str(&PAIRS.replace(&text, "$1{$2}")).ok()
}

/// The name of a channel webhook, or which other protocol of the vendor this is.
pub fn event_name(root: &Value) -> Result<String, SetAside> {
    const CRM: &str = "CRM webhook; this address takes the webhooks of a channel";
    let name = root.text("event_name").map(|name| latin(&name));
    let entity = root.text("event_type").map(|name| latin(&name));
    if entity.is_some_and(|entity| entity.starts_with("crm_")) {
        return Err(unknown(CRM));
    }
    match name {
        Some(name) if is_crm_action(&name) => Err(unknown(format!("`{name}`: {CRM}"))),
        Some(name) => Ok(name),
        None if root.get("event").is_some() => Err(unknown(
            "Bot API request; this address takes the webhooks of a channel",
        )),
        None if root.get("sender").is_some() || root.get("recipient").is_some() => Err(unknown(
            "Chat API request; this address takes the webhooks of a channel",
        )),
        None => Err(unknown("there is no event_name")),
    }
}

/// Actions of CRM webhooks begin with the verb, names of channel events end with it.
fn is_crm_action(name: &str) -> bool {
    const VERBS: &[&str] = &[
        "created",
        "updated",
        "deleted",
        "assigned",
        "changed",
        "completed",
        "fired",
        "reordered",
        "merged",
    ];
    name.split_once('_')
        .is_some_and(|(verb, _)| VERBS.contains(&verb))
}

/// A short printable name with the Cyrillic look-alikes that the vendor's page prints as Latin.
fn latin(name: &str) -> String {
    let look_alike = |c: char| match c {
        'а' => 'a',
        'с' => 'c',
        'е' => 'e',
        'о' => 'o',
        'р' => 'p',
        'х' => 'x',
        'у' => 'y',
        'к' => 'k',
        'м' => 'm',
        'т' => 't',
        'і' => 'i',
        other => other,
    };
    short(&name.to_lowercase())
        .chars()
        .map(look_alike)
        .collect()
}

/// What of a vendor's word may stand in a key or a remark: at most 40 letters, digits, `_` and `-`.
pub fn short(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric() || "_-".contains(*c))
        .take(40)
        .collect()
}

pub fn unknown(detail: impl Into<String>) -> SetAside {
    SetAside::new(SetAsideReason::UnknownEvent, detail)
}

pub fn wrong_shape(detail: impl Into<String>) -> SetAside {
    SetAside::new(SetAsideReason::WrongShape, detail)
}
