//! Integer ids up to 2^53, one type a noun, so that they cannot be swapped (DESIGN.md 5.1 "Ids").

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(out)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

id! {
    /// One customer's data.
    WorkspaceId,
    /// A person who signs in.
    UserId,
    /// A key of a program.
    ApiKeyId,
    /// A domain with a tracker key.
    SiteId,
    /// One configured account of a provider.
    IntegrationId,
    /// One request or fetched record, byte for byte.
    RawEventId,
    /// The same in our words.
    EventId,
    /// A chat, an offline lead or a callback.
    CommunicationId,
    /// A browser on a site.
    VisitorId,
    /// One stay on a site.
    VisitId,
    /// One tracker call.
    HitId,
    /// What a visitor did, by the number of the tracker call that told it.
    GoalId,
    /// A campaign of a site.
    CampaignId,
    /// A source of the workspace.
    SourceId,
    /// A person of the staff.
    EmployeeId,
    /// A label on a communication.
    TagId,
    /// A question to a provider's REST API.
    FetchId,
}
