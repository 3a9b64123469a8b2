//! Secrets: sealing what is stored, hashing what is looked up, making what cannot be guessed.
//!
//! One master key lies in a file beside the store, made at the first start and readable by its owner
//! alone. Two keys are derived from it, one to seal and one to hash, so that neither use weakens the
//! other.

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::TryRng;
use sha2::Sha256;
use std::io::Write;
use std::path::Path;

/// Name of the key's file in the data directory.
pub const KEY_FILE: &str = "skvoz.key";

/// Every sealed text begins so; the number names the way it was sealed.
const SEALED: &str = "sealed:1:";

const NONCE_BYTES: usize = 24;

/// Keeper of the keys.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    hash_key: [u8; 32],
}

impl Vault {
    /// Reads the key of a data directory. A directory without one gets a new key when
    /// `may_create`; a store that already holds data must not, for nothing in it could be opened.
    pub fn open(data: &Path, may_create: bool) -> anyhow::Result<Vault> {
        let path = data.join(KEY_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                check_mode(&path)?;
                Self::from_text(&text).with_context(|| format!("{} is damaged", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_create => {
                let key: [u8; 32] = random();
                write_key(&path, &hex::encode(key))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Self::from_key(&key))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "the encryption key {} is missing, and the store beside it cannot be read without \
                 it; put it back from a backup made with --with-key",
                path.display()
            ),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// A vault with a given key, 32 bytes.
    pub fn from_key(key: &[u8; 32]) -> Vault {
        Vault {
            cipher: XChaCha20Poly1305::new(&derive(key, b"skvoz seal").into()),
            hash_key: derive(key, b"skvoz hash"),
        }
    }

    fn from_text(text: &str) -> anyhow::Result<Vault> {
        let bytes = hex::decode(text.trim()).context("not hexadecimal")?;
        let key: [u8; 32] = bytes.try_into().ok().context("not 32 bytes long")?;
        Ok(Self::from_key(&key))
    }

    /// Encrypts a text.
    pub fn seal(&self, clear: &str) -> String {
        let nonce: [u8; NONCE_BYTES] = random();
        let body = self
            .cipher
            .encrypt(&XNonce::from(nonce), clear.as_bytes())
            .expect("texts are shorter than the cipher's limit of 256 GiB");
        let mut bytes = nonce.to_vec();
        bytes.extend(body);
        format!("{SEALED}{}", BASE64.encode(bytes))
    }

    /// Decrypts what `seal` made. `None` when it was damaged or sealed with another key.
    pub fn open_text(&self, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed.strip_prefix(SEALED)?).ok()?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let clear = self.cipher.decrypt(&XNonce::from(*nonce), body).ok()?;
        String::from_utf8(clear).ok()
    }

    /// The text was made by `seal`, perhaps with another key.
    pub fn is_sealed(text: &str) -> bool {
        text.starts_with(SEALED)
    }

    /// The keyed hash by which tokens and API keys are stored and found.
    pub fn hash(&self, secret: &str) -> Vec<u8> {
        mac(&self.hash_key, secret.as_bytes()).to_vec()
    }

    /// A text nobody can guess: 160 bits as 32 characters of lower-case base 32.
    pub fn token() -> String {
        let bytes: [u8; 20] = random();
        data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase()
    }

    /// A new API key; its beginning tells people and secret scanners what it is.
    pub fn api_key() -> String {
        format!("skvoz_{}", Self::token())
    }

    /// A short public name that cannot be guessed by counting: 60 bits as 12 characters.
    pub fn short_key() -> String {
        Self::token()[..12].to_string()
    }
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    mac(key, purpose)
}

/// Writes the key so that no half of it can be left behind, and only its owner reads it.
fn write_key(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().context("a key lies in a directory")?;
    let half = path.with_extension("key.new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&half, path)?;
    std::fs::File::open(parent)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn check_mode(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o077;
    ensure!(
        mode == 0,
        "{} can be read by others; allow its owner alone: chmod 600 {0}",
        path.display()
    );
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &Path) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_again_and_only_with_the_same_key() {
        let vault = Vault::from_key(&[1; 32]);
        let sealed = vault.seal("пароль");
        assert!(Vault::is_sealed(&sealed) && !sealed.contains("пароль"));
        assert_eq!(vault.open_text(&sealed).as_deref(), Some("пароль"));
        assert_ne!(sealed, vault.seal("пароль"), "the nonce is new each time");
        assert_eq!(Vault::from_key(&[2; 32]).open_text(&sealed), None);
    }

    #[test]
    fn damaged_and_foreign_texts_do_not_open() {
        let vault = Vault::from_key(&[1; 32]);
        let sealed = vault.seal("secret");
        let mut damaged = sealed.clone();
        let last = if damaged.ends_with('A') { "B" } else { "A" };
        damaged.replace_range(sealed.len() - 1.., last);
        for text in [
            "",
            "secret",
            "sealed:1:",
            "sealed:1:!!",
            "sealed:2:AAAA",
            &damaged,
        ] {
            assert_eq!(vault.open_text(text), None, "{text}");
        }
    }

    #[test]
    fn hashes_depend_on_the_key_and_on_the_text() {
        let vault = Vault::from_key(&[1; 32]);
        assert_eq!(vault.hash("a"), vault.hash("a"));
        assert_ne!(vault.hash("a"), vault.hash("b"));
        assert_ne!(vault.hash("a"), Vault::from_key(&[2; 32]).hash("a"));
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let tokens: std::collections::BTreeSet<String> =
            (0..1000).map(|_| Vault::token()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| {
            token.len() == 32
                && token
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        }));
    }

    #[test]
    fn the_key_is_made_once_and_asked_for_when_missing() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = Vault::open(dir.path(), false).err().unwrap();
        assert!(refusal.to_string().contains("--with-key"), "{refusal}");
        let sealed = Vault::open(dir.path(), true).unwrap().seal("x");
        let again = Vault::open(dir.path(), false).unwrap();
        assert_eq!(again.open_text(&sealed).as_deref(), Some("x"));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        Vault::open(dir.path(), true).unwrap();
        let path = dir.path().join(KEY_FILE);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refusal = Vault::open(dir.path(), true).err().unwrap();
        assert!(refusal.to_string().contains("chmod 600"), "{refusal}");
    }
}
