//! Random stories: a visitor with a few visits, a stranger, a conversation of one provider, and any
//! of the evidence that may tie them together.

use crate::hub::{at, binding, page_view, visit, visitor, with};
use crate::vendors::{Line, PHONE, carrot, jivo, leadback, talkme};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use skvoz::model::Timestamp;

/// One message on its way to the hub.
#[derive(Clone, Debug)]
pub struct Item {
    pub arrives: Timestamp,
    pub sent: Sent,
}

#[derive(Clone, Debug)]
pub enum Sent {
    Hit(Value),
    Webhook {
        /// Which integration of the story.
        integration: usize,
        provider: &'static str,
        door: &'static str,
        kind: &'static str,
        body: String,
    },
    Fetched {
        integration: usize,
        body: String,
    },
}

/// A random story of a provider.
pub trait Story: Clone + std::fmt::Debug + 'static {
    /// Arrival times decide nothing but `received_at`.
    const VENDOR_GIVES_TIMES: bool;

    fn any() -> BoxedStrategy<Self>;

    /// Providers of the integrations it needs.
    fn providers(&self) -> Vec<&'static str>;

    /// Its messages in the order of time.
    fn items(&self) -> Vec<Item>;
}

/// The visitor's side of a story.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Minutes after eight at which visits begin.
    visits: Vec<i64>,
    /// The browser takes them all for one.
    one_id: bool,
    /// The visit whose first page names no source.
    bare: Option<usize>,
    /// The first visit's page is loaded again in this one.
    reloads: Option<usize>,
    /// Pages of each visit beyond the first.
    more_pages: i64,
    /// How late the tracker's messages arrive, seconds.
    delay_s: i64,
    /// What the tracker reports, and in which visit.
    tells_user: Option<usize>,
    tells_chat: Option<usize>,
    tells_counter: Option<usize>,
    marks_order: Option<usize>,
}

fn any_visitor() -> impl Strategy<Value = Visitor> {
    let minutes = vec![-1_470_i64, 0, 0, 41, 95, 140, 1_480];
    let visits = proptest::sample::subsequence(minutes, 1..=3);
    let told = || proptest::option::weighted(0.4, 0..3_usize);
    let one_id = proptest::bool::weighted(0.6);
    let browser = (visits, one_id, told(), told(), 0..3_i64, 0..900_i64);
    (browser, told(), told(), told(), told()).prop_map(
        |(browser, tells_user, tells_chat, tells_counter, marks_order)| {
            let (visits, one_id, bare, reloads, more_pages, delay_s) = browser;
            Visitor {
                visits,
                one_id,
                bare,
                reloads,
                more_pages,
                delay_s,
                tells_user,
                tells_chat,
                tells_counter,
                marks_order,
            }
        },
    )
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const COUNTER: &str = "1786010400123456789";

fn landing(nth: usize) -> String {
    format!("/?utm_source=yandex&utm_campaign=spring{nth}")
}

/// So many seconds after eight o'clock.
fn after_eight(seconds: i64) -> Timestamp {
    at("08:00") + SignedDuration::from_secs(seconds)
}

impl Visitor {
    /// Pages and reports of the visitor, and one visit of a stranger.
    fn items(&self, provider: &str, user: &str, chat: &str) -> Vec<Item> {
        let mut hits = Vec::new();
        for (nth, minute) in self.visits.iter().enumerate() {
            let begins = after_eight(minute * 60);
            let name = self.name(nth);
            for page in 0..=self.more_pages {
                let when = begins + SignedDuration::from_secs(page * 50);
                let path = match page {
                    0 if self.bare != Some(nth) => landing(nth),
                    _ => format!("/page{page}"),
                };
                hits.push(page_view("ira", name, when, &path));
            }
            if self.reloads == Some(nth) {
                let when = begins + SignedDuration::from_secs(170);
                hits.push(page_view("ira", name, when, &landing(0)));
            }
            let soon = begins + SignedDuration::from_secs(20);
            let told = |told: Option<usize>| told == Some(nth);
            if told(self.tells_user) {
                let user = json!({"provider": provider, "user": user});
                hits.push(binding("ira", name, soon, user));
            }
            if told(self.tells_chat) {
                let chat = json!({"provider": provider, "chat": chat});
                hits.push(binding("ira", name, soon, chat));
            }
            if told(self.marks_order) {
                let mark = json!({"provider": provider, "site": "shop"});
                hits.push(binding("ira", name, soon, mark));
            }
            if told(self.tells_counter) {
                hits.push(json!({"t": "ids", "c": visitor("ira"), "v": visit(name),
                    "at": soon.as_millisecond(), "x": {"ym": COUNTER}}));
            }
        }
        let stranger = "/?utm_source=vk&utm_campaign=autumn";
        hits.push(page_view("oleg", "x", after_eight(30 * 60), stranger));
        let numbered = hits.into_iter().enumerate().map(|(nth, hit)| {
            let millisecond = hit["at"].as_i64().expect("a hit has a time");
            let happened = Timestamp::from_millisecond(millisecond).expect("a time");
            Item {
                arrives: happened + SignedDuration::from_secs(self.delay_s),
                sent: Sent::Hit(with(hit, json!({"m": format!("m{nth}")}))),
            }
        });
        numbered.collect()
    }

    /// The browser's name of a visit.
    fn name(&self, nth: usize) -> &'static str {
        match self.one_id {
            true => NAMES[0],
            false => NAMES[nth % self.visits.len()],
        }
    }

    fn token(&self, nth: usize) -> String {
        visit(self.name(nth))
    }
}

