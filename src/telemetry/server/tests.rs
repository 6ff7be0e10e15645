//! Over real sockets.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

fn admin() -> Admin {
    Admin { metrics: Metrics::new("1", "r"), readiness: Readiness::default(), liveness: Liveness::default() }
}

fn local(port: u16) -> BindAddr {
    BindAddr::On { host: "127.0.0.1".to_owned(), port }
}

/// Status line and headers, then body.
async fn fetch(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn probes_tell_what_they_wait_for() {
    let (admin, stop) = (admin(), CancellationToken::new());
    let store = admin.readiness.register("store", "the database");
    let servers = serve(&BindAddr::Off, &local(0), admin, &stop).await.unwrap();
    assert_eq!(servers.metrics, None);
    let address = servers.healthz.unwrap();
    let (head, body) = fetch(address, "/readyz").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(body, "store: waiting for the database\n");
    store.ready();
    let (head, body) = fetch(address, "/readyz?verbose").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, "[+]store ok\nreadyz check passed\n");
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(fetch(address, path).await.1, "ok\n", "{path}");
    }
    for path in ["/", "/metrics", "/readyz/x"] {
        assert!(fetch(address, path).await.0.starts_with("HTTP/1.1 404 "), "{path}");
    }
    stop.cancel();
    servers.finished().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn equal_addresses_share_one_server() {
    let stop = CancellationToken::new();
    let servers = serve(&local(0), &local(0), admin(), &stop).await.unwrap();
    assert_eq!(servers.metrics, servers.healthz);
    let address = servers.metrics.unwrap();
    let (head, body) = fetch(address, "/metrics").await;
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("orloj_operator_build_info"));
    assert_eq!(fetch(address, "/healthz").await.1, "ok\n");
}

#[tokio::test]
async fn both_off_serve_nothing() {
    let servers = serve(&BindAddr::Off, &BindAddr::Off, admin(), &CancellationToken::new()).await.unwrap();
    assert_eq!((servers.metrics, servers.healthz), (None, None));
    servers.finished().await;
}

#[tokio::test]
async fn a_taken_address_names_address_and_flag() {
    let taken = TcpListener::bind("[::]:0").await.unwrap();
    let address = BindAddr::On { host: String::new(), port: taken.local_addr().unwrap().port() };
    let error = serve(&BindAddr::Off, &address, admin(), &CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--healthz-addr"), "{error}");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let stop = CancellationToken::new();
    let servers = serve(&local(0), &BindAddr::Off, admin(), &stop).await.unwrap();
    let mut idle = TcpStream::connect(servers.metrics.unwrap()).await.unwrap();
    idle.write_all(b"GET /metrics HT").await.unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), servers.finished()).await.unwrap();
}
