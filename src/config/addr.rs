//! Addresses to serve on, in Go's forms.

use std::fmt;
use std::str::FromStr;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddr {
    /// `0`: not at all.
    Off,
    On {
        /// Name or address without brackets; empty is all interfaces, IPv6 and IPv4.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
}

impl BindAddr {
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl FromStr for BindAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "0" {
            return Ok(Self::Off);
        }
        let advice = "write :8080 for all interfaces, host:port, [::1]:8080, or 0 to turn it off";
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("has no port; {advice}"));
        };
        let port = port.parse().map_err(|_| format!("has no port between 0 and 65535; {advice}"))?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(|| format!("lacks a closing bracket; {advice}"))?,
            None if host.contains(':') => return Err(format!("has an IPv6 address without brackets; {advice}")),
            None => host,
        };
        if host.chars().any(|c| c.is_whitespace() || c == '/' || c == '[' || c == ']') {
            return Err(format!("is no address; {advice}"));
        }
        Ok(Self::On { host: host.to_owned(), port })
    }
}

impl fmt::Display for BindAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("0"),
            Self::On { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::On { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(host: &str, port: u16) -> BindAddr {
        BindAddr::On { host: host.to_owned(), port }
    }

    #[test]
    fn reads_the_forms_of_go() {
        assert_eq!("0".parse(), Ok(BindAddr::Off));
        assert_eq!(":8080".parse(), Ok(on("", 8080)));
        assert_eq!("127.0.0.1:9".parse(), Ok(on("127.0.0.1", 9)));
        assert_eq!("localhost:9".parse(), Ok(on("localhost", 9)));
        assert_eq!("[::]:8080".parse(), Ok(on("::", 8080)));
        assert_eq!(":0".parse(), Ok(on("", 0)));
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0", ":8080", "[::]:8080", "localhost:1"] {
            assert_eq!(text.parse::<BindAddr>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_the_rest_and_says_what_to_write() {
        for text in ["", "8080", ":http", ":70000", "::1:80", "[::1:80", "http://x:80", "a b:1"] {
            let error = text.parse::<BindAddr>().unwrap_err();
            assert!(error.contains("0 to turn it off"), "{text}: {error}");
        }
    }
}
