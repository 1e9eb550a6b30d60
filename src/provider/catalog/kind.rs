//! What vendors speak, and who speaks it with them.

use std::sync::Arc;

use crate::campaign::wire::wire_enum;
use crate::provider::bot::Bot;
use crate::provider::embeddings::Embedder;
use crate::provider::error::Error;
use crate::provider::llm::LanguageModel;
use crate::provider::media_streams::MediaStreams;
use crate::provider::openai::chat::Chat;
use crate::provider::openai::embeddings::Embeddings;
use crate::provider::openai::realtime::Realtime;
use crate::provider::probe::Probing;
use crate::provider::prompts::Prompts;
use crate::provider::s2s::SpeechToSpeech;
use crate::provider::stt::SpeechToText;
use crate::provider::tts::TextToSpeech;
use crate::provider::vendor::Vendor;
use crate::provider::{assemblyai, cartesia, deepgram, elevenlabs, openai};

wire_enum! {
    /// The protocol of a vendor.
    pub enum Kind is "kind of provider" {
        /// Chat completions: OpenAI, and everybody who speaks like it.
        OpenaiChat = "openai_chat",
        /// Embeddings of OpenAI, and of everybody who speaks like it.
        OpenaiEmbeddings = "openai_embeddings",
        /// OpenAI Realtime.
        OpenaiRealtime = "openai_realtime",
        /// OpenAI Realtime for transcription.
        OpenaiTranscription = "openai_transcription",
        /// Deepgram's Nova recognisers.
        DeepgramListen = "deepgram_listen",
        /// Deepgram's Flux recognisers, which detect turns.
        DeepgramFlux = "deepgram_flux",
        /// AssemblyAI's recognisers, which detect turns.
        Assemblyai = "assemblyai",
        /// ElevenLabs Scribe.
        ElevenlabsScribe = "elevenlabs_scribe",
        /// Speech of OpenAI, and of everybody who speaks like it.
        OpenaiSpeech = "openai_speech",
        /// Deepgram's Aura voices.
        DeepgramSpeak = "deepgram_speak",
        /// Deepgram's Flux voices.
        DeepgramFluxSpeak = "deepgram_flux_speak",
        /// ElevenLabs' voices.
        ElevenlabsSpeak = "elevenlabs_speak",
        /// Cartesia's voices.
        Cartesia = "cartesia",
        /// Bots that speak the messages of Twilio Media Streams.
        MediaStreams = "media_streams",
    }
}

wire_enum! {
    /// What a vendor does.
    pub enum Stage is "stage" {
        /// Recognises.
        Stt = "stt",
        /// Thinks.
        Llm = "llm",
        /// Speaks.
        Tts = "tts",
        /// Hears and speaks by itself.
        S2s = "s2s",
        /// Makes vectors of texts, for the search in documents.
        Embeddings = "embeddings",
        /// Leads calls elsewhere.
        Bot = "bot",
    }
}

/// A vendor, spoken to.
#[derive(Clone)]
pub(super) enum Adapter {
    Stt(Arc<dyn SpeechToText>),
    Llm(Arc<dyn LanguageModel>),
    Tts(Arc<dyn TextToSpeech>),
    S2s(Arc<dyn SpeechToSpeech>),
    Embeddings(Arc<dyn Embedder>),
    Bot(Arc<dyn Bot>),
}

