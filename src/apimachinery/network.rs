//! IP addresses and networks. An IPv4 address in the clothes of IPv6 is none, nor is one with a zone.

use std::net::{IpAddr, Ipv4Addr};

use crate::go_compat::netip;

/// A network, as it was written: its address may have more bits than its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    pub bits: u8,
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// An address that rules may use.
pub fn address(text: &str) -> Option<IpAddr> {
    netip::parse_ip(text).filter(|address| !is_mapped(*address))
}

/// A unicast address that is no local one; private ones are global here.
pub fn is_global_unicast(address: IpAddr) -> bool {
    let none = address == IpAddr::V4(Ipv4Addr::BROADCAST) || address.is_unspecified();
    !none && !address.is_loopback() && !address.is_multicast() && !is_link_local_unicast(address)
}

pub fn is_link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

pub fn is_link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

impl Cidr {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = netip::parse_prefix(text).filter(|(address, _)| !is_mapped(*address))?;
        Some(Self { address, bits })
    }

    /// Without the bits behind its prefix.
    pub fn masked(self) -> Self {
        Self { address: self.cut(self.address), ..self }
    }

    fn cut(self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.bits.min(32))).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - self.bits.min(128))).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        }
    }

    pub fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.cut(self.address) == self.cut(address)
    }

    /// Whether all of another network lies in this one.
    pub fn contains_network(self, other: Self) -> bool {
        self.bits <= other.bits && self.contains(other.address)
    }

    pub fn text(self) -> String {
        format!("{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses() {
        let cidr = |text: &str| Cidr::parse(text).unwrap();
        assert!(cidr("10.0.0.1/8").contains([10, 1, 2, 3].into()));
        assert!(!cidr("10.0.0.0/8").contains("::a00:1".parse().unwrap()));
        assert!(cidr("0.0.0.0/0").contains_network(cidr("10.0.0.0/8")));
        assert!(!cidr("10.0.0.0/16").contains_network(cidr("10.0.0.0/8")));
        assert_eq!(cidr("2001:db8:ffff::1/32").masked().text(), "2001:db8::/32");
        assert!(address("::ffff:1.2.3.4").is_none() && address("fe80::1%a").is_none());
    }
}
