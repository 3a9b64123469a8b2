//! Who calls: an API key, found by its keyed hash, with its workspace and what it may do.

use crate::http_error::{HttpError, HttpResult};
use crate::hub::Hub;
use crate::model::WorkspaceId;
use crate::store::AuditEntry;
use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use std::sync::Arc;

/// A caller who may read; every handler that reads asks for one.
pub struct Reader(pub Caller);

/// A caller who may change things.
pub struct Writer(pub Caller);

/// The owner of a key.
pub struct Caller {
    pub workspace: WorkspaceId,
    /// `key:` and the name of the key.
    who: String,
}

impl Caller {
    /// Writes down what the caller did, and makes the hub see the changed configuration.
    pub async fn did(
        &self,
        hub: &Hub,
        action: &str,
        subject: impl std::fmt::Display,
    ) -> HttpResult<()> {
        hub.setups.changed(self.workspace);
        self.note(hub, action, subject).await
    }

    /// Writes down what the caller did.
    pub async fn note(
        &self,
        hub: &Hub,
        action: &str,
        subject: impl std::fmt::Display,
    ) -> HttpResult<()> {
        let entry = AuditEntry {
            workspace: self.workspace,
            at: hub.now(),
            who: self.who.clone(),
            action: action.to_string(),
            subject: subject.to_string(),
        };
        Ok(hub.store.audit(entry).await?)
    }
}

impl FromRequestParts<Arc<Hub>> for Reader {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> HttpResult<Self> {
        caller(parts, hub, "read").await.map(Reader)
    }
}

impl FromRequestParts<Arc<Hub>> for Writer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> HttpResult<Self> {
        caller(parts, hub, "write").await.map(Writer)
    }
}

async fn caller(parts: &Parts, hub: &Hub, scope: &str) -> HttpResult<Caller> {
    let key = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.to_str().ok()?))
        .ok_or_else(|| {
            HttpError::unauthorized("send the API key in the header `Authorization: Bearer …`")
        })?;
    let row = hub
        .store
        .api_key(&hub.vault.hash(key))
        .await?
        .ok_or_else(|| HttpError::unauthorized("this API key is unknown or was revoked"))?;
    if !row.scopes.iter().any(|known| known == scope) {
        let detail = format!("the key `{}` has no scope `{scope}`", row.name);
        return Err(HttpError::forbidden(detail));
    }
    Ok(Caller {
        workspace: row.workspace,
        who: format!("key:{}", row.name),
    })
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_a_bearer_header_alone() {
        let table = [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer ", None),
            ("abc", None),
        ];
        for (header, key) in table {
            assert_eq!(bearer(header), key, "{header}");
        }
    }
}
