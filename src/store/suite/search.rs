//! Cases of searching communications by text.

use super::ground::{Ground, Owner};
use super::values::{everything, write};
use crate::model::CommunicationKind;
use crate::store::{CommunicationFilter, CommunicationSort};

/// A chat that search finds by a text.
async fn chat(ground: &Ground, owner: Owner, name: &str, text: &str) {
    let known = ground
        .numbered(owner, CommunicationKind::Chat, name)
        .await
        .communication;
    let mut searchable = write(known.unwrap_or_else(|| owner.chat(name)));
    searchable.text = Some(text.into());
    ground.put(searchable).await;
}

/// Numbers of what is found, in order.
async fn found(ground: &Ground, text: &str) -> Vec<String> {
    let filter = CommunicationFilter {
        text: Some(text.into()),
        ..CommunicationFilter::default()
    };
    let page = ground
        .store
        .communications_page(
            ground.own.workspace,
            &filter,
            CommunicationSort::NewestFirst,
            &everything(),
        )
        .await
        .unwrap();
    let mut names: Vec<_> = page
        .items
        .into_iter()
        .map(|item| item.external_id)
        .collect();
    names.sort_unstable();
    names
}

pub async fn every_word_must_occur_in_any_order_and_case(ground: Ground) {
    chat(&ground, ground.own, "a", "Сколько стоит доставка в Тверь?").await;
    chat(&ground, ground.own, "b", "Доставка бесплатная").await;
    assert_eq!(found(&ground, "доставка").await, ["a", "b"]);
    assert_eq!(found(&ground, "ТВЕРЬ доставка").await, ["a"]);
    assert_eq!(found(&ground, "доставка самовывоз").await, [""; 0]);
}

pub async fn the_beginning_of_a_word_finds_it(ground: Ground) {
    chat(&ground, ground.own, "a", "Доставка").await;
    assert_eq!(found(&ground, "доста").await, ["a"]);
    assert_eq!(found(&ground, "ставка").await, [""; 0]);
}

/// The texts hold a phone as the pipeline writes it: whole, without its first digit, its ends.
pub async fn a_phone_is_found_however_it_is_typed(ground: Ground) {
    let text = "79035550142\n9035550142\n5550142\n0142";
    chat(&ground, ground.own, "a", text).await;
    let other = "79035550143\n9035550143\n5550143\n0143";
    chat(&ground, ground.own, "b", other).await;
    for typed in [
        "+79035550142",
        "79035550142",
        "89035550142",
        "8 (903) 555-01-42",
        "+7 903 555 01 42",
        "903 555-01-42",
        "9035550142",
        "555-01-42",
        "01-42",
        "0142",
        " +7(903)555-01-42 ",
    ] {
        assert_eq!(found(&ground, typed).await, ["a"], "{typed}");
    }
    for typed in ["+7 (903) 555", "8 903", "555-01-4"] {
        assert_eq!(found(&ground, typed).await, ["a", "b"], "{typed}");
    }
    assert_eq!(found(&ground, "+7 903 555-01-44").await, [""; 0]);
}

pub async fn an_email_is_found_whole_and_by_its_parts(ground: Ground) {
    chat(&ground, ground.own, "a", "anna.petrova@example.org").await;
    chat(&ground, ground.own, "b", "anna.sidorova@example.com").await;
    for typed in [
        "anna.petrova@example.org",
        "Anna.Petrova@Example.org",
        "petrova",
        "anna.petr",
        "@example.org",
    ] {
        assert_eq!(found(&ground, typed).await, ["a"], "{typed}");
    }
    assert_eq!(found(&ground, "anna@example").await, ["a", "b"]);
}

pub async fn a_text_to_search_is_never_syntax(ground: Ground) {
    chat(&ground, ground.own, "a", "near or not and text").await;
    for typed in [
        "\"", "text\"", "text*", "text:", "(text", "NEAR(", "-text", "^text", "OR text", "text --",
    ] {
        assert_eq!(found(&ground, typed).await, ["a"], "{typed}");
    }
    for typed in ["NOT b", "a AND b", "text' or '1'='1"] {
        assert_eq!(found(&ground, typed).await, [""; 0], "{typed}");
    }
}

pub async fn a_changed_text_is_found_by_its_new_words_only(ground: Ground) {
    chat(&ground, ground.own, "a", "старое").await;
    chat(&ground, ground.own, "a", "новое").await;
    assert_eq!(found(&ground, "старое").await, [""; 0]);
    assert_eq!(found(&ground, "новое").await, ["a"]);
    let known = ground
        .numbered(ground.own, CommunicationKind::Chat, "a")
        .await
        .communication
        .unwrap();
    ground.put(write(known)).await;
    assert_eq!(found(&ground, "новое").await, ["a"]);
}

pub async fn a_text_that_comes_later_is_found(ground: Ground) {
    ground.put(write(ground.own.chat("a"))).await;
    assert_eq!(found(&ground, "слово").await, [""; 0]);
    chat(&ground, ground.own, "a", "слово").await;
    assert_eq!(found(&ground, "слово").await, ["a"]);
}

pub async fn words_of_another_workspace_find_nothing(ground: Ground) {
    chat(&ground, ground.foreign, "a", "доставка 79035550142").await;
    assert_eq!(found(&ground, "доставка").await, [""; 0]);
    assert_eq!(found(&ground, "+7 903 555-01-42").await, [""; 0]);
}
