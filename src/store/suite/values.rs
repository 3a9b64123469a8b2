//! The least of each value that a case needs; cases change what they speak of.

use super::ground::Owner;
use crate::model::{
    Address, Channel, ChannelGroup, Communication, CommunicationId, CommunicationKind, Contact,
    Credit, CreditStep, Device, Event, EventKind, FetchNeed, Key, KeyKind, Link, Marks, RawEventId,
    RawState, SetAsideReason, Status, StoredEvent, Strength, Subject, TimeOrigin, Timestamp, Touch,
    Utm, Visit,
};
use crate::store::{
    CommunicationWrite, GoalFacts, HitFacts, NewRawEvent, PageFacts, PageRequest, RawOutcome,
    TokenRow,
};
use std::collections::BTreeMap;

/// So many seconds after the moment at which all cases begin.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).unwrap()
}

/// The first page of a list, longer than any list of a case.
pub fn everything() -> PageRequest {
    first(500)
}

pub fn first(limit: u32) -> PageRequest {
    PageRequest {
        limit,
        cursor: None,
    }
}

pub fn after(limit: u32, cursor: Option<String>) -> PageRequest {
    assert!(cursor.is_some(), "there is a further page");
    PageRequest { limit, cursor }
}

/// A token whose hash is its name.
pub fn token(name: &str) -> TokenRow {
    TokenRow {
        hash: name.as_bytes().to_vec(),
        sealed: format!("sealed {name}"),
        created_at: at(0),
        expires_at: None,
    }
}

pub fn key(kind: KeyKind, value: &str) -> Key {
    Key::new(kind, value)
}

impl Owner {
    /// A pending raw event that came so many seconds later.
    pub fn raw(&self, seconds: i64) -> NewRawEvent {
        NewRawEvent {
            workspace: self.workspace,
            integration: self.integration,
            provider: "jivosite".into(),
            address: Address::Chats,
            method: "POST".into(),
            query: String::new(),
            headers: vec![],
            body: b"{}".to_vec(),
            received_at: at(seconds),
            state: RawState::Pending,
            reason: None,
            detail: None,
        }
    }

    /// A raw event that is set aside on arrival.
    pub fn raw_aside(&self, reason: SetAsideReason) -> NewRawEvent {
        NewRawEvent {
            state: RawState::SetAside,
            reason: Some(reason),
            ..self.raw(0)
        }
    }

    pub fn outcome(&self, id: RawEventId, state: RawState) -> RawOutcome {
        RawOutcome {
            workspace: self.workspace,
            id,
            state,
            reason: None,
            detail: None,
            warnings: vec![],
        }
    }

    /// A new chat without a link.
    pub fn chat(&self, external_id: &str) -> Communication {
        Communication {
            id: CommunicationId(0),
            workspace: self.workspace,
            integration: self.integration,
            provider: "jivosite".into(),
            kind: CommunicationKind::Chat,
            external_id: external_id.into(),
            channel: Channel::site(),
            status: Status::New,
            started_at: at(0),
            started_at_origin: TimeOrigin::Vendor,
            first_words_at: at(0),
            finished_at: None,
            finished_by: None,
            received_at: at(0),
            contact: Contact::default(),
            messages: vec![],
            operators: vec![],
            employee: None,
            tags: vec![],
            keys: vec![],
            touch: Touch::default(),
            call: None,
            extra: BTreeMap::new(),
            link: Link {
                rule: "link.none".into(),
                strength: Strength::Fallback,
                visit: None,
            },
            credit: Credit {
                step: CreditStep::NoCampaign,
                campaign: None,
                source: None,
                site: None,
                channel_group: None,
                utm: Utm::default(),
            },
            receipt: vec![],
            hidden: None,
            silence_at: None,
            version: 0,
        }
    }

    /// A pop-up lead made of card changes of a client (`{integration}:{client}`).
    pub fn card(&self, client: &str) -> Communication {
        Communication {
            kind: CommunicationKind::OfflineLead,
            keys: vec![self.client_key(client)],
            ..self.chat(&Communication::card_id(client))
        }
    }

    pub fn client_key(&self, client: &str) -> Key {
        key(KeyKind::Client, &format!("{}:{client}", self.integration.0))
    }

    /// A tracker message that is no page view.
    pub fn bind(&self, visit: &str, message: &str, seconds: i64, keys: Vec<Key>) -> HitFacts {
        HitFacts {
            workspace: self.workspace,
            site: self.site,
            message: message.into(),
            visitor: "cAnna".into(),
            visit: visit.into(),
            known: None,
            at: at(seconds),
            received_at: at(seconds),
            page: None,
            goal: None,
            keys,
            device: Device::default(),
            ip: None,
            country: None,
            city: None,
            is_robot: false,
        }
    }

    /// A goal without data.
    pub fn goal(&self, visit: &str, message: &str, seconds: i64, name: &str) -> HitFacts {
        HitFacts {
            goal: Some(GoalFacts {
                name: name.into(),
                data: serde_json::Map::new(),
            }),
            ..self.bind(visit, message, seconds, vec![])
        }
    }

    /// A page view; its marks name the message.
    pub fn page(&self, visit: &str, message: &str, seconds: i64) -> HitFacts {
        HitFacts {
            page: Some(PageFacts {
                url: format!("https://own.example.com/{message}"),
                title: Some(message.into()),
                marks: Marks {
                    utm: Utm {
                        utm_source: Some(message.into()),
                        ..Utm::default()
                    },
                    ..Marks::default()
                },
                arrival: String::new(),
                channel_group: ChannelGroup::Search,
                campaign: None,
                source: None,
            }),
            ip: Some(format!("192.0.2.{}", message.len())),
            ..self.bind(visit, message, seconds, vec![])
        }
    }
}

/// A write that was decided on all there is.
pub fn write(communication: Communication) -> CommunicationWrite {
    CommunicationWrite {
        communication,
        new_events: vec![],
        forget: vec![],
        seen: i64::MAX,
        history: vec![],
        watch: vec![],
        near: vec![],
        contact_news: false,
        client_news: false,
        dropped: Vec::new(),
        moved_to: None,
        text: None,
    }
}

/// The communication tied to a visit, with the strength.
pub fn linked(communication: Communication, visit: &Visit, strength: Strength) -> Communication {
    Communication {
        link: Link {
            rule: "link.case".into(),
            strength,
            visit: Some(visit.id),
        },
        ..communication
    }
}

/// An event of a chat, as it was kept.
pub fn event(dedup_key: &str, raw_event: RawEventId, seconds: i64) -> StoredEvent {
    let subject = Subject::Numbered {
        kind: CommunicationKind::Chat,
        external_id: "chat".into(),
    };
    StoredEvent {
        raw_event,
        event: Event::new(dedup_key, subject, EventKind::Started),
        received_at: at(seconds),
    }
}

pub fn need(text: &str) -> FetchNeed {
    FetchNeed {
        key: text.into(),
        about: BTreeMap::from([("record".to_owned(), text.to_owned())]),
    }
}
