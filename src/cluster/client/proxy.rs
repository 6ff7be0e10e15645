//! The proxy on the way to the API server, chosen as Go's `net/http` chooses it.

use std::net::IpAddr;

use http::Uri;

use crate::go_compat::netip;

/// The proxy of a kubeconfig, which is always used, or that of the environment, unless `NO_PROXY` excepts the server.
///
/// # Errors
/// Where it is not the URL of a proxy.
pub fn choose(server: &Uri, given: Option<&str>, env: impl Fn(&str) -> Option<String>) -> Result<Option<Uri>, String> {
    if let Some(proxy) = given {
        return parse(proxy).map(Some);
    }
    let set = |names: [&str; 2]| names.into_iter().filter_map(&env).find(|value| !value.is_empty());
    let secure = server.scheme_str() == Some("https");
    let proxy = set(if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] });
    let Some(proxy) = proxy else { return Ok(None) };
    let excepted = set(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let port = server.port_u16().unwrap_or(if secure { 443 } else { 80 });
    if is_excepted(server.host().unwrap_or_default(), port, &excepted) {
        return Ok(None);
    }
    parse(&proxy).map(Some)
}

fn parse(text: &str) -> Result<Uri, String> {
    // Go takes `host:port` for a proxy that speaks HTTP; names are always resolved by a SOCKS proxy
    let url = match text.split_once("://") {
        None => format!("http://{text}"),
        Some(("socks5h", rest)) => format!("socks5://{rest}"),
        Some(_) => text.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|error| format!("the proxy is not a URL: {error}"))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        scheme => Err(format!(
            "the proxy is of the scheme {:?}: http, https and socks5 are known",
            scheme.unwrap_or_default()
        )),
    }
}

/// Whether a list such as `10.0.0.0/8,.svc,example.org:6443` holds a host; no proxy is asked for the machine itself.
fn is_excepted(host: &str, port: u16, list: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    let address = netip::parse_ip(&host);
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| match entry.as_str() {
        "" => false,
        "*" => true,
        entry => excepts(entry, &host, port, address),
    })
}

fn excepts(entry: &str, host: &str, port: u16, address: Option<IpAddr>) -> bool {
    if let Some(prefix) = netip::parse_prefix(entry) {
        return address.is_some_and(|address| is_within(address, prefix));
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse().ok()),
        _ => (entry, None),
    };
    if wanted.is_some_and(|wanted: u16| wanted != port) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Some(wanted) = netip::parse_ip(name) {
        return address == Some(wanted);
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    match name.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.')),
        None => host == name || host.strip_suffix(name).is_some_and(|sub| sub.ends_with('.')),
    }
}

fn is_within(address: IpAddr, (network, bits): (IpAddr, u8)) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let differing = number(address) ^ number(network);
    address.is_ipv4() == network.is_ipv4() && differing.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_excepted_as_in_go() {
        let cases = [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8, ", false),
            ("10.1.2.3", "10.1.2.3:6443", true),
            ("10.1.2.3", "10.1.2.3:443", false),
            ("api.example.org", "example.org", true),
            ("example.org", ".example.org", false),
            ("api.example.org", "*.Example.org", true),
            ("badexample.org", "example.org", false),
            ("api.example.org", "*", true),
            ("fd00::1", "fd00::/8", true),
            ("[fd00::1]", "[fd00::1]:6443", true),
            ("127.0.0.1", "", true),
            ("localhost", "", true),
        ];
        for (host, list, excepted) in cases {
            assert_eq!(is_excepted(host, 6443, list), excepted, "{host} in {list:?}");
        }
    }

    #[test]
    fn a_proxy_is_chosen() {
        let server: Uri = "https://api.example.org:6443".parse().unwrap();
        let env = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy:3128".to_owned()),
            "no_proxy" => Some("example.org,".to_owned()),
            _ => None,
        };
        assert_eq!(choose(&server, None, env).unwrap(), None);
        let other: Uri = "https://api.example.com".parse().unwrap();
        assert_eq!(choose(&other, None, env).unwrap().unwrap(), "http://proxy:3128/");
        // what a kubeconfig says holds whatever the environment excepts
        assert_eq!(choose(&server, Some("socks5h://p:1080"), env).unwrap().unwrap(), "socks5://p:1080/");
        assert!(choose(&server, Some("ftp://p"), env).unwrap_err().contains("\"ftp\""));
    }
}
