//! Cases of isolation: whoever asks for another workspace finds nothing and changes nothing.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{at, event, everything, key, linked, token, write};
use crate::model::{
    Campaign, Communication, CommunicationId, Conditions, Employee, Key, KeyKind, RawEventId,
    RawState, Site, Source, Strength, Subject, Tag, Visit, WorkspaceId,
};
use crate::store::{
    AuditEntry, CandidateQuery, CommunicationFilter, CommunicationSort, ConversationQuery,
    GoalFilter, HistoryEntry, IntegrationRow, NewApiKey, RawDataFilter, RawFilter, RawSelection,
    Removable, Role, UnitOfWork, VisitFilter, WorkspaceSetup,
};

fn phone() -> Key {
    key(KeyKind::Phone, "+79035550142")
}

/// What the own workspace has, for the foreign one to ask for.
struct Held {
    raw: RawEventId,
    visit: Visit,
    chat: Communication,
}

async fn held(ground: &Ground) -> Held {
    let (store, own) = (&ground.store, ground.own);
    let raw = ground.keep(own.raw(0)).await;
    let bound = vec![key(KeyKind::BoundChat, "jivosite:1")];
    store.record_hit(own.page("v1", "m1", 0)).await.unwrap();
    store
        .record_hit(own.bind("v1", "m2", 5, bound))
        .await
        .unwrap();
    let page = store
        .visits_page(own.workspace, &VisitFilter::default(), &everything())
        .await
        .unwrap();
    let visit = page.items[0].clone();
    let chat = Communication {
        keys: vec![phone(), own.client_key("7")],
        ..own.chat("chat")
    };
    let mut told = write(linked(chat, &visit, Strength::Exact));
    told.new_events = vec![event("a", raw, 0)];
    told.text = Some("слово".into());
    told.near = vec![("phone".into(), at(0))];
    told.contact_news = true;
    told.history = vec![HistoryEntry::Link {
        was: own.chat("chat").link,
    }];
    let chat = ground.put(told).await;
    Held { raw, visit, chat }
}

pub async fn raw_events_of_another_workspace_are_not_there(ground: Ground) {
    let held = held(&ground).await;
    let (store, foreign) = (&ground.store, ground.foreign.workspace);
    assert_not_found(store.raw_event(foreign, held.raw).await.map(|_| ()));
    for filter in [
        RawFilter::default(),
        RawFilter {
            integration: Some(ground.own.integration),
            ..RawFilter::default()
        },
        RawFilter {
            communication: Some(held.chat.id),
            ..RawFilter::default()
        },
    ] {
        let page = store.raw_page(foreign, &filter, &everything()).await;
        assert!(page.unwrap().items.is_empty(), "{filter:?}");
        let all = RawSelection::Filter(filter);
        assert_eq!(store.replay_raw(foreign, &all).await.unwrap(), 0);
    }
    let ids = RawSelection::Ids(vec![held.raw]);
    assert_eq!(store.replay_raw(foreign, &ids).await.unwrap(), 0);
    assert_eq!(store.raw_counts(foreign).await.unwrap().pending, 0);
}

pub async fn conversations_of_another_workspace_are_not_there(ground: Ground) {
    held(&ground).await;
    let client = ground.own.client_key("7").value;
    let kind = crate::model::CommunicationKind::Chat;
    let subjects = [
        Subject::Numbered {
            kind,
            external_id: "chat".into(),
        },
        Subject::Near {
            kind,
            any_of: vec![("phone".into(), 60)],
        },
        Subject::Client { client: "7".into() },
    ];
    for subject in subjects {
        let query = ConversationQuery {
            workspace: ground.foreign.workspace,
            integration: ground.own.integration,
            subject: subject.clone(),
            dedup_key: "a".into(),
            at: at(0),
            client: Some(client.clone()),
        };
        let states = ground.store.conversations(vec![query]).await.unwrap();
        assert!(states[0].communication.is_none(), "{subject:?}");
        assert!(states[0].events.is_empty(), "{subject:?}");
        assert!(states[0].client_events.is_empty(), "{subject:?}");
        assert_eq!(states[0].siblings, [], "{subject:?}");
    }
}

