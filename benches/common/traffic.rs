//! Conversations by number: the visit each began in, and what its provider sends of it. The same
//! number always gives the same, so a store can be grown further by a later run.

use super::{Bench, CAMPAIGNS, SITE_HOST};
use jiff::SignedDuration;
use serde_json::json;
use skvoz::model::{ChannelGroup, Device, Key, KeyKind, Marks, Timestamp, Utm};
use skvoz::store::{HitFacts, PageFacts};

pub const PROVIDERS: [&str; 5] = ["jivosite", "talkme", "verbox", "carrotquest", "leadback"];

/// When conversation 0 begins.
const START: &str = "2026-01-05T06:00:00Z";
/// Seconds from one conversation to the next.
const PACE_S: i64 = 10;

/// Conversations until a person comes back, of another provider.
const RETURN_AFTER: u64 = 4_001;

/// How a message reaches the hub.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Webhook,
    Fetched,
}

/// What a provider sends.
pub struct Message {
    pub provider: &'static str,
    pub origin: Origin,
    pub content_type: &'static str,
    pub body: String,
}

/// A conversation of a run.
#[derive(Clone, Copy)]
pub struct Conversation(pub u64);

pub fn campaign(number: u64) -> String {
    format!("campaign-{}", number % CAMPAIGNS)
}

impl Conversation {
    pub fn begins_at(self) -> Timestamp {
        let start: Timestamp = START.parse().expect("the start is a time");
        let after = SignedDuration::from_secs(PACE_S * i64::try_from(self.0).expect("small"));
        start
            .checked_add(after)
            .expect("a run is shorter than history")
    }

