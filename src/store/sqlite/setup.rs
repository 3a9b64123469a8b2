//! Configuration in SQLite.

use super::SqliteStore;
use super::rows::{get_json, get_time, get_time_or_none, micros, to_json};
use crate::model::{
    Campaign, CampaignId, ChannelGroup, Conditions, Employee, EmployeeId, IntegrationId, Site,
    SiteId, Source, SourceId, Tag, TagId, Timestamp, Workspace, WorkspaceId,
};
use crate::store::{
    IntegrationRow, NewIntegration, Removable, Setup, StoreError, StoreResult, TokenRow,
    WorkspaceSetup,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

#[async_trait]
impl Setup for SqliteStore {
    async fn add_workspace(
        &self,
        name: &str,
        timezone: &str,
        now: Timestamp,
    ) -> StoreResult<WorkspaceId> {
        let (name, timezone) = (name.to_owned(), timezone.to_owned());
        self.writer
            .write(move |connection| {
                connection.execute(
                    "insert into workspaces (name, timezone, created_at) values (?1, ?2, ?3)",
                    params![name, timezone, micros(now)],
                )?;
                Ok(WorkspaceId(connection.last_insert_rowid()))
            })
            .await
    }

    async fn workspaces(&self) -> StoreResult<Vec<Workspace>> {
        self.readers
            .read(|connection| {
                all(
                    connection,
                    "select * from workspaces order by id",
                    [],
                    read_workspace,
                )
            })
            .await
    }

    async fn save_workspace(&self, workspace: &Workspace) -> StoreResult<()> {
        let workspace = workspace.clone();
        let channel_rules = workspace.channel_rules.as_ref().map(to_json).transpose()?;
        self.change(workspace.id, "the workspace", move |connection| {
            Ok(connection.execute(
                "update workspaces set name = ?2, timezone = ?3, currency = ?4, channel_rules = ?5
                 where id = ?1",
                params![
                    workspace.id.0,
                    workspace.name,
                    workspace.timezone,
                    workspace.currency,
                    channel_rules
                ],
            )?)
        })
        .await
    }

    async fn workspace_setup(&self, workspace: WorkspaceId) -> StoreResult<WorkspaceSetup> {
        self.readers
            .read(move |connection| whole_setup(connection, workspace))
            .await
    }

    async fn setup_version(&self, workspace: WorkspaceId) -> StoreResult<i64> {
        self.readers
            .read(move |connection| {
                connection
                    .prepare_cached("select setup_version from workspaces where id = ?1")?
                    .query_row([workspace.0], |row| row.get(0))
                    .optional()?
                    .ok_or(StoreError::NotFound("the workspace"))
            })
            .await
    }

    async fn add_site(
        &self,
        workspace: WorkspaceId,
        host: &str,
        name: &str,
        key: &str,
    ) -> StoreResult<SiteId> {
        let (host, name, key) = (host.to_owned(), name.to_owned(), key.to_owned());
        self.add(workspace, move |connection| {
            connection.execute(
                "insert into sites (workspace_id, host, name, key) values (?1, ?2, ?3, ?4)",
                params![workspace.0, host, name, key],
            )?;
            Ok(connection.last_insert_rowid())
        })
        .await
        .map(SiteId)
    }

    async fn save_site(&self, site: &Site) -> StoreResult<()> {
        let site = site.clone();
        self.change(site.workspace, "the site", move |connection| {
            Ok(connection.execute(
                "update sites set host = ?3, name = ?4
                 where id = ?1 and workspace_id = ?2 and removed = 0",
                params![site.id.0, site.workspace.0, site.host, site.name],
            )?)
        })
        .await
    }

    async fn site_by_key(&self, key: &str) -> StoreResult<Option<(WorkspaceId, SiteId)>> {
        let key = key.to_owned();
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(
                        "select workspace_id, id from sites where key = ?1 and removed = 0",
                    )?
                    .query_row([key], |row| {
                        Ok((WorkspaceId(row.get(0)?), SiteId(row.get(1)?)))
                    })
                    .optional()?)
            })
            .await
    }

    async fn add_integration(&self, new: NewIntegration) -> StoreResult<IntegrationId> {
        self.add(new.workspace, move |connection| {
            own_site(connection, new.workspace, new.site)?;
            connection.execute(
                "insert into integrations (workspace_id, provider, site_id, name, active, settings,
                    created_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.workspace.0,
                    new.provider,
                    new.site.map(|id| id.0),
                    new.name,
                    new.active,
                    to_json(&new.settings)?,
                    micros(new.created_at)
                ],
            )?;
            let id = connection.last_insert_rowid();
            insert_token(connection, id, &new.token)?;
            Ok(id)
        })
        .await
        .map(IntegrationId)
    }

    async fn save_integration(&self, row: &IntegrationRow) -> StoreResult<()> {
        let row = row.clone();
        self.change(row.workspace, "the integration", move |connection| {
            own_site(connection, row.workspace, row.site)?;
            Ok(connection.execute(
                "update integrations set site_id = ?3, name = ?4, active = ?5, settings = ?6
                 where id = ?1 and workspace_id = ?2 and removed = 0",
                params![
                    row.id.0,
                    row.workspace.0,
                    row.site.map(|id| id.0),
                    row.name,
                    row.active,
                    to_json(&row.settings)?
                ],
            )?)
        })
        .await
    }

    async fn integration_by_token(
        &self,
        token_hash: &[u8],
        now: Timestamp,
    ) -> StoreResult<Option<(WorkspaceId, IntegrationId)>> {
        let token_hash = token_hash.to_owned();
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(
                        "select integrations.workspace_id, integrations.id from integration_tokens
                         join integrations on integrations.id = integration_id
                         where hash = ?1 and removed = 0
                             and (expires_at is null or expires_at > ?2)",
                    )?
                    .query_row(params![token_hash, micros(now)], |row| {
                        Ok((WorkspaceId(row.get(0)?), IntegrationId(row.get(1)?)))
                    })
                    .optional()?)
            })
            .await
    }

    async fn tokens(
        &self,
        workspace: WorkspaceId,
        integration: IntegrationId,
        now: Timestamp,
    ) -> StoreResult<Vec<TokenRow>> {
        self.readers
            .read(move |connection| {
                all(
                    connection,
                    "select integration_tokens.* from integration_tokens
                     join integrations on integrations.id = integration_id
                     where integration_id = ?1 and workspace_id = ?2
                         and (expires_at is null or expires_at > ?3)
                     order by expires_at is not null, integration_tokens.created_at desc",
                    params![integration.0, workspace.0, micros(now)],
                    read_token,
                )
            })
            .await
    }

    async fn rotate_token(
        &self,
        workspace: WorkspaceId,
        integration: IntegrationId,
        token: TokenRow,
        old_until: Timestamp,
    ) -> StoreResult<()> {
        self.change(workspace, "the integration", move |connection| {
            let found = connection
                .prepare_cached(
                    "select 1 from integrations
                     where id = ?1 and workspace_id = ?2 and removed = 0",
                )?
                .exists(params![integration.0, workspace.0])?;
            if !found {
                return Ok(0);
            }
            connection.execute(
                "update integration_tokens set expires_at = ?2
                 where integration_id = ?1 and (expires_at is null or expires_at > ?2)",
                params![integration.0, micros(old_until)],
            )?;
            insert_token(connection, integration.0, &token)?;
            Ok(1)
        })
        .await
    }

    async fn add_campaign(
        &self,
        workspace: WorkspaceId,
        site: SiteId,
        name: &str,
        conditions: &Conditions,
    ) -> StoreResult<CampaignId> {
        let (name, conditions) = (name.to_owned(), to_json(conditions)?);
        self.add(workspace, move |connection| {
            own_site(connection, workspace, Some(site))?;
            connection.execute(
                "insert into campaigns (workspace_id, site_id, name, conditions, position)
                 select ?1, ?2, ?3, ?4, coalesce(max(position), 0) + 1 from campaigns
                 where workspace_id = ?1",
                params![workspace.0, site.0, name, conditions],
            )?;
            Ok(connection.last_insert_rowid())
        })
        .await
        .map(CampaignId)
    }

    async fn save_campaign(&self, workspace: WorkspaceId, campaign: &Campaign) -> StoreResult<()> {
        let (campaign, conditions) = (campaign.clone(), to_json(&campaign.conditions)?);
        self.change(workspace, "the campaign", move |connection| {
            own_site(connection, workspace, Some(campaign.site))?;
            Ok(connection.execute(
                "update campaigns set site_id = ?3, name = ?4, conditions = ?5, position = ?6
                 where id = ?1 and workspace_id = ?2 and removed = 0",
                params![
                    campaign.id.0,
                    workspace.0,
                    campaign.site.0,
                    campaign.name,
                    conditions,
                    campaign.position
                ],
            )?)
        })
        .await
    }

    async fn add_source(
        &self,
        workspace: WorkspaceId,
        name: &str,
        channel_group: Option<ChannelGroup>,
        conditions: &Conditions,
        priority: Option<i64>,
    ) -> StoreResult<SourceId> {
        let (name, conditions) = (name.to_owned(), to_json(conditions)?);
        self.add(workspace, move |connection| {
            connection.execute(
                "insert into sources (workspace_id, name, channel_group, conditions, priority)
                 select ?1, ?2, ?3, ?4, coalesce(?5, coalesce(max(priority), 0) + 1) from sources
                 where workspace_id = ?1",
                params![
                    workspace.0,
                    name,
                    channel_group.map(ChannelGroup::as_str),
                    conditions,
                    priority
                ],
            )?;
            Ok(connection.last_insert_rowid())
        })
        .await
        .map(SourceId)
    }

    async fn save_source(&self, workspace: WorkspaceId, source: &Source) -> StoreResult<()> {
        let (source, conditions) = (source.clone(), to_json(&source.conditions)?);
        self.change(workspace, "the source", move |connection| {
            Ok(connection.execute(
                "update sources set name = ?3, channel_group = ?4, conditions = ?5, priority = ?6
                 where id = ?1 and workspace_id = ?2 and removed = 0",
                params![
                    source.id.0,
                    workspace.0,
                    source.name,
                    source.channel_group.map(ChannelGroup::as_str),
                    conditions,
                    source.priority
                ],
            )?)
        })
        .await
    }

    async fn add_employee(&self, workspace: WorkspaceId, name: &str) -> StoreResult<EmployeeId> {
        self.add_named(workspace, "employees", name)
            .await
            .map(EmployeeId)
    }

    async fn save_employee(&self, workspace: WorkspaceId, employee: &Employee) -> StoreResult<()> {
        self.rename(
            workspace,
            "employees",
            "the employee",
            employee.id.0,
            &employee.name,
        )
        .await
    }

    async fn add_tag(&self, workspace: WorkspaceId, name: &str) -> StoreResult<TagId> {
        self.add_named(workspace, "tags", name).await.map(TagId)
    }

    async fn save_tag(&self, workspace: WorkspaceId, tag: &Tag) -> StoreResult<()> {
        self.rename(workspace, "tags", "the tag", tag.id.0, &tag.name)
            .await
    }

    async fn remove(&self, workspace: WorkspaceId, what: Removable) -> StoreResult<()> {
        let (table, title, id) = match what {
            Removable::Site(id) => ("sites", "the site", id.0),
            Removable::Integration(id) => ("integrations", "the integration", id.0),
            Removable::Campaign(id) => ("campaigns", "the campaign", id.0),
            Removable::Source(id) => ("sources", "the source", id.0),
            Removable::Employee(id) => ("employees", "the employee", id.0),
            Removable::Tag(id) => ("tags", "the tag", id.0),
        };
        self.change(workspace, title, move |connection| {
            let sql = format!(
                "update {table} set removed = 1
                 where id = ?1 and workspace_id = ?2 and removed = 0"
            );
            Ok(connection.execute(&sql, params![id, workspace.0])?)
        })
        .await
    }
}