pub async fn a_client_of_another_workspace_is_a_stranger(ground: Ground) {
    let client = ground.own.client_key("7");
    let mut card = write(ground.own.card("7"));
    card.new_events = vec![event("card", RawEventId(1), 0)];
    ground.put(card).await;
    let chat = Communication {
        keys: vec![client],
        ..ground.foreign.chat("chat")
    };
    let chat = ground.put(write(chat)).await;
    let ids = vec![(ground.foreign.workspace, chat.id)];
    let states = ground.store.conversations_by_id(ids).await.unwrap();
    assert!(states[0].client_events.is_empty());
    assert_eq!(states[0].siblings, []);
}

pub async fn communications_of_another_workspace_are_not_there(ground: Ground) {
    let held = held(&ground).await;
    let (store, foreign) = (&ground.store, ground.foreign.workspace);
    let id = held.chat.id;
    assert_not_found(store.communication(foreign, id).await.map(|_| ()));
    let by_id = store.conversations_by_id(vec![(foreign, id)]).await;
    assert!(by_id.unwrap().is_empty());
    assert_eq!(store.history(foreign, id).await.unwrap(), []);
    assert_eq!(store.raw_ids(foreign, id).await.unwrap(), []);
    let told = store.told_by(vec![(foreign, held.raw)]).await.unwrap();
    assert_eq!(told, []);
    for filter in [
        CommunicationFilter::default(),
        CommunicationFilter {
            integration: Some(ground.own.integration),
            external_id: Some("chat".into()),
            ..CommunicationFilter::default()
        },
        CommunicationFilter {
            text: Some("слово".into()),
            ..CommunicationFilter::default()
        },
    ] {
        let (sort, all) = (CommunicationSort::NewestFirst, everything());
        let page = store
            .communications_page(foreign, &filter, sort, &all)
            .await;
        assert!(page.unwrap().items.is_empty(), "{filter:?}");
    }
}

pub async fn a_communication_of_another_workspace_cannot_be_written(ground: Ground) {
    let held = held(&ground).await;
    let stolen = Communication {
        workspace: ground.foreign.workspace,
        ..held.chat.clone()
    };
    let mut stolen = write(stolen);
    stolen.forget = vec!["a".into()];
    assert_conflict(ground.commit(vec![stolen]).await);
    let twin = Communication {
        integration: ground.own.integration,
        ..ground.foreign.chat("chat")
    };
    assert_conflict(ground.commit(vec![write(twin)]).await);
    let state = ground.numbered(ground.own, held.chat.kind, "chat").await;
    assert_eq!(state.communication, Some(held.chat));
    assert_eq!(state.events.len(), 1);
}

pub async fn visits_of_another_workspace_are_not_there(ground: Ground) {
    let held = held(&ground).await;
    let (store, foreign) = (&ground.store, ground.foreign.workspace);
    let id = held.visit.id;
    assert_not_found(store.visit(foreign, id).await.map(|_| ()));
    let by_id = store.visits_by_id(foreign, vec![id]).await.unwrap();
    assert_eq!(by_id, []);
    store
        .record_hit(ground.own.page("v0", "m0", -100))
        .await
        .unwrap();
    let earlier = store.earlier_visits(foreign, id, 9).await.unwrap();
    assert_eq!(earlier, []);
    let of_visitor = store.visits_of(foreign, "cAnna", at(-900), at(900)).await;
    assert_eq!(of_visitor.unwrap(), []);
    for filter in [
        VisitFilter::default(),
        VisitFilter {
            key: Some("v1".into()),
            ..VisitFilter::default()
        },
        VisitFilter {
            site: Some(ground.own.site),
            visitor: Some("cAnna".into()),
            ..VisitFilter::default()
        },
    ] {
        let page = store.visits_page(foreign, &filter, &everything()).await;
        assert!(page.unwrap().items.is_empty(), "{filter:?}");
    }
}

pub async fn goals_of_another_workspace_are_not_there(ground: Ground) {
    let held = held(&ground).await;
    let (store, own, foreign) = (&ground.store, ground.own, ground.foreign.workspace);
    let goal = own.goal("v1", "g1", 10, "order");
    store.record_hit(goal).await.unwrap();
    for filter in [
        GoalFilter::default(),
        GoalFilter {
            name: Some("order".into()),
            ..GoalFilter::default()
        },
        GoalFilter {
            visit: Some(held.visit.id),
            site: Some(own.site),
            text: Some("order".into()),
            ..GoalFilter::default()
        },
    ] {
        let page = store.goals_page(foreign, &filter, &everything()).await;
        assert!(page.unwrap().items.is_empty(), "{filter:?}");
        let filter = RawDataFilter {
            communications: Some(CommunicationFilter::default()),
            goals: Some(filter),
            ..RawDataFilter::default()
        };
        let page = store.raw_data_page(foreign, &filter, &everything()).await;
        assert!(page.unwrap().items.is_empty(), "{filter:?}");
        let all = everything();
        let page = store.raw_data_page(own.workspace, &filter, &all).await;
        assert_eq!(page.unwrap().items.len(), 2, "{filter:?}");
    }
}

