//! `callwright user`: adding people, and letting somebody in again, with nothing but access to the database.

use std::io::Write;

use anyhow::{Context, bail};

use super::{Email, Role, Token};
use crate::store::audit::Actor;
use crate::store::sign_in_try::{self, Subject};
use crate::store::user::{self, NewUser, User};
use crate::store::{Constraint, Db, Page, StoreError, Tx, invitation, org};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Order {
    /// Adds a user and shows the invitation.
    Add {
        /// The address to sign in with.
        email: Email,
        /// What people call them.
        name: String,
        /// What they are in the organisation.
        role: Role,
    },
    /// Invites a user anew, who then sets another password, and forgets failed tries.
    Password {
        /// The address.
        email: Email,
    },
    /// Shows the users.
    List,
}

/// Does it. `console` is where the server is found, such as `http://127.0.0.1:8480`.
///
/// # Errors
/// When the user is not there, or is there already, or when the database fails.
pub async fn run(db: &Db, order: Order, console: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let actor = Actor::system("command");
    match order {
        Order::Add { email, name, role } => {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > 200 || name.contains(char::is_control) {
                bail!("--name must have 1 to 200 characters");
            }
            let mut tx = db.begin_durable().await?;
            let org = org::ensure_default(&mut tx).await?.id;
            let language = org::profile(&mut tx, org).await?.language.unwrap_or_else(|| "en".to_owned());
            let new = NewUser { email, name: name.to_owned().into(), role, language };
            let user = match user::insert(&mut tx, org, &actor, &new).await {
                Err(StoreError::Conflict(Constraint::UserEmail)) => {
                    bail!("a user has this address already: `callwright user password` lets them in again");
                }
                user => user?,
            };
            invite(tx, &user, &actor, console, out).await
        }
        Order::Password { email } => {
            let mut tx = db.begin_durable().await?;
            let found = user::by_email(&mut tx, &email).await?;
            let (user, _) = found.context("there is no user with this address: `callwright user list` shows all")?;
            if !user.active {
                bail!("the user may not sign in: an administrator can change that in the console");
            }
            sign_in_try::forget(&mut tx, &Subject::account(&email)).await?;
            invite(tx, &user, &actor, console, out).await
        }
        Order::List => list(db, out).await,
    }
}

/// Nothing is typed that others could see: the password is set in the browser.
async fn invite(mut tx: Tx, user: &User, actor: &Actor, console: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let token = Token::fresh();
    let until = invitation::make(&mut tx, user, actor, &token).await?;
    tx.commit().await?;
    writeln!(out, "Open this address to set a password. It serves once, until {until}:")?;
    writeln!(out, "  {console}{}", invitation::path(&token))?;
    Ok(())
}

async fn list(db: &Db, out: &mut impl Write) -> anyhow::Result<()> {
    let mut tx = db.read().await?;
    let org = org::default(&mut tx).await?.context("there is no organisation yet: start the server once")?.id;
    let mut page = Page::first(200);
    loop {
        let users = user::list(&mut tx, org, page).await?;
        for user in users.items {
            let state = match (user.active, user.has_password) {
                (false, _) => "may not sign in",
                (true, false) => "invited",
                (true, true) => "active",
            };
            writeln!(out, "{}\t{}\t{}\t{state}", user.email.expose(), user.role, user.name.expose())?;
        }
        match users.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}
