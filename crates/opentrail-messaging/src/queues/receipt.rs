//! Receipt handles: which receive of which message a caller means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a receipt handle says. Callers may make handles up: only one whose nonce is the stored one is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub queue: String,
    pub sequence: u64,
    pub receives: u32,
    pub nonce: u64,
}

/// Longest handle that is looked at.
const MAX_HANDLE_BYTES: usize = 256;

impl Receipt {
    pub fn encode(&self) -> String {
        STANDARD.encode(format!("{} {:x} {:x} {:016x}", self.queue, self.sequence, self.receives, self.nonce))
    }

    /// `None` if no handle of ours looks like this.
    pub fn decode(handle: &str) -> Option<Self> {
        if handle.len() > MAX_HANDLE_BYTES {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let mut parts = text.split(' ');
        let queue = parts.next()?.to_owned();
        let sequence = u64::from_str_radix(parts.next()?, 16).ok()?;
        let receives = u32::from_str_radix(parts.next()?, 16).ok()?;
        let nonce = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Self { queue, sequence, receives, nonce })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_round_trip_and_others_are_refused() {
        let receipt = Receipt { queue: "0123456789abcdef".into(), sequence: 77, receives: 3, nonce: u64::MAX };
        assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
        for bad in ["", "x", "AQEB", &STANDARD.encode("a b c"), &STANDARD.encode("a 1 1 1 1"), &"A".repeat(400)] {
            assert_eq!(Receipt::decode(bad), None, "{bad}");
        }
    }
}