/// What is said: seconds after eight, and by whom.
#[derive(Clone, Debug)]
struct Dialogue {
    begins_s: i64,
    sides: Vec<bool>,
}

fn any_dialogue() -> impl Strategy<Value = Dialogue> {
    let sides = proptest::collection::vec(any::<bool>(), 1..5);
    (60..9_000_i64, sides).prop_map(|(begins_s, sides)| Dialogue { begins_s, sides })
}

const WORDS: [&str; 6] = [
    "Good day",
    "In grey?",
    "Two of them",
    "Thank you",
    "Bye",
    "One more",
];

impl Dialogue {
    fn lines(&self) -> Vec<Line<'static>> {
        let lines = self.sides.iter().enumerate();
        lines
            .map(|(nth, side)| {
                (
                    after_eight(self.begins_s + 35 * nth as i64),
                    *side,
                    WORDS[nth],
                )
            })
            .collect()
    }

    fn end(&self) -> Timestamp {
        let lines = self.lines();
        lines[lines.len() - 1].0
    }
}

/// Another chat that is surely linked and has the same phone: with the visitor, or with a stranger.
fn sure_chat(who: &str) -> Value {
    let lines = [(after_eight(32 * 60), true, "About my order")];
    let known = json!({"user_token": visit(who), "visitor": {"phone": PHONE}});
    with(jivo::finished(99, 990, &lines), known)
}

