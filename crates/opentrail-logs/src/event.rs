//! Log events and their ids.

use std::fmt;
use std::str::FromStr;

/// An event on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputEvent {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub message: String,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    pub id: EventId,
    pub message: String,
}

impl LogEvent {
    pub fn timestamp(&self) -> i64 {
        self.id.timestamp
    }
}

/// What orders events: time, time of ingestion, the call that brought them, their place in it.
///
/// Shown as 56 decimal digits of a number laid out as AWS's are: `timestamp << 144 | ingestion << 80 | call << 16 | place`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub ingestion: i64,
    /// Random, the same for all events of a call.
    pub call: u64,
    pub place: u16,
}

impl EventId {
    /// Before every event of `timestamp`.
    pub fn before(timestamp: i64) -> Self {
        Self { timestamp: timestamp.max(0), ingestion: 0, call: 0, place: 0 }
    }

    /// After every event of `timestamp`.
    pub fn after(timestamp: i64) -> Self {
        Self { timestamp: timestamp.max(0), ingestion: i64::MAX, call: u64::MAX, place: u16::MAX }
    }

    /// After every event there can be.
    pub fn end() -> Self {
        Self::after(LAST_TIMESTAMP)
    }

    /// Four limbs of 64 bits, lowest first.
    fn limbs(self) -> [u64; 4] {
        let (timestamp, ingestion) = (self.timestamp.max(0) as u64, self.ingestion.max(0) as u64);
        [
            self.call << 16 | u64::from(self.place),
            ingestion << 16 | self.call >> 48,
            timestamp << 16 | ingestion >> 48,
            timestamp >> 48,
        ]
    }
}

/// Later than any event, milliseconds since 1970: far enough, and small enough to be shown and read again.
const LAST_TIMESTAMP: i64 = i64::MAX >> 16;

/// Digits of a shown id.
const DIGITS: usize = 56;

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = self.limbs();
        let mut digits = Vec::with_capacity(80);
        while limbs.iter().any(|limb| *limb != 0) {
            let mut rest = 0u128;
            for limb in limbs.iter_mut().rev() {
                let whole = rest << 64 | u128::from(*limb);
                *limb = u64::try_from(whole / 10).expect("the rest is below ten");
                rest = whole % 10;
            }
            digits.push(char::from(b'0' + u8::try_from(rest).expect("a digit")));
        }
        digits.resize(digits.len().max(DIGITS), '0');
        digits.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if !(DIGITS..=77).contains(&text.len()) {
            return Err(());
        }
        let mut limbs = [0u64; 4];
        for byte in text.bytes() {
            let mut carry = u128::from(byte.checked_sub(b'0').filter(|digit| *digit < 10).ok_or(())?);
            for limb in &mut limbs {
                let whole = u128::from(*limb) * 10 + carry;
                *limb = whole as u64;
                carry = whole >> 64;
            }
            if carry != 0 {
                return Err(());
            }
        }
        let signed = |high: u64, low: u64| i64::try_from(high << 48 | low >> 16).map_err(|_| ());
        if limbs[3] >> 15 != 0 {
            return Err(());
        }
        Ok(Self {
            timestamp: signed(limbs[3], limbs[2])?,
            ingestion: signed(limbs[2] & 0xffff, limbs[1])?,
            call: (limbs[1] & 0xffff) << 48 | limbs[0] >> 16,
            place: (limbs[0] & 0xffff) as u16,
        })
    }
}
