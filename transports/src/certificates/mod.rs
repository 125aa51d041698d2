//! Identity and trust: certificates, how they are verified, and the errors of handshakes.
//!
//! [`Identity`] and [`Trust`] are given to a transport as such; [`CertificateOptions`] name files instead. Either way the
//! peer's certificate is verified always, against authorities or against one pinned [`Fingerprint`]: there is no switch that
//! turns it off, and a throw-away certificate is believed only where it is pinned. Sessions are never resumed, so that every
//! handshake verifies anew. TLS 1.3 alone is spoken, with *ring* as the one provider, never the process's default.
//!
//! This module knows nothing of sockets and channels; see [`tls`](crate::tls) and [`quic`](crate::quic) for those.

mod credentials;
mod error;
mod file;
mod fingerprint;
mod identity;
mod options;
mod pinned;
mod renewal;
mod trust;

use std::sync::Arc;

use listenrain::{Endpoint, EndpointError};
use rustls::crypto::{CryptoProvider, ring};

pub use self::error::{CertificateError, HandshakeError};
pub use self::fingerprint::{Fingerprint, FingerprintError};
pub use self::identity::Identity;
pub use self::options::CertificateOptions;
pub use self::pinned::NotPinned;
pub use self::trust::Trust;

pub(crate) use self::credentials::{ClientSide, Credentials, ServerSide, server_name};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// `endpoint` as one of `scheme`: the scheme may say as well, behind a plus, that its listener makes its certificate itself.
pub(crate) fn understand_scheme(endpoint: &Endpoint, scheme: &str) -> Result<Endpoint, EndpointError> {
    match endpoint.scheme().strip_prefix(scheme) {
        Some("") if !endpoint.is_list() => Ok(endpoint.clone()),
        Some("+selfsigned") if !endpoint.is_list() => {
            let renamed = Endpoint::new(scheme, endpoint.address())?;
            let renamed =
                endpoint.options().fold(renamed, |renamed, (name, value)| renamed.with_option(name, value));
            Ok(renamed.with_option("cert", "selfsigned"))
        }
        _ => Err(endpoint.invalid(format!("is not for the transport `{scheme}`"))),
    }
}

/// `endpoint` without the listener's private options, with the pin of the certificate that is shown there: its dialers verify
/// it. A dialer that trusts a pin trusts no authority beside it, whatever `options` say to dialers.
pub(crate) fn told(endpoint: &Endpoint, options: &CertificateOptions, shown: Fingerprint) -> Endpoint {
    let own = ["ca", "cert", "key", "renew", "client_ca", "client_pin", "pin"];
    let bare = Endpoint::new(endpoint.scheme(), endpoint.address());
    let bare = bare.expect("its scheme and address have been parsed before");
    let kept = endpoint.options().filter(|(name, _)| !own.contains(name));
    let told = kept.fold(bare, |told, (name, value)| told.with_option(name, value));
    pinned(if options.ca.is_some() { told.with_option("ca", "none") } else { told }, Some(shown))
}

/// `endpoint` with the pin of the certificate that is shown there, where one is.
///
/// Both sides write the ends of their channels like this.
pub(crate) fn pinned(endpoint: Endpoint, shown: Option<Fingerprint>) -> Endpoint {
    match shown {
        Some(shown) => endpoint.with_option("pin", &shown.to_string()),
        None => endpoint,
    }
}
