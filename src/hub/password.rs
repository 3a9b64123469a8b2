//! Passwords: Argon2id with the parameters OWASP recommends (19 MiB, 2 passes). Both functions take
//! tens of milliseconds on purpose and run apart from the other tasks.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

/// Characters a password needs to be accepted on a page.
pub const MIN_LENGTH: usize = 8;

/// The hash to store.
pub async fn hash(password: String) -> String {
    blocking(move || {
        let salt: [u8; 16] = super::vault::random();
        let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
        Argon2::default()
            .hash_password(password.as_bytes(), &salt)
            .expect("the default parameters are valid")
            .to_string()
    })
    .await
}

/// Whether the password is the one of the hash. With `None` it takes as long and says no, so that
/// the time tells nobody whether a user exists.
pub async fn is_right(password: String, stored: Option<String>) -> bool {
    blocking(move || {
        let nobody = "$argon2id$v=19$m=19456,t=2,p=1$c2t2b3pza3Zveg$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let stored = stored.as_deref().unwrap_or(nobody);
        PasswordHash::new(stored).is_ok_and(|stored| {
            Argon2::default()
                .verify_password(password.as_bytes(), &stored)
                .is_ok()
        })
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("hashing does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_an_existing_user_is_right() {
        let stored = hash("верный пароль".into()).await;
        assert!(stored.starts_with("$argon2id$"));
        assert!(is_right("верный пароль".into(), Some(stored.clone())).await);
        assert!(!is_right("другой".into(), Some(stored)).await);
        assert!(!is_right("любой".into(), None).await);
        assert!(!is_right("любой".into(), Some("not a hash".into())).await);
    }
}
