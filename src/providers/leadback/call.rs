//! The call of a callback: its state by a word, its length, its recording. No status word of the
//! vendor is known; these are the usual ones of the trade, settled by `json_call_states.http`.

use super::mapping::Mapping;
use crate::model::{Call, CallState};

/// Beginnings of words. Those of failure come first: "не отвечен" holds "отвечен".
const STATES: &[(CallState, &[&str])] = &[
    (
        CallState::Failed,
        &[
            "fail",
            "miss",
            "no answer",
            "noanswer",
            "unanswer",
            "not answer",
            "busy",
            "cancel",
            "error",
            "reject",
            "lost",
            "не ",
            "недозв",
            "неуспеш",
            "неудач",
            "пропущ",
            "отмен",
            "занят",
            "ошибк",
            "сброс",
        ],
    ),
    (
        CallState::Ended,
        &[
            "success",
            "answer",
            "complet",
            "finish",
            "end",
            "done",
            "ok",
            "talk",
            "успеш",
            "состоял",
            "заверш",
            "отвеч",
            "разговор",
        ],
    ),
    (
        CallState::OperatorConnected,
        &["operator", "manager", "оператор", "менеджер"],
    ),
    (
        CallState::ClientConnected,
        &["client", "visitor", "connect", "клиент", "соедин"],
    ),
];

/// Reads the call. A recording or a length proves that people spoke; otherwise a call without a
/// known word is an order.
pub fn read(mapping: &Mapping) -> Call {
    let record_url = mapping
        .text("recording")
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let duration_s = mapping.text("duration").and_then(|text| seconds(&text));
    let word = mapping.text("status");
    let spoke = record_url.is_some() || duration_s.is_some_and(|length| length > 0);
    let state = match word.as_deref().and_then(state) {
        Some(state) => state,
        None if spoke => CallState::Ended,
        None => CallState::Ordered,
    };
    Call {
        state,
        direction: Some("callback".into()),
        record_url,
        duration_s,
        reason: word.filter(|_| state == CallState::Failed),
    }
}

fn state(word: &str) -> Option<CallState> {
    STATES
        .iter()
        .find(|(_, signs)| has_word(word, signs))
        .map(|(state, _)| *state)
}

/// A word of the text begins with one of the signs; "pending" does not begin with "end".
pub fn has_word(text: &str, signs: &[&str]) -> bool {
    let plain: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let plain = format!(" {plain} ");
    signs.iter().any(|sign| plain.contains(&format!(" {sign}")))
}

/// `75`, `1:15` and `00:01:15` are 75 seconds.
fn seconds(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    parts.into_iter().try_fold(0_u32, |sum, part| {
        let number: f64 = part.trim().parse().ok()?;
        let whole = (0.0..1e6).contains(&number).then_some(number as u32)?;
        sum.checked_mul(60)?.checked_add(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IntegrationSettings;
    use serde_json::json;

    #[test]
    fn words_of_all_kinds_tell_the_state() {
        for (word, expected) in [
            ("answered", CallState::Ended),
            ("Состоялся", CallState::Ended),
            ("no_answer", CallState::Failed),
            ("Не отвечен", CallState::Failed),
            ("operator_connected", CallState::OperatorConnected),
            ("client", CallState::ClientConnected),
            ("new", CallState::Ordered),
            ("pending", CallState::Ordered),
            ("отложен", CallState::Ordered),
        ] {
            let record = json!({"status": word});
            let call = read(&Mapping::new(&record, &IntegrationSettings::default()));
            assert_eq!(call.state, expected, "{word}");
        }
    }

    #[test]
    fn a_recording_or_a_length_proves_a_call() {
        for (record, state) in [
            (
                json!({"record_url": "https://leadback.example/rec/1.mp3"}),
                CallState::Ended,
            ),
            (json!({"record_url": "", "duration": 0}), CallState::Ordered),
            (
                json!({"record_url": "javascript:alert(1)"}),
                CallState::Ordered,
            ),
            (json!({"duration": "00:01:15"}), CallState::Ended),
        ] {
            let call = read(&Mapping::new(&record, &IntegrationSettings::default()));
            assert_eq!(call.state, state, "{record}");
        }
    }

    #[test]
    fn lengths_are_seconds() {
        for (text, expected) in [
            ("75", Some(75)),
            ("1:15", Some(75)),
            ("00:01:15", Some(75)),
            ("75.4", Some(75)),
            ("-1", None),
            ("1e300", None),
            ("a:b", None),
            ("1:2:3:4", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
