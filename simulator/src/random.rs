//! Random draws that are pure functions of the seed, a stream and an index, so that no draw depends on another's order.

/// What a draw is for; draws of different streams are independent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Duration = 1,
    Fate,
    Identifier,
    RequestIdentifier,
    Dialect,
    LostRequest,
    LostAnswer,
    SubmitFault,
    PollFault,
    ImageFault,
    Hostile,
    Intermediary,
}

/// 64 well-mixed bits (the splitmix64 finaliser over a keyed index).
pub(crate) fn bits(seed: u64, stream: Stream, index: u64) -> u64 {
    mix(mix(seed ^ mix(stream as u64)).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The splitmix64 step.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `[0, 1)`.
pub(crate) fn unit(seed: u64, stream: Stream, index: u64) -> f64 {
    to_unit(bits(seed, stream, index))
}

/// The top 53 bits as a number in `[0, 1)`.
pub(crate) fn to_unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The 64-bit FNV-1a hash of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, &byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// 26 characters of Crockford's base 32, the alphabet of the provider's identifiers.
pub(crate) fn identifier(seed: u64, stream: Stream, index: u64) -> String {
    let mut state = bits(seed, stream, index);
    (0..26)
        .map(|_| {
            state = mix(state);
            char::from(*b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".get((state & 31) as usize).unwrap_or(&b'0'))
        })
        .collect()
}
