//! The options about certificates that every encrypted transport takes.

use std::path::Path;

use rustls::pki_types::ServerName;

use super::Fingerprint;
use crate::options::value::parse_unless;
use crate::options::{Knob, OptionInfo, Table, options_as_text};

/// Which certificates to show and to believe, as a builder. Files are PEM, and read at each dial and each listen.
///
/// A dialer needs [`ca`](Self::ca) or [`pin`](Self::pin), a listener needs [`cert`](Self::cert) and [`key`](Self::key) or
/// [`self_signed`](Self::self_signed), unless the transport was given a [`Trust`](super::Trust) or an
/// [`Identity`](super::Identity) as such. Nothing turns verification off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOptions {
    pub(super) ca: Option<String>,
    pub(super) pin: Option<Fingerprint>,
    pub(super) name: Option<String>,
    pub(super) cert: Shown,
    pub(super) key: Option<String>,
    pub(super) client_ca: Option<String>,
    pub(super) client_pin: Option<Fingerprint>,
    pub(super) client_cert: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) alpn: Option<String>,
}

/// The certificate that a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Unsaid,
    SelfSigned,
    File(String),
}

/// What both sides say they speak where nothing else is said.
const ALPN: &str = "listenrain";

impl Default for CertificateOptions {
    fn default() -> Self {
        Self {
            ca: None,
            pin: None,
            name: None,
            cert: Shown::Unsaid,
            key: None,
            client_ca: None,
            client_pin: None,
            client_cert: None,
            client_key: None,
            alpn: Some(ALPN.to_owned()),
        }
    }
}

impl CertificateOptions {
    /// A dialer believes listeners whose certificates these authorities signed. Default: none.
    #[must_use]
    pub fn ca(mut self, path: impl Into<String>) -> Self {
        self.ca = Some(path.into());
        self
    }

    /// A dialer believes the listener that shows this very certificate, and no other, whatever its name and its dates say.
    /// Default: none. To a listener it says which certificate it is to show, and is refused when it has another one.
    #[must_use]
    pub fn pin(mut self, pin: Fingerprint) -> Self {
        self.pin = Some(pin);
        self
    }

    /// The name that a listener's certificate must be made out to. Default: the host that is dialled.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The certificate chain that a listener shows, its own certificate first. Default: none.
    #[must_use]
    pub fn cert(mut self, path: impl Into<String>) -> Self {
        self.cert = Shown::File(path.into());
        self
    }

    /// A listener shows a throw-away certificate, made at its first use and the same for every listener of one transport
    /// and its clones. Its real endpoint pins it.
    #[must_use]
    pub fn self_signed(mut self) -> Self {
        self.cert = Shown::SelfSigned;
        self
    }

    /// The private key of [`cert`](Self::cert). Default: it is in the same file.
    #[must_use]
    pub fn key(mut self, path: impl Into<String>) -> Self {
        self.key = Some(path.into());
        self
    }

    /// A listener admits only dialers whose certificates these authorities signed. Default: none, it asks for no
    /// certificate.
    #[must_use]
    pub fn client_ca(mut self, path: impl Into<String>) -> Self {
        self.client_ca = Some(path.into());
        self
    }

    /// A listener admits only the dialer that shows this very certificate. Default: none.
    #[must_use]
    pub fn client_pin(mut self, pin: Fingerprint) -> Self {
        self.client_pin = Some(pin);
        self
    }

    /// The certificate chain that a dialer shows to a listener that asks for one, its own certificate first. Default: none.
    #[must_use]
    pub fn client_cert(mut self, path: impl Into<String>) -> Self {
        self.client_cert = Some(path.into());
        self
    }

    /// The private key of [`client_cert`](Self::client_cert). Default: it is in the same file.
    #[must_use]
    pub fn client_key(mut self, path: impl Into<String>) -> Self {
        self.client_key = Some(path.into());
        self
    }

    /// The application protocol that both sides must name (ALPN), 1 to 255 bytes. Default: `listenrain`. It keeps this side
    /// from talking to a server of another protocol that happens to have a good certificate. `None` names none, for a TLS
    /// peer that does not know it; QUIC always names one.
    #[must_use]
    pub fn alpn(mut self, protocol: Option<&str>) -> Self {
        self.alpn = protocol.map(str::to_owned);
        self
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        self.alpn.as_deref()
    }
}

options_as_text!(CertificateOptions, TABLE);

const PATH: &str = "none, or the path of a PEM file, absolute or beginning with ./ or ../";
const PIN: &str = "none, or sha256- and 64 lower-case hexadecimal digits";

fn parse_path(text: &str) -> Option<Option<String>> {
    parse_unless(text, "none", |text| {
        let is_path = Path::new(text).is_absolute() || text.starts_with("./") || text.starts_with("../");
        is_path.then(|| text.to_owned())
    })
}

