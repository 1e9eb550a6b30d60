//! What a recorder is told about a call: recording metadata (RFC 7865).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callwright_media::sdp::LABELS;
use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::campaign::phone::E164;
use crate::id::CallId;
use crate::pii::Pii;

/// The media type of the document.
pub const CONTENT_TYPE: &str = "application/rs-metadata+xml";

const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// The parts of a document that have names of their own.
#[derive(Clone, Copy)]
enum Part {
    Session,
    Contact,
    Agent,
    ContactStream,
    AgentStream,
}

/// Who speaks in a call, and since when.
#[derive(Clone, Debug)]
pub struct CallFacts {
    /// The call: its id is the id of the session, so that recordings on both sides find each other.
    pub call: CallId,
    /// When it was answered.
    pub answered: Timestamp,
    /// The far side's number; none when it does not show one.
    pub contact: Option<Pii<E164>>,
    /// Our number.
    pub ours: Option<Pii<E164>>,
    /// The name of the assistant that speaks.
    pub assistant: String,
}

/// The document of a call with its two streams.
#[must_use]
pub fn document(facts: &CallFacts) -> Pii<String> {
    let mut writer = Writer::new(Vec::new());
    let written = write(&mut writer, facts);
    written.expect("memory takes what is written");
    Pii::new(String::from_utf8(writer.into_inner()).expect("XML of text is text"))
}

fn write(writer: &mut Writer<Vec<u8>>, facts: &CallFacts) -> std::io::Result<()> {
    let id = |part| id(facts.call, part);
    let since = facts.answered.to_string();
    let text = |writer: &mut Writer<Vec<u8>>, name: &str, value: &str| {
        writer.create_element(name).write_text_content(BytesText::new(value)).map(drop)
    };
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("recording").with_attribute(("xmlns", NAMESPACE)).write_inner_content(|writer| {
        text(writer, "datamode", "complete")?;
        let session = id(Part::Session);
        let named = ("session_id", session.as_str());
        writer
            .create_element("session")
            .with_attribute(named)
            .write_inner_content(|writer| text(writer, "start-time", &since))?;
        let sides = [
            (Part::Contact, Part::ContactStream, address(facts.contact.as_ref()), None, LABELS[0]),
            (Part::Agent, Part::AgentStream, address(facts.ours.as_ref()), Some(facts.assistant.as_str()), LABELS[1]),
        ];
        for (party, stream, address, name, label) in &sides {
            let (party, stream) = (id(*party), id(*stream));
            let participant = writer.create_element("participant").with_attribute(("participant_id", party.as_str()));
            participant.write_inner_content(|writer| {
                let identity = writer.create_element("nameID").with_attribute(("aor", address.as_str()));
                identity.write_inner_content(|writer| match name {
                    Some(name) => text(writer, "name", name),
                    None => Ok(()),
                })?;
                Ok(())
            })?;
            let element = writer.create_element("stream").with_attributes([("stream_id", stream.as_str()), named]);
            element.write_inner_content(|writer| text(writer, "label", label))?;
        }
        let element = writer.create_element("sessionrecordingassoc").with_attribute(named);
        element.write_inner_content(|writer| text(writer, "associate-time", &since))?;
        for (party, ..) in &sides {
            let party = id(*party);
            let element = writer.create_element("participantsessionassoc");
            let element = element.with_attributes([("participant_id", party.as_str()), named]);
            element.write_inner_content(|writer| text(writer, "associate-time", &since))?;
        }
        for ((party, sends, ..), (_, hears, ..)) in sides.iter().zip(sides.iter().rev()) {
            let party = id(*party);
            let element =
                writer.create_element("participantstreamassoc").with_attribute(("participant_id", party.as_str()));
            element.write_inner_content(|writer| {
                text(writer, "send", &id(*sends))?;
                text(writer, "recv", &id(*hears))
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The base64 of a UUID (RFC 7865 section 6.10): the call's own for the session, and for what belongs to it one that
/// differs in its first byte, so that every message about one call says the same.
fn id(call: CallId, part: Part) -> String {
    let mut bytes = *call.as_bytes();
    bytes[0] ^= part as u8;
    STANDARD.encode(bytes)
}

/// An address-of-record. Who shows no number is anonymous (RFC 3323 section 4.1.1.3).
fn address(number: Option<&Pii<E164>>) -> String {
    match number {
        Some(number) => format!("tel:{}", number.expose().as_str()),
        None => "sip:anonymous@anonymous.invalid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parties_and_both_streams_are_told_and_refer_to_each_other() {
        let call = CallId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let facts = CallFacts {
            call,
            answered: "2027-06-07T08:00:00Z".parse().expect("a time"),
            contact: Some(Pii::new("+4930901820".parse().expect("a number"))),
            ours: None,
            assistant: "Ann & <Bob>".to_owned(),
        };
        let document = document(&facts);
        let text = document.expose();
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><recording xmlns=\"urn:ietf:"), "{text}");
        for expected in [
            "<datamode>complete</datamode>",
            "<start-time>2027-06-07T08:00:00Z</start-time>",
            "<nameID aor=\"tel:+4930901820\"",
            "<nameID aor=\"sip:anonymous@anonymous.invalid\"><name>Ann &amp; &lt;Bob&gt;</name></nameID>",
            "<label>1</label>",
            "<label>2</label>",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        let session = STANDARD.encode(call.as_bytes());
        assert_eq!(text.matches(&format!("session_id=\"{session}\"")).count(), 6, "{text}");
        let mut ids: Vec<_> = [Part::Session, Part::Contact, Part::Agent, Part::ContactStream, Part::AgentStream]
            .map(|part| id(call, part))
            .to_vec();
        let (heard, said) = (&ids[3], &ids[4]);
        for (send, recv) in [(heard, said), (said, heard)] {
            let association = format!("<send>{send}</send><recv>{recv}</recv>");
            assert!(text.contains(&association), "{association} in {text}");
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
        // It is well formed.
        let mut reader = quick_xml::Reader::from_str(text);
        let mut elements = 0;
        loop {
            let event = reader.read_event().expect("well formed");
            elements += u32::from(matches!(event, Event::Start(_) | Event::Empty(_)));
            if event == Event::Eof {
                break;
            }
        }
        assert!(elements > 20, "{elements}");
        assert!(!format!("{document:?}").contains("4930901820"));
    }
}