fn webhook(integration: usize, provider: &'static str, body: &Value, arrives: Timestamp) -> Item {
    Item {
        arrives,
        sent: Sent::Webhook {
            integration,
            provider,
            door: "",
            kind: "application/json",
            body: body.to_string(),
        },
    }
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Accepted, updated and finished, perhaps with a card beside.
#[derive(Clone, Debug)]
pub struct Jivo {
    visitor: Visitor,
    dialogue: Dialogue,
    token: Option<usize>,
    late_token: Option<usize>,
    counter: bool,
    phone: bool,
    finished: bool,
    report_delay_s: i64,
    /// Seconds from the end of the chat to a change of the card.
    card: Option<i64>,
    other_chat: Option<bool>,
}

impl Story for Jivo {
    // Acceptance and cards have no time but that of their arrival.
    const VENDOR_GIVES_TIMES: bool = false;

    fn any() -> BoxedStrategy<Jivo> {
        let token = || proptest::option::weighted(0.4, 0..3_usize);
        let flags = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.8));
        let card = proptest::option::weighted(0.4, -200_000..200_000_i64);
        let other = proptest::option::weighted(0.4, any::<bool>());
        let parts = (
            any_visitor(),
            any_dialogue(),
            token(),
            token(),
            flags,
            1..6_000_i64,
            card,
            other,
        );
        parts
            .prop_map(
                |(
                    visitor,
                    dialogue,
                    token,
                    late_token,
                    flags,
                    report_delay_s,
                    card,
                    other_chat,
                )| {
                    let (counter, phone, finished) = flags;
                    Jivo {
                        visitor,
                        dialogue,
                        token,
                        late_token,
                        counter,
                        phone,
                        finished,
                        report_delay_s,
                        card,
                        other_chat,
                    }
                },
            )
            .boxed()
    }

    fn providers(&self) -> Vec<&'static str> {
        vec!["jivosite", "jivosite"]
    }

    fn items(&self) -> Vec<Item> {
        let mut items = self.visitor.items("jivosite", "4410", "");
        let begins = after_eight(self.dialogue.begins_s);
        let told = |body: Value, token: Option<usize>| match token {
            Some(nth) => with(body, json!({"user_token": self.visitor.token(nth)})),
            None => body,
        };
        let accepted = told(jivo::chat("chat_accepted", 7, 4410), self.token);
        items.push(webhook(0, "jivosite", &accepted, begins + seconds(12)));
        let mut updated = jivo::chat("chat_updated", 7, 4410);
        if self.phone {
            updated = with(
                updated,
                json!({"visitor": {"phone": PHONE, "name": "Irina"}}),
            );
        }
        if self.counter {
            updated = with(updated, json!({"analytics": {"ym": COUNTER}}));
        }
        items.push(webhook(0, "jivosite", &updated, begins + seconds(25)));
        if self.finished {
            let finished = jivo::finished(7, 4410, &self.dialogue.lines());
            let arrives = self.dialogue.end() + seconds(self.report_delay_s);
            let finished = told(finished, self.late_token);
            items.push(webhook(0, "jivosite", &finished, arrives));
        }
        if let Some(gap) = self.card {
            let card = jivo::card(4410, json!({"name": "Irina O.", "phone": PHONE}));
            let arrives = self.dialogue.end() + seconds(gap);
            items.push(webhook(0, "jivosite", &card, arrives));
        }
        if let Some(of_stranger) = self.other_chat {
            let body = sure_chat(if of_stranger { "x" } else { "a" });
            items.push(webhook(1, "jivosite", &body, after_eight(40 * 60)));
        }
        items.sort_by_key(|item| item.arrives);
        items
    }
}

/// Messages of a dialogue one by one, and its end with the whole transcript.
#[derive(Clone, Debug)]
pub struct TalkMe {
    visitor: Visitor,
    dialogue: Dialogue,
    token: Option<usize>,
    phone_line: bool,
    finished: bool,
    question: bool,
    other_chat: Option<bool>,
}

impl Story for TalkMe {
    const VENDOR_GIVES_TIMES: bool = true;

    fn any() -> BoxedStrategy<TalkMe> {
        let token = proptest::option::weighted(0.4, 0..3_usize);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let other = proptest::option::weighted(0.4, any::<bool>());
        (any_visitor(), any_dialogue(), token, flags, other)
            .prop_map(|(visitor, dialogue, token, flags, other_chat)| {
                let (phone_line, finished, question) = flags;
                TalkMe {
                    visitor,
                    dialogue,
                    token,
                    phone_line,
                    finished,
                    question,
                    other_chat,
                }
            })
            .boxed()
    }

    fn providers(&self) -> Vec<&'static str> {
        vec!["talkme", "jivosite"]
    }

    fn items(&self) -> Vec<Item> {
        let mut items = self.visitor.items("talkme", "client-1", "");
        let mut lines = self.dialogue.lines();
        if self.phone_line {
            let last = self.dialogue.end();
            lines.push((last + seconds(20), true, "8 903 555-01-42, Irina"));
        }
        let told = |body: Value| match self.token {
            Some(nth) => with(
                body,
                json!({"data": {"client": {"customData": {
                    "skvoz_visit": self.visitor.token(nth)}}}}),
            ),
            None => body,
        };
        for (nth, line) in lines.iter().enumerate() {
            let body = told(talkme::new_message(20, "client-1", nth, line));
            items.push(webhook(0, "talkme", &body, line.0 + seconds(2)));
        }
        if self.finished {
            let body = told(talkme::finished(20, "client-1", &lines));
            let arrives = self.dialogue.end() + seconds(3_600);
            items.push(webhook(0, "talkme", &body, arrives));
        }
        if self.question {
            let body = talkme::question(20, "client-1", &lines[0]);
            let mut item = webhook(0, "talkme", &body, lines[0].0 + seconds(1));
            if let Sent::Webhook { door, .. } = &mut item.sent {
                *door = "/leads";
            }
            items.push(item);
        }
        if let Some(of_stranger) = self.other_chat {
            let body = sure_chat(if of_stranger { "x" } else { "a" });
            items.push(webhook(1, "jivosite", &body, after_eight(40 * 60)));
        }
        items.sort_by_key(|item| item.arrives);
        items
    }
}

