//! Cases of the list of communications: filters, sorts, pages.

use super::ground::{Ground, assert_not_found};
use super::values::{after, at, everything, first, key, write};
use crate::model::{
    CampaignId, Channel, Communication, CommunicationId, CommunicationKind, Hidden, KeyKind,
    SourceId, Status, Strength,
};
use crate::store::{CommunicationFilter, CommunicationSort};
use CommunicationSort::{NewestFirst, OldestFirst, RecentlyChanged};

async fn listed(
    ground: &Ground,
    filter: &CommunicationFilter,
    sort: CommunicationSort,
) -> Vec<CommunicationId> {
    let page = ground
        .store
        .communications_page(ground.own.workspace, filter, sort, &everything())
        .await;
    page.unwrap().items.iter().map(|item| item.id).collect()
}

/// Chats that began at these seconds.
async fn chats(ground: &Ground, starts: &[i64]) -> Vec<CommunicationId> {
    let mut ids = vec![];
    for start in starts {
        let name = format!("chat {}", ids.len());
        let chat = Communication {
            started_at: at(*start),
            ..ground.own.chat(&name)
        };
        ids.push(ground.put(write(chat)).await.id);
    }
    ids
}

pub async fn each_filter_of_communications_narrows_the_list(ground: Ground) {
    let plain = ground.put(write(ground.own.chat("plain"))).await.id;
    let mut rich = Communication {
        kind: CommunicationKind::OfflineLead,
        provider: "verbox".into(),
        channel: Channel::new("telegram").unwrap(),
        status: Status::Lost,
        started_at: at(100),
        ..ground.own.chat("rich")
    };
    rich.link.strength = Strength::Probable;
    rich.credit.campaign = Some(CampaignId(4));
    rich.credit.source = Some(SourceId(5));
    let mut rich = write(rich);
    rich.text = Some("доставка".into());
    let rich = ground.put(rich).await.id;
    let any = CommunicationFilter::default;
    assert_eq!(listed(&ground, &any(), NewestFirst).await, [rich, plain]);
    for filter in [
        CommunicationFilter {
            from: Some(at(100)),
            ..any()
        },
        CommunicationFilter {
            kind: Some(CommunicationKind::OfflineLead),
            ..any()
        },
        CommunicationFilter {
            provider: Some("verbox".into()),
            ..any()
        },
        CommunicationFilter {
            channel: Some("telegram".into()),
            ..any()
        },
        CommunicationFilter {
            status: Some(Status::Lost),
            ..any()
        },
        CommunicationFilter {
            strength: Some(Strength::Probable),
            ..any()
        },
        CommunicationFilter {
            campaign: Some(CampaignId(4)),
            ..any()
        },
        CommunicationFilter {
            source: Some(SourceId(5)),
            ..any()
        },
        CommunicationFilter {
            external_id: Some("rich".into()),
            ..any()
        },
        CommunicationFilter {
            text: Some("доставка".into()),
            ..any()
        },
        CommunicationFilter {
            provider: Some("verbox".into()),
            integration: Some(ground.own.integration),
            text: Some("доставка".into()),
            ..any()
        },
    ] {
        assert_eq!(
            listed(&ground, &filter, NewestFirst).await,
            [rich],
            "{filter:?}"
        );
    }
    for filter in [
        CommunicationFilter {
            to: Some(at(0)),
            ..any()
        },
        CommunicationFilter {
            integration: Some(ground.foreign.integration),
            ..any()
        },
        CommunicationFilter {
            provider: Some("verbox".into()),
            status: Some(Status::New),
            ..any()
        },
    ] {
        assert_eq!(
            listed(&ground, &filter, NewestFirst).await,
            [],
            "{filter:?}"
        );
    }
}

pub async fn the_end_of_a_span_is_not_in_it(ground: Ground) {
    let ids = chats(&ground, &[0, 100, 200]).await;
    let filter = CommunicationFilter {
        from: Some(at(0)),
        to: Some(at(200)),
        ..CommunicationFilter::default()
    };
    assert_eq!(listed(&ground, &filter, OldestFirst).await, ids[..2]);
}

