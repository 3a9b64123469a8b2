//! Users, logins, keys and the audit log in SQLite.

use super::SqliteStore;
use super::rows::{cursor_parts, get_json, get_time, get_word, micros, page, to_json};
use crate::model::{ApiKeyId, Timestamp, UserId, WorkspaceId};
use crate::store::{
    Access, ApiKeyRow, AuditEntry, LoginRow, NewApiKey, Page, PageRequest, Role, StoreError,
    StoreResult, UserRow,
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

/// A day: nobody asks about older ones.
const ATTEMPTS_KEPT_US: i64 = 86_400_000_000;

#[async_trait]
impl Access for SqliteStore {
    async fn has_users(&self) -> StoreResult<bool> {
        self.readers
            .read(|connection| {
                Ok(connection
                    .prepare_cached("select 1 from users")?
                    .exists([])?)
            })
            .await
    }

    async fn add_user(
        &self,
        workspace: WorkspaceId,
        email: &str,
        password_hash: &str,
        role: Role,
        now: Timestamp,
    ) -> StoreResult<UserId> {
        let (email, hash) = (email.to_owned(), password_hash.to_owned());
        self.writer
            .write(move |connection| {
                let inserted = connection.execute(
                    "insert into users (workspace_id, email, password_hash, role, created_at)
                     values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
                    params![workspace.0, email, hash, role.as_str(), micros(now)],
                )?;
                if inserted == 0 {
                    return Err(StoreError::Conflict(
                        "a user has this e-mail already".into(),
                    ));
                }
                Ok(UserId(connection.last_insert_rowid()))
            })
            .await
    }

    async fn user_by_email(&self, email: &str) -> StoreResult<Option<UserRow>> {
        let email = email.to_owned();
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("select * from users where email = ?1")?
                    .query_row([email], read_user)
                    .optional()?)
            })
            .await
    }

    async fn users(&self, workspace: WorkspaceId) -> StoreResult<Vec<UserRow>> {
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("select * from users where workspace_id = ?1 order by id")?
                    .query_map([workspace.0], read_user)?
                    .collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn set_password(&self, user: UserId, password_hash: &str) -> StoreResult<()> {
        let hash = password_hash.to_owned();
        self.writer
            .write(move |connection| {
                connection.execute("delete from logins where user_id = ?1", [user.0])?;
                let updated = connection.execute(
                    "update users set password_hash = ?2 where id = ?1",
                    params![user.0, hash],
                )?;
                if updated == 0 {
                    Err(StoreError::NotFound("the user"))
                } else {
                    Ok(())
                }
            })
            .await
    }

    async fn remove_user(&self, workspace: WorkspaceId, user: UserId) -> StoreResult<()> {
        self.writer
            .write(move |connection| {
                let removed = connection.execute(
                    "delete from users where id = ?1 and workspace_id = ?2",
                    params![user.0, workspace.0],
                )?;
                if removed == 0 {
                    Err(StoreError::NotFound("the user"))
                } else {
                    Ok(())
                }
            })
            .await
    }

    async fn add_login(
        &self,
        token_hash: &[u8],
        user: UserId,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        let hash = token_hash.to_owned();
        self.writer
            .write(move |connection| {
                connection.execute(
                    "insert into logins (token_hash, user_id, expires_at) values (?1, ?2, ?3)",
                    params![hash, user.0, micros(expires_at)],
                )?;
                Ok(())
            })
            .await
    }

    async fn login(&self, token_hash: &[u8], now: Timestamp) -> StoreResult<Option<LoginRow>> {
        let hash = token_hash.to_owned();
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(
                        "select users.*, logins.expires_at from logins
                         join users on users.id = user_id
                         where token_hash = ?1 and expires_at > ?2",
                    )?
                    .query_row(params![hash, micros(now)], |row| {
                        Ok(LoginRow {
                            user: read_user(row)?,
                            expires_at: get_time(row, "expires_at")?,
                        })
                    })
                    .optional()?)
            })
            .await
    }

    async fn end_login(&self, token_hash: &[u8]) -> StoreResult<()> {
        let hash = token_hash.to_owned();
        self.writer
            .write(move |connection| {
                connection.execute("delete from logins where token_hash = ?1", [hash])?;
                Ok(())
            })
            .await
    }

    async fn count_attempt(&self, who: &str, now: Timestamp, since: Timestamp) -> StoreResult<u32> {
        let who = who.to_owned();
        self.writer
            .write(move |connection| {
                connection.execute(
                    "delete from login_attempts where at < ?1",
                    [micros(now) - ATTEMPTS_KEPT_US],
                )?;
                connection.execute(
                    "insert into login_attempts (who, at) values (?1, ?2)",
                    params![who, micros(now)],
                )?;
                Ok(connection
                    .prepare_cached(
                        "select count(*) from login_attempts where who = ?1 and at >= ?2",
                    )?
                    .query_row(params![who, micros(since)], |row| row.get(0))?)
            })
            .await
    }

    async fn take_back_attempt(&self, who: &str, at: Timestamp) -> StoreResult<()> {
        let who = who.to_owned();
        self.writer
            .write(move |connection| {
                connection.execute(
                    "delete from login_attempts where rowid =
                         (select rowid from login_attempts where who = ?1 and at = ?2 limit 1)",
                    params![who, micros(at)],
                )?;
                Ok(())
            })
            .await
    }

    async fn add_api_key(&self, key: NewApiKey) -> StoreResult<ApiKeyId> {
        self.writer
            .write(move |connection| {
                connection.execute(
                    "insert into api_keys (workspace_id, name, hash, scopes, created_at)
                     values (?1, ?2, ?3, ?4, ?5)",
                    params![
                        key.workspace.0,
                        key.name,
                        key.hash,
                        to_json(&key.scopes)?,
                        micros(key.created_at)
                    ],
                )?;
                Ok(ApiKeyId(connection.last_insert_rowid()))
            })
            .await
    }

    async fn api_key(&self, key_hash: &[u8]) -> StoreResult<Option<ApiKeyRow>> {
        let hash = key_hash.to_owned();
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("select * from api_keys where hash = ?1 and revoked = 0")?
                    .query_row([hash], read_api_key)
                    .optional()?)
            })
            .await
    }

    async fn api_keys(&self, workspace: WorkspaceId) -> StoreResult<Vec<ApiKeyRow>> {
        self.readers
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(
                        "select * from api_keys where workspace_id = ?1 and revoked = 0 order by id",
                    )?
                    .query_map([workspace.0], read_api_key)?
                    .collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn revoke_api_key(&self, workspace: WorkspaceId, key: ApiKeyId) -> StoreResult<()> {
        self.writer
            .write(move |connection| {
                let revoked = connection.execute(
                    "update api_keys set revoked = 1
                     where id = ?1 and workspace_id = ?2 and revoked = 0",
                    params![key.0, workspace.0],
                )?;
                if revoked == 0 {
                    Err(StoreError::NotFound("the API key"))
                } else {
                    Ok(())
                }
            })
            .await
    }

    async fn audit(&self, entry: AuditEntry) -> StoreResult<()> {
        self.writer
            .write(move |connection| {
                connection.execute(
                    "insert into audit (workspace_id, at, who, action, subject)
                     values (?1, ?2, ?3, ?4, ?5)",
                    params![
                        entry.workspace.0,
                        micros(entry.at),
                        entry.who,
                        entry.action,
                        entry.subject
                    ],
                )?;
                Ok(())
            })
            .await
    }

    async fn audit_page(
        &self,
        workspace: WorkspaceId,
        request: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>> {
        let limit = request.limit;
        let before = cursor_parts::<1>(request.cursor.as_deref())?.map_or(i64::MAX, |[id]| id);
        self.readers
            .read(move |connection| {
                let rows = connection
                    .prepare_cached(
                        "select * from audit where workspace_id = ?1 and id < ?2
                         order by id desc limit ?3",
                    )?
                    .query_map(params![workspace.0, before, i64::from(limit) + 1], |row| {
                        let entry = AuditEntry {
                            workspace: WorkspaceId(row.get("workspace_id")?),
                            at: get_time(row, "at")?,
                            who: row.get("who")?,
                            action: row.get("action")?,
                            subject: row.get("subject")?,
                        };
                        Ok((entry, row.get::<_, i64>("id")?))
                    })?
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(page(rows, limit, |(_, id)| id.to_string()).map(|(entry, _)| entry))
            })
            .await
    }
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        id: UserId(row.get("id")?),
        workspace: WorkspaceId(row.get("workspace_id")?),
        email: row.get("email")?,
        password_hash: row.get("password_hash")?,
        role: get_word(row, "role", Role::parse)?,
    })
}

fn read_api_key(row: &Row<'_>) -> rusqlite::Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        id: ApiKeyId(row.get("id")?),
        workspace: WorkspaceId(row.get("workspace_id")?),
        name: row.get("name")?,
        scopes: get_json(row, "scopes")?,
        created_at: get_time(row, "created_at")?,
    })
}
