//! Who vouches for a caller: STIR/SHAKEN (RFC 8224, 8225, 8226, 8588).

pub mod authority;
mod cache;
pub mod certificate;
pub mod examine;
mod fetch;
pub mod party;
pub mod passport;
pub mod service;
pub mod signer;
pub mod verdict;
pub mod verifier;

pub use fetch::WebSource;
