//! Functions of IP addresses.

use std::net::IpAddr;

/// Whether an address is in a network such as `10.0.0.0/8`.
pub fn is_in(address: &str, network: &str) -> bool {
    let (Ok(address), Some((base, bits))) = (address.parse::<IpAddr>(), network.split_once('/')) else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (width, left, right) = match (address, base) {
        (IpAddr::V4(left), IpAddr::V4(right)) => (32, u128::from(u32::from(left)), u128::from(u32::from(right))),
        (IpAddr::V6(left), IpAddr::V6(right)) => (128, u128::from(left), u128::from(right)),
        _ => return false,
    };
    if bits > width {
        return false;
    }
    let leading = |bits_of: u128| bits_of.checked_shr(width - bits).unwrap_or(0);
    leading(left) == leading(right)
}
