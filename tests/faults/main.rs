//! The fault matrix: every vendor with every fault of its simulator, each on a call of its own. What happened is told by
//! the logs of the simulators and by the sound that reached the telephone, never by the server.

mod cells;
mod listener;
mod matrix;
#[path = "../support/office.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod office;
#[path = "../support/phone.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod phone;
mod scene;
#[path = "../support/talker.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod talker;
mod verdict;
