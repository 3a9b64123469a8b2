//! Phones and e-mails in the one form that is stored and compared (attribution.md 11).

use serde::{Deserialize, Serialize};

/// A phone in E.164 with the plus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Reads a phone as people type it. Numbers without a country code are taken as Russian
    /// (`8XXXXXXXXXX`, `9XXXXXXXXX`, eleven digits beginning with 7); others need their plus or a
    /// full international form. `None` when it is no possible number.
    pub fn parse(text: &str) -> Option<Phone> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if !(7..=15).contains(&digits.len()) {
            return None;
        }
        let plus = text.trim_start().starts_with('+');
        let international = match (plus, digits.len()) {
            (true, _) => digits.clone(),
            (false, 11) if digits.starts_with('8') => format!("7{}", &digits[1..]),
            (false, 10) => format!("7{digits}"),
            (false, 11..) => digits.clone(),
            _ => return None,
        };
        let number = phonenumber::parse(None, format!("+{international}")).ok()?;
        let national = number.national().value();
        if number.code().value() == 7 && national.to_string().len() != 10 {
            return None;
        }
        Some(Phone(
            number.format().mode(phonenumber::Mode::E164).to_string(),
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address, trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// `None` when the text is not of the form `local@domain.zone`.
    pub fn parse(text: &str) -> Option<Email> {
        let folded = text.trim().to_lowercase();
        let (local, domain) = folded.rsplit_once('@')?;
        let well_formed = !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && folded.len() <= 254
            && !folded
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c));
        well_formed.then_some(Email(folded))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who wrote. Several phones and e-mails are kept, each once, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: Option<String>,
    pub phones: Vec<Phone>,
    pub emails: Vec<Email>,
}

impl Contact {
    /// Neither phone nor e-mail.
    pub fn is_unreachable(&self) -> bool {
        self.phones.is_empty() && self.emails.is_empty()
    }

    /// Adds what a text holds; returns the text when it is no phone, for a warning.
    pub fn add_phone<'a>(&mut self, text: &'a str) -> Result<(), &'a str> {
        let phone = Phone::parse(text).ok_or(text)?;
        if let Err(place) = self.phones.binary_search(&phone) {
            self.phones.insert(place, phone);
        }
        Ok(())
    }

    /// Adds what a text holds; returns the text when it is no e-mail, for a warning.
    pub fn add_email<'a>(&mut self, text: &'a str) -> Result<(), &'a str> {
        let email = Email::parse(text).ok_or(text)?;
        if let Err(place) = self.emails.binary_search(&email) {
            self.emails.insert(place, email);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_of_all_common_spellings_become_e164() {
        let table = [
            ("89035550142", Some("+79035550142")),
            ("79035550142", Some("+79035550142")),
            ("+7 (903) 555-01-42", Some("+79035550142")),
            ("9035550142", Some("+79035550142")),
            ("8 (495) 000-11-22", Some("+74950001122")),
            ("+375 29 123-45-67", Some("+375291234567")),
            ("+1 202 555 0143", Some("+12025550143")),
            ("12345", None),
            ("phone", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(
                Phone::parse(text).as_ref().map(Phone::as_str),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn emails_are_folded_and_wrong_ones_refused() {
        assert_eq!(
            Email::parse(" Irina@Example.ORG ").unwrap().as_str(),
            "irina@example.org"
        );
        for wrong in [
            "",
            "a@b",
            "@example.org",
            "a b@example.org",
            "a@.org",
            "a@example.org.",
        ] {
            assert_eq!(Email::parse(wrong), None, "{wrong}");
        }
    }
}
