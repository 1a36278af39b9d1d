//! Which channel a request means.

use crate::call::Call;
use opentrail_wire::ApiError;

/// The id of the channel that every account has in every region, without having created it.
pub const BUILT_IN_CHANNEL: &str = "00000000-0000-4000-8000-000000000000";

/// The ARN of an account's built-in channel in a region.
pub fn built_in_channel_arn(region: &str, account: &str) -> String {
    channel_arn(region, account, BUILT_IN_CHANNEL)
}

fn channel_arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:cloudtrail:{region}:{account}:channel/{id}")
}

/// The ARN that an ARN or id stands for in the region of the call.
pub(super) fn arn_of(call: &Call, given: &str) -> String {
    if given.starts_with("arn:") { given.to_owned() } else { channel_arn(&call.region, &call.account, given) }
}

/// The ARN of the channel, if there is such a one.
///
/// # Errors
/// `InvalidChannelARN`, `ChannelNotFound`.
pub(super) fn find(call: &Call, given: &str) -> Result<String, ApiError> {
    let arn = arn_of(call, given);
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let id = match parts[..] {
        ["arn", _, "cloudtrail", _, _, resource] => resource.strip_prefix("channel/"),
        _ => None,
    };
    if !id.is_some_and(is_uuid) {
        return Err(ApiError::new("InvalidChannelARN", "The specified channel ARN is not a valid channel ARN."));
    }
    if arn != built_in_channel_arn(&call.region, &call.account) {
        return Err(ApiError::new("ChannelNotFound", "The channel could not be found."));
    }
    Ok(arn)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}
