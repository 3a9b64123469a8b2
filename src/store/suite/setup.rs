//! Cases of what people configure.

use super::ground::{Ground, assert_conflict, assert_not_found};
use super::values::{at, token};
use crate::model::{
    Campaign, CampaignId, Channel, ChannelGroup, Condition, ConditionGroup, ConditionOperator,
    Conditions, Employee, EmployeeId, IntegrationSettings, MessengerRow, OperatorRow, Parameter,
    Site, Source, SourceId, Tag, TagId, Target, Workspace, WorkspaceId,
};
use crate::store::{IntegrationRow, NewIntegration, Removable, WorkspaceSetup};
use serde_json::json;

async fn setup(ground: &Ground) -> WorkspaceSetup {
    let setup = ground.store.workspace_setup(ground.own.workspace).await;
    setup.unwrap()
}

async fn version(ground: &Ground) -> i64 {
    let version = ground.store.setup_version(ground.own.workspace).await;
    version.unwrap()
}

fn conditions(value: &str) -> Conditions {
    Conditions {
        groups: vec![ConditionGroup {
            conditions: vec![Condition {
                parameter: Parameter::UtmSource,
                operator: ConditionOperator::Matches,
                value: value.into(),
                exclude: true,
            }],
        }],
    }
}

/// One of each thing beside the site and the integration of the ground.
struct Things {
    campaign: CampaignId,
    source: SourceId,
    employee: EmployeeId,
    tag: TagId,
}

async fn things(ground: &Ground) -> Things {
    let (store, own) = (&ground.store, ground.own.workspace);
    Things {
        campaign: store
            .add_campaign(own, ground.own.site, "campaign", &conditions("a"))
            .await
            .unwrap(),
        source: store
            .add_source(own, "source", None, &conditions("b"), None)
            .await
            .unwrap(),
        employee: store.add_employee(own, "employee").await.unwrap(),
        tag: store.add_tag(own, "tag").await.unwrap(),
    }
}

pub async fn a_new_workspace_has_its_name_zone_and_nothing_else(ground: Ground) {
    let store = &ground.store;
    let id = store.add_workspace("Ещё один", "Asia/Tokyo", at(0)).await;
    let setup = store.workspace_setup(id.unwrap()).await.unwrap();
    assert_eq!(setup.workspace.name, "Ещё один");
    assert_eq!(setup.workspace.timezone, "Asia/Tokyo");
    assert_eq!(setup.workspace.currency, "RUB");
    assert_eq!(setup.workspace.channel_rules, None);
    assert!(setup.sites.is_empty() && setup.integrations.is_empty());
    assert!(setup.campaigns.is_empty() && setup.sources.is_empty());
    assert!(setup.employees.is_empty() && setup.tags.is_empty());
    assert!(setup.removed.is_empty());
    let names: Vec<_> = store.workspaces().await.unwrap();
    let names: Vec<_> = names.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["own", "foreign", "Ещё один"]);
}

pub async fn a_saved_workspace_keeps_its_rules(ground: Ground) {
    let changed = Workspace {
        name: "renamed".into(),
        currency: "KZT".into(),
        channel_rules: Some(json!({"order": ["direct"]})),
        ..setup(&ground).await.workspace
    };
    ground.store.save_workspace(&changed).await.unwrap();
    let ground = ground.reopen().await;
    assert_eq!(setup(&ground).await.workspace, changed);
    let foreign = ground.store.workspace_setup(ground.foreign.workspace).await;
    assert_eq!(foreign.unwrap().workspace.name, "foreign");
}

pub async fn everything_configured_comes_back_as_it_was(ground: Ground) {
    let things = things(&ground).await;
    let ground = ground.reopen().await;
    let setup = setup(&ground).await;
    let site = Site {
        id: ground.own.site,
        workspace: ground.own.workspace,
        host: "own.example.com".into(),
        name: "own".into(),
        key: "own-key".into(),
    };
    assert_eq!(setup.sites, [site]);
    let campaign = Campaign {
        id: things.campaign,
        site: ground.own.site,
        name: "campaign".into(),
        conditions: conditions("a"),
        position: 1,
    };
    assert_eq!(setup.campaigns, [campaign]);
    let source = Source {
        id: things.source,
        name: "source".into(),
        channel_group: None,
        conditions: conditions("b"),
        priority: 1,
    };
    assert_eq!(setup.sources, [source]);
    let employee = Employee {
        id: things.employee,
        name: "employee".into(),
    };
    assert_eq!(setup.employees, [employee]);
    let tag = Tag {
        id: things.tag,
        name: "tag".into(),
    };
    assert_eq!(setup.tags, [tag]);
}

