//! What the detector is tuned on.

use super::{Corpus, Tongue};
use crate::sounds::{Bang, Tune};

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
                &["I'm in a meeting, can I call you back?"],
                &["Sorry, you have the wrong number."],
                &["He's not here right now, who's calling?"],
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
            hesitant: &[
                &["Äh,", "ja, hallo?"],
                &["Moment.", "Ja bitte?"],
                &["Hallo?", "Hallo, wer ist da?"],
                &["Der Chef ist gerade nicht da."],
                &["Sie haben sich verwählt."],
            ],
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
