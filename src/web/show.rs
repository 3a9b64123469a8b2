//! How the words of the house look on a page: their texts, colors and icons.

use super::parts::Badge;
use super::{Icon, Page};
use crate::model::{
    Channel, ChannelGroup, CommunicationKind, CreditStep, Outcome, RawState, SignWord, Status,
    Strength,
};

impl Page {
    /// Text of a word that may be new to the texts (a vendor's channel, a rule): itself then.
    pub fn word(&self, section: &str, word: &str) -> String {
        self.locale
            .find(&format!("{section}.{word}"))
            .unwrap_or(word)
            .to_owned()
    }

    fn badge(&self, section: &str, word: &str, tone: &'static str) -> Badge {
        Badge {
            text: self.word(section, word),
            tone,
            hint: self.hint(section, word),
        }
    }

    pub fn kind(&self, kind: CommunicationKind) -> String {
        self.word("kind", kind.as_str())
    }

    pub fn kind_icon(&self, kind: CommunicationKind) -> Icon {
        self.icon(match kind {
            CommunicationKind::Chat => "message-circle",
            CommunicationKind::OfflineLead => "file-text",
            CommunicationKind::Callback => "phone-call",
        })
    }

    pub fn sign(&self, word: SignWord) -> Badge {
        let tone = match word {
            SignWord::Seen | SignWord::Found => "green",
            SignWord::Absent | SignWord::Taken => "orange",
            SignWord::Refused => "secondary",
        };
        self.badge("script_sign", word.as_str(), tone)
    }

    /// What to do about a word; empty when there is nothing to say.
    pub fn hint(&self, section: &str, word: &str) -> String {
        let hint = self.locale.find(&format!("{section}_hint.{word}"));
        hint.unwrap_or_default().to_owned()
    }

    pub fn channel(&self, channel: &Channel) -> String {
        self.word("channel", channel.as_str())
    }

    pub fn channel_group(&self, group: ChannelGroup) -> String {
        self.word("channel_group", group.as_str())
    }

    pub fn status(&self, status: Status) -> Badge {
        let tone = match status {
            Status::New => "azure",
            Status::Active => "blue",
            Status::Succeed => "green",
            Status::Lost => "red",
            Status::Refused => "secondary",
        };
        self.badge("status", status.as_str(), tone)
    }

    pub fn strength(&self, strength: Strength) -> Badge {
        let tone = match strength {
            Strength::Exact => "green",
            Strength::Strong => "teal",
            Strength::Probable => "yellow",
            Strength::MarksOnly => "orange",
            Strength::Fallback => "secondary",
        };
        self.badge("strength", strength.as_str(), tone)
    }

    pub fn credit_step(&self, step: CreditStep) -> Badge {
        let tone = match step {
            CreditStep::Visit => "green",
            CreditStep::ByHand => "blue",
            CreditStep::ProviderMarks => "orange",
            CreditStep::Messenger | CreditStep::Default | CreditStep::IgnoreVisit => "yellow",
            CreditStep::NoCampaign => "secondary",
        };
        self.badge("credit_step", step.as_str(), tone)
    }

    pub fn raw_state(&self, state: RawState) -> Badge {
        let tone = match state {
            RawState::Pending => "azure",
            RawState::Done => "green",
            RawState::Duplicate | RawState::Probe => "secondary",
            RawState::SetAside => "orange",
        };
        self.badge("raw_state", state.as_str(), tone)
    }

    pub fn outcome(&self, outcome: Outcome) -> Badge {
        let (word, tone) = match outcome {
            Outcome::Matched => ("matched", "green"),
            Outcome::NoMatch => ("no_match", "secondary"),
            Outcome::Skipped => ("skipped", "secondary"),
            Outcome::Rejected => ("rejected", "red"),
        };
        self.badge("outcome", word, tone)
    }

    pub fn outcome_icon(&self, outcome: Outcome) -> Icon {
        self.icon(match outcome {
            Outcome::Matched => "circle-check",
            Outcome::NoMatch => "circle-dashed",
            Outcome::Skipped => "circle-minus",
            Outcome::Rejected => "circle-x",
        })
    }
}

/// A phone in the spelling people read; numbers of other countries stay as they are.
pub fn phone(e164: &str) -> String {
    let digits = e164
        .strip_prefix("+7")
        .filter(|rest| rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    match digits {
        Some(d) => format!("+7 {} {}-{}-{}", &d[..3], &d[3..6], &d[6..8], &d[8..]),
        None => e164.to_owned(),
    }
}

/// The address when it is safe to link to: http and https only.
pub fn safe_link(address: &str) -> Option<&str> {
    let lower = address
        .trim_start()
        .get(..8)
        .unwrap_or(address)
        .to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")).then_some(address.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locale;

    #[test]
    fn every_word_of_the_house_has_a_text_in_both_languages() {
        let mut keys = Vec::new();
        keys.extend(CommunicationKind::ALL.map(|word| format!("kind.{}", word.as_str())));
        keys.extend(Status::ALL.map(|word| format!("status.{}", word.as_str())));
        keys.extend(Strength::ALL.map(|word| format!("strength.{}", word.as_str())));
        keys.extend(Strength::ALL.map(|word| format!("strength_hint.{}", word.as_str())));
        keys.extend(CreditStep::ALL.map(|word| format!("credit_step.{}", word.as_str())));
        keys.extend(CreditStep::ALL.map(|word| format!("credit_step_hint.{}", word.as_str())));
        keys.extend(RawState::ALL.map(|word| format!("raw_state.{}", word.as_str())));
        keys.extend(
            crate::model::SetAsideReason::ALL.map(|word| format!("reason.{}", word.as_str())),
        );
        keys.extend(
            ChannelGroup::ALL
                .iter()
                .map(|word| format!("channel_group.{}", word.as_str())),
        );
        for key in keys {
            for locale in Locale::ALL {
                assert!(locale.find(&key).is_some(), "{key} in {locale:?}");
            }
        }
        let known = Channel::KNOWN.iter().filter(|word| !word.contains('.'));
        for word in known {
            let key = format!("channel.{word}");
            assert!(Locale::Ru.find(&key).is_some(), "{key}");
        }
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(
            safe_link("https://example.org/a.png"),
            Some("https://example.org/a.png")
        );
        assert_eq!(safe_link(" HTTP://example.org"), Some("HTTP://example.org"));
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.org",
            "",
            "жжжж",
        ] {
            assert_eq!(safe_link(bad), None, "{bad}");
        }
    }

    #[test]
    fn russian_phones_are_grouped() {
        assert_eq!(phone("+79035550142"), "+7 903 555-01-42");
        assert_eq!(phone("+375291234567"), "+375291234567");
    }
}
