//! The listener: where it may listen, TLS, files that change, and the end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::lookup_host;

use super::{Options, Server, TlsFiles, TokenError, Tokens};
use crate::config::BindAddr;

/// How often files are looked at.
const FILES: Duration = Duration::from_secs(2);

/// For a client to begin its request, and to send the whole of its headers.
const HEADERS: Duration = Duration::from_secs(15);

/// For requests that are under way when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("unable to listen on {address}: {source}; free the address, or choose another by --listen")]
    Bind { address: String, source: io::Error },
    #[error(
        "unable to listen on {address} without tokens: whoever reaches it could write; give --token-file, listen on \
         127.0.0.1, or say --insecure-no-auth"
    )]
    Unprotected { address: String },
    #[error("unable to use {file} for TLS: {why}")]
    Tls { file: String, why: String },
    #[error("unable to serve: {0}")]
    Serve(io::Error),
    #[error(transparent)]
    Tokens(#[from] TokenError),
}

/// Socket that listens already.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    pub address: SocketAddr,
}

/// Opens the socket; without tokens on loopback alone, unless it is meant.
pub async fn listen(at: &BindAddr, protected: bool) -> Result<Listening, ListenError> {
    let failed = |source| ListenError::Bind { address: at.to_string(), source };
    let BindAddr::On { host, port } = at else {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "0 is no address to serve on")));
    };
    let host = if host.is_empty() { "::" } else { host.as_str() };
    let candidates: Vec<SocketAddr> = lookup_host((host, *port)).await.map_err(failed)?.collect();
    if !protected && !candidates.iter().all(|candidate| candidate.ip().is_loopback()) {
        return Err(ListenError::Unprotected { address: at.to_string() });
    }
    let listener = TcpListener::bind(candidates.as_slice()).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Listening { listener, address })
}

impl Listening {
    /// Serves until the server is told to stop.
    pub async fn serve(self, server: &Server, routes: Router, options: &Options) -> Result<(), ListenError> {
        let handle = Handle::new();
        let tls = options.tls.as_ref().map(|files| server_config(files).map(RustlsConfig::from_config)).transpose()?;
        let mut http = axum_server::from_tcp(self.listener)
            .map_err(ListenError::Serve)?
            .handle(handle.clone())
            .first_request_timeout(HEADERS)
            .http1_only();
        http.http_builder().http1().header_read_timeout(HEADERS);
        let service = routes.into_make_service();
        let serving = async {
            match tls.clone() {
                None => http.serve(service).await,
                Some(config) => {
                    http.acceptor(RustlsAcceptor::new(config).handshake_timeout(HEADERS)).serve(service).await
                }
            }
        };
        let ending = async {
            server.stop.cancelled().await;
            handle.graceful_shutdown(Some(GRACE));
        };
        let looking = server.changes.run(&server.registry, server.store.as_ref(), &server.stop);
        let reading = follow(server, options, tls.as_ref());
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended.map_err(ListenError::Serve),
            () = async { tokio::join!(ending, looking, reading); } => {}
        }
        serving.await.map_err(ListenError::Serve)
    }
}

/// Reads tokens and certificates again when their files change; what cannot be used is told, and the old ones stay.
async fn follow(server: &Server, options: &Options, tls: Option<&RustlsConfig>) {
    let mut tokens = options.token_file.as_deref().map(content);
    let mut certificates = options.tls.as_ref().map(|files| (content(&files.certificate), content(&files.key)));
    loop {
        tokio::select! {
            () = server.stop.cancelled() => return,
            () = tokio::time::sleep(FILES) => {}
        }
        let now = options.token_file.as_deref().map(content);
        if let Some(file) = options.token_file.as_deref().filter(|_| now != tokens) {
            match Tokens::read(file) {
                Ok(read) => {
                    tracing::info!(file = %file.display(), "the tokens were read again");
                    server.set_tokens(read);
                }
                Err(error) => tracing::warn!(%error, "the tokens stay as they were"),
            }
            tokens = now;
        }
        let now = options.tls.as_ref().map(|files| (content(&files.certificate), content(&files.key)));
        if let Some((files, config)) = options.tls.as_ref().zip(tls).filter(|_| now != certificates) {
            match server_config(files) {
                Ok(read) => {
                    tracing::info!(file = %files.certificate.display(), "the certificate was read again");
                    config.reload_from_config(read);
                }
                Err(error) => tracing::warn!(%error, "the certificate stays as it was"),
            }
            certificates = now;
        }
    }
}

/// What tells one content of a file from another: a mounted secret changes by a link, whose times say little.
fn content(file: &Path) -> Option<Vec<u8>> {
    std::fs::read(file).ok().map(|bytes| ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref().to_vec())
}

fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, ListenError> {
    let failed = |file: &Path, why: String| ListenError::Tls { file: file.display().to_string(), why };
    let bad = |error: rustls::pki_types::pem::Error| match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        _ => "it is no PEM file of the sort that is needed".to_owned(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| failed(&files.certificate, bad(error)))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, bad(error)))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    config.map(Arc::new).map_err(|error| failed(&files.certificate, error.to_string()))
}
