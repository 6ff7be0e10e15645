//! URLs as `net/url` reads and writes them. What is percent-encoded may be no UTF-8, so parts are bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::netip;

/// Most parameters of a query that Go reads.
const MAX_PARAMETERS: usize = 10_000;

/// A URL in parts, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    pub scheme: String,
    opaque: String,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// With the port.
    pub host: Vec<u8>,
    omit_host: bool,
    path: Vec<u8>,
    raw_path: String,
    force_query: bool,
    raw_query: String,
    fragment: Vec<u8>,
    raw_fragment: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UrlPart {
    Path,
    Host,
    Zone,
    User,
    Query,
    Fragment,
}

/// Whether `url.ParseRequestURI` takes a text.
#[must_use]
pub fn is_request_uri(text: &str) -> bool {
    Url::read(text, true).is_some()
}

impl Url {
    /// As `url.Parse` reads it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Self::read(text, false)?;
        url.fragment = unescape(fragment, UrlPart::Fragment)?;
        fragment.clone_into(&mut url.raw_fragment);
        Some(url)
    }

    /// `request`: as it stands in an HTTP request, so only absolute ones.
    fn read(text: &str, request: bool) -> Option<Self> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) || text.is_empty() && request {
            return None;
        }
        let mut url = Self::default();
        if text == "*" {
            url.path = b"*".to_vec();
            return Some(url);
        }
        let (scheme, mut rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        if rest.ends_with('?') && rest.matches('?').count() == 1 {
            url.force_query = true;
            rest = &rest[..rest.len() - 1];
        } else if let Some((before, query)) = rest.split_once('?') {
            query.clone_into(&mut url.raw_query);
            rest = before;
        }
        let has_scheme = !url.scheme.is_empty();
        if !rest.starts_with('/') {
            if has_scheme {
                rest.clone_into(&mut url.opaque);
                return Some(url);
            }
            if request || rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return None;
            }
        }
        if (has_scheme || !request && !rest.starts_with("///")) && rest.starts_with("//") {
            let authority = &rest[2..];
            let end = authority.find('/').unwrap_or(authority.len());
            url.read_authority(&authority[..end])?;
            rest = &authority[end..];
        } else if has_scheme && rest.starts_with('/') {
            url.omit_host = true;
        }
        url.path = unescape(rest, UrlPart::Path)?;
        rest.clone_into(&mut url.raw_path);
        Some(url)
    }

    fn read_authority(&mut self, authority: &str) -> Option<()> {
        let Some((user, host)) = authority.rsplit_once('@') else {
            self.host = host_of(&self.scheme, authority)?;
            return Some(());
        };
        self.host = host_of(&self.scheme, host)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
        if !user.chars().all(allowed) {
            return None;
        }
        self.user = Some(match user.split_once(':') {
            Some((name, word)) => (unescape(name, UrlPart::User)?, Some(unescape(word, UrlPart::User)?)),
            None => (unescape(user, UrlPart::User)?, None),
        });
        Some(())
    }

    fn split_host(&self) -> (&[u8], &[u8]) {
        let colon = self.host.iter().rposition(|byte| *byte == b':');
        let colon = colon.filter(|colon| self.host[colon + 1..].iter().all(u8::is_ascii_digit));
        let (host, port) = match colon {
            Some(colon) => (&self.host[..colon], &self.host[colon + 1..]),
            None => (&self.host[..], &[][..]),
        };
        let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
        (bare.unwrap_or(host), port)
    }

    /// The host without port and brackets.
    #[must_use]
    pub fn hostname(&self) -> &[u8] {
        self.split_host().0
    }

    /// The port's digits; none where there is no port.
    #[must_use]
    pub fn port(&self) -> &[u8] {
        self.split_host().1
    }

    /// The path, percent-encoded as it was where that was right.
    #[must_use]
    pub fn escaped_path(&self) -> String {
        if !self.raw_path.is_empty() && is_encoded(&self.raw_path, UrlPart::Path) {
            return self.raw_path.clone();
        }
        if self.path == b"*" { "*".to_owned() } else { escape(&self.path, UrlPart::Path) }
    }

    /// The query's parameters in order; what is malformed is left out.
    #[must_use]
    pub fn query(&self) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        if self.raw_query.matches('&').count() >= MAX_PARAMETERS {
            return found;
        }
        for pair in self.raw_query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let (Some(name), Some(value)) = (unescape(name, UrlPart::Query), unescape(value, UrlPart::Query)) {
                found.entry(name).or_default().push(value);
            }
        }
        found
    }

    /// As Go writes it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push(':');
        }
        if self.opaque.is_empty() {
            self.write_place(&mut text);
        } else {
            text.push_str(&self.opaque);
        }
        if self.force_query || !self.raw_query.is_empty() {
            text.push('?');
            text.push_str(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            text.push('#');
            if is_encoded(&self.raw_fragment, UrlPart::Fragment) {
                text.push_str(&self.raw_fragment);
            } else {
                text.push_str(&escape(&self.fragment, UrlPart::Fragment));
            }
        }
        text
    }

    fn write_place(&self, text: &mut String) {
        let somewhere = !self.host.is_empty() || self.user.is_some();
        let empty = self.scheme.is_empty() || self.omit_host || self.path.is_empty();
        if somewhere || !empty {
            text.push_str("//");
            if let Some((name, word)) = &self.user {
                text.push_str(&escape(name, UrlPart::User));
                if let Some(word) = word {
                    text.push(':');
                    text.push_str(&escape(word, UrlPart::User));
                }
                text.push('@');
            }
            text.push_str(&escape(&self.host, UrlPart::Host));
        }
        let path = self.escaped_path();
        if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
            text.push('/');
        }
        if text.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            text.push_str("./");
        }
        text.push_str(&path);
    }
}

