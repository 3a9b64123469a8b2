//! Names and paths for the pages of a site that say nothing of their purpose: block lists look for
//! telling ones. Made of the site's key, so each site has others (tracking.md 7.6).

use sha2::{Digest, Sha256};

/// Words of everyday things; none holds a part that block lists look for.
const WORDS: [&str; 64] = [
    "amber", "apple", "aspen", "birch", "brook", "cedar", "cherry", "cliff", "cloud", "clover",
    "copper", "coral", "cotton", "delta", "dune", "elm", "fern", "field", "forest", "garden",
    "ginger", "grove", "harbor", "hazel", "heron", "hill", "iris", "island", "ivory", "jasper",
    "juniper", "lake", "larch", "laurel", "lemon", "lilac", "linden", "lotus", "maple", "marble",
    "mint", "moss", "oak", "olive", "opal", "orchid", "pearl", "pepper", "pine", "plum", "pond",
    "quartz", "reed", "river", "rowan", "ruby", "sage", "silver", "slate", "spruce", "stone",
    "summer", "valley", "willow",
];

/// Two letters and four digits.
pub fn neutral_name(site_key: &str, purpose: &str) -> String {
    format!("sv{}", hex::encode(&hash(site_key, purpose)[..2]))
}

/// The cookie by which the hub remembers visitors on a path of the site's own. The record that the
/// script keeps has a name of the same form, one letter shorter.
pub fn visitor_cookie(site_key: &str) -> String {
    neutral_name(site_key, "visitor") + "n"
}

/// A path for a site to pass on to the hub, with a slash at both ends: `/amber-birch/`.
pub fn own_path(site_key: &str) -> String {
    let hash = hash(site_key, "path");
    let word = |n: usize| WORDS[usize::from(hash[n]) % WORDS.len()];
    format!("/{}-{}/", word(0), word(1))
}

fn hash(site_key: &str, purpose: &str) -> [u8; 32] {
    Sha256::digest(format!("{purpose}:{site_key}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_site_and_purpose_and_tell_nothing() {
        let name = neutral_name("k7m2p9q4", "record");
        assert_eq!(name.len(), 6);
        assert_ne!(name, neutral_name("k7m2p9q4", "link"));
        assert_ne!(name, neutral_name("k7m2p9q5", "record"));
        assert_eq!(visitor_cookie("k7m2p9q4").len(), 7);
        assert_ne!(visitor_cookie("k7m2p9q4"), visitor_cookie("k7m2p9q5"));
    }

    #[test]
    fn paths_differ_by_site_and_tell_nothing() {
        let path = own_path("k7m2p9q4");
        assert_eq!(path, own_path("k7m2p9q4"));
        assert_ne!(path, own_path("k7m2p9q5"));
        let telling = [
            "ad", "track", "stat", "count", "metric", "pixel", "log", "hit", "visit", "collect",
            "utm", "click", "pop", "beacon", "spon", "prom", "analy",
        ];
        for word in WORDS {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert!(!telling.iter().any(|part| word.contains(part)), "{word}");
        }
    }
}