fn parse_pin(text: &str) -> Option<Option<Fingerprint>> {
    parse_unless(text, "none", |text| text.parse().ok())
}

fn parse_shown(text: &str) -> Option<Shown> {
    match text {
        "selfsigned" => Some(Shown::SelfSigned),
        text => parse_path(text).map(|path| path.map_or(Shown::Unsaid, Shown::File)),
    }
}

fn show(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

const TABLE: Table<CertificateOptions> = Table(&[
    Knob {
        info: OptionInfo::new("ca", "authorities whose listeners a dialer believes", PATH, "none"),
        set: |options, text| parse_path(text).map(|path| options.ca = path),
        get: |options| show(options.ca.as_ref()),
    },
    Knob {
        info: OptionInfo::new("pin", "the only listener's certificate that a dialer believes", PIN, "none"),
        set: |options, text| parse_pin(text).map(|pin| options.pin = pin),
        get: |options| show(options.pin.as_ref()),
    },
    Knob {
        info: OptionInfo::new(
            "name",
            "the name that a listener's certificate must be made out to",
            "none (the host that is dialled), or a DNS name or IP address",
            "none",
        ),
        set: |options, text| {
            let parse = |text: &str| ServerName::try_from(text).is_ok().then(|| text.to_owned());
            parse_unless(text, "none", parse).map(|name| options.name = name)
        },
        get: |options| show(options.name.as_ref()),
    },
    Knob {
        info: OptionInfo::new(
            "cert",
            "the certificate that a listener shows",
            "none, selfsigned (a throw-away one, which its real endpoint pins), or the path of a PEM file, absolute or \
             beginning with ./ or ../",
            "none",
        ),
        set: |options, text| parse_shown(text).map(|shown| options.cert = shown),
        get: |options| match &options.cert {
            Shown::Unsaid => "none".to_owned(),
            Shown::SelfSigned => "selfsigned".to_owned(),
            Shown::File(path) => path.clone(),
        },
    },
    Knob {
        info: OptionInfo::new("key", "the key of cert, if it is in another file", PATH, "none"),
        set: |options, text| parse_path(text).map(|path| options.key = path),
        get: |options| show(options.key.as_ref()),
    },
    Knob {
        info: OptionInfo::new("client_ca", "authorities whose dialers a listener admits", PATH, "none"),
        set: |options, text| parse_path(text).map(|path| options.client_ca = path),
        get: |options| show(options.client_ca.as_ref()),
    },
    Knob {
        info: OptionInfo::new(
            "client_pin",
            "the only dialer's certificate that a listener admits",
            PIN,
            "none",
        ),
        set: |options, text| parse_pin(text).map(|pin| options.client_pin = pin),
        get: |options| show(options.client_pin.as_ref()),
    },
    Knob {
        info: OptionInfo::new(
            "client_cert",
            "the certificate that a dialer shows to a listener that asks",
            PATH,
            "none",
        ),
        set: |options, text| parse_path(text).map(|path| options.client_cert = path),
        get: |options| show(options.client_cert.as_ref()),
    },
    Knob {
        info: OptionInfo::new("client_key", "the key of client_cert, if it is in another file", PATH, "none"),
        set: |options, text| parse_path(text).map(|path| options.client_key = path),
        get: |options| show(options.client_key.as_ref()),
    },
    Knob {
        info: OptionInfo::new(
            "alpn",
            "the application protocol that both sides must name",
            "none, or 1 to 255 bytes",
            ALPN,
        ),
        set: |options, text| {
            let parse = |text: &str| (1..=255).contains(&text.len()).then(|| text.to_owned());
            parse_unless(text, "none", parse).map(|alpn| options.alpn = alpn)
        },
        get: |options| show(options.alpn.as_ref()),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        let nonsense = |name: &str| match name {
            "name" => "-no-name-",
            "alpn" => "",
            _ => "nonsense",
        };
        crate::options::assert_table_is_sound_against(&TABLE, nonsense);
        assert_eq!(CertificateOptions::list().count(), 10);
    }

    #[test]
    fn an_option_is_set_by_its_name_and_reads_back() {
        let pin = Fingerprint::of(b"some certificate");
        let text = pin.to_string();
        let mut options = CertificateOptions::default();
        for (name, value) in [
            ("ca", "/etc/ca.pem"),
            ("pin", &text),
            ("name", "2001:db8::1"),
            ("cert", "./leaf.pem"),
            ("key", "../leaf.key"),
            ("client_pin", &text),
            ("alpn", "h2"),
        ] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = CertificateOptions::default()
            .ca("/etc/ca.pem")
            .pin(pin)
            .name("2001:db8::1")
            .cert("./leaf.pem")
            .key("../leaf.key")
            .client_pin(pin)
            .alpn(Some("h2"));
        assert_eq!(options, built);
    }
}
