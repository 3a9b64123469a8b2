//! A transcript printed as text: who speaks in which line. The format is not published, so a line
//! is taken apart only when the words before its colon are those of somebody who took part.

use crate::model::{Event, MessageAuthor};
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Side and name behind the words that may stand before the colon of a printed line.
pub struct Speakers {
    known: HashMap<String, (Option<MessageAuthor>, Option<String>)>,
    /// Someone of ours took part.
    pub has_operator: bool,
}

impl Speakers {
    pub fn of(event: &Event) -> Speakers {
        const WORDS: &[(MessageAuthor, &[&str])] = &[
            (
                MessageAuthor::Visitor,
                &[
                    "visitor",
                    "client",
                    "guest",
                    "посетитель",
                    "клиент",
                    "гость",
                ],
            ),
            (
                MessageAuthor::Operator,
                &["agent", "operator", "агент", "оператор"],
            ),
            (MessageAuthor::System, &["system", "bot", "система", "бот"]),
        ];
        let mut known = HashMap::new();
        for (from, words) in WORDS {
            known.extend(
                words
                    .iter()
                    .map(|word| (word.to_string(), (Some(*from), None))),
            );
        }
        let agents = event.operators.iter().filter_map(|one| one.name.clone());
        let agents = agents.map(|name| (name, MessageAuthor::Operator));
        let visitor = event.contact.name.clone();
        let visitor = visitor.map(|name| (name, MessageAuthor::Visitor));
        for (name, from) in agents.chain(visitor) {
            match known.get_mut(&name.to_lowercase()) {
                // A visitor and an agent of one name: only the structured message can tell.
                Some((side, Some(_))) if *side != Some(from) => *side = None,
                _ => drop(known.insert(name.to_lowercase(), (Some(from), Some(name)))),
            }
        }
        Speakers {
            known,
            has_operator: !event.operators.is_empty(),
        }
    }

    /// Side, name and words of a line that names its speaker.
    fn split<'a>(&self, line: &'a str) -> Option<(Option<MessageAuthor>, Option<String>, &'a str)> {
        let (head, words) = line.split_once(':')?;
        let head = head.split('(').next().unwrap_or(head).trim().to_lowercase();
        let (from, author) = self.known.get(&head)?;
        Some((*from, author.clone(), words.trim()))
    }
}

/// A part of printed text that belongs together.
#[derive(Debug, PartialEq)]
pub struct Entry {
    pub from: Option<MessageAuthor>,
    pub author: Option<String>,
    pub text: String,
}

/// Parts of a printed transcript, and whether anyone was named. `[12:31:05] Irina: words` opens a
/// part; lines that name nobody go on with the one before.
pub fn entries(text: &str, speakers: &Speakers) -> (Vec<Entry>, bool) {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\[?\(?(?:\d{1,4}[./-]\d{1,2}(?:[./-]\d{1,4})?,?\s+)?\d{1,2}:\d{2}(?::\d{2})?[\])]?\s*[-–]?\s*")
            .expect("the pattern is constant")
    });
    let mut entries: Vec<Entry> = Vec::new();
    let mut anyone_named = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match speakers.split(&TIME.replace(line, "")) {
            Some((from, author, words)) => {
                anyone_named = true;
                let text = words.to_owned();
                entries.push(Entry { from, author, text });
            }
            None if anyone_named => {
                let last = entries.last_mut().expect("a speaker was named");
                if !last.text.is_empty() {
                    last.text.push('\n');
                }
                last.text.push_str(line);
            }
            None => entries.push(Entry {
                from: None,
                author: None,
                text: line.to_owned(),
            }),
        }
    }
    (entries, anyone_named)
}
