//! TLS configuration of one side, from options and typed parts.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use listenrain::{Endpoint, NextError};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig, SignatureScheme};

use super::options::{CertificateOptions, Shown};
use super::renewal::{Reload, Renewal};
use super::{CertificateError, Fingerprint, Identity, Trust, file, provider};

use crate::locks::lock;
use crate::owned_task::OwnedTask;

/// What one transport was given as such, in place of files, and what it makes itself. Cloning it shares the latter.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) identity: Option<Identity>,
    pub(crate) trust: Option<Trust>,
    pub(crate) client_trust: Option<Trust>,
    pub(crate) clock: Arc<dyn TimeProvider>,
    pub(crate) reload: Reload,
    throw_away: Arc<Mutex<Option<Identity>>>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            identity: None,
            trust: None,
            client_trust: None,
            clock: Arc::new(DefaultTimeProvider),
            reload: Reload::default(),
            throw_away: Arc::default(),
        }
    }
}

/// How a dialer speaks.
pub(crate) struct ClientSide {
    config: ClientConfig,
    /// The verifier of the configuration, by which a refusal can be explained.
    pub(crate) verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Identity>,
}

impl ClientSide {
    /// The configuration of one handshake, and what that handshake will have shown.
    pub(crate) fn one(&self) -> (ClientConfig, Showing) {
        let mut config = self.config.clone();
        let showing = self.identity.clone().map(|identity| Arc::new(Shows { identity, asked: false.into() }));
        if let Some(shows) = &showing {
            config.client_auth_cert_resolver = shows.clone();
        }
        (config, Showing(showing))
    }
}

/// Whether a dialer was asked for its certificate.
pub(crate) struct Showing(Option<Arc<Shows>>);

impl Showing {
    /// The fingerprint of the certificate that was shown, if one was.
    pub(crate) fn shown(&self) -> Option<Fingerprint> {
        let shows = self.0.as_ref().filter(|shows| shows.asked.load(Ordering::Relaxed))?;
        Some(shows.identity.fingerprint())
    }
}

