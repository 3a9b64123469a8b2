//! A communication as programs get it; the names and words of this shape are promised.

use crate::api::shapes::UtmFields;
use crate::api::visits::{self, VisitView};
use crate::hub::LiveSetup;
use crate::model::{
    Attachment, Call, CallState, ChannelGroup, Communication, CommunicationId, CommunicationKind,
    Credit, CreditStep, FinishedBy, IntegrationId, Link, Message, MessageAuthor, Named, RawEventId,
    ReceiptStep, Status, Strength, TimeOrigin, Timestamp, Visit, VisitId,
};
use crate::store::{History, HistoryEntry, Removable};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A chat, an offline lead or a callback.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Communication)]
pub struct CommunicationView {
    id: CommunicationId,
    kind: CommunicationKind,
    /// Slug of the provider.
    provider: String,
    integration_id: IntegrationId,
    /// The provider's number, or ours where the provider has none.
    external_id: String,
    /// `site`, or the messenger.
    channel: String,
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// Who says when it started.
    started_at_origin: TimeOrigin,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    finished_by: Option<FinishedBy>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    contact: ContactView,
    employee: Option<Named>,
    tags: Vec<Named>,
    operators: Vec<OperatorView>,
    messages: Vec<MessageView>,
    call: Option<CallView>,
    /// What else the provider said, by its own names.
    extra: BTreeMap<String, String>,
    visit: Option<VisitView>,
    link: LinkView,
    credit: CreditView,
    /// Every rule that was tried, what it saw, which decided.
    receipt: Vec<ReceiptStep>,
}

/// A communication with what it was made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct WholeCommunication {
    #[serde(flatten)]
    pub communication: CommunicationView,
    /// Raw events that told of it, oldest first.
    pub raw_event_ids: Vec<RawEventId>,
    /// Former links and credits, newest first.
    pub history: Vec<HistoryView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Contact)]
struct ContactView {
    name: Option<String>,
    /// E.164
    phones: Vec<String>,
    emails: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Operator)]
struct OperatorView {
    /// As the provider sends it.
    id: String,
    name: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
struct MessageView {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    from: MessageAuthor,
    author: Option<String>,
    /// Plain text.
    text: String,
    attachments: Vec<Attachment>,
}

/// The call of a callback.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Call)]
struct CallView {
    /// `ordered`, `operator_connected`, `client_connected`, `ended`, `failed`.
    #[schema(value_type = String)]
    state: CallState,
    direction: Option<String>,
    record_url: Option<String>,
    duration_s: Option<u32>,
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Link)]
struct LinkView {
    /// The rule that decided.
    rule: String,
    strength: Strength,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credit)]
struct CreditView {
    /// The step of the ladder that decided.
    step: CreditStep,
    campaign: Option<Named>,
    source: Option<Named>,
    site: Option<Named>,
    channel_group: Option<ChannelGroup>,
    #[serde(flatten)]
    utm: UtmFields,
}

/// A link or a credit that was replaced.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The link until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<FormerLink>,
    /// The credit until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    credit: Option<CreditView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormerLink {
    rule: String,
    strength: Strength,
    visit_id: Option<VisitId>,
}

pub fn show(
    setup: &LiveSetup,
    communication: Communication,
    visit: Option<Visit>,
) -> CommunicationView {
    let Communication {
        contact, operators, ..
    } = communication;
    let employee = communication
        .employee
        .and_then(|id| setup.named(Removable::Employee(id)));
    let tag = |id: &crate::model::TagId| setup.named(Removable::Tag(*id));
    CommunicationView {
        id: communication.id,
        kind: communication.kind,
        provider: communication.provider,
        integration_id: communication.integration,
        external_id: communication.external_id,
        channel: communication.channel.as_str().to_string(),
        status: communication.status,
        started_at: communication.started_at,
        started_at_origin: communication.started_at_origin,
        finished_at: communication.finished_at,
        finished_by: communication.finished_by,
        received_at: communication.received_at,
        contact: ContactView {
            name: contact.name,
            phones: contact
                .phones
                .iter()
                .map(|phone| phone.as_str().to_string())
                .collect(),
            emails: contact
                .emails
                .iter()
                .map(|email| email.as_str().to_string())
                .collect(),
        },
        employee,
        tags: communication.tags.iter().filter_map(tag).collect(),
        operators: operators
            .into_iter()
            .map(|operator| OperatorView {
                id: operator.id,
                name: operator.name,
            })
            .collect(),
        messages: communication
            .messages
            .into_iter()
            .map(MessageView::from)
            .collect(),
        call: communication.call.map(CallView::from),
        extra: communication.extra,
        visit: visit.map(|visit| visits::show(setup, visit)),
        link: LinkView::from(communication.link),
        credit: CreditView::new(setup, communication.credit),
        receipt: communication.receipt,
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        MessageView {
            at: message.at,
            from: message.from,
            author: message.author,
            text: message.text,
            attachments: message.attachments,
        }
    }
}

impl From<Call> for CallView {
    fn from(call: Call) -> Self {
        CallView {
            state: call.state,
            direction: call.direction,
            record_url: call.record_url,
            duration_s: call.duration_s,
            reason: call.reason,
        }
    }
}

impl From<Link> for LinkView {
    fn from(link: Link) -> Self {
        LinkView {
            rule: link.rule,
            strength: link.strength,
        }
    }
}

impl CreditView {
    fn new(setup: &LiveSetup, credit: Credit) -> Self {
        CreditView {
            step: credit.step,
            campaign: credit
                .campaign
                .and_then(|id| setup.named(Removable::Campaign(id))),
            source: credit
                .source
                .and_then(|id| setup.named(Removable::Source(id))),
            site: credit.site.and_then(|id| setup.named(Removable::Site(id))),
            channel_group: credit.channel_group,
            utm: credit.utm.into(),
        }
    }
}

impl HistoryView {
    pub fn new(setup: &LiveSetup, history: History) -> Self {
        let (link, credit) = match history.entry {
            HistoryEntry::Link { was } => {
                let former = FormerLink {
                    rule: was.rule,
                    strength: was.strength,
                    visit_id: was.visit,
                };
                (Some(former), None)
            }
            HistoryEntry::Credit { was } => (None, Some(CreditView::new(setup, was))),
        };
        HistoryView {
            at: history.at,
            link,
            credit,
        }
    }
}
