//! Just enough HTTP for health, metrics and etcd's JSON gateway, all on 127.0.0.1.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// A GET of `path` on 127.0.0.1:`port`.
///
/// # Errors
/// Where nobody answers, or not in HTTP.
pub fn get(port: u16, path: &str) -> Result<Response, String> {
    exchange(port, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"))
}

/// A POST of JSON to `path` on 127.0.0.1:`port`.
///
/// # Errors
/// Where nobody answers, or not in HTTP.
pub fn post(port: u16, path: &str, json: &str) -> Result<Response, String> {
    let length = json.len();
    exchange(
        port,
        &format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{json}"
        ),
    )
}

// HTTP/1.0: the server may not answer in chunks, and closes when it is done.
fn exchange(port: u16, request: &str) -> Result<Response, String> {
    let answer = talk(port, request).map_err(|error| format!("127.0.0.1:{port}: {error}"))?;
    parse(&answer).map_err(|error| format!("127.0.0.1:{port}: {error}"))
}

/// An answer as it came over the wire.
///
/// # Errors
/// Where it is not HTTP.
pub fn parse(answer: &[u8]) -> Result<Response, String> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no HTTP: {answer:?}"))?;
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("no status: {head:?}"))?;
    Ok(Response { status, body: body.to_owned() })
}

fn talk(port: u16, request: &str) -> std::io::Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Whether somebody listens on 127.0.0.1:`port`.
pub fn listening(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT).is_ok()
}
