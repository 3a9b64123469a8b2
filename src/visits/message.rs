//! One message of the tracker (tracking.md 7.4), read generously: only the visitor's id and a
//! known kind are required, everything else may be missing or of a wrong type.

use super::keys;
use crate::model::SignWord;
use serde_json::{Map, Value};

/// Longest message, bytes.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// Longest address or referrer kept, characters.
const MAX_ADDRESS: usize = 4096;
/// Longest title kept, characters.
const MAX_TITLE: usize = 500;
/// Longest provider name and similar words, characters.
const MAX_WORD: usize = 64;
/// Fields of a goal's data that are kept.
const MAX_GOAL_FIELDS: usize = 50;

/// A message in our words.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerMessage {
    /// The message's own id (`m`), or a hash of its bytes when it has none: equal for repeats.
    pub id: String,
    pub kind: MessageKind,
    /// `c…`
    pub visitor: String,
    /// `v…`; `None` when absent or not of that form.
    pub visit: Option<String>,
    /// Which visit of the visitor it is, counted by the browser.
    pub visit_number: Option<u32>,
    /// Counts the messages of the page.
    pub sequence: Option<u32>,
    pub url: Option<String>,
    pub referrer: Option<String>,
    pub title: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    /// CSS pixels.
    pub screen_width: Option<u32>,
    /// Minutes west of UTC, as browsers count.
    pub timezone_offset: Option<i32>,
    /// The browser's clock at the event, Unix milliseconds.
    pub at_ms: Option<i64>,
    /// The browser's clock at sending, Unix milliseconds.
    pub sent_ms: Option<i64>,
    /// The browser has asked its rules and stays in the visit, whatever the address says: a reload, a
    /// return, a click that was opened before (`g`).
    pub goes_on: bool,
    /// The browser says that a program drives it.
    pub webdriver: bool,
    /// Ids of other systems (`x`); `foreign_keys` reads them.
    pub foreign: Map<String, Value>,
    /// Set for `MessageKind::Bind`.
    pub bind: Option<Bind>,
    /// Set for `MessageKind::Goal`.
    pub goal: Option<GoalTold>,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    PageView,
    /// A chat began, or the vendor's number of the visitor became known.
    Bind,
    /// Ids of other systems became known later than the page view.
    ForeignIds,
    /// The page wants the visit's code.
    Code,
    /// The visitor did what the site has a name for (`e`).
    Goal,
}

/// What came in at the tracker's door.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// A part of a visit.
    Message(Box<TrackerMessage>),
    /// What the script tells its owner, not of a visitor: words by provider (`p` of a message `st`),
    /// under an empty name what concerns no widget.
    Signs(Vec<(String, SignWord)>),
}

/// What the page knows of a chat or callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Slug of the provider.
    pub provider: String,
    /// The vendor's number of the chat.
    pub chat: Option<String>,
    /// The vendor's number of the visitor.
    pub user: Option<String>,
    /// The vendor's number of the site, where something was ordered without a number (`site`).
    pub mark: Option<String>,
}

/// What the site says that the visitor did.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalTold {
    /// Trimmed, 1 to 64 characters, none of them a control character.
    pub name: String,
    /// At most 50 fields, each as it came.
    pub data: Map<String, Value>,
}

/// Why a message cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("the message has {0} bytes, at most {MAX_MESSAGE_BYTES} are taken")]
    TooLarge(usize),
    #[error("the message is no JSON object")]
    NotAnObject,
    #[error("the message has no visitor id of the form c…")]
    NoVisitor,
    #[error("the message is of no known kind and brings no ids")]
    UnknownKind,
    #[error("the goal has no name of 1 to {MAX_WORD} characters without control characters")]
    NoGoalName,
    #[error("the page view has no address")]
    NoAddress,
}