impl SqliteStore {
    /// Runs an insert, counts the workspace's configuration up, returns the new id.
    async fn add(
        &self,
        workspace: WorkspaceId,
        insert: impl FnOnce(&Connection) -> StoreResult<i64> + Send + 'static,
    ) -> StoreResult<i64> {
        self.writer
            .write(move |connection| {
                let id = insert(connection)?;
                count_up(connection, workspace)?;
                Ok(id)
            })
            .await
    }

    /// Runs an update, which must touch a row, and counts the configuration up.
    async fn change(
        &self,
        workspace: WorkspaceId,
        title: &'static str,
        update: impl FnOnce(&Connection) -> StoreResult<usize> + Send + 'static,
    ) -> StoreResult<()> {
        self.writer
            .write(move |connection| {
                if update(connection)? == 0 {
                    return Err(StoreError::NotFound(title));
                }
                count_up(connection, workspace)
            })
            .await
    }

    async fn add_named(
        &self,
        workspace: WorkspaceId,
        table: &'static str,
        name: &str,
    ) -> StoreResult<i64> {
        let name = name.to_owned();
        self.add(workspace, move |connection| {
            let sql = format!("insert into {table} (workspace_id, name) values (?1, ?2)");
            connection.execute(&sql, params![workspace.0, name])?;
            Ok(connection.last_insert_rowid())
        })
        .await
    }

