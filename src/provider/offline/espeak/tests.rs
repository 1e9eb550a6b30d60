use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn request(text: &str, voice: &str) -> SpeechRequest {
    let voice = Voice { name: voice.to_owned(), language: String::new() };
    SpeechRequest { text: text.to_owned().into(), voice }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("callwright-espeak-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

fn voice(name: &str, config: EspeakConfig) -> Espeak {
    let prompts = Prompts::open(folder(name).join("prompts"), 1 << 24).expect("a folder");
    Espeak::new(config, Arc::new(prompts))
}

/// A program that stands in for espeak-ng.
fn script(name: &str, lines: &str) -> EspeakConfig {
    let program = folder(name).join("program");
    fs::write(&program, format!("#!/bin/sh\n{lines}\n")).expect("the folder is writable");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    EspeakConfig { program, time_limit: Duration::from_secs(60), ..EspeakConfig::default() }
}

#[tokio::test]
async fn speech_is_made_trimmed_and_kept() {
    let espeak = voice("made", EspeakConfig::default());
    let speech = espeak.speak(request("Good morning, how are you?", "en-us")).await.expect("espeak-ng is installed");
    let seconds = speech.pcm.len() as f64 / 8_000.0;
    assert!((1.0..3.0).contains(&seconds), "{seconds} s");
    assert!(speech.pcm[..200].iter().any(|sample| sample.unsigned_abs() > SILENCE), "begins at once");
    let again = espeak.speak(request("Good morning, how are you?", "en-us")).await.expect("it is known");
    assert!(Arc::ptr_eq(&speech.pcm, &again.pcm));
}

#[tokio::test]
async fn one_text_asked_for_at_once_is_made_once() {
    let made = folder("once-count").join("made");
    let lines = format!("echo x >> {}\nsleep 0.1\nexec espeak-ng \"$@\"", made.display());
    let espeak = voice("once", script("once-script", &lines));
    let all = futures_util::future::join_all((0..8).map(|_| espeak.speak(request("Hello there", "en-us")))).await;
    assert!(
        all.iter().all(|speech| speech.as_ref().is_ok_and(|speech| speech.pcm == all[0].as_ref().expect("ok").pcm))
    );
    assert_eq!(fs::read_to_string(made).expect("it ran"), "x\n");
}

#[tokio::test]
async fn the_text_is_not_among_the_arguments() {
    let seen = folder("args-seen").join("args");
    let lines = format!("echo \"$@\" > {}\nexec espeak-ng \"$@\"", seen.display());
    let espeak = voice("args", script("args-script", &lines));
    espeak.speak(request("--version secret", "en-us")).await.expect("it speaks");
    assert!(!fs::read_to_string(seen).expect("it ran").contains("secret"));
}

#[tokio::test]
async fn a_missing_program_says_what_to_install() {
    let config = EspeakConfig { program: PathBuf::from("/nowhere/espeak-ng"), ..EspeakConfig::default() };
    let error = voice("missing", config).check().await.expect_err("it is not there");
    assert_eq!(error.kind, ErrorKind::NotInstalled);
    assert!(error.detail.contains("apt-get install espeak-ng"), "{error}");
}

#[tokio::test]
async fn an_unknown_voice_is_refused() {
    let error =
        voice("voice", EspeakConfig::default()).speak(request("Hello", "tlh-warrior")).await.expect_err("no voice");
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn a_hanging_program_is_given_up_and_garbage_is_not_speech() {
    let hanging = EspeakConfig { time_limit: Duration::from_millis(100), ..script("hang-script", "exec sleep 60") };
    let error = voice("hang", hanging).check().await.expect_err("it hangs");
    assert_eq!(error.kind, ErrorKind::TimedOut);
    let error = voice("garbage", script("garbage-script", "echo no sound")).check().await.expect_err("no WAV");
    assert_eq!(error.kind, ErrorKind::Broken);
}

#[test]
fn phoneme_input_is_spoken_as_text() {
    assert_eq!(speakable("a [[h@l'oU]]\u{7}"), "a [ [h@l'oU]] ");
}

#[test]
fn silence_is_cut_from_both_ends() {
    let mut pcm = vec![3_i16; 1_000];
    pcm[400..500].fill(5_000);
    assert_eq!(trim(&pcm).len(), 100 + 2 * MARGIN);
    assert!(trim(&[1; 10]).is_empty());
}
