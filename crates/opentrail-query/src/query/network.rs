//! Networks in CIDR notation.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// Addresses with the same leading bits. IPv4 addresses mapped into IPv6 count as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// As written, host bits included: records may carry the same text.
    pub address: IpAddr,
    pub prefix_bits: u8,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or an IPv6 address alone, which has many spellings.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return address.is_ipv6().then_some(Self { address, prefix_bits: 128 });
        };
        let address: IpAddr = address.parse().ok()?;
        let digits = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
        let prefix_bits: u8 = digits.then(|| bits.parse().ok()).flatten()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (prefix_bits <= most).then_some(Self { address, prefix_bits })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let Ok(network) = IpNet::new(self.address, self.prefix_bits) else { return false };
        // A network of mapped addresses, such as ::ffff:10.0.0.0/104, has IPv4 addresses too.
        let mapped = |address: IpAddr| match address {
            IpAddr::V4(address) => network.contains(&IpAddr::V6(address.to_ipv6_mapped())),
            IpAddr::V6(_) => false,
        };
        let address = address.to_canonical();
        network.contains(&address) || (self.address.is_ipv6() && mapped(address))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let check = |network: &str, address: &str, expect: bool| {
            let network = Network::parse(network).expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), expect, "{network} {address}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("0.0.0.0/0", "192.0.2.1", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("192.0.2.1/32", "192.0.2.1", true);
        check("192.0.2.1/32", "192.0.2.2", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("2001:db8::1", "2001:0DB8:0::1", true);
        check("::ffff:10.0.0.0/104", "10.9.9.9", true);
        for not in ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.1", "::/129", "x/8", "aws-cli/2"] {
            assert_eq!(Network::parse(not), None, "{not}");
        }
    }
}
