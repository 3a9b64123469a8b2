//! What visitors and providers send in the stories.

use serde_json::{Value, json};

pub const VISITOR: &str = "c01km2v7q1e8s4zcb5p7jx9w3ka";
pub const VISIT: &str = "v01km2v7q1e8s4zcb5p7jx9w3kf";

/// 2026-08-06T08:40:00Z, milliseconds.
pub const VISIT_BEGAN: i64 = 1_786_005_600_000;

/// The first page of a visit that an advertisement brought.
pub fn page_view() -> Value {
    json!({
        "m": "01KM2V7Q9T", "t": "pv", "c": VISITOR, "v": VISIT, "n": 1,
        "u": "https://shop.example.org/sofas?utm_source=yandex&utm_medium=cpc&utm_campaign=Spring&yclid=9988776655",
        "r": "https://yandex.ru/", "ti": "Sofas", "w": 390, "tz": -180, "l": "ru", "at": VISIT_BEGAN, "q": 1,
    })
}

/// A finished chat of JivoSite; `token` is what our script gave to its widget.
pub fn jivosite_chat(chat: i64, token: Option<&str>, phone: &str) -> String {
    let begins = VISIT_BEGAN / 1000 + 300;
    json!({
        "event_name": "chat_finished", "chat_id": chat, "widget_id": "73015", "user_token": token,
        "visitor": {"name": "Irina", "phone": phone, "email": null, "number": format!("44{chat}")},
        "agents": [{"id": "204", "name": "Pavel Orlov", "email": "p.orlov@example.org"}],
        "chat": {"rate": null, "blacklisted": false, "messages": [
            {"type": "visitor", "message": format!("How long is delivery to Tver, order {chat}?"), "timestamp": begins},
            {"type": "agent", "agent_id": "204", "message": "Two days", "timestamp": begins + 60},
        ]},
        "page": {"url": "https://shop.example.org/sofas", "title": "Sofas"},
    })
    .to_string()
}