/// Reads what came in.
pub fn read_message(bytes: &[u8]) -> Result<Incoming, ReadError> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(ReadError::TooLarge(bytes.len()));
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return Err(ReadError::NotAnObject);
    };
    if fields.get("t").and_then(Value::as_str) == Some("st") {
        return Ok(Incoming::Signs(read_signs(&fields)));
    }
    let visitor = own_id(&fields, "c").ok_or(ReadError::NoVisitor)?;
    let foreign = match fields.remove("x") {
        Some(Value::Object(ids)) => ids,
        _ => Map::new(),
    };
    let bind = read_bind(fields.get("b"));
    let kind = kind(&fields, bind.is_some(), !foreign.is_empty())?;
    let goal = match kind {
        MessageKind::Goal => Some(read_goal(fields.remove("e")).ok_or(ReadError::NoGoalName)?),
        _ => None,
    };
    let message = TrackerMessage {
        id: word(&fields, "m").unwrap_or_else(|| format!("~{}", super::digest(text, 16))),
        kind,
        visitor,
        visit: own_id(&fields, "v"),
        visit_number: small(&fields, "n"),
        sequence: small(&fields, "q"),
        url: text_of(&fields, "u", MAX_ADDRESS),
        referrer: text_of(&fields, "r", MAX_ADDRESS),
        title: text_of(&fields, "ti", MAX_TITLE),
        language: word(&fields, "l"),
        screen_width: small(&fields, "w"),
        timezone_offset: integer(&fields, "tz").and_then(|n| i32::try_from(n).ok()),
        at_ms: integer(&fields, "at"),
        sent_ms: integer(&fields, "s"),
        goes_on: is_set(&fields, "g"),
        webdriver: is_set(&fields, "wd"),
        foreign,
        bind: bind.filter(|_| kind == MessageKind::Bind),
        goal,
    };
    if kind == MessageKind::PageView && message.url.is_none() {
        return Err(ReadError::NoAddress);
    }
    Ok(Incoming::Message(Box::new(message)))
}

fn read_signs(fields: &Map<String, Value>) -> Vec<(String, SignWord)> {
    let told = fields.get("p").and_then(Value::as_object);
    let words = told.into_iter().flatten().filter_map(|(provider, word)| {
        let word = SignWord::parse(word.as_str()?)?;
        let fits = match word {
            SignWord::Absent | SignWord::Taken => !provider.is_empty(),
            SignWord::Refused => provider.is_empty(),
            SignWord::Seen | SignWord::Found => false,
        };
        fits.then(|| (provider.clone(), word))
    });
    words.collect()
}

fn kind(
    fields: &Map<String, Value>,
    binds: bool,
    brings_ids: bool,
) -> Result<MessageKind, ReadError> {
    match fields.get("t").and_then(Value::as_str) {
        Some("pv") => Ok(MessageKind::PageView),
        Some("bind") if binds => Ok(MessageKind::Bind),
        Some("code") => Ok(MessageKind::Code),
        Some("ev") => Ok(MessageKind::Goal),
        _ if brings_ids => Ok(MessageKind::ForeignIds),
        _ => Err(ReadError::UnknownKind),
    }
}

fn read_bind(value: Option<&Value>) -> Option<Bind> {
    let fields = value?.as_object()?;
    let bind = Bind {
        provider: word(fields, "provider")?.to_ascii_lowercase(),
        chat: fields.get("chat").and_then(keys::id),
        user: fields.get("user").and_then(keys::id),
        mark: fields.get("site").and_then(keys::id),
    };
    Some(bind)
}

fn read_goal(value: Option<Value>) -> Option<GoalTold> {
    let Value::Object(mut fields) = value? else {
        return None;
    };
    let name = fields.get("name")?.as_str()?.trim();
    if !(1..=MAX_WORD).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return None;
    }
    let name = name.to_owned();
    let data = match fields.remove("data") {
        Some(Value::Object(data)) => data.into_iter().take(MAX_GOAL_FIELDS).collect(),
        _ => Map::new(),
    };
    Some(GoalTold { name, data })
}

