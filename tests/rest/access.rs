//! Who may do what, and where the server may listen; TLS, whose files change.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::bed::eventually;
use crate::desk::{Api, Place, TIMEOUT};
use crate::program;

const TOKENS: &str = "# who\nr:planted-r:reader\nplanted-w:writer\nc:planted-c:controller\na:planted-a:admin\n";

fn protected(place: &Place) -> Api {
    fs::write(place.desk.path("tokens"), TOKENS).unwrap();
    place.serve(&format!("--token-file {}", place.desk.path("tokens").display()))
}

#[test]
fn roles_may_what_they_may() {
    let place = Place::sqlite();
    let mut api = protected(&place);
    let memory = json!({"metadata": {"name": "m"}, "spec": {}});
    let server = json!({"metadata": {"name": "s"}, "spec": {"transport": "http", "endpoint": "https://x.example"}});
    let tool = json!({"metadata": {"name": "t"}, "spec": {"type": "cli", "cli": {"command": "x"}, "runtime": {"isolation_mode": "None"}}});
    let codes = |api: &Api| {
        let status = json!({"status": {"phase": "Ready"}});
        [
            api.get("/v1/memories").code,
            api.post("/v1/memories", &memory).code,
            api.put("/v1/memories/m", &[("If-Match", "*")], &memory).code,
            api.put("/v1/memories/m/status", &[("If-Match", "*")], &status).code,
            api.post("/v1/mcp-servers", &server).code,
            api.post("/v1/tools", &tool).code,
            api.delete("/v1/memories/m").code,
            api.get("/metrics").code,
            api.get("/healthz").code,
            api.get("/v1/auth/config").code,
        ]
    };
    for (token, expected) in [
        (Some("planted-a"), [200, 201, 200, 200, 201, 201, 204, 200, 200, 200]),
        (Some("planted-w"), [200, 201, 200, 403, 403, 403, 204, 200, 200, 200]),
        (Some("planted-c"), [200, 403, 403, 404, 403, 403, 403, 200, 200, 200]),
        (Some("planted-r"), [200, 403, 403, 403, 403, 403, 403, 200, 200, 200]),
        (Some("planted-x"), [401, 401, 401, 401, 401, 401, 401, 401, 200, 200]),
        (None, [401, 401, 401, 401, 401, 401, 401, 401, 200, 200]),
    ] {
        api.token = token.map(str::to_owned);
        assert_eq!(codes(&api), expected, "{token:?}");
    }
    // a form that a browser sends unasked does not get as far
    api.ask("POST", "/v1/memories", &[("Content-Type", "text/plain")], "{}").expect(415);
    let unknown = api.get("/v1/nope").expect(401);
    assert!(unknown.header("WWW-Authenticate").is_none() && unknown.body.starts_with("unauthorized: "), "{unknown:?}");
    assert!(!api.log().contains("planted"), "{}", api.log());

    // a file that changes is read again; one that is broken is not taken
    api.token = Some("planted-2".to_owned());
    fs::write(place.desk.path("tokens"), "planted-2:admin\n").unwrap();
    let code = |api: &Api, wanted: u16| {
        eventually(TIMEOUT, "the new tokens", || match api.get("/v1/memories").code {
            code if code == wanted => Ok(()),
            code => Err(code.to_string()),
        });
    };
    code(&api, 200);
    fs::write(place.desk.path("tokens"), "planted-3\n").unwrap();
    eventually(TIMEOUT, "the complaint", || {
        if api.log().contains("the tokens stay as they were") { Ok(()) } else { Err(api.log()) }
    });
    code(&api, 200);
    assert!(!api.log().contains("planted"), "{}", api.log());
}

#[test]
fn without_tokens_only_this_machine_is_served() {
    let place = Place::sqlite();
    let refused = |words: &str, text: &str| {
        let ran = program::until_ended(place.desk.command(&format!("serve {words}")).args(["--store", &place.url]));
        assert!(ran.code == 2 && ran.err.contains(text) && ran.err.trim_end().lines().count() <= 2, "{words}: {ran:?}");
    };
    for address in [":0", "0.0.0.0:0", "[::]:0"] {
        refused(&format!("--listen {address}"), "without tokens");
    }
    refused("--listen 0", "0 is no address to serve on");
    refused("--listen nowhere", "has no port");
    fs::write(place.desk.path("empty"), "# nobody\n").unwrap();
    refused("--listen 127.0.0.1:0 --token-file empty", "it holds none");
    refused("--listen 127.0.0.1:0 --token-file missing", "missing");
    refused("--listen 127.0.0.1:0 --tls-cert-file empty", "TLS takes both");
    refused("--listen 127.0.0.1:0 --tls-cert-file empty --tls-key-file empty", "unable to use empty for TLS");
    place.serve("--listen 0.0.0.0:PORT --insecure-no-auth").get("/v1/tools").expect(200);
    place.serve("--listen localhost:PORT");
}

/// The serial number of the certificate that a server shows.
fn certificate(port: u16) -> Result<Vec<u8>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Anybody(provider.signature_verification_algorithms));
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let mut session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .map_err(|e| e.to_string())?;
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).map_err(|error| error.to_string())?;
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    Ok(session.peer_certificates().unwrap()[0].to_vec())
}

#[derive(Debug)]
struct Anybody(rustls::crypto::WebPkiSupportedAlgorithms);

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[test]
fn certificates_are_read_again() {
    let place = Place::sqlite();
    let (cert, key) = (place.desk.path("tls.crt"), place.desk.path("tls.key"));
    let issue = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::write(&cert, made.cert.pem()).unwrap();
        made.cert.der().to_vec()
    };
    let first = issue();
    let api = place.serve(&format!("--tls-cert-file {} --tls-key-file {}", cert.display(), key.display()));
    assert_eq!(certificate(api.port).unwrap(), first);
    fs::write(&cert, "broken").unwrap();
    eventually(TIMEOUT, "the complaint", || {
        if api.log().contains("the certificate stays as it was") { Ok(()) } else { Err(api.log()) }
    });
    assert_eq!(certificate(api.port).unwrap(), first);
    let second = issue();
    eventually(TIMEOUT, "the new certificate", || match certificate(api.port) {
        Ok(shown) if shown == second => Ok(()),
        other => Err(format!("{:?}", other.map(|shown| shown.len()))),
    });
}