    fn provider(self) -> &'static str {
        PROVIDERS[(self.0 % 5) as usize]
    }

    /// Half of each provider's conversations begin in a visit of ours.
    pub fn is_linkable(self) -> bool {
        (self.0 / 5).is_multiple_of(2)
    }

    pub fn visit(self) -> String {
        format!("v01k{:023}", self.0)
    }

    pub fn visitor(self) -> String {
        format!("c01k{:023}", self.0)
    }

    /// Whose conversation it is: one person in four has written before, whatever the size of the
    /// store.
    fn person(self) -> u64 {
        match self.0 % 4 {
            3 if self.0 > RETURN_AFTER => self.0 - RETURN_AFTER,
            _ => self.0,
        }
    }

    /// A fictitious number (exchanges 555 and 556); neighbors in time are not neighbors in value.
    fn phone(self) -> String {
        let place = self.person() * 619_847 % 2_000_000;
        let (exchange, rest) = (555 + place / 1_000_000, place % 1_000_000);
        format!("79{:02}{exchange}{:04}", rest / 10_000, rest % 10_000)
    }

    fn metrica(self) -> String {
        format!("17676{:014}", self.0)
    }

    /// The page view that opens the visit; LeadBack's is found by its Metrica id.
    pub fn hit(self, bench: &Bench) -> HitFacts {
        let at = self.begins_at() - SignedDuration::from_mins(4);
        let keys = match self.provider() {
            "leadback" => vec![Key::new(KeyKind::MetricaClient, self.metrica())],
            _ => Vec::new(),
        };
        let marks = Marks {
            utm: Utm {
                utm_source: Some("yandex".into()),
                utm_medium: Some("cpc".into()),
                utm_campaign: Some(campaign(self.0)),
                ..Utm::default()
            },
            ..Marks::default()
        };
        HitFacts {
            workspace: bench.workspace,
            site: bench.site,
            message: format!("M{:09}", self.0),
            visitor: self.visitor(),
            visit: self.visit(),
            known: None,
            at,
            received_at: at,
            page: Some(PageFacts {
                url: self.page(),
                title: Some("Диваны".into()),
                arrival: campaign(self.0),
                marks,
                channel_group: ChannelGroup::PaidSearch,
                campaign: None,
                source: None,
            }),
            goal: None,
            keys,
            device: Device {
                user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) ExampleBrowser/1.0".into()),
                browser: Some("Chrome".into()),
                os: Some("Linux".into()),
                kind: Some("pc".into()),
                language: Some("ru".into()),
                ..Device::default()
            },
            ip: Some("203.0.113.24".into()),
            country: None,
            city: None,
            is_robot: false,
        }
    }

    fn page(self) -> String {
        format!(
            "https://{SITE_HOST}/sofas?utm_source=yandex&utm_medium=cpc&utm_campaign={}",
            campaign(self.0)
        )
    }

    /// Everything the provider sends of it, in order.
    pub fn messages(self) -> Vec<Message> {
        match self.provider() {
            "jivosite" => vec![
                self.jivosite("chat_accepted"),
                self.jivosite("chat_finished"),
            ],
            "carrotquest" => vec![self.carrotquest()],
            "leadback" => vec![self.leadback()],
            brand => vec![self.talkme(brand)],
        }
    }

    fn jivosite(self, event: &str) -> Message {
        let at = self.begins_at().as_second();
        let is_over = event == "chat_finished";
        let token = self.is_linkable().then(|| self.visit());
        let body = json!({
            "event_name": event,
            "widget_id": "73015",
            "user_token": token,
            "visitor": {
                "name": "Ирина", "email": null, "phone": is_over.then(|| self.phone()),
                "description": null, "number": format!("{}", 4_000 + self.0), "social": {},
                "chats_count": 1
            },
            "organization": null, "status": null, "assigned_agent": null, "tags": [],
            "chat_id": 500_000 + self.0,
            "session": {
                "geoip": {"country": "Russia", "country_code": "RU", "city": "Tver",
                    "latitude": "56.8587", "longitude": "35.9176"},
                "utm": format!("source=yandex|medium=cpc|campaign={}", campaign(self.0)),
                "utm_json": {"source": "yandex", "medium": "cpc", "campaign": campaign(self.0)},
                "ip_addr": "203.0.113.24",
                "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) ExampleBrowser/1.0"
            },
            "page": {"url": self.page(), "title": "Диваны"},
            "agents": [{"id": "204", "name": "Павел Орлов", "email": "p.orlov@example.org"}],
            "chat": is_over.then(|| json!({
                "messages": [
                    {"type": "visitor", "timestamp": at, "message": "Сколько стоит доставка в Тверь?"},
                    {"type": "agent", "timestamp": at + 30, "message": "От 20 000 бесплатно",
                        "agent_id": 204},
                    {"type": "visitor", "timestamp": at + 61, "message": "Спасибо, позвоните завтра"}
                ],
                "blacklisted": false, "rate": "positive", "invitation": null
            })),
            "plain_messages": is_over.then_some("Ирина: Сколько стоит доставка в Тверь?\n\
                Павел Орлов: От 20 000 бесплатно\nИрина: Спасибо, позвоните завтра"),
        });
        json_message("jivosite", &body)
    }

    fn talkme(self, brand: &'static str) -> Message {
        let time = |seconds: i64| {
            let at = self.begins_at() + SignedDuration::from_secs(seconds);
            at.strftime("%Y-%m-%d %H:%M:%S").to_string()
        };
        let custom = match self.is_linkable() {
            true => json!({"skvoz_visit": self.visit(), "skvoz_visitor": self.visitor()}),
            false => json!({}),
        };
        let id = 900_000 + 10 * self.0;
        let dialog = 20_000 + self.0;
        let line = |nth: u64, who: &str, text: &str| {
            let at = time(45 * i64::try_from(nth).expect("small"));
            json!({"id": id + nth, "dialogId": dialog, "whoSend": who, "messageType": null,
                "text": text, "operator": "anna@shop.example", "dateTime": at, "dateTimeUTC": at,
                "isVisibleForClient": true})
        };
        let body = json!({
            "eventId": "dialogFinished",
            "data": {
                "client": {
                    "searchId": 5_000 + self.0, "clientId": format!("Qm7vT2xLk9RbZ0eWcN{:014}", self.0),
                    "login": "irina", "name": "Ирина", "phone": self.phone(), "email": null,
                    "country": "Россия", "city": "Тула", "ip": "198.51.100.24",
                    "useragent": "Mozilla/5.0 (X11; Linux x86_64)",
                    "lastVisit": {"dateTime": time(-240), "page": {"url": self.page()}},
                    "utm": {"utm_source": "yandex", "utm_medium": "cpc",
                        "utm_campaign": campaign(self.0)},
                    "customData": custom
                },
                "operator": {"login": "anna@shop.example"},
                "dialog": {"id": dialog, "messages": [
                    line(0, "client", "Есть угловой в сером?"),
                    line(1, "operator", "Да, две штуки"),
                    line(2, "client", "Отложите до субботы"),
                ]}
            }
        });
        json_message(brand, &body)
    }

    fn carrotquest(self) -> Message {
        let at = self.begins_at().as_second();
        let id = format!("17025{:014}", self.0);
        let user = format!("17022{:014}", self.0);
        let custom = match self.is_linkable() {
            true => json!({"skvoz_visit": self.visit(), "skvoz_visitor": self.visitor()}),
            false => json!({}),
        };
        let body = json!({
            "conversation": {
                "id": id, "created": at, "closed": true, "replied": true, "type": "popup_chat",
                "recipient_type": "web", "parts_count": 2, "last_update": at + 120,
                "assignee": {"id": "5512", "name": "Олег", "type": "admin"},
                "tags": ["доставка"], "user": {"id": user}
            },
            "parts": [
                {"id": format!("{id}2"), "created": at + 60, "conversation": id,
                    "part_group": id, "type": "reply_admin", "body": "Да, завтра",
                    "from": {"id": "5512", "name": "Олег", "type": "admin"},
                    "direction": "a2u", "sent_via": "web_panel"},
                {"id": format!("{id}1"), "created": at, "conversation": id, "part_group": id,
                    "type": "reply_user", "body": "Есть ли доставка?", "from": user,
                    "direction": "u2a", "sent_via": "web_user", "first": true}
            ],
            "user": {
                "id": user,
                "props": {"$name": "Ирина", "$phone": format!("+{}", self.phone()),
                    "$last_utm_source": "vk", "$last_utm_medium": "cpc",
                    "$last_utm_campaign": campaign(self.0), "$city": "Тверь"},
                "props_custom": custom
            }
        });
        Message {
            origin: Origin::Fetched,
            ..json_message("carrotquest", &body)
        }
    }

    fn leadback(self) -> Message {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("id_call", &(884_000 + self.0).to_string())
            .append_pair("callback_phone", &self.phone())
            .append_pair("name", "Ирина")
            .append_pair("site", SITE_HOST)
            .append_pair("url", &self.page());
        if self.is_linkable() {
            form.append_pair("_ym_uid", &self.metrica());
        }
        Message {
            provider: "leadback",
            origin: Origin::Webhook,
            content_type: "application/x-www-form-urlencoded",
            body: form.finish(),
        }
    }
}

fn json_message(provider: &'static str, body: &serde_json::Value) -> Message {
    Message {
        provider,
        origin: Origin::Webhook,
        content_type: "application/json",
        body: body.to_string(),
    }
}