impl Kind {
    /// What vendors of this kind do.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::OpenaiChat => Stage::Llm,
            Self::OpenaiEmbeddings => Stage::Embeddings,
            Self::OpenaiRealtime => Stage::S2s,
            Self::MediaStreams => Stage::Bot,
            Self::OpenaiTranscription
            | Self::DeepgramListen
            | Self::DeepgramFlux
            | Self::Assemblyai
            | Self::ElevenlabsScribe => Stage::Stt,
            Self::OpenaiSpeech
            | Self::DeepgramSpeak
            | Self::DeepgramFluxSpeak
            | Self::ElevenlabsSpeak
            | Self::Cartesia => Stage::Tts,
        }
    }

    /// Whose product vendors of this kind are, as OpenTelemetry names it; for a protocol that others speak as well,
    /// whose that is.
    #[must_use]
    pub const fn system(self) -> &'static str {
        match self {
            Self::OpenaiChat
            | Self::OpenaiRealtime
            | Self::OpenaiTranscription
            | Self::OpenaiSpeech
            | Self::OpenaiEmbeddings => "openai",
            Self::DeepgramListen | Self::DeepgramFlux | Self::DeepgramSpeak | Self::DeepgramFluxSpeak => "deepgram",
            Self::Assemblyai => "assemblyai",
            Self::ElevenlabsScribe | Self::ElevenlabsSpeak => "elevenlabs",
            Self::Cartesia => "cartesia",
            Self::MediaStreams => "twilio",
        }
    }

    /// The options that vendors of this kind have.
    #[must_use]
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Self::OpenaiChat => &[
                "extra",
                "first_token_ms",
                "max_tokens_field",
                "organization",
                "parallel_tool_calls",
                "project",
                "stall_ms",
                "temperature",
                "usage",
            ],
            Self::OpenaiEmbeddings => &["batch", "dimensions", "document_prefix", "min_similarity", "query_prefix"],
            Self::OpenaiRealtime => &[
                "beta",
                "max_output_tokens",
                "noise_reduction",
                "speed",
                "transcription_model",
                "turn_detection",
                "voice",
            ],
            Self::OpenaiTranscription => {
                &["delay", "lag_ms", "model_in_query", "noise_reduction", "prompt", "turn_detection"]
            }
            Self::DeepgramListen => &[
                "endpointing",
                "filler_words",
                "lag_ms",
                "language",
                "mip_opt_out",
                "numerals",
                "profanity_filter",
                "punctuate",
                "smart_format",
                "tag",
            ],
            Self::DeepgramFlux => &[
                "eager_eot_threshold",
                "eot_threshold",
                "eot_timeout_ms",
                "lag_ms",
                "language_hint",
                "mip_opt_out",
                "numerals",
                "profanity_filter",
                "tag",
            ],
            Self::Assemblyai => &[
                "domain",
                "end_of_turn_confidence_threshold",
                "format_turns",
                "lag_ms",
                "language_codes",
                "max_turn_silence",
                "min_turn_silence",
                "mode",
                "prompt",
                "vad_threshold",
            ],
            Self::ElevenlabsScribe => &["lag_ms", "language_code", "no_verbatim"],
            Self::OpenaiSpeech => &["instructions", "response_format", "sample_rate", "speed", "voice"],
            Self::DeepgramSpeak => &["mip_opt_out", "speed", "voice"],
            Self::DeepgramFluxSpeak => &["expressivity", "mip_opt_out", "speed", "tag", "voice"],
            Self::ElevenlabsSpeak => &[
                "apply_text_normalization",
                "enable_logging",
                "similarity_boost",
                "speed",
                "stability",
                "style",
                "use_speaker_boost",
                "voice",
            ],
            Self::Cartesia => {
                &["emotion", "max_buffer_delay_ms", "pronunciation_dict_id", "speed", "version", "voice", "volume"]
            }
            Self::MediaStreams => &["auth", "encoding", "unencrypted"],
        }
    }

    /// Somebody who speaks to the vendor. Connects to nobody yet.
    ///
    /// # Errors
    /// When a setting cannot work; the error says which.
    pub(super) fn adapter(self, vendor: Vendor, prompts: &Arc<Prompts>) -> Result<Adapter, Error> {
        let prompts = Arc::clone(prompts);
        Ok(match self {
            Self::OpenaiChat => Adapter::Llm(Arc::new(Chat::new(vendor)?)),
            Self::OpenaiEmbeddings => Adapter::Embeddings(Arc::new(Embeddings::new(vendor)?)),
            Self::OpenaiRealtime => Adapter::S2s(Arc::new(Realtime::new(vendor)?)),
            Self::OpenaiTranscription => Adapter::Stt(Arc::new(openai::transcription::Transcriber::new(vendor)?)),
            Self::DeepgramListen => Adapter::Stt(Arc::new(deepgram::listen_v1::Nova::new(vendor)?)),
            Self::DeepgramFlux => Adapter::Stt(Arc::new(deepgram::listen_v2::Flux::new(vendor)?)),
            Self::Assemblyai => Adapter::Stt(Arc::new(assemblyai::streaming::AssemblyAi::new(vendor)?)),
            Self::ElevenlabsScribe => Adapter::Stt(Arc::new(elevenlabs::scribe::Scribe::new(vendor)?)),
            Self::OpenaiSpeech => Adapter::Tts(Arc::new(openai::speech::synthesiser(vendor, prompts)?)),
            Self::DeepgramSpeak => Adapter::Tts(Arc::new(deepgram::speak_v1::synthesiser(vendor, prompts)?)),
            Self::DeepgramFluxSpeak => Adapter::Tts(Arc::new(deepgram::speak_v2::synthesiser(vendor, prompts)?)),
            Self::ElevenlabsSpeak => Adapter::Tts(Arc::new(elevenlabs::speech::synthesiser(vendor, prompts)?)),
            Self::Cartesia => Adapter::Tts(Arc::new(cartesia::speech::synthesiser(vendor, prompts)?)),
            Self::MediaStreams => Adapter::Bot(Arc::new(MediaStreams::new(vendor)?)),
        })
    }
}

impl Adapter {
    pub(super) fn probe(&self) -> Probing<'_> {
        match self {
            Self::Stt(stt) => stt.probe(),
            Self::Llm(llm) => llm.probe(),
            Self::Tts(tts) => tts.probe(),
            Self::S2s(s2s) => s2s.probe(),
            Self::Embeddings(embedder) => embedder.probe(),
            Self::Bot(bot) => bot.probe(),
        }
    }
}
