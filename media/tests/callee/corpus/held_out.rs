//! What the detector is judged by. Whoever tunes it looks at the figures only, and not before the tuning is over.

use super::{Corpus, Tongue};
use crate::sounds::{Bang, Tune};

pub(crate) const HELD_OUT: Corpus = Corpus {
    name: "held-out",
    tongues: [
        Tongue {
            tag: "en",
            voices: &["en-gb-x-gbclan+f5", "en-us+m4", "en-gb-x-gbcwmd", "en-us+steph", "en-gb+belinda", "en-029+m6"],
            agent: &[
                "Good morning, this is Nora from Lakeside library services. The book that you have ordered has come in today.",
                "Hello, my name is Ben, I am calling from Highfield windows about the measurement at your house on Thursday.",
            ],
            hellos: &[
                "Hello, hello?",
                "Yes, hi.",
                "Hiya.",
                "Hello, speaking.",
                "Yo.",
                "Good afternoon.",
                "Yes, who's calling?",
            ],
            names: &[
                "Daniel Webster.",
                "Yes, Olivia here.",
                "Hi, you've got Sam.",
                "This is Mrs Patterson.",
                "Hello, the Harrisons.",
            ],
            companies: &[
                "Elm Park nursery, good morning.",
                "Speedy tyres, Gary here.",
                "City opera box office, hello?",
                "Doctor Singh's practice, one moment please.",
            ],
            receptions: &[
                "Good morning, thanks for calling Kingsway dental, you're speaking with Rachel, how can I help?",
                "You've reached the front desk of the Harbour Inn, this is Oliver speaking, what can I do for you tonight?",
                "Thank you for calling Brightside insurance, my name is Priya, may I have your name and your policy number please?",
                "Hello, this is Meadow Lane primary school, the secretary's office, Mrs Doyle speaking, good morning.",
            ],
            hesitant: &[
                &["Eh,", "hello, yes?"],
                &["Just a sec.", "Yeah, hi."],
                &["Hello?", "I can't really hear you, hello?"],
                &["Wait,", "okay, go ahead."],
                &["I can't talk right now, I'm at work."],
                &["Not today, thank you."],
                &["My husband isn't home, what is it about?"],
                &["This number is private, how did you get it?"],
            ],
            replies: &[
                "Yes, this is she.",
                "Who's this?",
                "Alright.",
                "And what's this concerning?",
                "Right.",
                "Please take me off your list.",
                "Well, I'm driving at the moment, but if it is quick you can tell me now and I will look at it tonight.",
            ],
            mailboxes: &[
                &[
                    "You have reached the voice mailbox of Daniel Webster.",
                    "Please record your message after the beep.",
                ],
                &["Hi, it's Olivia.", "I'm probably busy right now, so leave me your number and I'll ring you back."],
                &["Hi, you've reached Sam and Jo.", "We can't get to the phone.", "Leave your message after the tone."],
                &["The mobile phone you are calling is switched off or out of coverage.", "Please call again later."],
                &[
                    "Welcome to voicemail.",
                    "The person at extension two one four is on the phone.",
                    "Please leave a message.",
                ],
                &[
                    "Good day. You have reached the office of Patterson and Cole.",
                    "All our staff are helping other customers.",
                    "Please leave your name and number.",
                ],
                &[
                    "Thank you for calling Elm Park nursery.",
                    "We are open from eight until six on weekdays.",
                    "Please leave us a message.",
                ],
                &["Sorry, nobody can take your call at the moment.", "Please speak after the tone."],
                &[
                    "This is Doctor Singh.",
                    "I'm with a patient or out of the office.",
                    "I'll return your call as soon as possible.",
                ],
                &["The number you have dialed is not in service at this time."],
            ],
            screenings: &[
                &["Hello. Before I put you through, please say your name and the reason for your call."],
                &[
                    "The person you're calling can't speak right now, but they'd like to know who is calling.",
                    "Please say your name after the tone.",
                ],
                &["Hi, this is the virtual assistant of Olivia.", "May I ask who's calling and what it is about?"],
            ],
            menus: &[
                &["Welcome to Kingsway council.", "To continue in English, press one.", "For parking, press two."],
                &[
                    "Hello and thank you for calling Brightside insurance.",
                    "Your call may be recorded for training.",
                    "For a new quote, press one.",
                ],
                &["You are through to Speedy parcels.", "Please say or enter your tracking number."],
                &[
                    "Thanks for calling the Harbour Inn.",
                    "If you know your party's extension, dial it at any time.",
                    "For reservations, press 1.",
                ],
            ],
        },
        Tongue {
            tag: "de",
            voices: &["de+f5", "de+m1", "de+steph", "de+m4"],
            agent: &[
                "Guten Morgen, hier ist Nora von den Fensterbauern Hochfeld. Ich rufe wegen des Aufmaßes am Donnerstag an.",
            ],
            hellos: &["Hallo, wer spricht?", "Ja, hier.", "Servus.", "Guten Abend.", "Ja, wer ist da?"],
            names: &[
                "Krause.",
                "Familie Vogel.",
                "Lehmann, guten Abend.",
                "Thomas hier, hallo.",
                "Ja, Seidel am Telefon.",
            ],
            companies: &[
                "Blumen Schubert, grüß Gott.",
                "Kanzlei Doktor Ernst, Huber mein Name.",
                "Stadtbücherei, Pfeiffer.",
            ],
            receptions: &[
                "Guten Morgen, Reisebüro Fernweh, Sie sprechen mit Melanie Otto, wie darf ich Ihnen weiterhelfen?",
                "Herzlich willkommen bei der Physiopraxis am Park, hier ist Jana, was kann ich für Sie tun?",
                "Gemeinschaftspraxis Doktor Roth und Doktor Lenz, Anmeldung, Sie sprechen mit Frau Schulte, guten Tag.",
            ],
            hesitant: &[
                &["Hm?", "Ja, hallo."],
                &["Sekunde.", "So, jetzt, ja?"],
                &["Hallo?", "Hallo, ist da wer?"],
                &["Ich stehe gerade an der Kasse."],
                &["Herr Krause ist heute nicht im Haus, kann ich etwas ausrichten?"],
                &["Wir kaufen nichts."],
            ],
            replies: &[
                "Ja, ich höre.",
                "Wer sind Sie denn?",
                "Aha.",
                "Was möchten Sie?",
                "Rufen Sie bitte nicht mehr an.",
            ],
            mailboxes: &[
                &[
                    "Guten Tag, dies ist die Mailbox der Rufnummer null eins sieben.",
                    "Bitte hinterlassen Sie eine Nachricht.",
                ],
                &["Hi, hier ist Thomas.", "Ich bin gerade nicht zu erreichen, aber sprecht mir gern etwas auf Band."],
                &["Der Teilnehmer antwortet nicht.", "Bitte rufen Sie später wieder an."],
                &[
                    "Sie haben die Kanzlei Doktor Ernst erreicht.",
                    "Unser Büro ist derzeit nicht besetzt.",
                    "Bitte nennen Sie nach dem Ton Ihr Anliegen.",
                ],
                &["Hallo, hier ist der automatische Anrufbeantworter von Familie Vogel.", "Wir sind unterwegs."],
                &[
                    "Vielen Dank für Ihren Anruf bei Blumen Schubert.",
                    "Wir haben montags bis samstags von neun bis achtzehn Uhr geöffnet.",
                ],
            ],
            screenings: &[
                &[
                    "Hallo, der Anrufassistent von Thomas nimmt diesen Anruf entgegen.",
                    "Wie ist Ihr Name, und worum geht es?",
                ],
                &["Bevor ich Sie verbinde, sagen Sie mir bitte Ihren Namen."],
            ],
            menus: &[
                &[
                    "Herzlich willkommen beim Bürgerservice.",
                    "Für einen Termin drücken Sie die 1.",
                    "Für alles andere drücken Sie die 2.",
                ],
                &[
                    "Vielen Dank für Ihren Anruf.",
                    "Bitte wählen Sie aus den folgenden Möglichkeiten.",
                    "Zur Bestellung drücken Sie die 1.",
                ],
            ],
        },
    ],
    bangs: &[Bang::Crackle, Bang::Rustle, Bang::Hammer, Bang::Drill, Bang::Steps, Bang::Kettle],
    tunes: &[Tune::Chimes, Tune::Choir, Tune::Reed],
};