/// The older hook: every message by itself, without number and time.
#[derive(Clone, Debug)]
pub struct Flat {
    visitor: Visitor,
    begins_s: i64,
    /// Seconds from one message to the next. An hour joins them; where a repeat alone would lie
    /// within it, what was read first decides, so there is a distance to its end.
    gaps: Vec<i64>,
    /// Seconds after which the service sends each message once more.
    again: Option<i64>,
}

impl Story for Flat {
    const VENDOR_GIVES_TIMES: bool = false;

    fn any() -> BoxedStrategy<Flat> {
        let gap = proptest::prop_oneof![
            2 => 1..1_900_i64,
            1 => 1_900..3_500_i64,
            1 => 3_700..5_000_i64,
        ];
        let gaps = proptest::collection::vec(gap, 1..6);
        let again = proptest::option::weighted(0.4, 1..70_i64);
        (any_visitor(), 60..9_000_i64, gaps, again)
            .prop_map(|(visitor, begins_s, gaps, again)| Flat {
                visitor,
                begins_s,
                gaps,
                again,
            })
            .boxed()
    }

    fn providers(&self) -> Vec<&'static str> {
        vec!["verbox"]
    }

    fn items(&self) -> Vec<Item> {
        let mut items = self.visitor.items("verbox", "client-1", "");
        let mut arrives = after_eight(self.begins_s);
        for (nth, gap) in self.gaps.iter().enumerate() {
            let body = talkme::flat("client-1", WORDS[nth]);
            items.push(webhook(0, "verbox", &body, arrives));
            if let Some(later) = self.again {
                items.push(webhook(0, "verbox", &body, arrives + seconds(later)));
            }
            arrives += seconds(*gap);
        }
        items.sort_by_key(|item| item.arrives);
        items
    }
}

/// Webhooks that name a conversation, readings of it, and a card.
#[derive(Clone, Debug)]
pub struct Carrot {
    visitor: Visitor,
    dialogue: Dialogue,
    token: Option<usize>,
    started: bool,
    closed: bool,
    phone: bool,
    /// Seconds from the end of the chat to a change of the card.
    card: Option<i64>,
    other_chat: Option<bool>,
}

impl Story for Carrot {
    const VENDOR_GIVES_TIMES: bool = true;

    fn any() -> BoxedStrategy<Carrot> {
        let token = proptest::option::weighted(0.4, 0..3_usize);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let card = proptest::option::weighted(0.4, -40_000..200_000_i64);
        let other = proptest::option::weighted(0.4, any::<bool>());
        (any_visitor(), any_dialogue(), token, flags, card, other)
            .prop_map(|(visitor, dialogue, token, flags, card, other_chat)| {
                let (started, closed, phone) = flags;
                Carrot {
                    visitor,
                    dialogue,
                    token,
                    started,
                    closed,
                    phone,
                    card,
                    other_chat,
                }
            })
            .boxed()
    }

