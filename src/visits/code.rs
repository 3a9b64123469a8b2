//! Visit codes: short numbers that a person can dictate, and that a messenger link carries where our
//! ids are too long (tracking.md 7.1).

use std::collections::BTreeSet;

/// Digits of a code without its check digit.
const DIGITS: usize = 6;
/// So many more when the shorter ones run out.
const MORE: usize = 2;

/// The code of a number: its last `6 + more` digits and the check digit of ISO/IEC 7064, MOD 11,10,
/// which tells every wrong digit and almost every swap of two neighbours.
pub fn code(number: u64, more: usize) -> String {
    let length = DIGITS + more.min(MORE);
    let digits = format!("{:0length$}", number % 10_u64.pow(length as u32));
    let check = (11 - product(&digits)) % 10;
    format!("{digits}{check}")
}

/// Codes in what a visitor wrote, at most three: `#1234567`, `№ 1234567`, or the start parameter that
/// a bot gets (`/start 1234567`). A number without a sign before it may be anything.
pub fn codes_in(text: &str) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for sign in ["#", "№", "/start"] {
        for (at, _) in text.match_indices(sign) {
            let rest = text[at + sign.len()..].trim_start_matches([' ', '\u{a0}']);
            let end = rest.find(|c: char| !c.is_ascii_digit());
            let (digits, after) = rest.split_at(end.unwrap_or(rest.len()));
            let is_whole = !after.starts_with(char::is_alphanumeric);
            if is_whole && codes.len() < 3 && is_code(digits) {
                codes.insert(digits.to_owned());
            }
        }
    }
    codes
}

fn is_code(digits: &str) -> bool {
    let (DIGITS.., Some((body, check))) = (
        digits.len().saturating_sub(1),
        digits.split_at_checked(digits.len().saturating_sub(1)),
    ) else {
        return false;
    };
    body.len() <= DIGITS + MORE && (product(body) + check.parse::<u32>().unwrap_or(0)) % 10 == 1
}

/// The running product of the hybrid system MOD 11,10.
fn product(digits: &str) -> u32 {
    digits.bytes().fold(10, |product, digit| {
        let sum = (product + u32::from(digit - b'0')) % 10;
        let sum = if sum == 0 { 10 } else { sum };
        sum * 2 % 11
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // The example of ISO/IEC 7064, 0794 with its check digit 5.
        assert_eq!((11 - product("0794")) % 10, 5);
        assert_eq!(code(123_456, 0).len(), 7);
        assert_eq!(code(5, 2).len(), 9);
    }

    #[test]
    fn one_wrong_digit_is_no_code() {
        let right = code(805_312, 0);
        assert!(is_code(&right));
        for place in 0..right.len() {
            for other in b'0'..=b'9' {
                let mut wrong = right.clone().into_bytes();
                if wrong[place] != other {
                    wrong[place] = other;
                    assert!(!is_code(std::str::from_utf8(&wrong).unwrap()));
                }
            }
        }
    }

    #[test]
    fn a_code_is_found_behind_a_sign_only() {
        let code = code(805_312, 0);
        for text in [
            format!("#{code}"),
            format!("Hello! (#{code})"),
            format!("№ {code}, please call"),
            format!("/start {code}"),
        ] {
            assert_eq!(codes_in(&text), BTreeSet::from([code.clone()]), "{text}");
        }
        for text in [
            code.clone(),
            format!("#{code}5"),
            format!("#{}", &code[1..]),
            format!("#{code}a"),
            "#".into(),
            "# №/start".into(),
        ] {
            assert_eq!(codes_in(&text), BTreeSet::new(), "{text}");
        }
    }
}
