//! A certificate authority of our own and what it signs.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::scratch::Scratch;

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file (PKCS #8).
    pub key: PathBuf,
}

/// A certificate authority.
pub struct Authority {
    folder: Scratch,
    certificate: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one with a key of its own.
    ///
    /// # Panics
    /// Where the temp dir cannot be written.
    pub fn new() -> Self {
        let folder = Scratch::new("certs");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "orloj test bed");
        let key = KeyPair::generate().expect("unable to make a key");
        let certificate = params.self_signed(&key).expect("unable to sign").pem();
        let certificate = folder.write("ca.crt", &certificate);
        Self { folder, certificate, issuer: Issuer::new(params, key) }
    }

    /// The file of the authority's own certificate.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A server's certificate; every one also names localhost and 127.0.0.1.
    pub fn server(&self, name: &str, more_names: &[&str]) -> Identity {
        let names = ["localhost", "127.0.0.1"].iter().chain(more_names).map(|&name| name.to_owned());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).expect("names are names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(name, None, params)
    }

    /// A client's certificate for a user and, maybe, a group, as Kubernetes reads them.
    pub fn client(&self, user: &str, group: Option<&str>) -> Identity {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(user, group, params)
    }

    /// A key pair for signing `ServiceAccount` tokens: `certificate` is the public key.
    ///
    /// # Panics
    /// Where the temp dir cannot be written.
    pub fn token_keys(&self) -> Identity {
        let key = KeyPair::generate().expect("unable to make a key");
        Identity {
            certificate: self.folder.write("tokens.pub", &key.public_key_pem()),
            key: self.folder.write("tokens.key", &key.serialize_pem()),
        }
    }

    fn sign(&self, name: &str, group: Option<&str>, mut params: CertificateParams) -> Identity {
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("unable to make a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("unable to sign");
        let file = name.replace(':', "-");
        Identity {
            certificate: self.folder.write(&format!("{file}.crt"), &certificate.pem()),
            key: self.folder.write(&format!("{file}.key"), &key.serialize_pem()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
