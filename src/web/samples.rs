//! Sample data for the pages' tests, and every page rendered with it in both languages.
//!
//! `SKVOZ_PAGES_DIR=folder cargo test --lib web::samples` writes them out to be looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use askama::Template;
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::json;

use super::communication::{CommunicationPage, RawLine, VisitFacts, VisitPart};
use super::communications::{CommunicationsPage, FilterList, Filters, Line, Names, Row, Sort};
use super::first_run::{FirstRunErrors, FirstRunForm, FirstRunPage};
use super::goals::{GoalLine, GoalRow};
use super::inbox::{InboxPage, InboxRow};
use super::integration::{IntegrationPage, SignGroup, guide_html};
use super::integration_form::{
    MapRow, MessengerRow, OperatorRow, OwnField, OwnKind, PairRow, Preview, SettingsForm,
};
use super::integrations::{IntegrationLine, IntegrationsPage, ProviderCard};
use super::login::LoginPage;
use super::own_path::OwnPath;
use super::parts::{Address, Badge, Choice, Notice, Pager, Snippet};
use super::raw_event::{Body, RawEventPage};
use super::sites::{SiteLine, SitesPage};
use super::visit::VisitPage;
use super::{Menu, Page};
use crate::locale::Locale;
use crate::model::*;
use crate::providers;
use crate::store::GoalOfVisit;

