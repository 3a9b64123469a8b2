//! Sets the workspace up over the API: campaigns, sources, employees, tags and one integration of
//! each provider. What is already there under the same name is used again.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use url::Url;

use super::{
    arrivals::CAMPAIGNS,
    carrotquest,
    hub::Hub,
    jivosite,
    plan::{Provider, Site},
    sample::sample,
    talkme,
    wire::Door,
};

/// An integration of the run.
#[derive(Debug, Clone)]
pub struct Integration {
    pub id: i64,
    /// The absolute address for chats; the other addresses lie below it.
    chats: Url,
}

/// The workspace, ready to receive.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub sites: Vec<Site>,
    pub integrations: HashMap<Provider, Integration>,
    hits: Vec<Url>,
}

impl Workspace {
    /// The address behind a door.
    pub fn address(&self, door: Door) -> Url {
        let (provider, below) = match door {
            Door::Tracker(site) => return self.hits[site].clone(),
            Door::Chats(provider) => (provider, None),
            Door::Leads(provider) => (provider, Some("leads")),
            Door::Messenger(provider, channel) => (provider, Some(channel.slug())),
        };
        let mut address = self.integrations[&provider].chats.clone();
        if let (Ok(mut path), Some(below)) = (address.path_segments_mut(), below) {
            path.push(below);
        }
        address
    }
}

/// The sites of the workspace.
///
/// # Errors
/// When they cannot be read, or there is none.
pub async fn sites(hub: &Hub) -> anyhow::Result<Vec<Site>> {
    let items = hub
        .items("sites")
        .await
        .context("the sites of the workspace")?;
    let sites: Vec<Site> = items.iter().filter_map(site).collect();
    ensure!(
        !sites.is_empty(),
        "the workspace has no site with a key; create one first"
    );
    Ok(sites)
}

fn site(item: &Value) -> Option<Site> {
    let text = |names: [&str; 3]| names.iter().find_map(|name| item[*name].as_str());
    Some(Site {
        id: item["id"].as_i64()?,
        key: text(["key", "site_key", "tracker_key"])?.to_owned(),
        host: text(["host", "domain", "name"])?.to_owned(),
    })
}

/// Creates what the journeys need. `api_base` is where Carrot quest's REST API is played.
///
/// # Errors
/// When the hub refuses a part of it.
pub async fn prepare(hub: &Hub, sites: Vec<Site>, api_base: &str) -> anyhow::Result<Workspace> {
    let targets = Targets::prepare(hub, &sites).await?;
    let mut integrations = HashMap::new();
    for provider in Provider::ALL {
        let settings = targets.settings(provider, &sites, api_base);
        let integration = integration(hub, provider, &sites, &settings).await;
        let integration =
            integration.with_context(|| format!("the integration of {}", provider.slug()))?;
        integrations.insert(provider, integration);
    }
    let hits = sites
        .iter()
        .map(|site| hub.address(&format!("/t/{}", site.key)));
    let hits = hits.collect::<anyhow::Result<_>>()?;
    Ok(Workspace {
        sites,
        integrations,
        hits,
    })
}

/// Ids that settings point to.
struct Targets {
    campaign: i64,
    messengers: i64,
    default_source: i64,
    employees: Vec<i64>,
    tag: i64,
}

impl Targets {
    async fn prepare(hub: &Hub, sites: &[Site]) -> anyhow::Result<Self> {
        for site in sites {
            for (name, mark) in CAMPAIGNS {
                let name = campaign_name(name, site, sites);
                let conditions = condition("utm_campaign", "=", mark);
                let body = json!({"site_id": site.id, "name": name, "conditions": conditions});
                find_or_create(hub, "campaigns", &name, body).await?;
            }
        }
        let offline = campaign_name("Messengers", &sites[0], sites);
        let body = json!({"site_id": sites[0].id, "name": offline});
        let campaign = find_or_create(hub, "campaigns", &offline, body).await?;
        let telegram = json!({"name": "Telegram channel", "priority": 20,
            "conditions": condition("utm_source", "sub", "tg_")});
        find_or_create(hub, "sources", "Telegram channel", telegram).await?;
        let banners = json!({"name": "Banners", "priority": 10, "conditions": {"groups": [{"conditions": [
            {"parameter": "utm_medium", "operator": "~", "value": "^(cpm|banner|display)$"},
            {"parameter": "utm_source", "operator": "=", "value": "internal", "exclude": true},
        ]}]}});
        find_or_create(hub, "sources", "Banners", banners).await?;
        let messengers =
            find_or_create(hub, "sources", "Messengers", json!({"name": "Messengers"})).await?;
        let default_source = find_or_create(
            hub,
            "sources",
            "Chat services",
            json!({"name": "Chat services"}),
        )
        .await?;
        let mut employees = Vec::new();
        for operator in &sample().operators {
            employees.push(
                find_or_create(
                    hub,
                    "employees",
                    &operator.name,
                    json!({"name": operator.name}),
                )
                .await?,
            );
        }
        let tag = find_or_create(hub, "tags", "Simulated", json!({"name": "Simulated"})).await?;
        Ok(Self {
            campaign,
            messengers,
            default_source,
            employees,
            tag,
        })
    }

