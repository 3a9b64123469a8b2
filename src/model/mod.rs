//! The words of the house: what every room calls the same thing. Values only; nothing here reads
//! a clock, a database or the network.

mod channel_group;
mod communication;
mod contact;
mod credit;
mod event;
mod goal;
mod ids;
mod key;
mod link;
mod marks;
mod outbound;
mod raw_event;
mod receipt;
mod script_sign;
mod setup;
mod setup_field;
mod visit;

pub use channel_group::ChannelGroup;
pub use communication::{
    Communication, CommunicationKind, FinishedBy, Hidden, Message, MessageAuthor, Status,
    TimeOrigin,
};
pub use contact::{Contact, Email, Phone};
pub use credit::{Credit, CreditStep};
pub use event::{
    Attachment, Call, CallState, Channel, Event, EventKind, FetchNeed, Normalized, Operator,
    StoredEvent, Subject, Touch,
};
pub use goal::{Goal, LEAD, lead_contact};
pub use ids::*;
pub use key::{Key, KeyKind};
pub use link::{Found, Link, Strength};
pub use marks::{Marks, Utm};
pub use outbound::{OutboundRequest, OutboundResponse};
pub use raw_event::{Address, RawEvent, RawState, SetAside, SetAsideReason};
pub use receipt::{Outcome, ReceiptStep};
pub use script_sign::{Sign, SignRow, SignWord};
pub use setup::{
    Campaign, Condition, ConditionGroup, Conditions, Employee, Integration, IntegrationSettings,
    MessengerRow, Named, Operator as ConditionOperator, OperatorRow, Parameter, Site, Source, Tag,
    Target, Workspace,
};
pub use setup_field::{Field, FieldKind};
pub use visit::{Device, Hit, LONGEST_VISIT, Visit, Visitor};

/// An instant, UTC, kept to the microsecond (DESIGN.md 5.1 "Time").
pub type Timestamp = jiff::Timestamp;