pub fn page(locale: Locale) -> Page {
    Page {
        locale,
        zone: TimeZone::get("Europe/Moscow").expect("a zone"),
        workspace: "Пример: магазин окон".into(),
        person: "owner@shop.example.org".into(),
        may_write: true,
        here: Menu::Communications,
        address: "/communications?kind=chat".into(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn named(id: i64, name: &str) -> Option<Named> {
    Some(Named {
        id,
        name: name.into(),
    })
}

fn message(time: &str, from: MessageAuthor, author: &str, text: &str) -> Message {
    Message {
        id: time.into(),
        at: at(&format!("2026-11-20T{time}Z")),
        from,
        author: (!author.is_empty()).then(|| author.into()),
        text: text.into(),
        attachments: Vec::new(),
    }
}

fn utm() -> Utm {
    Utm {
        utm_source: Some("yandex".into()),
        utm_medium: Some("cpc".into()),
        utm_campaign: Some("okna_msk_poisk|71120043".into()),
        utm_term: Some("пластиковые окна цена".into()),
        ..Utm::default()
    }
}

pub fn chat() -> Communication {
    let mut file = message("15:09:40", MessageAuthor::Visitor, "", "Вот план комнаты");
    file.attachments = vec![
        Attachment {
            url: "https://files.example.org/plan.pdf".into(),
            name: Some("план.pdf".into()),
        },
        Attachment {
            url: "javascript:alert(1)".into(),
            name: Some("злая ссылка".into()),
        },
    ];
    let skipped = |step: &str, reason: &str| {
        ReceiptStep::new(step, Outcome::Skipped, json!({ "reason": reason }))
    };
    Communication {
        id: CommunicationId(1042),
        workspace: WorkspaceId(1),
        integration: IntegrationId(1),
        provider: "jivosite".into(),
        kind: CommunicationKind::Chat,
        external_id: "7507".into(),
        channel: Channel::site(),
        status: Status::Succeed,
        started_at: at("2026-11-20T15:04:10Z"),
        started_at_origin: TimeOrigin::Vendor,
        first_words_at: at("2026-11-20T15:04:10Z"),
        finished_at: Some(at("2026-11-20T15:21:00Z")),
        finished_by: Some(FinishedBy::Event),
        received_at: at("2026-11-20T15:21:02Z"),
        contact: Contact {
            name: Some("Ирина Примерова".into()),
            phones: vec![Phone::parse("+79005550142").expect("a phone")],
            emails: vec![Email::parse("irina@example.org").expect("an e-mail")],
        },
        messages: vec![
            message(
                "15:03:58",
                MessageAuthor::System,
                "",
                "Здравствуйте! Чем помочь?",
            ),
            message(
                "15:04:10",
                MessageAuthor::Visitor,
                "Ирина Примерова",
                "Добрый день! Сколько стоит окно 1400 × 1300 с установкой? <script>alert(1)</script>",
            ),
            message(
                "15:05:22",
                MessageAuthor::Operator,
                "Ольга",
                "Здравствуйте, Ирина! От 24 900 ₽ с установкой. Пришлёте размеры или план?",
            ),
            file,
            message(
                "15:12:03",
                MessageAuthor::Operator,
                "Ольга",
                "Спасибо! Замерщик свободен завтра с 10 до 12. Записать вас?",
            ),
            message(
                "15:13:30",
                MessageAuthor::Visitor,
                "Ирина Примерова",
                "Да, запишите: +7 900 555-01-42",
            ),
        ],
        operators: vec![Operator {
            id: "17".into(),
            name: Some("Ольга".into()),
        }],
        employee: Some(EmployeeId(1)),
        tags: vec![TagId(1)],
        keys: Vec::new(),
        touch: Touch {
            page: Some("https://shop.example.org/okna/dvustvorchatye".into()),
            utm: BTreeMap::from([("utm_source".to_owned(), "google".to_owned())]),
            ..Touch::default()
        },
        call: None,
        extra: BTreeMap::from([("rate".to_owned(), "5".to_owned())]),
        link: Link {
            rule: "link.visit_id".into(),
            strength: Strength::Exact,
            visit: Some(VisitId(5)),
        },
        credit: Credit {
            step: CreditStep::Visit,
            campaign: Some(CampaignId(1)),
            source: Some(SourceId(1)),
            site: Some(SiteId(1)),
            channel_group: Some(ChannelGroup::PaidSearch),
            utm: utm(),
        },
        receipt: vec![
            ReceiptStep::new(
                "link.bound_chat",
                Outcome::NoMatch,
                json!({"key": "bound_chat", "value": "jivosite:7507"}),
            ),
            ReceiptStep::new(
                "link.visit_id",
                Outcome::Matched,
                json!({
                    "key": "visit", "value": "v01JD3Q8M", "visit": "v01JD3Q8N", "named_visit": "v01JD3Q8M",
                    "visit_started_at": "2026-11-20T14:58:31Z", "first_words_at": "2026-11-20T15:04:10Z",
                }),
            ),
            skipped("link.bound_user", "decided"),
            skipped("link.contact", "decided"),
            skipped("link.provider_marks", "decided"),
            skipped("credit.by_hand", "no_choice"),
            skipped("credit.ignore_visit", "switched_off"),
            ReceiptStep::new(
                "credit.visit",
                Outcome::Matched,
                json!({
                    "visit": "v01JD3Q8N", "visit_id": 5, "no_campaign": false, "site_id": 1, "site": "shop.example.org",
                    "channel_group": "paid_search", "campaign_id": 1, "campaign": "Окна: поиск, Москва",
                    "campaign_condition": "utm_campaign sub okna_msk", "campaign_weight": 60,
                    "source": "Яндекс.Директ", "utm_source": "yandex", "utm_medium": "cpc", "yclid": "17380001",
                }),
            ),
            skipped("credit.messenger", "decided_before"),
            skipped("credit.default", "decided_before"),
        ],
        hidden: None,
        silence_at: None,
        version: 3,
    }
}

fn lead() -> Communication {
    Communication {
        id: CommunicationId(1041),
        provider: "talkme".into(),
        kind: CommunicationKind::OfflineLead,
        channel: Channel::new("telegram").expect("a channel"),
        status: Status::Lost,
        started_at: at("2026-11-20T08:15:00Z"),
        finished_at: None,
        finished_by: None,
        contact: Contact {
            name: None,
            phones: Vec::new(),
            emails: Vec::new(),
        },
        messages: vec![message(
            "08:15:00",
            MessageAuthor::Visitor,
            "",
            "Перезвоните, пожалуйста, по замеру",
        )],
        operators: Vec::new(),
        link: Link {
            rule: "link.none".into(),
            strength: Strength::Fallback,
            visit: None,
        },
        credit: Credit {
            step: CreditStep::Messenger,
            campaign: None,
            source: Some(SourceId(2)),
            site: Some(SiteId(1)),
            channel_group: None,
            utm: Utm::default(),
        },
        receipt: vec![
            ReceiptStep::new(
                "link.contact",
                Outcome::Rejected,
                json!({
                    "reason": "several_visitors", "key": "phone", "value": "…0142", "visit": "v01JD000",
                    "visit_started_at": "2026-11-12T09:00:00Z",
                }),
            ),
            ReceiptStep::new(
                "link.provider_marks",
                Outcome::NoMatch,
                json!({ "reason": "no_marks" }),
            ),
            ReceiptStep::new(
                "credit.visit",
                Outcome::Skipped,
                json!({ "reason": "no_visit" }),
            ),
            ReceiptStep::new(
                "credit.messenger",
                Outcome::Matched,
                json!({ "channel": "telegram", "source": "Telegram-канал", "site": "shop.example.org" }),
            ),
        ],
        extra: BTreeMap::new(),
        touch: Touch::default(),
        ..chat()
    }
}

fn callback() -> Communication {
    Communication {
        id: CommunicationId(1040),
        provider: "leadback".into(),
        kind: CommunicationKind::Callback,
        messages: Vec::new(),
        call: Some(Call {
            state: CallState::Ended,
            direction: Some("callback".into()),
            record_url: Some("https://files.example.org/call.mp3".into()),
            duration_s: Some(134),
            reason: None,
        }),
        link: Link {
            rule: "link.client_mark".into(),
            strength: Strength::Probable,
            visit: Some(VisitId(5)),
        },
        ..chat()
    }
}

fn visit() -> Visit {
    Visit {
        id: VisitId(5),
        visitor: VisitorId(4),
        visitor_key: "c01k1z5w8f3q9yxr2m4tn6v0hda".into(),
        site: SiteId(1),
        key: "v01JD3Q8N".into(),
        started_at: at("2026-11-20T14:58:31Z"),
        last_hit_at: at("2026-11-20T15:03:12Z"),
        marks: Marks {
            utm: utm(),
            click_ids: BTreeMap::from([("yclid".to_owned(), "17380001".to_owned())]),
            referrer: Some("https://yandex.ru/".into()),
            entry_page: Some("https://shop.example.org/okna?utm_source=yandex&utm_medium=cpc&utm_campaign=okna_msk_poisk%7C71120043&yclid=17380001".into()),
            ..Marks::default()
        },
        channel_group: ChannelGroup::PaidSearch,
        campaign: Some(CampaignId(1)),
        source: Some(SourceId(1)),
        device: Device {
            browser: Some("Chrome".into()),
            browser_version: Some("142".into()),
            os: Some("Windows".into()),
            os_version: Some("11".into()),
            ..Device::default()
        },
        ip: None,
        country: Some("Россия".into()),
        city: Some("Москва".into()),
        is_robot: false,
        hits: 14,
    }
}

fn hits() -> Vec<Hit> {
    let hit = |id, time: &str, path: &str, title: &str| Hit {
        id: HitId(id),
        visit: VisitId(5),
        at: at(&format!("2026-11-20T{time}Z")),
        url: format!("https://shop.example.org{path}"),
        title: Some(title.into()),
    };
    vec![
        hit(1, "14:58:31", "/okna", "Пластиковые окна в Москве"),
        hit(2, "15:00:02", "/okna/ceny", "Цены на окна"),
        hit(3, "15:03:12", "/okna/dvustvorchatye", "Двустворчатые окна"),
    ]
}

fn names(campaign: &str, source: &str) -> Names {
    Names {
        provider_title: "JivoSite".into(),
        campaign: named(1, campaign).filter(|_| !campaign.is_empty()),
        source: named(1, source),
        site: named(1, "shop.example.org"),
        employee: named(1, "Ольга Образцова"),
        tags: vec![Named {
            id: 1,
            name: "Замер".into(),
        }],
    }
}

fn all() -> Vec<Choice> {
    vec![
        Choice::new("", "…", false),
        Choice::new("1", "shop.example.org", true),
    ]
}

pub fn goal() -> Goal {
    Goal {
        id: GoalId(11),
        visit: VisitId(5),
        site: SiteId(1),
        at: at("2026-11-20T15:02:40Z"),
        name: "Калькулятор: <script>alert(1)</script>".into(),
        data: json!({"цена": 24900, "окно": "<script>alert(2)</script>", "створки": [1, 2]})
            .as_object()
            .expect("an object")
            .clone(),
    }
}

fn lead_goal() -> Goal {
    Goal {
        name: LEAD.into(),
        data: json!({"name": "Ирина Примерова", "phone": "8 900 555-01-42", "форма": "замер"})
            .as_object()
            .expect("an object")
            .clone(),
        ..goal()
    }
}

fn visit_page(page: Page) -> VisitPage {
    let (visit, hits) = (visit(), hits());
    let facts = VisitFacts {
        visit: &visit,
        hits: &hits,
    };
    VisitPage {
        goals: [goal(), lead_goal()]
            .iter()
            .map(|goal| GoalLine::new(&page, goal))
            .collect(),
        visit: VisitPart::new(&page, &facts, None),
        visitor: visit.visitor_key.clone(),
        site: "shop.example.org".into(),
        campaign: "Окна: поиск, Москва".into(),
        source: "Яндекс.Директ".into(),
        earlier: Vec::new(),
        page,
    }
}

fn communications(page: Page, empty: bool) -> CommunicationsPage {
    let rows = [
        (chat(), names("Окна: поиск, Москва", "Яндекс.Директ")),
        (lead(), names("", "Telegram-канал")),
        (callback(), names("Окна: поиск, Москва", "Яндекс.Директ")),
    ];
    let rows = rows.iter().map(|(one, names)| {
        let row = Row::new(&page, one, names);
        Line::Communication(Box::new(row))
    });
    let goals = [goal(), lead_goal()].map(|goal| {
        let visit = visit();
        let names = names("Окна: поиск, Москва", "Яндекс.Директ");
        let row = GoalRow::new(&page, &GoalOfVisit { goal, visit }, &names);
        Line::Goal(Box::new(row))
    });
    let rows = rows.chain(goals);
    let kinds =
        CommunicationKind::ALL.map(|kind| Choice::new(kind.as_str(), page.kind(kind), false));
    let any = Choice::new("", page.text("communications.any"), true);
    CommunicationsPage {
        filters: Filters {
            kinds: std::iter::once(any).chain(kinds).collect(),
            lists: vec![
                FilterList {
                    name: "provider",
                    title: page.text("filter.provider").into(),
                    options: all(),
                },
                FilterList {
                    name: "campaign",
                    title: page.text("filter.campaign").into(),
                    options: all(),
                },
            ],
            ..Filters::default()
        },
        sort: Sort {
            oldest_first: false,
            turned: "?sort=oldest".into(),
        },
        rows: if empty { Vec::new() } else { rows.collect() },
        pager: Pager {
            shown: page.fill("communications.found_on_page", "n", 3),
            first: Some("/communications".into()),
            next: Some("/communications?cursor=abc".into()),
        },
        has_integrations: false,
        may_search: true,
        page,
    }
}

fn communication(page: Page, of: &Communication, with_visit: bool) -> CommunicationPage {
    let raw = vec![
        RawLine::new(
            &page,
            RawEventId(90210),
            at("2026-11-20T15:04:12Z"),
            RawState::Done,
            1_204,
        ),
        RawLine::new(
            &page,
            RawEventId(90233),
            at("2026-11-20T15:21:02Z"),
            RawState::Done,
            3_871,
        ),
    ];
    let (visit, hits) = (visit(), hits());
    let facts = with_visit.then_some(VisitFacts {
        visit: &visit,
        hits: &hits,
    });
    CommunicationPage::new(
        page,
        of,
        &names("Окна: поиск, Москва", "Яндекс.Директ"),
        "Jivo на сайте",
        facts,
        raw,
    )
}

fn integrations(mut page: Page) -> IntegrationsPage {
    page.here = Menu::Integrations;
    let line = |id, name: &str, provider: &str, active, last: &str| IntegrationLine {
        id,
        name: name.into(),
        provider: provider.into(),
        provider_title: provider.into(),
        site: if active {
            "shop.example.org".into()
        } else {
            String::new()
        },
        active,
        last_event: last.into(),
    };
    let badge = |key: &str| Badge {
        text: page.text(key).into(),
        tone: "secondary",
        hint: String::new(),
    };
    let cards = providers::ALL.iter().map(|provider| ProviderCard {
        slug: provider.slug().into(),
        title: provider.title().into(),
        about: page.word("about", provider.slug()),
        brings: vec![badge("integrations.chats"), badge("integrations.callbacks")],
        connected: usize::from(provider.slug() == "jivosite"),
    });
    IntegrationsPage {
        integrations: vec![
            line(1, "Jivo на сайте", "jivosite", true, "20.11.2026 18:21"),
            line(2, "LeadBack", "leadback", false, ""),
        ],
        providers: cards.collect(),
        notice: None,
        page,
    }
}

fn integration(mut page: Page) -> IntegrationPage {
    page.here = Menu::Integrations;
    let channels = || {
        ["telegram", "whatsapp"]
            .map(|c| Choice::new(c, page.word("channel", c), c == "telegram"))
            .to_vec()
    };
    let row = || MessengerRow {
        channels: channels(),
        campaigns: vec![Choice::new("campaign:1", "Окна: поиск, Москва", false)],
        sources: vec![Choice::new("source:2", "Telegram-канал", true)],
        sites: all(),
        other: String::new(),
    };
    let field = |name: &str, title: &str, kind| OwnField {
        name: name.into(),
        title: title.into(),
        hint: "Подсказка".into(),
        error: String::new(),
        required: false,
        kind,
    };
    let pair = |key: &str| PairRow {
        key: key.into(),
        value: String::new(),
        options: channels(),
    };
    let own = vec![
        field(
            "token_mode",
            "Пометка посетителя",
            OwnKind::Choice { options: all() },
        ),
        field(
            "secret_key",
            "Секретный ключ",
            OwnKind::Secret { kept: true },
        ),
        field(
            "timezone",
            "Часовой пояс",
            OwnKind::Text {
                value: "Europe/Moscow".into(),
                input: "text",
                default: String::new(),
            },
        ),
        field(
            "widgets",
            "Виджеты и каналы",
            OwnKind::Rows {
                key_title: "widget_id".into(),
                value_title: "Канал".into(),
                rows: vec![pair("a1b2c3")],
                empty: pair(""),
            },
        ),
        field(
            "field_map",
            "Поля запроса",
            OwnKind::FieldMap {
                rows: vec![MapRow {
                    field: "phone".into(),
                    title: "Телефон".into(),
                    paths: "phone, client.phone".into(),
                    default: "phone".into(),
                }],
                changed: true,
            },
        ),
    ];
    let address = |id: &str, title: &str, path: &str| Address {
        id: id.into(),
        title: page.text(title).into(),
        url: format!("https://hub.example.org/in/jivosite/{path}"),
        hint: String::new(),
    };
    IntegrationPage {
        id: Some(1),
        provider: "jivosite".into(),
        provider_title: "JivoSite".into(),
        about: page.word("about", "jivosite"),
        addresses: vec![
            address("a0", "integration.chats_url", "0J4Q7E2M9K5T1Z8X3C6V4B7N2A"),
            address(
                "a1",
                "integration.leads_url",
                "0J4Q7E2M9K5T1Z8X3C6V4B7N2A/leads",
            ),
        ],
        channel_addresses: vec![address("a2", "integration.one_url", "0J4Q/telegram")],
        scripts: vec![Snippet::new(
            1,
            "shop.example.org",
            "https://hub.example.org/t/k7m2p9q4.js",
        )],
        signs: [
            (SignWord::Seen, "shop.example.org"),
            (SignWord::Taken, "www.shop.example.org"),
        ]
        .map(|(word, host)| SignGroup {
            word: page.sign(word),
            hint: page.hint("script_sign", word.as_str()),
            hosts: vec![(host.into(), page.date_time(at("2026-08-14T09:30:00Z")))],
        })
        .into(),
        old_until: String::new(),
        overlap: page.count("count.day", 7_u64),
        preview: Preview {
            events: vec![Choice::new("1", "№ 1", true)],
            asked: true,
            found: vec![(
                "Телефон".into(),
                "client.phone".into(),
                "+79005550142".into(),
            )],
        },
        form: SettingsForm {
            active: true,
            name: "Jivo на сайте".into(),
            sites: all(),
            own,
            has_leads_address: true,
            offline_leads: true,
            target_kind: "campaign".into(),
            campaigns: vec![Choice::new("1", "Окна: поиск, Москва", true)],
            sources: all(),
            target_sites: all(),
            messengers: vec![row()],
            empty_messenger: row(),
            employees: all(),
            operators: vec![OperatorRow {
                operator: "17".into(),
                employees: all(),
            }],
            empty_operator: OperatorRow {
                operator: String::new(),
                employees: all(),
            },
            tags: vec![
                Choice::new("1", "Замер", true),
                Choice::new("2", "Повторный", false),
            ],
            silence_default: 1440,
            silence_error: page.text("integration.not_saved").into(),
            ..SettingsForm::default()
        },
        guide: guide_html(providers::ALL[0].setup_guide(match page.locale {
            Locale::Ru => providers::Language::Russian,
            Locale::En => providers::Language::English,
        })),
        raw_events: vec![RawLine::new(
            &page,
            RawEventId(90233),
            at("2026-11-20T15:21:02Z"),
            RawState::Done,
            3_871,
        )],
        notice: Some(Notice {
            good: true,
            text: page.text("integration.saved").into(),
        }),
        page,
    }
}

fn inbox(mut page: Page) -> InboxPage {
    page.here = Menu::Inbox;
    let row = |id, state, reason: &str, detail: &str| InboxRow {
        id,
        at: "20.11.2026 18:21".into(),
        provider: "jivosite".into(),
        integration: "Jivo на сайте".into(),
        door: page.text("door.chats").into(),
        size: page.fill("size.bytes", "n", page.number(3_871_u64)),
        state: page.raw_state(state),
        reason: reason.into(),
        detail: detail.into(),
    };
    InboxPage {
        states: std::iter::once(Choice::new("", page.text("communications.any"), true))
            .chain(
                RawState::ALL
                    .map(|state| Choice::new(state.as_str(), page.raw_state(state).text, false)),
            )
            .collect(),
        integrations: all(),
        reasons: all(),
        any_filter: false,
        rows: vec![
            row(90233, RawState::Done, "", ""),
            row(
                90232,
                RawState::SetAside,
                page.text("reason.unknown_event"),
                "event_name is chat_rated",
            ),
            row(90231, RawState::Probe, "", ""),
        ],
        pager: Pager {
            shown: page.fill("communications.found_on_page", "n", 3),
            ..Pager::default()
        },
        replay_address: "/inbox/replay".into(),
        notice: None,
        page,
    }
}

fn raw_event(mut page: Page) -> RawEventPage {
    page.here = Menu::Inbox;
    let body = json!({"event_name": "chat_finished", "chat_id": "7507", "visitor": {"name": "Ирина Примерова", "phone": "+79005550142"}, "chat": {"messages": [{"type": "visitor", "message": "Добрый день!"}]}});
    RawEventPage {
        id: 90233,
        at: "20.11.2026 18:21".into(),
        provider: "jivosite".into(),
        integration: "Jivo на сайте".into(),
        integration_id: 1,
        door: page.text("door.chats").into(),
        state: page.raw_state(RawState::SetAside),
        reason: page.text("reason.wrong_shape").into(),
        detail: "chat_id is absent".into(),
        warnings: Vec::new(),
        method: "POST".into(),
        query: String::new(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("user-agent".into(), "Example/1.0".into()),
        ],
        size: page.fill("size.bytes", "n", page.number(3_871_u64)),
        body: Body::new("application/json", body.to_string().as_bytes()),
        communications: vec![(1042, "Чат № 1042".into())],
        preview: vec![("Телефон".into(), "+7 900 555-01-42".into())],
        notice: None,
        is_pending: false,
        sees_contacts: true,
        page,
    }
}

fn sites(mut page: Page) -> SitesPage {
    page.here = Menu::Sites;
    SitesPage {
        sites: vec![SiteLine {
            id: 1,
            host: "shop.example.org".into(),
            name: "Магазин окон".into(),
            key: "k7m2p9q4".into(),
            script: Snippet::new(
                1,
                "shop.example.org",
                "https://hub.example.org/t/k7m2p9q4.js",
            ),
            own_path: OwnPath::new("k7m2p9q4", "https://hub.example.org/t/k7m2p9q4"),
            collect_url: "https://hub.example.org/t/k7m2p9q4".into(),
        }],
        host: String::new(),
        name: String::new(),
        error: String::new(),
        notice: None,
        page,
    }
}

fn first_run(page: Page) -> FirstRunPage {
    FirstRunPage {
        form: FirstRunForm {
            email: "owner@".into(),
            ..FirstRunForm::default()
        },
        errors: FirstRunErrors {
            email: page.text("integration.not_saved").into(),
            ..FirstRunErrors::default()
        },
        min_length: 8,
        zones: vec![Choice::new("Europe/Moscow", "Europe/Moscow", true)],
        page,
    }
}

fn rendered(locale: Locale) -> Vec<(&'static str, String)> {
    let page = || page(locale);
    let login = LoginPage {
        page: page(),
        email: String::new(),
        back: "/".into(),
        error: String::new(),
    };
    let pages: Vec<(&str, askama::Result<String>)> = vec![
        ("login", login.render()),
        ("first_run", first_run(page()).render()),
        ("communications", communications(page(), false).render()),
        (
            "communications_empty",
            communications(page(), true).render(),
        ),
        (
            "communication",
            communication(page(), &chat(), true).render(),
        ),
        (
            "communication_lead",
            communication(page(), &lead(), false).render(),
        ),
        (
            "communication_callback",
            communication(page(), &callback(), true).render(),
        ),
        ("visit", visit_page(page()).render()),
        ("integrations", integrations(page()).render()),
        ("integration", integration(page()).render()),
        ("inbox", inbox(page()).render()),
        ("raw_event", raw_event(page()).render()),
        ("sites", sites(page()).render()),
    ];
    pages
        .into_iter()
        .map(|(name, html)| (name, html.expect("a page")))
        .collect()
}

#[test]
fn every_page_is_rendered_in_both_languages() {
    let folder = std::env::var_os("SKVOZ_PAGES_DIR");
    for locale in Locale::ALL {
        for (name, html) in rendered(locale) {
            assert!(
                html.contains(&format!(r#"<html lang="{}""#, locale.tag())),
                "{name}"
            );
            if let Some(folder) = &folder {
                let file = Path::new(folder).join(format!("{name}.{}.html", locale.tag()));
                fs::write(file, html).expect("a writable folder");
            }
        }
    }
}

#[test]
fn what_people_write_is_never_markup() {
    for (name, html) in rendered(Locale::Ru) {
        assert!(!html.contains("<script>alert"), "{name}");
        assert!(!html.contains(r#"href="javascript:"#), "{name}");
    }
}

#[test]
fn pages_run_no_inline_script_and_load_nothing_from_elsewhere() {
    let bad = Regex::new(
        r#"<script(?: [^>]*)?>[^<]|\son[a-z]+=|\sstyle=|(?:src|action)="(?:https?:)?//"#,
    );
    let bad = bad.expect("a constant");
    for (name, html) in rendered(Locale::En) {
        assert!(
            !bad.is_match(&html),
            "{name}: {:?}",
            bad.find(&html).map(|found| found.as_str())
        );
    }
}

#[test]
fn no_id_stands_twice_on_a_page() {
    let id = Regex::new(r#"\sid="([^"]+)""#).expect("a constant");
    for (name, html) in rendered(Locale::En) {
        let mut seen = std::collections::BTreeSet::new();
        for found in id.captures_iter(&html) {
            assert!(seen.insert(found[1].to_owned()), "{name}: {}", &found[1]);
        }
    }
}

#[test]
fn pages_use_only_icons_that_are_packed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = fs::read_to_string(root.join("assets/icons.txt")).expect("the list of icons");
    let packed: Vec<_> = packed.lines().collect();
    let used = Regex::new(r##"icons\.svg[^"#]*#([^"]+)"##).expect("a constant");
    for (name, html) in rendered(Locale::En) {
        for icon in used.captures_iter(&html) {
            assert!(packed.contains(&&icon[1]), "{name}: {}", &icon[1]);
        }
    }
}
