//! For tests of every dialect: whatever a vendor says, a call's turns are answered.

use std::sync::Arc;
use std::time::Duration;

use super::dialect::Dialect;
use super::listener::Listener;
use super::{Grammar, SttEvent, SttInput, TurnId};
use crate::provider::socket::{Message, Outbox, Upgrade, Wire};

/// Runs a turn with these messages of the vendor in it: how many answers there were.
pub(crate) fn answers<D: Dialect>(dialect: D, messages: impl IntoIterator<Item = String>) -> usize {
    let mut now = crate::time::now().mono;
    let (mut listener, mut out) = (Listener::new(now, dialect), Outbox::default());
    let turn = TurnId(1);
    listener.opened(now, &Upgrade::default(), &mut out);
    listener.told(now, SttInput::Begin { turn, grammar: Arc::new(Grammar::default()) }, &mut out);
    listener.told(now, SttInput::Audio(Arc::new([4_000; 800])), &mut out);
    let messages: Vec<String> = messages.into_iter().collect();
    for (index, message) in messages.iter().enumerate() {
        listener.received(now, Message::Text(message.clone()), &mut out);
        if index == messages.len() / 2 {
            listener.told(now, SttInput::End { turn }, &mut out);
        }
    }
    if messages.is_empty() {
        listener.told(now, SttInput::End { turn }, &mut out);
    }
    let end = now + Duration::from_secs(5);
    while let Some((due, _)) = listener.poll_timeout().filter(|(due, _)| *due <= end) {
        now = now.max(due);
        listener.timeout(now, &mut out);
    }
    let (_, events) = out.take();
    let answer = |event: &&SttEvent| matches!(event, SttEvent::Final { .. } | SttEvent::Failed { .. });
    events.iter().filter(answer).count()
}
