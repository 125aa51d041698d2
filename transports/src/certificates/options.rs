//! Certificate options of every encrypted transport.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::Fingerprint;
use crate::options::{Kind, options, or, or_noted, span};

/// The certificate that a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Unsaid,
    SelfSigned,
    File(String),
}

/// What both sides say they speak where nothing else is said.
const ALPN: &str = "listenrain";

options! {
    /// Which certificates to show and to believe, as a builder. Files are PEM, and read at each dial and each listen; a
    /// listener looks at its own again, see [`renew`](Self::renew).
    ///
    /// A dialer needs [`ca`](Self::ca) or [`pin`](Self::pin), a listener needs [`cert`](Self::cert) and [`key`](Self::key) or
    /// [`self_signed`](Self::self_signed), unless the transport was given a [`Trust`](super::Trust) or an
    /// [`Identity`](super::Identity) as such. Nothing turns verification off.
    pub struct CertificateOptions {}

    /// A dialer believes listeners whose certificates these authorities signed. Default: none.
    ca(path: impl Into<String>) -> Option<String> { Some(path.into()) } = None,
        or("none", path()), "authorities whose listeners a dialer believes";

    /// A dialer believes the listener that shows this very certificate, and no other, whatever its name and its dates say.
    /// Default: none. To a listener it says which certificate it is to show, and is refused when it has another one.
    pin(pin: Fingerprint) -> Option<Fingerprint> { Some(pin) } = None,
        or("none", pin()), "the only listener's certificate that a dialer believes";

    /// The name that a listener's certificate must be made out to. Default: the host that is dialled.
    name(name: impl Into<String>) -> Option<String> { Some(name.into()) } = None,
        or_noted("none", " (the host that is dialled)", name()), "the name that a listener's certificate must be made out to";

    /// The certificate chain that a listener shows, its own certificate first. Default: none.
    cert(path: impl Into<String>) -> Shown { Shown::File(path.into()) } = Shown::Unsaid,
        shown(), "the certificate that a listener shows";

    /// The private key of [`cert`](Self::cert). Default: it is in the same file.
    key(path: impl Into<String>) -> Option<String> { Some(path.into()) } = None,
        or("none", path()), "the key of cert, if it is in another file";

    /// How often a listener looks whether [`cert`](Self::cert) and [`key`](Self::key) have been renewed, or `None` never to look
    /// by itself. Handshakes that begin after that are shown the new certificate; open channels go on. While the files cannot be
    /// read or do not belong together, or the endpoint pins another certificate, the old one is shown, and a warning traced.
    ///
    /// Default: 60 s. Bounds: 1 s to 1 day.
    renew(every: Option<Duration>) = Some(Duration::from_secs(60)),
        or("off", span(Duration::from_secs(1)..=Duration::from_secs(86_400))), "how often a listener looks whether cert and key have been renewed";

    /// A listener admits only dialers whose certificates these authorities signed. Default: none, it asks for no
    /// certificate.
    client_ca(path: impl Into<String>) -> Option<String> { Some(path.into()) } = None,
        or("none", path()), "authorities whose dialers a listener admits";

    /// A listener admits only the dialer that shows this very certificate. Default: none.
    client_pin(pin: Fingerprint) -> Option<Fingerprint> { Some(pin) } = None,
        or("none", pin()), "the only dialer's certificate that a listener admits";

    /// The certificate chain that a dialer shows to a listener that asks for one, its own certificate first. Default: none.
    client_cert(path: impl Into<String>) -> Option<String> { Some(path.into()) } = None,
        or("none", path()), "the certificate that a dialer shows to a listener that asks";

    /// The private key of [`client_cert`](Self::client_cert). Default: it is in the same file.
    client_key(path: impl Into<String>) -> Option<String> { Some(path.into()) } = None,
        or("none", path()), "the key of client_cert, if it is in another file";

    /// The application protocol that both sides must name (ALPN), 1 to 255 bytes. Default: `listenrain`. It keeps this side
    /// from talking to a server of another protocol that happens to have a good certificate. `None` names none, for a TLS
    /// peer that does not know it; QUIC always names one.
    alpn(protocol: Option<&str>) -> Option<String> { protocol.map(str::to_owned) } = Some(ALPN.to_owned()),
        or("none", protocol()), "the application protocol that both sides must name";
}

impl CertificateOptions {
    /// A listener shows a throw-away certificate, made at its first use and the same for every listener of one transport
    /// and its clones. Its real endpoint pins it.
    #[must_use]
    pub fn self_signed(mut self) -> Self {
        self.cert = Shown::SelfSigned;
        self
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        self.alpn.as_deref()
    }
}

fn path() -> Kind<String> {
    let allowed = "or the path of a PEM file, absolute or beginning with ./ or ../";
    Kind::new(allowed, parse_path, String::clone)
}

fn pin() -> Kind<Fingerprint> {
    let allowed = "or sha256- and 64 lower-case hexadecimal digits";
    Kind::new(allowed, |text| text.parse().ok(), Fingerprint::to_string)
}

fn name() -> Kind<String> {
    let parse = |text: &str| ServerName::try_from(text).is_ok().then(|| text.to_owned());
    Kind::new("or a DNS name or IP address", parse, String::clone)
}

fn protocol() -> Kind<String> {
    let parse = |text: &str| (1..=255).contains(&text.len()).then(|| text.to_owned());
    Kind::new("or 1 to 255 bytes", parse, String::clone)
}

fn shown() -> Kind<Shown> {
    let allowed = "none, selfsigned (a throw-away one, which its real endpoint pins), or the path of a PEM file, absolute or \
                   beginning with ./ or ../";
    Kind::new(allowed, parse_shown, |shown| match shown {
        Shown::Unsaid => "none".to_owned(),
        Shown::SelfSigned => "selfsigned".to_owned(),
        Shown::File(path) => path.clone(),
    })
}

fn parse_path(text: &str) -> Option<String> {
    let is_path = Path::new(text).is_absolute() || text.starts_with("./") || text.starts_with("../");
    is_path.then(|| text.to_owned())
}

fn parse_shown(text: &str) -> Option<Shown> {
    match text {
        "none" => Some(Shown::Unsaid),
        "selfsigned" => Some(Shown::SelfSigned),
        path => parse_path(path).map(Shown::File),
    }
}
