//! One call: [`call::Call`] decides, the files around it carry out.

pub mod attention;
#[expect(clippy::module_inception, reason = "the core of a call is called call everywhere")]
pub mod call;
pub mod event;
pub mod facts;
pub mod inbound;
pub mod insight;
pub mod leg;
pub mod listen;
pub mod outcome;
pub mod place;
pub mod providers;
pub mod quality;
pub mod record;
pub mod registry;
mod task;
pub mod tools;
pub mod transfer;
