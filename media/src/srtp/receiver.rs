//! What the peer sends, proved to be the peer's.

use std::fmt;

use super::cipher::{Place, StreamCipher};
use super::index::{Window, estimate};
use super::key::{Mki, RemoteKey};
use super::sender::{ENCRYPTED, INDEX_WORD, RTCP_CLEAR, report_header, word};
use crate::rtp::header_length;

/// Longest datagram that is looked at, in bytes.
pub const MAX_DATAGRAM: usize = 2_048;

/// Sources of which a state is kept. Only who has the key gets one; the seventeenth takes the place of the one that has
/// been silent longest.
const SOURCES: usize = 16;

/// The datagram is not the peer's, or not for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnprotectError {
    /// Too short for what it is, or longer than [`MAX_DATAGRAM`].
    #[error("not a protected packet")]
    Malformed,
    /// Its tag is not made with the peer's key.
    #[error("the tag is wrong")]
    Unauthentic,
    /// It came before, or so late that this cannot be told.
    #[error("the packet came before")]
    Replayed,
}

/// One key for everything that the peer sends. A peer's sources need not be known beforehand (RFC 4568 section 6.4).
pub struct SrtpReceiver {
    rtp: StreamCipher,
    rtcp: StreamCipher,
    mki: Option<Mki>,
    streams: Sources<Stream>,
    reports: Sources<Window>,
    /// The packet that was opened last, with room for what is signed behind it.
    buffer: Box<[u8; MAX_DATAGRAM + 4]>,
}

/// What is known of a source's packets.
#[derive(Clone, Copy, Debug)]
enum Stream {
    /// Seen under this key.
    Known(Window),
    /// Seen under the key before; the highest index.
    Earlier(u64),
}

impl SrtpReceiver {
    /// Begins to use a key.
    #[must_use]
    pub fn new(remote: &RemoteKey) -> Self {
        Self {
            rtp: StreamCipher::rtp(&remote.key),
            rtcp: StreamCipher::rtcp(&remote.key),
            mki: remote.mki,
            streams: Sources::default(),
            reports: Sources::default(),
            buffer: Box::new([0; MAX_DATAGRAM + 4]),
        }
    }

    /// Goes over to another key. Rollover counters go on (RFC 3711 section 3.3.1), though many peers begin anew: both
    /// are understood.
    pub fn rekey(&mut self, remote: &RemoteKey) {
        let mut streams = std::mem::take(&mut self.streams);
        for (_, stream) in streams.0.iter_mut().flatten() {
            if let Stream::Known(window) = *stream {
                *stream = Stream::Earlier(window.highest());
            }
        }
        *self = Self { streams, ..Self::new(remote) };
    }

    /// Opens an RTP packet. What it gives back is as the peer wrote it, and stays until the next call.
    ///
    /// # Errors
    /// [`UnprotectError`]; nothing is remembered of a packet that is not authentic.
    pub fn unprotect(&mut self, packet: &[u8]) -> Result<&[u8], UnprotectError> {
        let (body, tag) = self.split(packet, self.rtp.tag())?;
        let header = header_length(body).map_err(|_| UnprotectError::Malformed)?;
        let (sequence, ssrc) = (u16::from_be_bytes([body[2], body[3]]), word(body, 8));
        let stream = self.streams.get(ssrc);
        let guesses = guesses(stream, sequence);
        // What came before need not be looked at closely.
        if let Some(Stream::Known(window)) = stream
            && guesses[0].is_some_and(|index| window.contains(index))
        {
            return Err(UnprotectError::Replayed);
        }
        let length = body.len();
        let buffer = &mut self.buffer[..];
        let rtp = &self.rtp;
        let mut opens = |index: &u64| {
            let place = Place { ssrc, index: *index };
            match rtp {
                StreamCipher::CounterMode(cipher) => {
                    buffer[..length].copy_from_slice(body);
                    buffer[length..length + 4].copy_from_slice(&((*index >> 16) as u32).to_be_bytes());
                    let authentic = cipher.verify(&buffer[..length + 4], tag);
                    if authentic {
                        cipher.crypt(place, &mut buffer[header..length]);
                    }
                    authentic
                }
                StreamCipher::Gcm(cipher) => {
                    buffer[..header].copy_from_slice(&body[..header]);
                    cipher.open(place, &body[..header], &body[header..], tag, &mut buffer[header..length])
                }
            }
        };
        let index = guesses.into_iter().flatten().find(|index| opens(index)).ok_or(UnprotectError::Unauthentic)?;
        let window = match stream {
            Some(Stream::Known(mut window)) => {
                window.insert(index);
                window
            }
            Some(Stream::Earlier(_)) | None => Window::new(index),
        };
        self.streams.put(ssrc, Stream::Known(window));
        Ok(&self.buffer[..length])
    }

