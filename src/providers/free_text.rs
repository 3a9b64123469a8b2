//! What can be found in text that people and widgets write: phones, e-mails, links, and the text
//! of an HTML fragment. Pure string work; nothing here knows a vendor.

use super::lenient::MOST;
use crate::model::{Attachment, Contact};
use regex::Regex;
use std::sync::LazyLock;

/// A Russian mobile or city number, or any number with its plus. Digits glued to a longer run
/// (order numbers, card numbers) are no phones.
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:\+\d|\b[78])[\s(-]*\d{3}[\s)-]*\d{3}[\s-]*\d{2}[\s-]*\d{2}\b|\+\d[\d\s()-]{8,16}\d\b|\b9\d{2}[\s-]?\d{3}[\s-]?\d{2}[\s-]?\d{2}\b")
        .expect("the pattern is constant")
});

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
        .expect("the pattern is constant")
});

static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"https?://[^\s<>"']+"#).expect("the pattern is constant"));

/// Adds the phones and e-mails that a visitor's own words hold. Addresses of pages are looked past:
/// their numbers are nobody's phones.
pub fn add_contacts(contact: &mut Contact, text: &str) {
    let words = LINK.replace_all(text, " ");
    for found in EMAIL.find_iter(&words).take(MOST) {
        // What the pattern takes for an address and the model refuses is simply no address.
        let _ = contact.add_email(found.as_str());
    }
    for found in PHONE.find_iter(&words).take(MOST) {
        let _ = contact.add_phone(found.as_str());
    }
}

/// Every link of a text, without the punctuation that follows it.
pub fn links(text: &str) -> Vec<&str> {
    LINK.find_iter(text)
        .map(|found| {
            found
                .as_str()
                .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']'])
        })
        .collect()
}

/// Links of a text whose path ends like a file's, not more than `MOST`.
pub fn file_links(text: &str) -> Vec<Attachment> {
    const FILES: &[&str] = &[
        "pdf", "doc", "docx", "xls", "xlsx", "odt", "ods", "rtf", "txt", "csv", "zip", "rar", "7z",
        "jpg", "jpeg", "png", "gif", "webp", "heic", "svg", "mp3", "ogg", "oga", "wav", "m4a",
        "mp4", "mov", "webm",
    ];
    let file_name = |link: &str| -> Option<String> {
        let url = url::Url::parse(link).ok()?;
        let name = url.path_segments()?.next_back()?.to_owned();
        let (_, ending) = name.rsplit_once('.')?;
        FILES
            .contains(&ending.to_lowercase().as_str())
            .then_some(name)
    };
    links(text)
        .into_iter()
        .filter_map(|link| {
            Some(Attachment {
                name: Some(file_name(link)?),
                url: link.to_owned(),
            })
        })
        .take(MOST)
        .collect()
}

/// The words of an HTML fragment: tags dropped, block ends as line ends, entities decoded, scripts
/// and styles without a trace. The result is plain text and must be escaped like any other.
pub fn html_to_text(html: &str) -> String {
    static SILENT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?is)<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)\s*>")
            .expect("the pattern is constant")
    });
    static LINE_END: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)<br\s*/?>|</(?:p|div|li|tr|h[1-6])\s*>").expect("the pattern is constant")
    });
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)<(?:a|img)\b[^>]*?\b(?:href|src)\s*=\s*["']?(https?://[^\s"'>]+)[^>]*>"#)
            .expect("the pattern is constant")
    });
    static TAG: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"</?[A-Za-z!][^>]*>?").expect("the pattern is constant"));
    let html = SILENT.replace_all(html, "");
    let html = LINE_END.replace_all(&html, "\n");
    let html = ADDRESS.replace_all(&html, " $1 ");
    let text = decode_entities(&TAG.replace_all(&html, ""));
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The entities that chat widgets write; unknown ones stay as they are.
fn decode_entities(text: &str) -> String {
    static ENTITY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"&(?:#(\d{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z]{2,8}));")
            .expect("the pattern is constant")
    });
    let decode = |found: &regex::Captures| -> Option<char> {
        if let Some(decimal) = found.get(1) {
            return char::from_u32(decimal.as_str().parse().ok()?);
        }
        if let Some(hexadecimal) = found.get(2) {
            return char::from_u32(u32::from_str_radix(hexadecimal.as_str(), 16).ok()?);
        }
        Some(match found.get(3)?.as_str() {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            "laquo" => '«',
            "raquo" => '»',
            "mdash" => '—',
            "ndash" => '–',
            "hellip" => '…',
            _ => return None,
        })
    };
    ENTITY
        .replace_all(text, |found: &regex::Captures| {
            decode(found)
                .filter(|c| *c != '\0')
                .map_or_else(|| found[0].to_owned(), String::from)
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(text: &str) -> Vec<String> {
        let mut contact = Contact::default();
        add_contacts(&mut contact, text);
        contact
            .phones
            .iter()
            .map(|phone| phone.as_str().to_owned())
            .collect()
    }

    #[test]
    fn phones_are_found_in_a_visitors_words() {
        for (text, expected) in [
            ("Перезвоните 8 916 555 03 04, Анна", "+79165550304"),
            ("+7(903)555-01-42 после шести", "+79035550142"),
            ("тел.89035550142.", "+79035550142"),
            ("мой 903 555-01-42", "+79035550142"),
            ("9035550142 мой", "+79035550142"),
            ("+375 29 123-45-67", "+375291234567"),
        ] {
            assert_eq!(phones(text), [expected], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_nobodys_phones() {
        for text in [
            "заказ 4400120088776655",
            "цена 20 000",
            "https://shop.example/o?id=89035550142",
            "2026-03-04 17:02:40",
            "артикул 189035550142",
        ] {
            assert!(phones(text).is_empty(), "{text}: {:?}", phones(text));
        }
    }

    #[test]
    fn emails_are_found_in_a_visitors_words() {
        let mut contact = Contact::default();
        add_contacts(&mut contact, "Пишите на Anna@Example.org, спасибо.");
        assert_eq!(contact.emails[0].as_str(), "anna@example.org");
    }

    #[test]
    fn file_links_are_attachments_and_pages_are_not() {
        let files =
            file_links("Вот https://download.example/f/demo.pdf. И https://shop.example/sofa");
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].url, "https://download.example/f/demo.pdf");
        assert_eq!(files[0].name.as_deref(), Some("demo.pdf"));
    }

    #[test]
    fn html_becomes_plain_text() {
        let html = "<div><b>Irina</b>: 2 &lt; 3 &amp; &#1044;а</div><script>alert(1)</script><p>Pavel: <a href=\"https://files.example.org/a.pdf\">file</a><br>ok</p><img src=x onerror=alert(1)>";
        assert_eq!(
            html_to_text(html),
            "Irina: 2 < 3 & Да\nPavel: https://files.example.org/a.pdf file\nok"
        );
        assert_eq!(html_to_text(""), "");
        assert_eq!(html_to_text("<<<"), "<<<");
        assert_eq!(html_to_text("a < b"), "a < b");
    }
}