    fn settings(&self, provider: Provider, sites: &[Site], api_base: &str) -> Value {
        let site = sites[0].id;
        let known = sample().operators.iter().zip(&self.employees);
        let operators: Vec<Value> = known
            .flat_map(|(operator, id)| {
                let id_text = operator.id.to_string();
                let names = [operator.login.clone(), id_text, operator.phone.clone()];
                names.map(|name| json!({"operator": name, "employee_id": id}))
            })
            .collect();
        let mut settings = json!({
            "employee_id": self.employees.first(),
            "default_target": {"source_id": self.default_source, "site_id": site},
            "messengers": [
                {"channel": "telegram", "campaign_id": self.campaign},
                {"channel": "whatsapp", "source_id": self.messengers, "site_id": site},
            ],
            "ignore_visit": false,
            "tag_ids": [self.tag],
            "offline_leads": true,
            "operators": operators,
        });
        let own = match provider {
            Provider::JivoSite => json!({
                "widgets": [{"widget_id": jivosite::WHATSAPP_WIDGET, "channel": "whatsapp"}],
                "token_mode": "own",
            }),
            Provider::TalkMe | Provider::Verbox => {
                json!({"secret_key": talkme::SECRET, "timezone": "Europe/Moscow"})
            }
            Provider::CarrotQuest => json!({
                "api_key": carrotquest::API_KEY,
                "api_base": api_base,
                "webhook_token": carrotquest::WEBHOOK_TOKEN,
            }),
            Provider::LeadBack => json!({}),
        };
        if let (Some(all), Value::Object(own)) = (settings.as_object_mut(), own) {
            all.extend(own);
        }
        settings
    }
}

fn condition(parameter: &str, operator: &str, value: &str) -> Value {
    json!({"groups": [{"conditions": [{"parameter": parameter, "operator": operator, "value": value}]}]})
}

/// Campaigns belong to a site; with several sites the name tells which.
fn campaign_name(name: &str, site: &Site, sites: &[Site]) -> String {
    if sites.len() > 1 {
        format!("{name} ({})", site.host)
    } else {
        name.to_owned()
    }
}

async fn find_or_create(hub: &Hub, noun: &str, name: &str, body: Value) -> anyhow::Result<i64> {
    let known = hub.items(noun).await?;
    let found = known
        .iter()
        .find(|item| item["name"] == name)
        .and_then(|item| item["id"].as_i64());
    if let Some(id) = found {
        return Ok(id);
    }
    let created = hub
        .post(noun, &body)
        .await
        .with_context(|| format!("`{name}` of {noun}"))?;
    created["id"]
        .as_i64()
        .with_context(|| format!("`{name}` of {noun} was created without an id"))
}

async fn integration(
    hub: &Hub,
    provider: Provider,
    sites: &[Site],
    settings: &Value,
) -> anyhow::Result<Integration> {
    let name = format!("Simulated {}", provider.slug());
    // JivoSite and LeadBack serve all sites of an account; the others belong to one where there is one.
    let shared = sites.len() > 1 || matches!(provider, Provider::JivoSite | Provider::LeadBack);
    let site_id = if shared {
        Value::Null
    } else {
        json!(sites[0].id)
    };
    let same = |item: &&Value| {
        item["name"] == name.as_str()
            && item["active"] == true
            && item["settings"]["api_base"] == settings["api_base"]
    };
    let known = hub.items("integrations").await?;
    if let Some(id) = known.iter().find(same).and_then(|item| item["id"].as_i64()) {
        return read_integration(
            hub,
            provider,
            &hub.get(&format!("integrations/{id}")).await?,
        );
    }
    let body = json!({
        "provider": provider.slug(), "site_id": site_id, "name": name, "active": true, "settings": settings,
    });
    read_integration(hub, provider, &hub.post("integrations", &body).await?)
}

/// Takes the address for chats out of the answer. The hub is talked to where it was found, so only
/// the path of a printed address counts.
fn read_integration(hub: &Hub, provider: Provider, answer: &Value) -> anyhow::Result<Integration> {
    let id = answer["id"].as_i64().context("the answer has no id")?;
    let path =
        chats_path(provider, &answer["addresses"]).context("the answer has no webhook address")?;
    Ok(Integration {
        id,
        chats: hub.address(&path)?,
    })
}

/// `/in/{provider}/{token}` out of whichever address is printed.
fn chats_path(provider: Provider, addresses: &Value) -> Option<String> {
    match addresses {
        Value::String(text) => {
            let path = Url::parse(text).ok()?.path().to_owned();
            let start = format!("/in/{}/", provider.slug());
            let from = path.find(&start)?;
            let token = path[from + start.len()..]
                .split('/')
                .next()
                .filter(|token| !token.is_empty())?;
            Some(format!("{}{start}{token}", &path[..from]))
        }
        Value::Array(items) => items.iter().find_map(|item| chats_path(provider, item)),
        Value::Object(fields) => fields
            .values()
            .find_map(|field| chats_path(provider, field)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhook_path_is_found_under_any_name_and_below_any_prefix() {
        let named = json!({"tracker": "https://hub.example/t/k.js", "leads": "https://hub.example/in/talkme/T0k/leads"});
        assert_eq!(
            chats_path(Provider::TalkMe, &named).unwrap(),
            "/in/talkme/T0k"
        );
        let listed = json!([{"url": "https://hub.example/hub/in/jivosite/abc"}]);
        assert_eq!(
            chats_path(Provider::JivoSite, &listed).unwrap(),
            "/hub/in/jivosite/abc"
        );
        assert_eq!(chats_path(Provider::Verbox, &named), None);
    }
}