    /// Opens an RTCP packet, which has to be encrypted. What it gives back stays until the next call.
    ///
    /// # Errors
    /// [`UnprotectError`] as for [`unprotect`](Self::unprotect).
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<&[u8], UnprotectError> {
        let (body, tag, index) = match &self.rtcp {
            StreamCipher::CounterMode(cipher) => {
                let (signed, tag) = self.split(packet, cipher.tag)?;
                let (body, index) = signed.split_last_chunk::<INDEX_WORD>().ok_or(UnprotectError::Malformed)?;
                (body, tag, *index)
            }
            // Here the index stands behind the tag.
            StreamCipher::Gcm(_) => {
                let (rest, _) = self.split(packet, 0)?;
                let (sealed, index) = rest.split_last_chunk::<INDEX_WORD>().ok_or(UnprotectError::Malformed)?;
                let length = sealed.len().checked_sub(self.rtcp.tag()).ok_or(UnprotectError::Malformed)?;
                let (body, tag) = sealed.split_at(length);
                (body, tag, *index)
            }
        };
        if body.len() < RTCP_CLEAR {
            return Err(UnprotectError::Malformed);
        }
        let number = u32::from_be_bytes(index);
        let place = Place { ssrc: word(body, 4), index: u64::from(number & !ENCRYPTED) };
        if number & ENCRYPTED == 0 {
            return Err(UnprotectError::Unauthentic);
        }
        let window = self.reports.get(place.ssrc);
        if window.is_some_and(|window| window.contains(place.index)) {
            return Err(UnprotectError::Replayed);
        }
        let length = body.len();
        let buffer = &mut self.buffer[..];
        let authentic = match &self.rtcp {
            StreamCipher::CounterMode(cipher) => {
                buffer[..length].copy_from_slice(body);
                buffer[length..length + INDEX_WORD].copy_from_slice(&index);
                let authentic = cipher.verify(&buffer[..length + INDEX_WORD], tag);
                cipher.crypt(place, &mut buffer[RTCP_CLEAR..length]);
                authentic
            }
            StreamCipher::Gcm(cipher) => {
                let header = report_header(body, index);
                buffer[..RTCP_CLEAR].copy_from_slice(&body[..RTCP_CLEAR]);
                cipher.open(place, &header, &body[RTCP_CLEAR..], tag, &mut buffer[RTCP_CLEAR..length])
            }
        };
        if !authentic {
            return Err(UnprotectError::Unauthentic);
        }
        let window = window.map_or_else(
            || Window::new(place.index),
            |mut window| {
                window.insert(place.index);
                window
            },
        );
        self.reports.put(place.ssrc, window);
        Ok(&self.buffer[..length])
    }

    /// Takes the tag and the key's name off the end.
    fn split<'a>(&self, packet: &'a [u8], tag: usize) -> Result<(&'a [u8], &'a [u8]), UnprotectError> {
        let packet = Some(packet).filter(|packet| packet.len() <= MAX_DATAGRAM).ok_or(UnprotectError::Malformed)?;
        let rest = packet.len().checked_sub(tag).ok_or(UnprotectError::Malformed)?;
        let (rest, tag) = packet.split_at(rest);
        let Some(mki) = &self.mki else { return Ok((rest, tag)) };
        Ok((rest.strip_suffix(mki.as_bytes()).ok_or(UnprotectError::Unauthentic)?, tag))
    }

    /// Sources with a state.
    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.streams.0.iter().flatten().count() + self.reports.0.iter().flatten().count()
    }
}

impl fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpReceiver")
    }
}

/// Indices that a sequence number can mean, likeliest first. A source begins with a rollover counter of 0 (RFC 4568
/// section 6.4); when its first packets were missed, in the first half of a turn it may have come round once already.
fn guesses(stream: Option<Stream>, sequence: u16) -> [Option<u64>; 3] {
    let first = u64::from(sequence);
    let second = (sequence < 0x8000).then_some(1 << 16 | first);
    match stream {
        Some(Stream::Known(window)) => [estimate(window.highest(), sequence), None, None],
        Some(Stream::Earlier(highest)) => {
            let likely = estimate(highest, sequence);
            let other = |index: &u64| Some(*index) != likely;
            [likely, Some(first).filter(other), second.filter(other)]
        }
        None => [Some(first), second, None],
    }
}

/// States by source, the one used last in front.
#[derive(Debug)]
struct Sources<T>([Option<(u32, T)>; SOURCES]);

impl<T: Copy> Sources<T> {
    fn get(&self, ssrc: u32) -> Option<T> {
        self.0.iter().flatten().find(|(known, _)| *known == ssrc).map(|(_, state)| *state)
    }

    fn put(&mut self, ssrc: u32, state: T) {
        let place = self.0.iter().position(|place| place.as_ref().is_none_or(|(known, _)| *known == ssrc));
        self.0[..=place.unwrap_or(SOURCES - 1)].rotate_right(1);
        self.0[0] = Some((ssrc, state));
    }
}

impl<T: Copy> Default for Sources<T> {
    fn default() -> Self {
        Self([None; SOURCES])
    }
}