pub async fn hidden_ones_are_in_no_list_and_still_there(ground: Ground) {
    let shown = ground.put(write(ground.own.chat("shown"))).await;
    let hidden = Communication {
        hidden: Some(Hidden::AbsorbedBy(shown.id)),
        ..ground.own.chat("hidden")
    };
    let hidden = ground.put(write(hidden)).await;
    for sort in [NewestFirst, OldestFirst, RecentlyChanged] {
        let ids = listed(&ground, &CommunicationFilter::default(), sort).await;
        assert_eq!(ids, [shown.id]);
    }
    let read = ground
        .store
        .communication(ground.own.workspace, hidden.id)
        .await;
    assert_eq!(read.unwrap(), hidden);
    let back = Communication {
        hidden: None,
        ..hidden
    };
    ground.put(write(back)).await;
    let filter = CommunicationFilter::default();
    assert_eq!(listed(&ground, &filter, NewestFirst).await.len(), 2);
}

pub async fn lists_are_sorted_by_start_or_by_change(ground: Ground) {
    let ids = chats(&ground, &[100, 300, 200]).await;
    let first = ground
        .store
        .communication(ground.own.workspace, ids[0])
        .await
        .unwrap();
    ground.put(write(first)).await;
    let filter = CommunicationFilter::default();
    let newest = listed(&ground, &filter, NewestFirst).await;
    assert_eq!(newest, [ids[1], ids[2], ids[0]]);
    let oldest = listed(&ground, &filter, OldestFirst).await;
    assert_eq!(oldest, [ids[0], ids[2], ids[1]]);
    let changed = listed(&ground, &filter, RecentlyChanged).await;
    assert_eq!(changed, [ids[0], ids[2], ids[1]]);
}

/// Equal starts and two to a page, so that pages break inside a moment.
pub async fn pages_neither_skip_nor_repeat_while_rows_are_added(ground: Ground) {
    chats(&ground, &[10, 20, 20, 20, 20, 30, 10]).await;
    let filter = CommunicationFilter::default();
    for sort in [NewestFirst, OldestFirst, RecentlyChanged] {
        let expected = listed(&ground, &filter, sort).await;
        let mut seen = vec![];
        let mut request = first(2);
        loop {
            let page = ground
                .store
                .communications_page(ground.own.workspace, &filter, sort, &request)
                .await
                .unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items.iter().map(|item| item.id));
            // Before the first page of this order, so that no later page may show it.
            let start = if sort == OldestFirst { -900 } else { 900 };
            let name = format!("{sort:?} {}", seen.len());
            let newcomer = Communication {
                started_at: at(start),
                ..ground.own.chat(&name)
            };
            ground.put(write(newcomer)).await;
            let Some(cursor) = page.next else { break };
            request = after(2, Some(cursor));
        }
        assert_eq!(seen, expected, "{sort:?}");
    }
}

pub async fn a_full_last_page_has_no_next_one(ground: Ground) {
    chats(&ground, &[1, 2]).await;
    let (store, own) = (&ground.store, ground.own.workspace);
    let filter = CommunicationFilter::default();
    let page = store
        .communications_page(own, &filter, NewestFirst, &first(2))
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
    let garbage = after(2, Some("x_y".into()));
    let refused = store.communications_page(own, &filter, NewestFirst, &garbage);
    assert_not_found(refused.await);
}

pub async fn a_page_row_is_the_whole_communication(ground: Ground) {
    let chat = Communication {
        keys: vec![key(KeyKind::Visit, "v1")],
        ..ground.own.chat("chat")
    };
    let stored = ground.put(write(chat)).await;
    let page = ground
        .store
        .communications_page(
            ground.own.workspace,
            &CommunicationFilter::default(),
            NewestFirst,
            &everything(),
        )
        .await
        .unwrap();
    assert_eq!(page.items, [stored]);
}
