//! What was held out at first, and has been looked at since.

use super::{Corpus, Tongue};
use crate::sounds::{Bang, Tune};

pub(crate) const VALIDATION: Corpus = Corpus {
    name: "validation",
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
                &["I am driving, is it important?"],
                &["I'm sorry, she is out, can I take a message?"],
                &["We're just sitting down for dinner."],
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
            hesitant: &[
                &["Ähm.", "Hallo?"],
                &["Ja, Augenblick.", "So, hallo?"],
                &["Ja?", "Hallo, hören Sie mich?"],
                &["Ich bin gerade im Auto, was gibt es?"],
                &["Meine Frau ist nicht zu Hause."],
            ],
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