    async fn rename(
        &self,
        workspace: WorkspaceId,
        table: &'static str,
        title: &'static str,
        id: i64,
        name: &str,
    ) -> StoreResult<()> {
        let name = name.to_owned();
        self.change(workspace, title, move |connection| {
            let sql = format!(
                "update {table} set name = ?3 where id = ?1 and workspace_id = ?2 and removed = 0"
            );
            Ok(connection.execute(&sql, params![id, workspace.0, name])?)
        })
        .await
    }
}

/// `NotFound` when the site is another workspace's. A removed one may still be stood on.
fn own_site(
    connection: &Connection,
    workspace: WorkspaceId,
    site: Option<SiteId>,
) -> StoreResult<()> {
    let Some(site) = site else {
        return Ok(());
    };
    let is_own = connection
        .prepare_cached("select 1 from sites where id = ?1 and workspace_id = ?2")?
        .exists(params![site.0, workspace.0])?;
    if is_own {
        Ok(())
    } else {
        Err(StoreError::NotFound("the site"))
    }
}

fn count_up(connection: &Connection, workspace: WorkspaceId) -> StoreResult<()> {
    connection
        .prepare_cached("update workspaces set setup_version = setup_version + 1 where id = ?1")?
        .execute([workspace.0])?;
    Ok(())
}