pub async fn no_key_leads_into_another_workspace(ground: Ground) {
    held(&ground).await;
    let query = CandidateQuery {
        workspace: ground.foreign.workspace,
        keys: vec![
            key(KeyKind::Visit, "v1"),
            key(KeyKind::Visitor, "cAnna"),
            key(KeyKind::BoundChat, "jivosite:1"),
            key(KeyKind::Foreign, "jivosite:1"),
            phone(),
        ],
        around: at(100),
        not_before: at(-100),
        exclude: None,
    };
    let candidates = ground.store.candidates(vec![query]).await.unwrap();
    assert_eq!(candidates[0].found.len(), 0);
}

pub async fn equal_keys_of_two_workspaces_touch_nobody(ground: Ground) {
    let reader = "relink";
    let shared = Communication {
        keys: vec![key(KeyKind::Visit, "v1"), phone()],
        ..ground.foreign.chat("chat")
    };
    ground.put(write(shared)).await;
    held(&ground).await;
    let touched = ground.store.touched(reader, 1_000).await.unwrap();
    let foreign = ground.foreign.workspace;
    let strangers = |ids: &[(WorkspaceId, CommunicationId)]| {
        ids.iter()
            .filter(|(workspace, _)| *workspace == foreign)
            .count()
    };
    assert_eq!(strangers(&touched.communications), 0);
    let touched_all = ground.store.touch_all(foreign).await.unwrap();
    assert_eq!(touched_all, 1);
    ground
        .store
        .confirm_touched(reader, &touched)
        .await
        .unwrap();
    let touched = ground.store.touched(reader, 1_000).await.unwrap();
    assert_eq!(strangers(&touched.communications), 1);
    assert_eq!(touched.communications.len(), 1);
}

pub async fn nothing_configured_in_another_workspace_can_be_changed(ground: Ground) {
    let (store, own, foreign) = (&ground.store, ground.own, ground.foreign.workspace);
    let none = Conditions::default();
    let campaign = store
        .add_campaign(own.workspace, own.site, "campaign", &none)
        .await
        .unwrap();
    let source = store
        .add_source(own.workspace, "source", None, &none, None)
        .await
        .unwrap();
    let employee = store.add_employee(own.workspace, "employee").await.unwrap();
    let tag = store.add_tag(own.workspace, "tag").await.unwrap();
    let before = store.workspace_setup(own.workspace).await.unwrap();
    let version = store.setup_version(foreign).await.unwrap();
    let stolen = "stolen".to_owned();
    assert_not_found(
        store
            .save_site(&Site {
                workspace: foreign,
                name: stolen.clone(),
                ..before.sites[0].clone()
            })
            .await,
    );
    assert_not_found(
        store
            .save_integration(&IntegrationRow {
                workspace: foreign,
                name: stolen.clone(),
                ..before.integrations[0].clone()
            })
            .await,
    );
    let renamed = Campaign {
        name: stolen.clone(),
        ..before.campaigns[0].clone()
    };
    assert_not_found(store.save_campaign(foreign, &renamed).await);
    let renamed = Source {
        name: stolen.clone(),
        ..before.sources[0].clone()
    };
    assert_not_found(store.save_source(foreign, &renamed).await);
    let renamed = Employee {
        id: employee,
        name: stolen.clone(),
    };
    assert_not_found(store.save_employee(foreign, &renamed).await);
    let renamed = Tag {
        id: tag,
        name: stolen,
    };
    assert_not_found(store.save_tag(foreign, &renamed).await);
    for what in [
        Removable::Site(own.site),
        Removable::Integration(own.integration),
        Removable::Campaign(campaign),
        Removable::Source(source),
        Removable::Employee(employee),
        Removable::Tag(tag),
    ] {
        assert_not_found(store.remove(foreign, what).await);
    }
    let after = store.workspace_setup(own.workspace).await.unwrap();
    assert_eq!(parts(&after), parts(&before));
    assert_eq!(store.setup_version(foreign).await.unwrap(), version);
}