    fn providers(&self) -> Vec<&'static str> {
        vec!["carrotquest", "jivosite"]
    }

    fn items(&self) -> Vec<Item> {
        let mut items = self.visitor.items("carrotquest", "88", "1702");
        let lines = self.dialogue.lines();
        let begins = lines[0].0;
        if self.started {
            let hook = carrot::event("$conversation_user_started", 1, "1702", "88", begins);
            items.push(form(&hook, begins + seconds(3)));
        }
        let end = self.dialogue.end();
        for (count, closed) in [(1, false), (lines.len(), self.closed)] {
            let arrives = lines[count - 1].0 + seconds(10);
            let body = self.reading(&lines[..count], closed);
            items.push(Item {
                arrives,
                sent: Sent::Fetched {
                    integration: 0,
                    body: body.to_string(),
                },
            });
        }
        if let Some(gap) = self.card {
            let changed = end + seconds(gap);
            let props = json!({"$phone": PHONE, "$name": "Irina O."});
            let card = carrot::card("$phone_changed", 3, "88", props, changed);
            items.push(form(&card, changed + seconds(5)));
        }
        if let Some(of_stranger) = self.other_chat {
            let body = sure_chat(if of_stranger { "x" } else { "a" });
            items.push(webhook(1, "jivosite", &body, after_eight(40 * 60)));
        }
        items.sort_by_key(|item| item.arrives);
        items
    }
}

impl Carrot {
    fn reading(&self, lines: &[Line<'_>], closed: bool) -> Value {
        let props = match self.phone {
            true => json!({"$name": "Irina", "$phone": PHONE}),
            false => json!({"$name": "Irina"}),
        };
        let custom = match self.token {
            Some(nth) => json!({"skvoz_visit": self.visitor.token(nth)}),
            None => json!({}),
        };
        json!({
            "conversation": carrot::conversation("1702", "88", closed, props),
            "parts": carrot::parts("1702", lines),
            "user": {"id": "88", "props_custom": custom},
        })
    }
}

fn form(pairs: &carrot::Pairs, arrives: Timestamp) -> Item {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    Item {
        arrives,
        sent: Sent::Webhook {
            integration: 0,
            provider: "carrotquest",
            door: "",
            kind: "application/x-www-form-urlencoded",
            body: form.finish(),
        },
    }
}

/// Orders with a number that change their state, and orders without one.
#[derive(Clone, Debug)]
pub struct LeadBack {
    visitor: Visitor,
    ordered_s: i64,
    states: Vec<&'static str>,
    /// Seconds from one order without a number to the next; ten minutes join them.
    unnumbered: Vec<i64>,
    other_chat: Option<bool>,
}

impl Story for LeadBack {
    const VENDOR_GIVES_TIMES: bool = true;

    fn any() -> BoxedStrategy<LeadBack> {
        let states = proptest::sample::subsequence(vec!["new", "operator", "answered"], 1..=3);
        let unnumbered = proptest::collection::vec(0..800_i64, 0..6);
        let other = proptest::option::weighted(0.4, any::<bool>());
        (any_visitor(), 60..9_000_i64, states, unnumbered, other)
            .prop_map(
                |(visitor, ordered_s, states, unnumbered, other_chat)| LeadBack {
                    visitor,
                    ordered_s,
                    states,
                    unnumbered,
                    other_chat,
                },
            )
            .boxed()
    }

    fn providers(&self) -> Vec<&'static str> {
        vec!["leadback", "jivosite"]
    }

    fn items(&self) -> Vec<Item> {
        let mut items = self.visitor.items("leadback", "", "");
        items.retain(|item| match &item.sent {
            Sent::Hit(message) => {
                let told = &message["b"];
                told.get("user").is_none() && told.get("chat").is_none()
            }
            _ => true,
        });
        let ordered = after_eight(self.ordered_s);
        for (nth, state) in self.states.iter().enumerate() {
            let order = leadback::callback(884, PHONE, ordered);
            let body = with(order, json!({"status": state}));
            let arrives = ordered + seconds(5 + 60 * nth as i64);
            items.push(webhook(0, "leadback", &body, arrives));
        }
        let mut when = ordered + seconds(900);
        for (nth, gap) in self.unnumbered.iter().enumerate() {
            when += seconds(*gap);
            let order = leadback::unnumbered("89035550143", when);
            let body = with(order, json!({"name": WORDS[nth]}));
            items.push(webhook(0, "leadback", &body, when + seconds(4)));
        }
        if let Some(of_stranger) = self.other_chat {
            let body = sure_chat(if of_stranger { "x" } else { "a" });
            items.push(webhook(1, "jivosite", &body, after_eight(40 * 60)));
        }
        items.sort_by_key(|item| item.arrives);
        items
    }
}
