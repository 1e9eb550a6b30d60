//! What a fresh database needs: an organisation, secrets, one API key.

use secrecy::{ExposeSecret, SecretString};

use crate::store::org::{self, Secrets};
use crate::store::{Db, Page, StoreError, api_key, user};

/// What there is after it.
pub(crate) struct First {
    /// Keys of phone hashes and of legs.
    pub(crate) secrets: Secrets,
    /// The API key that was made now, if there was none.
    pub(crate) key: Option<SecretString>,
    /// Whether nobody can sign in yet.
    pub(crate) no_user: bool,
}

/// Makes what is missing.
pub(crate) async fn prepare(db: &Db) -> Result<First, StoreError> {
    let mut tx = db.begin_durable().await?;
    let org = org::ensure_default(&mut tx).await?;
    let secrets = org::secrets(&mut tx, [rand::random(), rand::random()]).await?;
    let none = api_key::list(&mut tx, org.id, Page::first(1)).await?.items.is_empty();
    let key = none.then(api_key::fresh);
    if let Some(key) = &key {
        api_key::insert(&mut tx, org.id, "first start", &["admin".to_owned()], key.expose_secret()).await?;
    }
    let no_user = !user::any(&mut tx).await?;
    tx.commit().await?;
    Ok(First { secrets, key, no_user })
}
