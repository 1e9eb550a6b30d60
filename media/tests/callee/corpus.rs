//! Who says what when a phone is answered. The detector is tuned on [`TRAINING`] and judged by [`HELD_OUT`]: other voices,
//! other sentences, other noises.

use crate::sounds::{Bang, Tune};

/// Voices, sentences and noises.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    /// English and German.
    pub(crate) tongues: [Tongue; 2],
    pub(crate) bangs: &'static [Bang],
    pub(crate) tunes: &'static [Tune],
}

/// What is said in one language.
pub(crate) struct Tongue {
    pub(crate) tag: &'static str,
    pub(crate) voices: &'static [&'static str],
    /// What the agent says, and others in the background.
    pub(crate) agent: &'static [&'static str],
    pub(crate) hellos: &'static [&'static str],
    pub(crate) names: &'static [&'static str],
    pub(crate) companies: &'static [&'static str],
    /// Receptionists who name the house, themselves and an offer.
    pub(crate) receptions: &'static [&'static str],
    /// In parts, with pauses between.
    pub(crate) hesitant: &'static [&'static [&'static str]],
    /// What people say next.
    pub(crate) replies: &'static [&'static str],
    /// Sentences with pauses between.
    pub(crate) mailboxes: &'static [&'static [&'static str]],
    pub(crate) screenings: &'static [&'static [&'static str]],
    pub(crate) menus: &'static [&'static [&'static str]],
}

pub(crate) const TRAINING: Corpus = Corpus {
    name: "training",
    tongues: [
        Tongue {
            tag: "en",
            voices: &["en-us", "en-gb+f3", "en-us+m3", "en-gb-x-rp+f2", "en-us+klatt2", "en-us+anika"],
            agent: &[
                "Hello, this is Anna from Riverside dental. I am calling about your appointment next week.",
                "Good afternoon, my name is Tom, I am calling on behalf of the city library about your books.",
            ],
            hellos: &["Hello?", "Hi.", "Yes?", "Yeah, hello?", "Hello, who's this?", "Hey.", "Good morning."],
            names: &["Peter Miller.", "This is Susan.", "Hi, Dave here.", "John Carter speaking.", "Miller residence."],
            companies: &[
                "Riverside clinic, Anna speaking.",
                "Good morning, Baker and Sons.",
                "Hello, Green Leaf flowers, how can I help?",
                "Acme plumbing, this is Joe.",
            ],
            receptions: &[
                "Good morning and thank you for calling Riverside dental clinic, my name is Anna, how can I help you today?",
                "Thank you for calling Harper and Lowe solicitors, you're through to reception, Claire speaking, how may I direct your call?",
                "Hello, you've reached Green Leaf flowers on Main Street, this is Martha, what can I do for you?",
            ],
            hesitant: &[
                &["Uh,", "hello?"],
                &["Mm.", "Yes, hello?"],
                &["Hang on.", "Hello?"],
                &["Hello?", "Hello? Anybody there?"],
            ],
            replies: &[
                "Yes, speaking.",
                "Who is this?",
                "Yes.",
                "Sorry, what is this about?",
                "Uh huh.",
                "I'm not interested, thank you.",
                "What appointment? I think that was last week, could you tell me the day again, please?",
            ],
            mailboxes: &[
                &["Hello, you have reached the voicemail of Anna Bell.", "Please leave a message after the tone."],
                &[
                    "Hi, this is Dave.",
                    "I can't come to the phone right now, but leave your name and number and I'll get back to you.",
                ],
                &["The person you are trying to reach is not available.", "At the tone, please record your message."],
                &[
                    "Your call has been forwarded to an automated voice messaging system.",
                    "Five five five, zero one two three, is not available.",
                ],
                &[
                    "You've reached the Millers.",
                    "We are not at home right now.",
                    "Please leave us a message and we will call you back.",
                ],
                &[
                    "Thank you for calling the city library.",
                    "Our offices are closed at the moment.",
                    "Please call again during opening hours.",
                ],
                &["Hey, sorry I missed your call.", "Leave a message."],
                &["Hello.", "I am unable to take your call.", "Please leave a message after the beep."],
            ],
            screenings: &[
                &["Hi. If you record your name and reason for calling, I'll see if this person is available."],
                &[
                    "The number you have called is using call screening.",
                    "Please state your name and why you are calling.",
                ],
            ],
            menus: &[
                &[
                    "Welcome to Riverside bank.",
                    "For accounts, press one.",
                    "For cards, press two.",
                    "To speak to an operator, press zero.",
                ],
                &[
                    "Thank you for calling Metro energy.",
                    "Please listen carefully to the following options.",
                    "For billing, press 1.",
                ],
            ],
        },
        Tongue {
            tag: "de",
            voices: &["de", "de+f3", "de+m3", "de+klatt2"],
            agent: &[
                "Guten Tag, hier ist Anna von der Zahnarztpraxis am Fluss. Es geht um Ihren Termin in der nächsten Woche.",
            ],
            hellos: &["Hallo?", "Ja?", "Ja, hallo?", "Guten Tag.", "Ja bitte?"],
            names: &["Müller.", "Peter Schmidt.", "Weber, hallo?", "Hier ist Sabine.", "Schneider am Apparat."],
            companies: &[
                "Praxis Doktor Weber, guten Tag.",
                "Bäckerei Lang, Klein am Apparat.",
                "Autohaus Stern, guten Morgen.",
            ],
            receptions: &[
                "Guten Tag und herzlich willkommen bei der Gärtnerei Blumenthal, mein Name ist Sabine Klein, was kann ich für Sie tun?",
                "Hausverwaltung Lindner und Partner, Sie sprechen mit Frau Berger, guten Morgen, wie kann ich Ihnen helfen?",
            ],
            hesitant: &[&["Äh,", "ja, hallo?"], &["Moment.", "Ja bitte?"], &["Hallo?", "Hallo, wer ist da?"]],
            replies: &[
                "Ja, am Apparat.",
                "Wer ist denn da?",
                "Ja.",
                "Worum geht es denn?",
                "Nein danke, kein Interesse.",
            ],
            mailboxes: &[
                &[
                    "Hier ist die Mailbox von Peter Schmidt.",
                    "Bitte hinterlassen Sie eine Nachricht nach dem Signalton.",
                ],
                &[
                    "Der gewünschte Gesprächspartner ist zurzeit nicht erreichbar.",
                    "Bitte versuchen Sie es später noch einmal.",
                ],
                &[
                    "Guten Tag, Sie sind verbunden mit dem Anrufbeantworter von Familie Weber.",
                    "Wir sind gerade nicht da.",
                    "Wir rufen Sie gerne zurück.",
                ],
                &["Hallo, ich kann gerade nicht ans Telefon gehen.", "Sprechen Sie mir einfach auf die Mailbox."],
                &["Sie rufen außerhalb unserer Geschäftszeiten an.", "Unser Büro ist von Montag bis Freitag besetzt."],
            ],
            screenings: &[&["Bitte nennen Sie Ihren Namen und den Grund Ihres Anrufs."]],
            menus: &[&[
                "Willkommen bei der Stadtbank.",
                "Für Fragen zu Ihrem Konto drücken Sie die 1.",
                "Für alle anderen Fragen drücken Sie die 2.",
            ]],
        },
    ],
    bangs: &[Bang::Hiss, Bang::Hum, Bang::Wind, Bang::Street, Bang::Typing, Bang::Fan],
    tunes: &[Tune::Organ, Tune::Plucked, Tune::Waltz],
};

pub(crate) const HELD_OUT: Corpus = Corpus {
    name: "held-out",
    tongues: [
        Tongue {
            tag: "en",
            voices: &["en-gb-scotland", "en-us+f4", "en-gb+m5", "en-029+f1", "en-us+linda", "en-gb+m7"],
            agent: &[
                "Hi, this is Laura from Northside motors. Your car is ready, and I would like to find a time for you to collect it.",
                "Good morning, this is Max calling from Sunshine travel. I have some news about your booking to Lisbon.",
            ],
            hellos: &[
                "Hello.",
                "Yes, hello?",
                "Hi there.",
                "Yep?",
                "Hello, yes?",
                "Good evening.",
                "Hello? Who is it?",
            ],
            names: &["Robert Fisher.", "Karen speaking.", "Hello, this is Mark.", "Emily Jones, hello.", "The Browns."],
            companies: &[
                "Northside motors, Frank speaking.",
                "Good afternoon, Hill Street surgery.",
                "Blue Door bakery, can I help you?",
                "Tom's garage, hello.",
            ],
            receptions: &[
                "Good afternoon, this is the Grand Hotel on Park Lane, you are speaking with Robert, how may I be of help to you?",
                "Hello and welcome to Westfield physiotherapy, you're speaking to Linda at the front desk, what can we do for you this morning?",
                "Thanks for calling Oakwood veterinary hospital, this is Sandra in the appointments office, how can I help you and your pet?",
            ],
            hesitant: &[
                &["Er,", "yes?"],
                &["One second.", "Hello, yes?"],
                &["Um.", "Hi."],
                &["Hello?", "Hello, can you hear me?"],
            ],
            replies: &[
                "Yes, that's me.",
                "Who am I speaking to?",
                "Okay.",
                "What is it regarding?",
                "Mhm.",
                "No thanks, bye.",
                "Oh, right, I had forgotten about that, let me just get a pen so that I can write it down, one moment.",
            ],
            mailboxes: &[
                &["Welcome to the mailbox of Robert Fisher.", "Speak after the tone."],
                &[
                    "Hey, it's Karen.",
                    "Sorry, I'm not able to answer my phone at the moment.",
                    "Leave me a message and I will call you as soon as I can.",
                ],
                &["The subscriber you have called is currently unavailable.", "Please try again later."],
                &[
                    "You are connected to the voicemail service.",
                    "Zero seven seven, three four five, cannot take your call.",
                    "Please record your message after the tone.",
                ],
                &[
                    "Hello, this is the Browns' answering machine.",
                    "Nobody is here to take your call, so please leave your name and number.",
                ],
                &[
                    "You have called Hill Street surgery.",
                    "The surgery is now closed.",
                    "If it is urgent, please hang up and dial one one two.",
                ],
                &["Hi!", "I can't answer right now.", "You know what to do after the beep."],
                &["This is Mark Olsen.", "I'm away from my desk today, so leave a message or send me an email."],
            ],
            screenings: &[
                &[
                    "Hello, the person you are calling is using a screening service.",
                    "Go ahead and say your name, and why you are calling.",
                ],
                &[
                    "Hi, you've reached an assistant by Truecaller.",
                    "Can you tell me your name and the reason for your call?",
                ],
            ],
            menus: &[
                &["You have reached Southern water.", "To report a leak, press 1.", "To pay a bill, press 2."],
                &[
                    "Welcome to the pharmacy.",
                    "If you are calling about a prescription, please press one.",
                    "For the store, press two.",
                ],
            ],
        },
        Tongue {
            tag: "de",
            voices: &["de+f2", "de+m5", "de+linda", "de+m7"],
            agent: &[
                "Hallo, hier spricht Max vom Autohaus Nord. Ihr Wagen ist fertig, und ich wollte fragen, wann Sie ihn abholen möchten.",
            ],
            hellos: &["Hallo.", "Ja, bitte?", "Ja guten Tag?", "Hallo, ja?", "Moin."],
            names: &["Fischer.", "Anna Becker.", "Hoffmann, guten Tag.", "Ja, Wagner hier.", "Klaus Richter, hallo."],
            companies: &[
                "Autohaus Nord, Becker, guten Tag.",
                "Apotheke am Markt, hallo.",
                "Physiotherapie Sommer, Sie sprechen mit Eva.",
            ],
            receptions: &[
                "Schönen guten Tag, Hotel Seeblick in Konstanz, Sie sprechen mit Frau Neumann, was darf ich für Sie tun?",
                "Rechtsanwälte Vogt und Kollegen, Sekretariat, mein Name ist Ute Brandt, guten Tag, womit kann ich Ihnen helfen?",
            ],
            hesitant: &[&["Ähm.", "Hallo?"], &["Ja, Augenblick.", "So, hallo?"], &["Ja?", "Hallo, hören Sie mich?"]],
            replies: &[
                "Ja, das bin ich.",
                "Mit wem spreche ich?",
                "Okay.",
                "Um was geht es?",
                "Ich habe gerade keine Zeit.",
            ],
            mailboxes: &[
                &["Sie sind mit der Mailbox von Anna Becker verbunden.", "Bitte sprechen Sie nach dem Ton."],
                &["Diese Rufnummer ist vorübergehend nicht erreichbar."],
                &[
                    "Hallo, hier ist der Anrufbeantworter von Klaus.",
                    "Bitte hinterlasst mir eine Nachricht, ich melde mich.",
                ],
                &[
                    "Autohaus Nord, guten Tag.",
                    "Leider können wir Ihren Anruf im Moment nicht entgegennehmen.",
                    "Wir rufen Sie so bald wie möglich zurück.",
                ],
                &["Unsere Praxis ist zurzeit geschlossen.", "In dringenden Fällen wenden Sie sich an den Notdienst."],
            ],
            screenings: &[&[
                "Hallo. Wenn du deinen Namen und den Grund deines Anrufs nennst, sehe ich nach, ob diese Person verfügbar ist.",
            ]],
            menus: &[&[
                "Guten Tag bei den Stadtwerken.",
                "Wenn Sie eine Störung melden möchten, drücken Sie bitte die 1.",
                "Für alles andere wählen Sie die 2.",
            ]],
        },
    ],
    bangs: &[Bang::Static, Bang::Buzz, Bang::Keys, Bang::Rain, Bang::Engine, Bang::Dishes],
    tunes: &[Tune::Piano, Tune::Flute, Tune::Strings],
};

/// What must not be in both, list by list: a "Hello." of people is another one than a mailbox's.
#[test]
fn nothing_that_was_tuned_on_is_held_out() {
    let whole = |lists: &[&'static [&'static str]]| lists.iter().flat_map(|list| list.iter().copied()).collect();
    for (a, b) in TRAINING.tongues.iter().zip(&HELD_OUT.tongues) {
        let all = |t: &Tongue| -> [Vec<&'static str>; 9] {
            let alone = [t.voices, t.agent, t.hellos, t.names, t.companies, t.receptions].map(|list| list.to_vec());
            let [voices, agent, hellos, names, companies, receptions] = alone;
            let [mailboxes, screenings, menus] = [t.mailboxes, t.screenings, t.menus].map(whole);
            [voices, agent, hellos, names, companies, receptions, mailboxes, screenings, menus]
        };
        for (a, b) in all(a).iter().zip(&all(b)) {
            assert_eq!(a.iter().filter(|text| b.contains(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
        }
    }
    assert!(TRAINING.bangs.iter().all(|bang| !HELD_OUT.bangs.contains(bang)));
    assert!(TRAINING.tunes.iter().all(|tune| !HELD_OUT.tunes.contains(tune)));
}
