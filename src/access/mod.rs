//! People who sign in: what they may be, how their passwords are kept, how often they may try.
//!
//! [`role`], [`email`] and [`throttle`] decide without a clock or a database; [`passwords`] and [`setup`] are what the server
//! holds in memory; [`command`] is the way back in for somebody who is locked out.

pub mod command;
pub mod email;
pub mod passwords;
pub mod role;
pub mod setup;
pub mod throttle;
pub mod token;

pub use self::email::Email;
pub use self::passwords::Passwords;
pub use self::role::Role;
pub use self::setup::SetupCode;
pub use self::token::Token;

/// What handlers need to let people in.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// The code with which the first user is made.
    pub setup: std::sync::Arc<SetupCode>,
}