/// What stands before the first colon; nothing where that is no scheme, and `None` where it is empty.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

fn host_of(scheme: &str, text: &str) -> Option<Vec<u8>> {
    let is_port = |text: &str| {
        text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match text.rfind('[') {
        Some(0) => {
            let end = text.rfind(']')?;
            let (name, port) = (&text[1..end], &text[end + 1..]);
            if !is_port(port) {
                return None;
            }
            let name = match name.find("%25") {
                Some(zone) => {
                    [unescape(&name[..zone], UrlPart::Host)?, unescape(&name[zone..], UrlPart::Zone)?].concat()
                }
                None => unescape(name, UrlPart::Host)?,
            };
            let address = netip::parse(std::str::from_utf8(&name).ok()?)?.0;
            if matches!(address, IpAddr::V4(_)) {
                return None;
            }
            return Some([b"[", &name[..], b"]", port.as_bytes()].concat());
        }
        Some(_) => return None,
        None => {}
    }
    if let Some(first) = text.find(':') {
        // more than one colon passes where databases list their hosts in this way
        let strict = scheme == "http" || scheme == "https";
        let colon = if strict { first } else { text.rfind(':').unwrap_or(first) };
        if !is_port(&text[colon..]) {
            return None;
        }
    }
    unescape(text, UrlPart::Host)
}

fn must_escape(byte: u8, part: UrlPart) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    if matches!(part, UrlPart::Host | UrlPart::Zone) && b"!$&'()*+,;=:[]<>\"".contains(&byte) {
        return false;
    }
    match byte {
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match part {
            UrlPart::Path => byte == b'?',
            UrlPart::User => b"@/?:".contains(&byte),
            UrlPart::Fragment => false,
            UrlPart::Query | UrlPart::Host | UrlPart::Zone => true,
        },
        b'!' | b'(' | b')' | b'*' => part != UrlPart::Fragment,
        _ => true,
    }
}

fn escape(bytes: &[u8], part: UrlPart) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b' ' if part == UrlPart::Query => text.push('+'),
            byte if must_escape(*byte, part) => drop(write!(text, "%{byte:02X}")),
            byte => text.push(char::from(*byte)),
        }
    }
    text
}

/// Whether nothing in a text would have to be encoded, but what is encoded.
fn is_encoded(text: &str, part: UrlPart) -> bool {
    text.bytes().all(|byte| b"!$&'()*+,;=:@[]%".contains(&byte) || !must_escape(byte, part))
}

fn hex(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

fn unescape(text: &str, part: UrlPart) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let value = hex(&bytes[at..])?;
                let percent = value == b'%';
                // in a host only what is no ASCII is encoded, in a zone only what could stand there as well
                if part == UrlPart::Host && value < 0x80 && !percent {
                    return None;
                }
                if part == UrlPart::Zone && !percent && value != b' ' && must_escape(value, UrlPart::Host) {
                    return None;
                }
                decoded.push(value);
                at += 3;
                continue;
            }
            b'+' if part == UrlPart::Query => decoded.push(b' '),
            byte if matches!(part, UrlPart::Host | UrlPart::Zone) && *byte < 0x80 && must_escape(*byte, part) => {
                return None;
            }
            byte => decoded.push(*byte),
        }
        at += 1;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_need_a_scheme_or_a_path() {
        for good in
            ["/", "/a b", "http://a", "a:b", "*", "http://[::1]:80", "http://a:", "x://a:b:1", "http://u:p@h/", "//a"]
        {
            assert!(is_request_uri(good), "{good}");
        }
        for bad in [
            "",
            "a",
            ":a",
            "http://a:b",
            "http://a b",
            "/%zz",
            "http://[1.2.3.4]",
            "http://[::1",
            "a\n",
            "http://a:1:2",
        ] {
            assert!(!is_request_uri(bad), "{bad:?}");
        }
    }

    #[test]
    fn parts_are_those_of_go() {
        let url = Url::parse("HTTPS://u:p%40@Ex.com:8080/a%2fb c?x=1&y=%20+&x=2&;&z#f g").unwrap();
        assert_eq!(
            (url.scheme.as_str(), &url.host[..], url.hostname(), url.port()),
            ("https", &b"Ex.com:8080"[..], &b"Ex.com"[..], &b"8080"[..])
        );
        assert_eq!(url.escaped_path(), "/a/b%20c");
        let query = url.query();
        assert_eq!(query.keys().map(|key| key.escape_ascii().to_string()).collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(query[&b"x"[..]], [b"1", b"2"]);
        assert_eq!(url.text(), "https://u:p%40@Ex.com:8080/a/b%20c?x=1&y=%20+&x=2&;&z#f%20g");
        assert_eq!(Url::parse("http:///a").unwrap().text(), "http:///a");
        assert_eq!(Url::parse("http:/a").unwrap().text(), "http:/a");
        assert_eq!(Url::parse("mailto:a@b?c").unwrap().text(), "mailto:a@b?c");
        assert_eq!(Url::parse("http://[fe80::1%25en0]:80/").unwrap().hostname(), b"fe80::1%en0");
    }
}
