//! Identity: a certificate chain with its private key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ED25519, SerialNumber};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use super::{CertificateError, Fingerprint, provider};

/// A certificate chain, the end entity's own first, and its private key. Cloning it shares both.
///
/// `Debug` shows the fingerprint, never the key.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
}

/// Clocks that disagree by less than this still take a fresh throw-away certificate for valid.
const BEFORE_NOW: Duration = Duration::from_secs(24 * 3600);
const VALID_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

impl Identity {
    /// An identity of parts that are there already.
    ///
    /// # Errors
    ///
    /// When there is no certificate, the key is of a kind that TLS 1.3 has no use for, or is not the certificate's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let Some(first) = chain.first() else {
            return Err(CertificateError::Missing { what: "certificate" });
        };
        let fingerprint = Fingerprint::of(first);
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| CertificateError::Unusable { what: "certificate and its key", source: error })?;
        Ok(Self { certified: Arc::new(certified), fingerprint })
    }

    /// An identity of PEM texts: the chain, the end entity's own first, and the key (PKCS #8, PKCS #1 or SEC 1). Both may
    /// be the same text.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when a text is no PEM or has no such section.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError::pem("certificate", error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| CertificateError::pem("key", error))?;
        Self::new(chain, key)
    }

    /// A throw-away identity for `localhost`, whose certificate it signs itself, valid from a day before `now` for 30 days
    /// more. Only a peer that knows its [`fingerprint`](Self::fingerprint) can verify it.
    ///
    /// The key is Ed25519, whose signatures all have one length: the datagrams of a handshake differ in nothing that a
    /// simulation records.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn self_signed(now: UnixTime) -> Result<Self, CertificateError> {
        let made = |error| CertificateError::Made { source: Arc::new(error) };
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(made)?;
        let certificate = params(now).and_then(|params| params.self_signed(&key)).map_err(made)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self::new(vec![certificate.der().clone()], key.into())
    }

    /// The chain in DER, the end entity's own first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The fingerprint of the end entity's certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

fn params(now: UnixTime) -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "listenrain throw-away");
    // Of one length whatever the key: a number that begins with zeros would be written shorter.
    params.serial_number = Some(SerialNumber::from(0x6c69_7374_656e_7261));
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs());
    params.not_before = now - BEFORE_NOW;
    params.not_after = now + VALID_FOR;
    Ok(params)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Identity {
        Identity::self_signed(UnixTime::now()).unwrap()
    }

    #[test]
    fn throw_away_certificates_differ_but_not_in_length() {
        let lengths: Vec<_> = (0..50).map(|_| made().chain()[0].len()).collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
        assert_ne!(made().fingerprint(), made().fingerprint());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (chain, other) = (made().chain().to_vec(), KeyPair::generate_for(&PKCS_ED25519).unwrap());
        let key = PrivatePkcs8KeyDer::from(other.serialize_der());
        let error = Identity::new(chain, key.into()).unwrap_err();
        assert!(matches!(error, CertificateError::Unusable { .. }), "{error:?}");
    }

    #[test]
    fn a_text_without_what_is_wanted_says_what_is_missing() {
        for (chain, key, what) in [
            ("", "", "key"),
            ("", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "certificate"),
            ("-----BEGIN CERTIFICATE-----\n", "", "certificate"),
        ] {
            let error = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