fn insert_token(connection: &Connection, integration: i64, token: &TokenRow) -> StoreResult<()> {
    connection.execute(
        "insert into integration_tokens (hash, integration_id, sealed, created_at, expires_at)
         values (?1, ?2, ?3, ?4, ?5)",
        params![
            token.hash,
            integration,
            token.sealed,
            micros(token.created_at),
            token.expires_at.map(micros)
        ],
    )?;
    Ok(())
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> StoreResult<Vec<T>> {
    Ok(connection
        .prepare_cached(sql)?
        .query_map(values, read)?
        .collect::<Result<_, _>>()?)
}

fn whole_setup(connection: &Connection, workspace: WorkspaceId) -> StoreResult<WorkspaceSetup> {
    let (row, version) = connection
        .prepare_cached("select * from workspaces where id = ?1")?
        .query_row([workspace.0], |row| {
            Ok((read_workspace(row)?, row.get("setup_version")?))
        })
        .optional()?
        .ok_or(StoreError::NotFound("the workspace"))?;
    let of = |table: &str| {
        format!("select * from {table} where workspace_id = ?1 and removed = 0 order by id")
    };
    let own = [workspace.0];
    Ok(WorkspaceSetup {
        version,
        workspace: row,
        sites: all(connection, &of("sites"), own, read_site)?,
        integrations: all(connection, &of("integrations"), own, read_integration)?,
        campaigns: all(connection, &of("campaigns"), own, read_campaign)?,
        sources: all(connection, &of("sources"), own, read_source)?,
        employees: all(connection, &of("employees"), own, |row| {
            Ok(Employee {
                id: EmployeeId(row.get("id")?),
                name: row.get("name")?,
            })
        })?,
        tags: all(connection, &of("tags"), own, |row| {
            Ok(Tag {
                id: TagId(row.get("id")?),
                name: row.get("name")?,
            })
        })?,
        removed: removed(connection, workspace)?,
    })
}

fn removed(
    connection: &Connection,
    workspace: WorkspaceId,
) -> StoreResult<Vec<(Removable, String)>> {
    type Kind = (&'static str, fn(i64) -> Removable);
    let kinds: [Kind; 6] = [
        ("sites", |id| Removable::Site(SiteId(id))),
        ("integrations", |id| {
            Removable::Integration(IntegrationId(id))
        }),
        ("campaigns", |id| Removable::Campaign(CampaignId(id))),
        ("sources", |id| Removable::Source(SourceId(id))),
        ("employees", |id| Removable::Employee(EmployeeId(id))),
        ("tags", |id| Removable::Tag(TagId(id))),
    ];
    let mut names = Vec::new();
    for (table, make) in kinds {
        let sql = format!("select id, name from {table} where workspace_id = ?1 and removed = 1");
        names.extend(all(connection, &sql, [workspace.0], |row| {
            Ok((make(row.get(0)?), row.get(1)?))
        })?);
    }
    Ok(names)
}

fn read_workspace(row: &Row<'_>) -> rusqlite::Result<Workspace> {
    Ok(Workspace {
        id: WorkspaceId(row.get("id")?),
        name: row.get("name")?,
        timezone: row.get("timezone")?,
        currency: row.get("currency")?,
        channel_rules: row
            .get::<_, Option<String>>("channel_rules")?
            .and_then(|rules| serde_json::from_str(&rules).ok()),
    })
}

fn read_site(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: SiteId(row.get("id")?),
        workspace: WorkspaceId(row.get("workspace_id")?),
        host: row.get("host")?,
        name: row.get("name")?,
        key: row.get("key")?,
    })
}

