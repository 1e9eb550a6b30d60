//! Passwords: argon2id, off the threads that serve calls, so many at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Shortest password, in characters.
pub const SHORTEST: usize = 10;
/// Longest password, in bytes.
pub const LONGEST: usize = 1_024;
/// Requests that may wait for their turn; further ones are turned away at once.
const WAITING: usize = 64;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Memory of one hash in KiB, and passes over it: OWASP's least for argon2id.
const MEMORY: u32 = 19 * 1_024;
const PASSES: u32 = 2;

/// Hashes and checks passwords; clones share their places.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// So many at once: each takes 19 MiB and a core.
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// Too many passwords are being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many people sign in at the same time")]
pub struct Busy;

impl Default for Passwords {
    /// Half of the cores, one at least: calls need the others.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { places: Arc::new(Semaphore::new((cores / 2).clamp(1, 4))), queue: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Passwords {
    /// What is kept of a password: argon2id with a salt of its own, in the PHC format.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn hash(&self, password: SecretString) -> Result<String, Busy> {
        self.run(move || hash(password.expose_secret())).await
    }

    /// Whether the password is the one that was kept. Without one that was kept it is not, which takes as long to tell.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn verify(&self, password: SecretString, kept: Option<String>) -> Result<bool, Busy> {
        self.run(move || {
            // Made by whoever is first, with an account or without.
            let decoy = decoy();
            let fits = verify(password.expose_secret(), kept.as_deref().unwrap_or(decoy));
            fits && kept.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = self.place().await?;
        let done = spawn_blocking(move || {
            let done = work();
            // Also when whoever asked has gone: the thread goes on to the end.
            drop(place);
            done
        });
        done.await.map_err(|_| Busy)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Busy> {
        let _turn = self.queue.try_acquire().map_err(|_| Busy)?;
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        place.map_err(|_| Busy)?.map_err(|_| Busy)
    }
}

/// A hash that no password fits, with the cost of all.
fn decoy() -> &'static str {
    static DECOY: OnceLock<String> = OnceLock::new();
    DECOY.get_or_init(|| hash(super::Token::fresh().expose()))
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY, PASSES, 1, None).expect("the cost is within the bounds of argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> String {
    let hash: PasswordHash =
        argon2().hash_password(password.as_bytes()).expect("a password of bounded length has a hash");
    hash.to_string()
}

/// Whatever is kept and is no hash fits no password.
fn verify(password: &str, kept: &str) -> bool {
    PasswordHash::new(kept).is_ok_and(|kept| argon2().verify_password(password.as_bytes(), &kept).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let passwords = Passwords::default();
        let (one, two) = ("correct horse battery", "correct horse batterY");
        let kept = passwords.hash(one.into()).await.expect("a place");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !kept.contains(one), "{kept}");
        assert_ne!(kept, passwords.hash(one.into()).await.expect("a place"), "each has a salt of its own");
        assert!(passwords.verify(one.into(), Some(kept.clone())).await.expect("a place"));
        assert!(!passwords.verify(two.into(), Some(kept)).await.expect("a place"));
        assert!(!passwords.verify(one.into(), None).await.expect("a place"));
        assert!(!passwords.verify(one.into(), Some("no hash".to_owned())).await.expect("a place"));
    }

    #[tokio::test]
    async fn so_many_wait_and_the_rest_is_turned_away() {
        let passwords = Passwords { places: Arc::new(Semaphore::new(1)), queue: Arc::new(Semaphore::new(1)) };
        let held = Arc::clone(&passwords.places).acquire_owned().await.expect("a place");
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.verify("one".into(), None).await }
        });
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.verify("two".into(), None).await, Err(Busy));
        drop(held);
        assert_eq!(waiting.await.expect("it ends"), Ok(false));
    }
}
