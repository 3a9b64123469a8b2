//! What our binders hand to a widget and the vendor sends back, told apart from what other systems
//! put in the same place (tracking.md 7.1, jivosite.md 5.4).

use crate::model::{Key, KeyKind};

/// The key of a value found where our visit id is expected. Ours is a `v` and at least ten letters
/// and digits; a signed token of a mobile application (JWT) is nobody's visit; anything else
/// belongs to another system and is compared with the aliases of visits.
pub fn visit_key(value: &str) -> Option<Key> {
    let value = value.trim();
    if value.is_empty() || is_jwt(value) {
        return None;
    }
    let kind = if is_our_visit(value) {
        KeyKind::Visit
    } else {
        KeyKind::Foreign
    };
    Some(Key::new(kind, value))
}

/// Our ids are `v` and 25 or 26 base-32 characters; the length is not insisted on, because an
/// older script may still hand out another one.
pub fn is_our_visit(value: &str) -> bool {
    value
        .strip_prefix('v')
        .is_some_and(|rest| rest.len() >= 10 && rest.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// A signed token of a mobile application: three parts, the first of them encoded JSON.
pub fn is_jwt(value: &str) -> bool {
    value.starts_with("eyJ") && value.split('.').count() == 3
}

/// A Google Analytics client id as the visit keeps it: the last two parts of the cookie `_ga`.
pub fn google_client(value: &str) -> Option<Key> {
    let parts: Vec<&str> = value.trim().rsplit('.').take(2).collect();
    let numbers = parts.len() == 2
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()));
    numbers.then(|| Key::new(KeyKind::GoogleClient, format!("{}.{}", parts[1], parts[0])))
}

/// A Metrica ClientID: a whole number of ten digits or more.
pub fn metrica_client(value: &str) -> Option<Key> {
    let value = value.trim();
    let number = value.len() >= 10 && value.bytes().all(|c| c.is_ascii_digit());
    number.then(|| Key::new(KeyKind::MetricaClient, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_visit_is_told_from_values_of_other_systems() {
        for (value, expected) in [
            ("v01km2v7q1e8s4zcb5p7jx9w3kf", Some(KeyKind::Visit)),
            (" v01km2v7q1e8s4zcb5p7jx9w3kf ", Some(KeyKind::Visit)),
            ("v7.k3Jq2m.9f2a", Some(KeyKind::Foreign)),
            ("v12345", Some(KeyKind::Foreign)),
            ("1738140011223344556", Some(KeyKind::Foreign)),
            ("01HVS3M0Q8", Some(KeyKind::Foreign)),
            (
                "shop::42::https://shop.example.org/",
                Some(KeyKind::Foreign),
            ),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl", None),
            ("", None),
        ] {
            assert_eq!(visit_key(value).map(|key| key.kind), expected, "{value}");
        }
    }

    #[test]
    fn counters_ids_are_brought_to_the_form_of_the_visit() {
        let ga = |value| google_client(value).map(|key| key.value);
        assert_eq!(
            ga("GA1.2.1402331.1738140000").as_deref(),
            Some("1402331.1738140000")
        );
        assert_eq!(
            ga("1402331.1738140000").as_deref(),
            Some("1402331.1738140000")
        );
        assert_eq!(ga("a.b"), None);
        assert_eq!(ga("42"), None);
        assert!(metrica_client("1738140011223344556").is_some());
        assert_eq!(metrica_client("(none)"), None);
    }
}