fn parts(setup: &WorkspaceSetup) -> String {
    format!("{setup:?}")
}

/// A campaign, or an integration, that stood on another customer's site would name that site.
pub async fn nothing_can_stand_on_a_site_of_another_workspace(ground: Ground) {
    let (store, own, foreign) = (&ground.store, ground.own, ground.foreign);
    let none = Conditions::default();
    let added = store
        .add_campaign(foreign.workspace, own.site, "campaign", &none)
        .await;
    assert_not_found(added);
    let id = store
        .add_campaign(foreign.workspace, foreign.site, "campaign", &none)
        .await
        .unwrap();
    let setup = store.workspace_setup(foreign.workspace).await.unwrap();
    let moved = Campaign {
        site: own.site,
        ..setup.campaigns[0].clone()
    };
    assert_eq!(moved.id, id);
    assert_not_found(store.save_campaign(foreign.workspace, &moved).await);
    let moved = IntegrationRow {
        site: Some(own.site),
        ..setup.integrations[0].clone()
    };
    assert_not_found(store.save_integration(&moved).await);
    let new = crate::store::NewIntegration {
        workspace: foreign.workspace,
        provider: "verbox".into(),
        site: Some(own.site),
        name: "twin".into(),
        active: true,
        settings: moved.settings.clone(),
        token: token("twin"),
        created_at: at(0),
    };
    assert_not_found(store.add_integration(new).await);
    let after = store.workspace_setup(foreign.workspace).await.unwrap();
    assert_eq!(after.campaigns, setup.campaigns);
    assert_eq!(after.integrations, setup.integrations);
}

pub async fn tokens_of_another_workspace_are_neither_told_nor_changed(ground: Ground) {
    let (store, own) = (&ground.store, ground.own);
    let foreign = ground.foreign.workspace;
    let told = store.tokens(foreign, own.integration, at(0)).await.unwrap();
    assert_eq!(told, []);
    let rotated = store
        .rotate_token(foreign, own.integration, token("stolen"), at(0))
        .await;
    assert_not_found(rotated);
    let stolen = store.integration_by_token(b"stolen", at(0)).await.unwrap();
    assert_eq!(stolen, None);
    let tokens = store.tokens(own.workspace, own.integration, at(9)).await;
    assert_eq!(tokens.unwrap(), [token("own")]);
}

pub async fn users_keys_and_audit_of_another_workspace_are_not_there(ground: Ground) {
    let (store, own) = (&ground.store, ground.own.workspace);
    let foreign = ground.foreign.workspace;
    let user = store
        .add_user(own, "anna@example.org", "hash", Role::Owner, at(0))
        .await
        .unwrap();
    let key = store
        .add_api_key(NewApiKey {
            workspace: own,
            name: "crm".into(),
            hash: b"crm".to_vec(),
            scopes: vec![],
            created_at: at(0),
        })
        .await
        .unwrap();
    store
        .audit(AuditEntry {
            workspace: own,
            at: at(0),
            who: "key:crm".into(),
            action: "tag.add".into(),
            subject: "1".into(),
        })
        .await
        .unwrap();
    assert_eq!(store.users(foreign).await.unwrap(), []);
    assert_not_found(store.remove_user(foreign, user).await);
    assert_eq!(store.api_keys(foreign).await.unwrap(), []);
    assert_not_found(store.revoke_api_key(foreign, key).await);
    let audit = store.audit_page(foreign, &everything()).await.unwrap();
    assert_eq!(audit.items, []);
    assert_eq!(store.users(own).await.unwrap().len(), 1);
    assert!(store.api_key(b"crm").await.unwrap().is_some());
}

pub async fn an_outcome_for_another_workspaces_raw_event_changes_nothing(ground: Ground) {
    let held = held(&ground).await;
    let work = UnitOfWork {
        now: at(0),
        raw: vec![ground.foreign.outcome(held.raw, RawState::Done)],
        ..UnitOfWork::default()
    };
    ground.store.commit(work).await.unwrap();
    let row = ground.store.raw_event(ground.own.workspace, held.raw).await;
    assert_eq!(row.unwrap().state, RawState::Pending);
}