/// Whether it is an id of ours: its letter and then 1 to 40 of `a`–`z`, `0`–`9` (tracking.md 7.1).
pub fn is_own_id(id: &str, letter: &str) -> bool {
    id.strip_prefix(letter).is_some_and(|rest| {
        (1..=40).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

fn own_id(fields: &Map<String, Value>, letter: &str) -> Option<String> {
    let id = fields.get(letter)?.as_str()?;
    is_own_id(id, letter).then(|| id.to_owned())
}

/// A short text or number without spaces.
fn word(fields: &Map<String, Value>, name: &str) -> Option<String> {
    keys::id(fields.get(name)?).filter(|word| word.chars().count() <= MAX_WORD)
}

fn text_of(fields: &Map<String, Value>, name: &str, most: usize) -> Option<String> {
    let text: String = fields
        .get(name)?
        .as_str()?
        .chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn integer(fields: &Map<String, Value>, name: &str) -> Option<i64> {
    match fields.get(name)? {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|n| n as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn small(fields: &Map<String, Value>, name: &str) -> Option<u32> {
    integer(fields, name).and_then(|number| u32::try_from(number).ok())
}

fn is_set(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        Some(Value::Bool(set)) => *set,
        Some(_) => integer(fields, name).is_some_and(|number| number != 0),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_VIEW: &str = r#"{"m":"01KM2V7Q9T","k":"s7d2","t":"pv",
        "c":"c01k1z5w8f3q9yxr2m4tn6v0hda","v":"v01km2v7q1e8s4zcb5p7jx9w3kf","n":4,
        "u":"https://primer.test/okna?yclid=9988776655","r":"https://yandex.ru/","ti":"Окна",
        "w":390,"tz":-180,"l":"ru","at":1786010400123,"s":"1786010400200","q":1,"wd":1,
        "x":{"ym":"1786010400123456789"}}"#;

    fn read(text: &str) -> Result<TrackerMessage, ReadError> {
        match read_message(text.as_bytes())? {
            Incoming::Message(message) => Ok(*message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_page_view_is_read_whole() {
        let message = read(PAGE_VIEW).unwrap();
        assert_eq!(message.kind, MessageKind::PageView);
        assert_eq!(message.id, "01KM2V7Q9T");
        assert_eq!(message.visitor, "c01k1z5w8f3q9yxr2m4tn6v0hda");
        assert_eq!(
            message.visit.as_deref(),
            Some("v01km2v7q1e8s4zcb5p7jx9w3kf")
        );
        assert_eq!(message.title.as_deref(), Some("Окна"));
        assert_eq!(message.at_ms, Some(1_786_010_400_123));
        assert_eq!(message.sent_ms, Some(1_786_010_400_200));
        assert_eq!(message.timezone_offset, Some(-180));
        assert_eq!(message.screen_width, Some(390));
        assert!(message.webdriver);
        assert!(!message.goes_on);
        assert_eq!(message.foreign["ym"], "1786010400123456789");
    }

    #[test]
    fn bindings_and_late_ids_are_told_apart() {
        let bind = read(
            r#"{"t":"bind","c":"c1","v":"v1","b":{"provider":"CarrotQuest","chat":1702555444333222111,"user":"7"}}"#,
        )
        .unwrap();
        assert_eq!(bind.kind, MessageKind::Bind);
        assert_eq!(
            bind.bind,
            Some(Bind {
                provider: "carrotquest".into(),
                chat: Some("1702555444333222111".into()),
                user: Some("7".into()),
                mark: None,
            })
        );
        let ids = read(r#"{"c":"c1","x":{"ga":"1.2"}}"#).unwrap();
        assert_eq!(ids.kind, MessageKind::ForeignIds);
        assert_eq!(ids.visit, None);
    }

    #[test]
    fn a_goal_has_a_name_and_the_data_of_the_site() {
        let goal = |told: Value| {
            let text = serde_json::json!({"t": "ev", "c": "c1", "v": "v1", "e": told}).to_string();
            read(&text).map(|message| (message.kind, message.goal.unwrap()))
        };
        let data = serde_json::json!({"price": 24900.5, "goods": [{"id": 7}], "Цвет": "белый"});
        let (kind, told) = goal(serde_json::json!({"name": " Заказ\t", "data": data})).unwrap();
        assert_eq!(kind, MessageKind::Goal);
        assert_eq!(told.name, "Заказ");
        assert_eq!(Value::Object(told.data), data);

        let many: Map<_, _> = (0..60).map(|n| (format!("f{n}"), n.into())).collect();
        for (data, expected) in [
            (Value::Object(many), 50),
            (serde_json::json!([1]), 0),
            (serde_json::json!("x"), 0),
            (Value::Null, 0),
        ] {
            let (_, told) =
                goal(serde_json::json!({"name": "n".repeat(64), "data": data})).unwrap();
            assert_eq!(told.data.len(), expected);
        }

        let too_long = "я".repeat(65);
        for name in ["", "  ", too_long.as_str(), "a\u{0}b", "a\nb"] {
            let refused = goal(serde_json::json!({"name": name}));
            assert_eq!(refused, Err(ReadError::NoGoalName), "{name:?}");
        }
        for wrong in [
            serde_json::json!(7),
            serde_json::json!({"name": 7}),
            Value::Null,
        ] {
            assert_eq!(goal(wrong), Err(ReadError::NoGoalName));
        }
    }

    #[test]
    fn signs_of_the_script_are_words_that_fit_their_place() {
        let told = r#"{"t":"st","p":{"jivosite":"absent","talkme":"taken","":"refused",
            "verbox":"refused","leadback":"seen","carrotquest":7}}"#;
        let Ok(Incoming::Signs(mut words)) = read_message(told.as_bytes()) else {
            panic!("no signs");
        };
        words.sort();
        let expected = [
            ("", SignWord::Refused),
            ("jivosite", SignWord::Absent),
            ("talkme", SignWord::Taken),
        ];
        assert_eq!(words, expected.map(|(of, word)| (of.to_owned(), word)));
        let nothing = read_message(br#"{"t":"st"}"#);
        assert_eq!(nothing, Ok(Incoming::Signs(Vec::new())));
    }

    #[test]
    fn fields_of_wrong_types_are_left_out() {
        let message = read(
            r#"{"m":["x"],"t":"pv","c":"c1","v":"V-1","u":"https://a.test/\u0000b","n":-1,
                "ti":7,"at":"soon","w":1e300,"x":[],"b":null,"wd":"no","l":""}"#,
        )
        .unwrap();
        assert_eq!(message.url.as_deref(), Some("https://a.test/b"));
        assert!(message.id.starts_with('~'));
        assert_eq!(message.visit, None);
        assert_eq!((message.visit_number, message.at_ms), (None, None));
        assert_eq!((message.screen_width, message.title), (None, None));
        assert!(!message.webdriver);
    }

    #[test]
    fn equal_bytes_without_an_id_are_the_same_message() {
        let text = r#"{"t":"pv","c":"c1","u":"https://a.test/"}"#;
        assert_eq!(read(text).unwrap().id, read(text).unwrap().id);
        let other = text.replace("a.test", "b.test");
        assert_ne!(read(text).unwrap().id, read(&other).unwrap().id);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        let long = format!(r#"{{"c":"c1","ti":"{}"}}"#, "x".repeat(MAX_MESSAGE_BYTES));
        let deep = "[".repeat(5_000);
        for (text, expected) in [
            (long.as_str(), ReadError::TooLarge(long.len())),
            ("", ReadError::NotAnObject),
            ("[1]", ReadError::NotAnObject),
            (deep.as_str(), ReadError::NotAnObject),
            (r#"{"t":"pv","u":"/"}"#, ReadError::NoVisitor),
            (r#"{"t":"pv","u":"/","c":"c"}"#, ReadError::NoVisitor),
            (r#"{"t":"pv","u":"/","c":"v1"}"#, ReadError::NoVisitor),
            (r#"{"t":"pv","u":"/","c":"cA"}"#, ReadError::NoVisitor),
            (r#"{"t":"pv","c":"c1"}"#, ReadError::NoAddress),
            (
                r#"{"t":"bind","c":"c1","b":{"chat":"1"}}"#,
                ReadError::UnknownKind,
            ),
            (r#"{"t":"event","c":"c1"}"#, ReadError::UnknownKind),
        ] {
            assert_eq!(
                read(text),
                Err(expected),
                "{}",
                text.chars().take(50).collect::<String>()
            );
        }
        assert_eq!(read_message(b"\xff\xfe{"), Err(ReadError::NotAnObject));
    }
}
