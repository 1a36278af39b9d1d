//! Subscription filters: what is put into log groups goes on to streams, queues, topics and web addresses.
//!
//! ```text
//! event log ─▶ SubscriptionFollower: batches of subscribed groups ▸ patterns in one pass ▸ Parcel* ──with the cursor──▶ log
//!                                                                                        │ committed
//! courier: a lane per filter ─▶ parcels ▸ payload (gzip of a DATA_MESSAGE) ▸ target ◀────┘
//!          delivered: parcels removed, in the entry that holds the message if the target is a queue or topic here
//! ```
//!
//! A parcel names a stored batch and the places of its events that match; it holds no message. It is removed once the target
//! has answered, so each event arrives at least once, in the order of the log for each filter. A lane whose target fails
//! waits by itself; after [`GIVE_UP_AFTER`] parcels are given up, which is an event.
//!
//! Does not know: AWS's operations, who may subscribe what.
//!
//! Does not promise: exactly one delivery outside of this server; events of streams or groups that are deleted meanwhile.

mod filter;
mod parcel;
mod target;

mod payload;

mod sender;

mod courier;
mod follower;

#[cfg(test)]
mod tests;

pub use courier::{GIVE_UP_AFTER, SubscriptionStats, Subscriptions};
pub use filter::{Destination, SubscriptionFilter};
pub use follower::SubscriptionFollower;
pub use parcel::Parcel;
pub use sender::{Endpoint, Endpoints, SendFault};
pub use target::Target;

/// Who delivers.
pub const DELIVERER: &str = "logs.amazonaws.com";
