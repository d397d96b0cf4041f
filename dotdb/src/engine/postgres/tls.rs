//! Encrypted connections.
//!
//! With `sslmode=require` a server has to show a certificate for its name, from an authority that the machine trusts or that
//! is in the file of `sslrootcert`; `verify-ca` and `verify-full` mean the same. With `prefer`, and where a URL says
//! nothing, what a server can is encrypted whoever it is, which keeps listeners out, and impostors not: as other clients of
//! PostgreSQL do it. With `disable` nothing is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

/// The URL without what the client does not know, and the file with the authorities to trust.
pub(super) fn split(url: &str) -> (String, Option<PathBuf>) {
    let Some((place, parameters)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut authorities = None;
    let mut known = Vec::new();
    // Who names authorities wants servers to be looked at.
    let is_told = |parameter: &str| parameter.starts_with("sslmode=");
    if parameters.contains("sslrootcert=") && !parameters.split('&').any(is_told) {
        known.push("sslmode=require");
    }
    for parameter in parameters.split('&') {
        match parameter.split_once('=') {
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8_lossy();
                authorities = Some(PathBuf::from(path.into_owned()));
            }
            Some(("sslmode", "verify-ca" | "verify-full")) => known.push("sslmode=require"),
            _ => known.push(parameter),
        }
    }
    (format!("{place}?{}", known.join("&")), authorities)
}

/// What encrypts connections.
///
/// # Errors
/// [`Server`](Error::Server) where authorities are needed and cannot be read.
pub(super) fn connector(mode: SslMode, authorities: Option<&Path>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Server(error.to_string()))?;
    let config = match mode {
        SslMode::Require => config.with_root_certificates(trusted(authorities)?),
        _ => config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// The authorities in a file, or those that the machine trusts.
fn trusted(file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        // Some machines have a few that nobody can read.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let wrong = |reason: &dyn std::fmt::Display| {
        Error::Server(format!("the certificates in {}: {reason}", file.display()))
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there are none"));
    }
    Ok(roots)
}

/// Takes a server for whoever it says it is, as long as it has the key of the certificate that it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.0.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_the_client_does_not_know_are_taken_out() {
        for (url, left, file) in [
            ("postgres://h/d", "postgres://h/d", None),
            ("postgres://h/d?a=1&b=2", "postgres://h/d?a=1&b=2", None),
            (
                "postgres://h/d?sslmode=verify-full&sslrootcert=/a%20b/c.pem&a=1",
                "postgres://h/d?sslmode=require&a=1",
                Some("/a b/c.pem"),
            ),
            (
                "postgres://h/d?sslrootcert=x",
                "postgres://h/d?sslmode=require",
                Some("x"),
            ),
            (
                "postgres://h/d?sslrootcert=x&sslmode=disable",
                "postgres://h/d?sslmode=disable",
                Some("x"),
            ),
        ] {
            let expected = (left.to_owned(), file.map(PathBuf::from));
            assert_eq!(split(url), expected, "{url}");
        }
    }

    #[test]
    fn files_without_certificates_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for content in [None, Some(""), Some("no certificate\n")] {
            if let Some(content) = content {
                std::fs::write(&file, content).unwrap();
            }
            let refused = connector(SslMode::Require, Some(&file)).err();
            let text = refused.expect("an error").to_string();
            assert!(text.contains("the certificates in /"), "{text}");
        }
    }
}