pub async fn an_integration_keeps_every_setting(ground: Ground) {
    let things = things(&ground).await;
    let settings = IntegrationSettings {
        employee_id: Some(things.employee),
        default_target: Some(Target::Campaign {
            campaign_id: things.campaign,
        }),
        messengers: vec![MessengerRow {
            channel: Channel::new("telegram").unwrap(),
            target: Target::Source {
                source_id: things.source,
                site_id: ground.own.site,
            },
        }],
        ignore_visit: true,
        tag_ids: vec![things.tag],
        offline_leads: true,
        silence_minutes: Some(45),
        operators: vec![OperatorRow {
            operator: "17".into(),
            employee_id: things.employee,
        }],
        own: json!({"api_key": "sealed", "widgets": [{"widget_id": "w"}]})
            .as_object()
            .unwrap()
            .clone(),
    };
    let new = NewIntegration {
        workspace: ground.own.workspace,
        provider: "verbox".into(),
        site: None,
        name: "several sites".into(),
        active: false,
        settings: settings.clone(),
        token: token("second"),
        created_at: at(7),
    };
    let id = ground.store.add_integration(new).await.unwrap();
    let ground = ground.reopen().await;
    let stored = setup(&ground).await.integrations.pop().unwrap();
    let expected = IntegrationRow {
        id,
        workspace: ground.own.workspace,
        provider: "verbox".into(),
        site: None,
        name: "several sites".into(),
        active: false,
        settings,
        created_at: at(7),
    };
    assert_eq!(stored, expected);
    let switched_on = IntegrationRow {
        site: Some(ground.own.site),
        name: "one site".into(),
        active: true,
        settings: IntegrationSettings::default(),
        ..stored
    };
    ground.store.save_integration(&switched_on).await.unwrap();
    assert_eq!(
        setup(&ground).await.integrations.pop().unwrap(),
        switched_on
    );
}

pub async fn saved_things_are_as_they_were_saved(ground: Ground) {
    let things = things(&ground).await;
    let (store, own) = (&ground.store, ground.own.workspace);
    let site = Site {
        host: "new.example.com".into(),
        name: "new".into(),
        ..setup(&ground).await.sites.remove(0)
    };
    let campaign = Campaign {
        id: things.campaign,
        site: ground.own.site,
        name: "new".into(),
        conditions: Conditions::default(),
        position: 9,
    };
    let source = Source {
        id: things.source,
        name: "new".into(),
        channel_group: Some(ChannelGroup::PaidSearch),
        conditions: Conditions::default(),
        priority: 9,
    };
    let employee = Employee {
        id: things.employee,
        name: "new".into(),
    };
    let tag = Tag {
        id: things.tag,
        name: "new".into(),
    };
    store.save_site(&site).await.unwrap();
    store.save_campaign(own, &campaign).await.unwrap();
    store.save_source(own, &source).await.unwrap();
    store.save_employee(own, &employee).await.unwrap();
    store.save_tag(own, &tag).await.unwrap();
    let setup = setup(&ground).await;
    assert_eq!(setup.sites, [site]);
    assert_eq!(setup.campaigns, [campaign]);
    assert_eq!(setup.sources, [source]);
    assert_eq!((setup.employees, setup.tags), (vec![employee], vec![tag]));
}

pub async fn without_a_priority_a_source_gets_the_greatest_and_one(ground: Ground) {
    let (store, own) = (&ground.store, ground.own.workspace);
    let (none, foreign) = (Conditions::default(), ground.foreign.workspace);
    for (workspace, name, priority) in [
        (own, "first", None),
        (own, "chosen", Some(40)),
        (foreign, "foreign", Some(70)),
        (own, "next", None),
    ] {
        store
            .add_source(workspace, name, None, &none, priority)
            .await
            .unwrap();
    }
    let setup = setup(&ground).await;
    let priorities: Vec<_> = setup.sources.iter().map(|one| one.priority).collect();
    assert_eq!(priorities, [1, 40, 41]);
}

pub async fn a_new_campaign_stands_after_those_of_its_workspace(ground: Ground) {
    let (store, none) = (&ground.store, Conditions::default());
    for owner in [ground.own, ground.foreign, ground.own] {
        store
            .add_campaign(owner.workspace, owner.site, "campaign", &none)
            .await
            .unwrap();
    }
    let campaigns = setup(&ground).await.campaigns;
    let positions: Vec<_> = campaigns.iter().map(|one| one.position).collect();
    assert_eq!(positions, [1, 2]);
}

