//! Cases of what the script on the site asks for and tells.

use super::ground::{Ground, Owner};
use super::values::at;
use crate::model::{Sign, SignWord};

pub async fn a_code_is_one_visits_until_it_expires(ground: Ground) {
    let (own, other) = (ground.own.workspace, ground.foreign.workspace);
    let give = async |workspace, visit: &str, wanted: &[&str], now, until| {
        let wanted = wanted.iter().map(|code| (*code).to_owned()).collect();
        let store = &ground.store;
        let given = store.give_code(workspace, visit, wanted, at(now), at(until));
        given.await.unwrap()
    };
    let code = |text: &str| Some(text.to_owned());
    assert_eq!(give(own, "va", &["1", "2"], 0, 100).await, code("1"));
    assert_eq!(give(own, "vb", &["1", "2"], 0, 100).await, code("2"));
    assert_eq!(give(own, "vc", &["1", "2"], 0, 100).await, None);
    assert_eq!(give(other, "vc", &["1"], 0, 100).await, code("1"));
    // Whoever asks again keeps his code, and keeps it longer.
    assert_eq!(give(own, "va", &["3"], 50, 200).await, code("1"));
    assert_eq!(give(own, "vc", &["1", "2"], 100, 300).await, code("2"));
    assert_eq!(give(own, "va", &["4"], 199, 150).await, code("1"));
    assert_eq!(give(own, "va", &["4"], 200, 400).await, code("4"));
}

pub async fn what_pages_tell_of_the_script_is_kept_once_a_word_and_bounded(ground: Ground) {
    let note = async |owner: Owner, host: &str, word, seconds| {
        let sign = Sign {
            site: owner.site,
            host: host.into(),
            provider: String::new(),
            word,
        };
        let noted = ground.store.note_sign(owner.workspace, sign, at(seconds));
        noted.await.unwrap();
    };
    let listed = async |owner: Owner, since| {
        let rows = ground.store.signs(owner.workspace, at(since)).await;
        let rows = rows.unwrap().into_iter();
        rows.map(|row| (row.sign.host, row.sign.word, row.first_at, row.last_at))
            .collect::<Vec<_>>()
    };
    let own = ground.own;
    note(own, "a.test", SignWord::Seen, 10).await;
    note(own, "a.test", SignWord::Seen, 70).await;
    note(own, "a.test", SignWord::Seen, 40).await;
    note(own, "b.test", SignWord::Refused, 20).await;
    note(ground.foreign, "c.test", SignWord::Seen, 90).await;
    let seen = ("a.test".into(), SignWord::Seen, at(10), at(70));
    let refused = ("b.test".into(), SignWord::Refused, at(20), at(20));
    assert_eq!(listed(own, 0).await, [seen.clone(), refused]);
    assert_eq!(listed(own, 21).await, [seen]);
    for number in 0..300 {
        note(own, &format!("{number}.test"), SignWord::Seen, 100).await;
    }
    assert_eq!(listed(own, 0).await.len(), 200);
    // What is told again takes the place of what is not.
    note(own, "a.test", SignWord::Seen, 200).await;
    let kept = listed(own, 0).await;
    assert_eq!((kept.len(), kept[0].3), (200, at(200)));
    assert_eq!(listed(ground.foreign, 0).await.len(), 1);
}