fn read_integration(row: &Row<'_>) -> rusqlite::Result<IntegrationRow> {
    Ok(IntegrationRow {
        id: IntegrationId(row.get("id")?),
        workspace: WorkspaceId(row.get("workspace_id")?),
        provider: row.get("provider")?,
        site: row.get::<_, Option<i64>>("site_id")?.map(SiteId),
        name: row.get("name")?,
        active: row.get("active")?,
        settings: get_json(row, "settings")?,
        created_at: get_time(row, "created_at")?,
    })
}

fn read_campaign(row: &Row<'_>) -> rusqlite::Result<Campaign> {
    Ok(Campaign {
        id: CampaignId(row.get("id")?),
        site: SiteId(row.get("site_id")?),
        name: row.get("name")?,
        conditions: get_json(row, "conditions")?,
        position: row.get("position")?,
    })
}

fn read_source(row: &Row<'_>) -> rusqlite::Result<Source> {
    let group: Option<String> = row.get("channel_group")?;
    Ok(Source {
        id: SourceId(row.get("id")?),
        name: row.get("name")?,
        channel_group: group.as_deref().and_then(ChannelGroup::parse),
        conditions: get_json(row, "conditions")?,
        priority: row.get("priority")?,
    })
}

fn read_token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        hash: row.get("hash")?,
        sealed: row.get("sealed")?,
        created_at: get_time(row, "created_at")?,
        expires_at: get_time_or_none(row, "expires_at")?,
    })
}
