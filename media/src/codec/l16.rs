//! Linear samples of 16 bit in network order (RFC 3551 section 4.5.11).

/// Writes as many samples as fit `payload` and returns how many bytes that took.
pub fn encode(samples: &[i16], payload: &mut [u8]) -> usize {
    let places = payload.as_chunks_mut::<2>().0.iter_mut().zip(samples);
    2 * places.map(|(place, sample)| *place = sample.to_be_bytes()).count()
}

/// Reads as many samples as fit `samples` and returns how many there were. Half a sample at the end is left out.
pub fn decode(payload: &[u8], samples: &mut [i16]) -> usize {
    let places = payload.as_chunks::<2>().0.iter().zip(samples);
    places.map(|(place, sample)| *sample = i16::from_be_bytes(*place)).count()
}
