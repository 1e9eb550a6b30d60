//! One call: [`call::Call`] decides, the files around it carry out.

#[expect(clippy::module_inception, reason = "the core of a call is called call everywhere")]
pub mod call;
pub mod event;
pub mod outcome;
mod verdict;
