//! The vendors, a process of its own: a recogniser, a model and a voice, each with a delay that never changes.

use std::io::{Read, Write};
use std::time::Duration;

use callwright_loadtest::vendors::chat::{Answer, Script as Chat};
use callwright_loadtest::vendors::tts::speaking::Script as Speaking;
use callwright_loadtest::vendors::{Config, Script, hearing, start};

/// From a request to the model's first token; the rest comes with it.
const FIRST_TOKEN: Duration = Duration::from_millis(120);
/// From a text to the voice's first audio.
const FIRST_BYTE: Duration = Duration::from_millis(80);
/// Of a turn's end: the voice is known to have stopped after 200 ms, then the recogniser has 300 ms for its last words.
const SILENCE: Duration = Duration::from_millis(500);

/// What of an answer's wait is not the server's: what vendors take, and the silence that ends a turn.
pub(crate) fn answer() -> Duration {
    SILENCE + FIRST_TOKEN + FIRST_BYTE
}

/// Vendors until standard input is closed. The first line tells their address.
pub(crate) fn run() -> anyhow::Result<()> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let question = "Could you tell me that?".to_owned();
    let reply = "Yes, of course I can, that is no trouble at all, we do it every day of the week.";
    let script = Script {
        hearing: hearing::Script { lines: vec![question; 500], ..hearing::Script::default() },
        chat: Chat { answers: vec![Answer::say(reply)], ttft_ms: ms(FIRST_TOKEN), ..Chat::default() },
        speaking: Speaking { first_byte_ms: ms(FIRST_BYTE), ..Speaking::default() },
        ..Script::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let running = runtime.block_on(start(Config { script, keep_log: false, ..Config::default() }))?;
    writeln!(std::io::stdout(), "{}", running.address)?;
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}