pub async fn every_change_counts_the_version_up_and_only_of_its_workspace(ground: Ground) {
    let (store, own) = (&ground.store, ground.own.workspace);
    let foreign = store.setup_version(ground.foreign.workspace).await.unwrap();
    let mut last = version(&ground).await;
    let things = things(&ground).await;
    let now = version(&ground).await;
    assert!(now >= last + 4, "four things were added");
    last = now;
    let WorkspaceSetup {
        workspace,
        sites,
        integrations,
        campaigns,
        sources,
        employees,
        tags,
        version: told,
        ..
    } = setup(&ground).await;
    assert_eq!(told, last);
    for step in 0..13 {
        match step {
            0 => store.save_workspace(&workspace).await,
            1 => store.save_site(&sites[0]).await,
            2 => store.save_integration(&integrations[0]).await,
            3 => store.save_campaign(own, &campaigns[0]).await,
            4 => store.save_source(own, &sources[0]).await,
            5 => store.save_employee(own, &employees[0]).await,
            6 => store.save_tag(own, &tags[0]).await,
            7 => {
                store
                    .remove(own, Removable::Campaign(things.campaign))
                    .await
            }
            8 => store.remove(own, Removable::Source(things.source)).await,
            9 => {
                store
                    .remove(own, Removable::Employee(things.employee))
                    .await
            }
            10 => store.remove(own, Removable::Tag(things.tag)).await,
            11 => {
                let integration = ground.own.integration;
                store.remove(own, Removable::Integration(integration)).await
            }
            _ => store.remove(own, Removable::Site(ground.own.site)).await,
        }
        .unwrap();
        let now = version(&ground).await;
        assert!(now > last, "step {step}");
        last = now;
    }
    let still = store.setup_version(ground.foreign.workspace).await.unwrap();
    assert_eq!(still, foreign);
}

pub async fn a_refused_change_leaves_the_version(ground: Ground) {
    let before = version(&ground).await;
    let nobody = Tag {
        id: TagId(9_999),
        name: "none".into(),
    };
    let (store, own) = (&ground.store, ground.own.workspace);
    assert_not_found(store.save_tag(own, &nobody).await);
    assert_not_found(store.remove(own, Removable::Tag(nobody.id)).await);
    assert_eq!(version(&ground).await, before);
}

pub async fn removed_things_leave_the_lists_and_keep_their_names(ground: Ground) {
    let things = things(&ground).await;
    let (store, own) = (&ground.store, ground.own.workspace);
    let all = [
        (Removable::Campaign(things.campaign), "campaign"),
        (Removable::Source(things.source), "source"),
        (Removable::Employee(things.employee), "employee"),
        (Removable::Tag(things.tag), "tag"),
        (Removable::Integration(ground.own.integration), "own"),
        (Removable::Site(ground.own.site), "own"),
    ];
    for (what, _) in &all {
        store.remove(own, *what).await.unwrap();
        assert_not_found(store.remove(own, *what).await);
    }
    let setup = setup(&ground).await;
    assert!(setup.sites.is_empty() && setup.integrations.is_empty());
    assert!(setup.campaigns.is_empty() && setup.sources.is_empty());
    assert!(setup.employees.is_empty() && setup.tags.is_empty());
    assert_eq!(setup.removed.len(), all.len());
    for (what, name) in all {
        assert!(setup.removed.contains(&(what, name.into())), "{what:?}");
    }
    let tag = Tag {
        id: things.tag,
        name: "back".into(),
    };
    assert_not_found(store.save_tag(own, &tag).await);
}

pub async fn ids_are_not_used_again_after_a_removal(ground: Ground) {
    let things = things(&ground).await;
    let (store, own) = (&ground.store, ground.own.workspace);
    for what in [
        Removable::Tag(things.tag),
        Removable::Employee(things.employee),
        Removable::Source(things.source),
        Removable::Campaign(things.campaign),
    ] {
        store.remove(own, what).await.unwrap();
    }
    let ground = ground.reopen().await;
    let next = self::things(&ground).await;
    assert!(next.tag > things.tag);
    assert!(next.employee > things.employee);
    assert!(next.source > things.source);
    assert!(next.campaign > things.campaign);
}

pub async fn a_site_is_found_by_its_key_until_it_is_removed(ground: Ground) {
    let store = &ground.store;
    let found = store.site_by_key("own-key").await.unwrap();
    assert_eq!(found, Some((ground.own.workspace, ground.own.site)));
    assert_eq!(store.site_by_key("no-key").await.unwrap(), None);
    let site = Removable::Site(ground.own.site);
    store.remove(ground.own.workspace, site).await.unwrap();
    assert_eq!(store.site_by_key("own-key").await.unwrap(), None);
}

pub async fn a_site_key_belongs_to_one_site(ground: Ground) {
    let before = version(&ground).await;
    let twin = ground
        .store
        .add_site(ground.own.workspace, "b.example.com", "b", "foreign-key")
        .await;
    assert_conflict(twin);
    assert_eq!(setup(&ground).await.sites.len(), 1);
    assert_eq!(version(&ground).await, before);
}

pub async fn what_does_not_exist_has_no_configuration(ground: Ground) {
    let nobody = WorkspaceId(9_999);
    let store = &ground.store;
    assert_not_found(store.workspace_setup(nobody).await.map(|_| ()));
    assert_not_found(store.setup_version(nobody).await);
    assert!(store.add_tag(nobody, "tag").await.is_err());
}
