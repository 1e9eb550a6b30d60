//! Redirections of a call that we make (RFC 3261 section 8.1.3.4): followed to the same number elsewhere, as often as its trunk
//! lets it, once whoever dialed it has put the new way on disk.

use std::future::pending;

use callwright_sip::endpoint::Flow;
use callwright_sip::message::Uri;
use tokio::sync::oneshot;

use super::CallTask;
use crate::call::place::AttemptEvent;
use crate::campaign::phone::E164;
use crate::pii::Pii;

/// Where a call may still go.
#[derive(Debug, Default)]
pub(super) struct Onward {
    /// How often it went on.
    followed: u32,
    /// Where it may go on, once that is known.
    answer: Option<oneshot::Receiver<Option<Flow>>>,
}

impl CallTask {
    /// The carrier names another address. Another number would be another call: the gate has not seen it.
    pub(super) async fn redirected(&mut self, to: Uri) {
        let allowed = self.dial.as_ref().is_some_and(|dial| {
            let number = self.context.contact.as_ref().map(Pii::expose);
            self.onward.followed < dial.invite.conduct.redirects && is_same(&dial.invite.uri, number, &to)
        });
        let (reply, answer) = oneshot::channel();
        let asked = allowed
            && self
                .reports
                .as_ref()
                .is_some_and(|reports| reports.try_send(AttemptEvent::Redirected { to: Pii::new(to), reply }).is_ok());
        if asked {
            self.onward.answer = Some(answer);
        } else {
            self.go_on(None).await;
        }
    }

    /// Goes on over a flow, or not there.
    pub(super) async fn go_on(&mut self, flow: Option<Flow>) {
        self.onward.answer = None;
        let Some(session) = self.session else { return };
        match flow {
            Some(flow) => {
                self.onward.followed += 1;
                let _ = self.services.sip.follow(session, flow).await;
            }
            None => {
                let _ = self.services.sip.pass_over(session).await;
            }
        }
    }
}

/// Over which flow a call goes on; waits for ever while nobody has been asked.
pub(super) async fn next_onward(onward: &mut Onward) -> Option<Flow> {
    match &mut onward.answer {
        Some(answer) => answer.await.unwrap_or(None),
        None => pending().await,
    }
}

/// Whether an address is that of the number called: as it was asked for, or in E.164 with or without plus.
fn is_same(asked: &Uri, number: Option<&E164>, target: &Uri) -> bool {
    let user =
        |uri: &Uri| uri.user_text().map(|user| user.split(|byte| *byte == b';').next().unwrap_or_default().to_vec());
    let Some(target) = user(target) else { return false };
    let digits = target.strip_prefix(b"+").unwrap_or(&target);
    user(asked).is_some_and(|asked| asked == target)
        || number.is_some_and(|number| number.digits().as_bytes() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_is_known_however_it_is_written() {
        let uri = |text: &str| Uri::parse(text.as_bytes()).expect("a URI");
        let number = "+4930901820".parse().expect("a number");
        let asked = uri("sip:99%23030901820@carrier.example");
        for same in [
            "sip:99%23030901820@other.example",
            "sip:99%23030901820;npdi@192.0.2.9:5070;transport=tcp",
            "sip:+4930901820@other.example",
            "sip:4930901820@other.example;user=phone",
        ] {
            assert!(is_same(&asked, Some(&number), &uri(same)), "{same}");
        }
        for other in
            ["sip:+4930901821@other.example", "sip:other.example", "sip:030901820@other.example", "sip:+@x.example"]
        {
            assert!(!is_same(&asked, Some(&number), &uri(other)), "{other}");
        }
        assert!(!is_same(&asked, None, &uri("sip:4930901820@other.example")));
    }
}