#[derive(Debug)]
struct Shows {
    identity: Identity,
    asked: AtomicBool,
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        Some(self.identity.certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// How a listener speaks.
pub(crate) struct ServerSide {
    pub(crate) config: ServerConfig,
    /// Of the certificate that it shows.
    pub(crate) shown: Fingerprint,
    renewal: Option<Renewal>,
}

impl ServerSide {
    /// Gives `show` what handshakes are to begin with once the certificate has been renewed, until the task is dropped. `None`
    /// where it does not come from a file.
    pub(crate) fn renewed(
        &self,
        show: impl FnMut(ServerConfig, Fingerprint) + Send + 'static,
    ) -> Option<OwnedTask> {
        Some(self.renewal.clone()?.spawn(self.config.clone(), show))
    }
}

impl Credentials {
    /// What a dialer needs for `endpoint`; `doing` is for errors.
    pub(crate) async fn client(
        &self,
        endpoint: &Endpoint,
        options: &CertificateOptions,
    ) -> Result<ClientSide, NextError> {
        let built = async {
            let (trust, identity) =
                (self.trust_in_listener(options).await?, self.dialer_identity(options).await?);
            let verifier = trust.server_verifier()?;
            let mut config = ClientConfig::builder_with_details(provider(), self.clock.clone())
                .with_protocol_versions(&[&TLS13])
                .map_err(unusable)?
                .dangerous()
                .with_custom_certificate_verifier(verifier.clone())
                .with_no_client_auth();
            config.alpn_protocols = protocols(options);
            // A resumed session would not look at the certificate again, and could begin with data that can be replayed.
            config.resumption = Resumption::disabled();
            Ok(ClientSide { config, verifier, identity })
        };
        built.await.map_err(|error: CredentialError| error.into_next_error("dial", endpoint))
    }

    /// What a listener needs for `endpoint`.
    pub(crate) async fn server(
        &self,
        endpoint: &Endpoint,
        options: &CertificateOptions,
    ) -> Result<ServerSide, NextError> {
        let built = async {
            let identity = self.listener_identity(options).await?;
            let builder = ServerConfig::builder_with_details(provider(), self.clock.clone())
                .with_protocol_versions(&[&TLS13])
                .map_err(unusable)?;
            let builder = match self.trust_in_dialers(options).await? {
                Some(trust) => builder.with_client_cert_verifier(trust.client_verifier()?),
                None => builder.with_no_client_auth(),
            };
            let shown = Arc::new(SingleCertAndKey::from(identity.certified()));
            let mut config = builder.with_cert_resolver(shown);
            config.alpn_protocols = protocols(options);
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            let shown = identity.fingerprint();
            Ok(ServerSide { config, shown, renewal: self.renewal(endpoint, options, identity) })
        };
        built.await.map_err(|error: CredentialError| error.into_next_error("listen", endpoint))
    }

    fn renewal(&self, endpoint: &Endpoint, options: &CertificateOptions, shown: Identity) -> Option<Renewal> {
        let Shown::File(chain) = &options.cert else { return None };
        Some(Renewal {
            chain: chain.clone(),
            key: options.key.as_ref().unwrap_or(chain).clone(),
            pin: options.pin,
            every: options.renew,
            reload: self.reload.clone(),
            endpoint: endpoint.clone(),
            shown,
        })
    }

    async fn trust_in_listener(&self, options: &CertificateOptions) -> Result<Trust, CredentialError> {
        match (&options.ca, options.pin, &self.trust) {
            (Some(_), Some(_), _) => Err(CredentialError::Invalid("has both ca and pin; give one of them".to_owned())),
            (Some(path), None, _) => Ok(file::authorities(path).await?),
            (None, Some(pin), _) => Ok(Trust::Pinned(pin)),
            (None, None, Some(trust)) => Ok(trust.clone()),
            (None, None, None) => Err(CredentialError::Invalid(
                "has nothing to verify the listener with: give ca=FILE with authorities in PEM, or pin=sha256-HEX with the \
                 fingerprint of the listener's certificate"
                    .to_owned(),
            )),
        }
    }

    async fn trust_in_dialers(&self, options: &CertificateOptions) -> Result<Option<Trust>, CredentialError> {
        match (&options.client_ca, options.client_pin) {
            (Some(_), Some(_)) => Err(CredentialError::Invalid(
                "has both client_ca and client_pin; give one of them".to_owned(),
            )),
            (Some(path), None) => Ok(Some(file::authorities(path).await?)),
            (None, Some(pin)) => Ok(Some(Trust::Pinned(pin))),
            (None, None) => Ok(self.client_trust.clone()),
        }
    }

    async fn dialer_identity(
        &self,
        options: &CertificateOptions,
    ) -> Result<Option<Identity>, CredentialError> {
        match (&options.client_cert, &options.client_key) {
            (Some(chain), key) => Ok(Some(file::identity(chain, key.as_ref().unwrap_or(chain)).await?)),
            (None, Some(_)) => Err(CredentialError::Invalid("has client_key without client_cert".to_owned())),
            (None, None) => Ok(self.identity.clone()),
        }
    }

    async fn listener_identity(&self, options: &CertificateOptions) -> Result<Identity, CredentialError> {
        let identity = match (&options.cert, &options.key) {
            (Shown::File(chain), key) => file::identity(chain, key.as_ref().unwrap_or(chain)).await?,
            (_, Some(_)) => return Err(CredentialError::Invalid("has key without cert=FILE".to_owned())),
            (Shown::SelfSigned, None) => self.throw_away()?,
            (Shown::Unsaid, None) => self.known(options.pin)?,
        };
        match options.pin {
            Some(pin) if pin != identity.fingerprint() => Err(CredentialError::Invalid(format!(
                "pins {pin}, and its listener's certificate is {}",
                identity.fingerprint()
            ))),
            _ => Ok(identity),
        }
    }

    /// The identity for a listener that names none: the one that `pin` names, or the one that the transport was given.
    fn known(&self, pin: Option<Fingerprint>) -> Result<Identity, CredentialError> {
        let made = lock(&self.throw_away).clone();
        let made = made.filter(|identity| Some(identity.fingerprint()) == pin);
        made.or_else(|| self.identity.clone()).ok_or_else(|| {
            CredentialError::Invalid(
                "has no certificate to show: give cert=FILE and key=FILE in PEM, or cert=selfsigned for a throw-away \
                 one that its real endpoint pins"
                    .to_owned(),
            )
        })
    }

    fn throw_away(&self) -> Result<Identity, CertificateError> {
        let mut made = lock(&self.throw_away);
        if let Some(identity) = &*made {
            return Ok(identity.clone());
        }
        let now = self.clock.current_time().unwrap_or_else(UnixTime::now);
        Ok(made.insert(Identity::self_signed(now)?).clone())
    }
}

/// The name that is asked of the listener's certificate.
pub(crate) fn server_name(
    endpoint: &Endpoint,
    options: &CertificateOptions,
    host: &str,
) -> Result<ServerName<'static>, NextError> {
    // A zone is this machine's own affair.
    let host = host.split('%').next().unwrap_or(host);
    let name = options.name.as_deref().unwrap_or(host);
    ServerName::try_from(name.to_owned()).map_err(|_| {
        let why = format!("`{name}` is no name that a certificate can be made out to; give one as name=NAME");
        NextError::invalid("dial", endpoint.invalid(why))
    })
}

fn protocols(options: &CertificateOptions) -> Vec<Vec<u8>> {
    options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect()
}

fn unusable(source: rustls::Error) -> CertificateError {
    CertificateError::Unusable { what: "TLS 1.3", source }
}

/// Why there are no credentials for a dial or a listener.
enum CredentialError {
    /// The options do not go together.
    Invalid(String),
    /// A file that they name is not as it should be, which may pass.
    Certificate(CertificateError),
}

impl From<CertificateError> for CredentialError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl CredentialError {
    fn into_next_error(self, doing: &'static str, endpoint: &Endpoint) -> NextError {
        match self {
            Self::Invalid(why) => NextError::invalid(doing, endpoint.invalid(why)),
            Self::Certificate(error) => {
                NextError::passing(doing, endpoint, io::Error::new(error.kind(), error))
            }
        }
    }
}
