use secrecy::ExposeSecret as _;

use super::*;

fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
    )
}

fn configured(cluster: &str, user: &str) -> Result<Config, String> {
    parse(&kubeconfig(cluster, user)).and_then(config)
}

#[test]
fn a_server_without_a_scheme_is_one() {
    let url = |cluster: &str| configured(cluster, "").map(|config| config.cluster_url.to_string());
    assert_eq!(url("server: 'localhost:6443'").unwrap(), "http://localhost:6443/");
    assert_eq!(url("server: 'localhost:6443', insecure-skip-tls-verify: true").unwrap(), "https://localhost:6443/");
    assert_eq!(url("server: 'https://host/k8s/clusters/c-1'").unwrap(), "https://host/k8s/clusters/c-1");
    let error = url("server: 'tcp://localhost:6443'").unwrap_err();
    assert!(error.starts_with("its server \"tcp://localhost:6443\" is not a URL"), "{error}");
    assert_eq!(url("").unwrap_err(), "its cluster \"c\" has no server");
}

#[test]
fn what_is_empty_is_not_given() {
    let cluster = "server: 'https://a', certificate-authority-data: '', tls-server-name: '', proxy-url: ''";
    let config =
        configured(cluster, "token: '', tokenFile: null, exec: null, auth-provider: {name: gcp, config: null}");
    let config = config.unwrap();
    assert!(config.root_cert.is_none() && config.tls_server_name.is_none() && config.proxy_url.is_none());
    assert!(config.auth_info.token.is_none());
}

#[test]
fn contexts_and_clusters_that_are_not_there_are_named() {
    let error = |text: &str| parse(text).and_then(config).unwrap_err();
    assert!(error("").starts_with("it has no current-context"));
    assert_eq!(error("current-context: y"), "its current-context \"y\" is none of its contexts");
    let text = "contexts: [{name: y, context: {namespace: n}}]\ncurrent-context: y";
    assert_eq!(error(text), "the cluster \"\" of its context \"y\" is not in it");
}

#[test]
fn nothing_of_a_kubeconfig_is_quoted() {
    let error = parse("users: [{name: u, user: {token: [pl4nted]}}]").unwrap_err();
    assert!(!error.contains("pl4nted"), "{error}");
    let error = parse("users: [{name: u, user: pl4nted}]").unwrap_err();
    assert!(!error.contains("pl4nted") && error.contains("expected"), "{error}");
    let error = parse("users: pl4nted: {").unwrap_err();
    assert!(!error.contains("pl4nted") && error.contains("line 1"), "{error}");
}

#[test]
fn the_first_file_wins_and_paths_are_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, kubeconfig("server: 'https://a', certificate-authority: ca.crt", "tokenFile: sub/token"))
        .unwrap();
    let first = read(&file).unwrap();
    let second = parse(&kubeconfig("server: 'https://b'", "token: t")).unwrap();
    let merged = first.merge(second).unwrap();
    let Parts { cluster, user, .. } = chosen(merged).unwrap();
    let within = |name: &str| Some(folder.path().join(name).display().to_string());
    assert_eq!(cluster.certificate_authority, within("ca.crt"));
    assert_eq!((user.token_file, user.token.is_none()), (within("sub/token"), true));
}

#[test]
fn wide_characters_are_read() {
    let text = kubeconfig("server: 'https://a'", "token: t");
    let wide = std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let read = parse(&decode(&wide).unwrap()).and_then(config).unwrap();
    assert_eq!(read.auth_info.token.unwrap().expose_secret(), "t");
    assert_eq!(decode(b"\xEF\xBB\xBFa: b").unwrap(), "a: b");
}
