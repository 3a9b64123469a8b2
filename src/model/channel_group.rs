//! The 25 channel groups (attribution.md 3).

use serde::{Deserialize, Serialize};

macro_rules! channel_groups {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// Channel group of a visit, «канал трафика».
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum ChannelGroup {
            $($name),+
        }

        impl ChannelGroup {
            pub const ALL: &'static [ChannelGroup] = &[$(ChannelGroup::$name),+];

            pub fn as_str(self) -> &'static str {
                match self { $(ChannelGroup::$name => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(ChannelGroup::$name),)+ _ => None }
            }
        }
    };
}

channel_groups! {
    Internal = "internal",
    CrossNetwork = "cross_network",
    PaidMarketplaces = "paid_marketplaces",
    PaidSearch = "paid_search",
    PaidSocial = "paid_social",
    PaidMessengers = "paid_messengers",
    PaidVideo = "paid_video",
    Display = "display",
    PaidOther = "paid_other",
    Marketplaces = "marketplaces",
    Maps = "maps",
    Social = "social",
    Messengers = "messengers",
    Video = "video",
    Recommendations = "recommendations",
    Assistants = "assistants",
    Search = "search",
    Email = "email",
    Affiliates = "affiliates",
    Audio = "audio",
    Sms = "sms",
    Push = "push",
    QrOffline = "qr_offline",
    Referral = "referral",
    Direct = "direct",
}
