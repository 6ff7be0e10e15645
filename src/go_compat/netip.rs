//! IP addresses as `net/netip` reads them, and as `k8s.io/utils/net` does, which is less strict.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and its zone, as `netip.ParseAddr` takes them.
#[must_use]
pub fn parse(text: &str) -> Option<(IpAddr, Option<&str>)> {
    let first = text.find(['.', ':', '%'])?;
    match text.as_bytes().get(first)? {
        b'.' => Some((IpAddr::V4(text.parse().ok()?), None)),
        b':' => {
            let (address, zone) = match text.split_once('%') {
                Some((_, "")) => return None,
                Some((address, zone)) => (address, Some(zone)),
                None => (text, None),
            };
            Some((IpAddr::V6(address.parse().ok()?), zone))
        }
        _ => None,
    }
}

/// An address without a zone, as `net.ParseIP` takes it.
#[must_use]
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    parse(text).filter(|(_, zone)| zone.is_none()).map(|(address, _)| address)
}

/// An address and the bits of its network, as `netip.ParsePrefix` takes them.
#[must_use]
pub fn parse_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.rsplit_once('/')?;
    let address = parse_ip(address)?;
    let plain = bits == "0" || !bits.starts_with('0') && !bits.is_empty();
    let bits = bits.parse::<u8>().ok().filter(|_| plain && bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (bits <= width(address)).then_some((address, bits))
}

/// Bits of an address of that family.
#[must_use]
pub fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address whose numbers may have leading zeros, as `ParseIPSloppy` takes it.
#[must_use]
pub fn parse_sloppy(text: &str) -> Option<IpAddr> {
    match text.as_bytes().get(text.find(['.', ':'])?)? {
        b'.' => sloppy_v4(text).map(IpAddr::V4),
        _ => sloppy_v6(text).map(IpAddr::V6),
    }
}

/// Whether `ParseCIDRSloppy` takes a text.
#[must_use]
pub fn is_sloppy_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = if sloppy_v4(address).is_some() {
        32
    } else if sloppy_v6(address).is_some() {
        128
    } else {
        return false;
    };
    small(bits, 10).is_some_and(|bits| bits <= most)
}

/// A number of any length that stays small; Go's `dtoi` and `xtoi`.
fn small(digits: &str, radix: u32) -> Option<u32> {
    const BIG: u32 = 0xFF_FFFF;
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0_u32, |value, digit| {
        let value = value * radix + digit.to_digit(radix)?;
        (value < BIG).then_some(value)
    })
}

fn sloppy_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = u8::try_from(small(parts.next()?, 10)?).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Eight groups, or fewer and one `::` for at least one group of zeros; the last two may be an IPv4 address.
fn sloppy_v6(text: &str) -> Option<Ipv6Addr> {
    let groups = |part: &str, last: bool| -> Option<Vec<u16>> {
        let mut groups = Vec::new();
        let mut words = part.split(':').peekable();
        while let Some(word) = words.next() {
            if last && words.peek().is_none() && word.contains('.') {
                let [a, b, c, d] = sloppy_v4(word)?.octets();
                groups.extend([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]);
            } else {
                groups.push(u16::try_from(small(word, 16)?).ok()?);
            }
        }
        Some(groups)
    };
    let some = |part: &str, last: bool| if part.is_empty() { Some(Vec::new()) } else { groups(part, last) };
    let (head, tail) = match text.split_once("::") {
        Some((head, tail)) => (some(head, false)?, some(tail, true)?),
        None => (groups(text, true).filter(|groups| groups.len() == 8)?, Vec::new()),
    };
    if head.len() + tail.len() > 8 || text.contains("::") && head.len() + tail.len() == 8 {
        return None;
    }
    let mut all = [0_u16; 8];
    all[..head.len()].copy_from_slice(&head);
    all[8 - tail.len()..].copy_from_slice(&tail);
    Some(Ipv6Addr::from(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for good in ["1.2.3.4", "::", "::1", "1::", "1:2:3:4:5:6:7::", "::ffff:1.2.3.4", "fe80::1%eth0", "fe80::1%a.b"]
        {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in
            ["", "1", "01.2.3.4", "1.2.3", "1.2.3.4%eth0", "fe80::1%", "1:2:3:4:5:6:7:8::", "::1:", "1:::2", "%a"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn prefixes_have_no_leading_zero() {
        assert_eq!(parse_prefix("10.0.0.1/8"), Some((IpAddr::from([10, 0, 0, 1]), 8)));
        assert!(parse_prefix("::/0").is_some());
        for bad in ["10.0.0.0", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/33", "::/129", "fe80::1%a/64"] {
            assert!(parse_prefix(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn kubernetes_lets_leading_zeros_pass() {
        for good in ["010.001.0.1", "::00001", "1:2:3:4:5:6:01.2.3.4", "::", "1::"] {
            assert!(parse_sloppy(good).is_some(), "{good}");
        }
        for bad in ["256.1.1.1", "1.2.3.4.5", "::10000", "1:2:3:4:5:6:7:8::", "::1%a", ":1", "1:"] {
            assert!(parse_sloppy(bad).is_none(), "{bad}");
        }
        assert!(is_sloppy_cidr("010.0.0.0/08") && is_sloppy_cidr("::/128"));
        assert!(!is_sloppy_cidr("10.0.0.0/33") && !is_sloppy_cidr("10.0.0.0/8/8") && !is_sloppy_cidr("10.0.0.0/"));
    }
}
