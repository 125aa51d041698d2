//! Certificates that are renewed on disk while a listener shows them, on both transports that encrypt.

use std::fs;
use std::path::PathBuf;

use super::{Given, on_each};
use crate::support::certificates::*;
use crate::support::*;
use listenrain_transports::certificates::Fingerprint;
use tempfile::TempDir;

/// A listener whose certificate and key lie in files of its own.
struct Renewed {
    given: Given,
    authority: Authority,
    listener: Box<dyn ChannelGenerator>,
    _directory: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Renewed {
    /// Shows `leaf` at first; `more` sets further options.
    async fn listening(
        given: Given,
        authority: Authority,
        leaf: &Leaf,
        more: impl FnOnce(Endpoint) -> Endpoint,
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        let endpoint = with_path(with_path(given.bare(), "cert", &cert), "key", &key);
        copy(leaf, &cert, &key);
        let listener = given.listen(&more(endpoint)).await;
        Self { given, authority, listener, _directory: directory, cert, key }
    }

    /// A new channel, and the certificate that the listener showed for it.
    async fn dialled(&mut self) -> (Channel, Channel, Fingerprint) {
        let endpoint = with_path(self.given.unpinned(&*self.listener), "ca", &self.authority.ca());
        // Another transport each time: channels of one share a connection over QUIC, which shakes hands once.
        let fresh = Given::both(Default::default(), Default::default());
        let [tls, quic] = fresh.map(|given| given.transport());
        let transport = if self.given.scheme == "tls" { tls } else { quic };
        let mut dialer = transport.dialer(&endpoint).unwrap();
        let (near, far) = connect(&mut *self.listener, &mut *dialer).await;
        let shown = Fingerprint::of(&near.facts.certificates[0]);
        let own = far.facts.local.as_ref().unwrap();
        let pinned = own.options().find_map(|(name, value)| (name == "pin").then_some(value));
        assert_eq!(pinned, Some(shown.to_string().as_str()), "what it says that it showed");
        (near, far, shown)
    }

    /// Dials until `wanted` is shown, and `before` until then.
    async fn shows(&mut self, wanted: Fingerprint, before: Fingerprint) {
        loop {
            let (_near, _far, shown) = self.dialled().await;
            if shown == wanted {
                return;
            }
            assert_eq!(shown, before);
        }
    }
}

fn copy(leaf: &Leaf, cert: &PathBuf, key: &PathBuf) {
    fs::copy(&leaf.cert, cert).unwrap();
    fs::copy(&leaf.key, key).unwrap();
}

#[tokio::test]
async fn a_listener_that_is_told_to_look_shows_the_renewed_certificate_and_its_channels_go_on() {
    on_each(|given| async move {
        let authority = Authority::new();
        let [old, new] = [(); 2].map(|()| authority.sign_local());
        let never = |endpoint: Endpoint| endpoint.with_option("renew", "off");
        let mut renewed = Renewed::listening(given, authority, &old, never).await;
        let (mut near, mut far, shown) = renewed.dialled().await;
        assert_eq!(shown, old.identity.fingerprint());
        copy(&new, &renewed.cert, &renewed.key);
        assert_eq!(renewed.dialled().await.2, shown, "it looks only when told to");
        renewed.given.transport().reload();
        renewed.shows(new.identity.fingerprint(), shown).await;
        carries(&mut near, &mut far, "an open channel goes on").await;
    })
    .await;
}

#[tokio::test]
async fn a_listener_looks_by_itself_as_often_as_it_is_to() {
    on_each(|given| async move {
        let authority = Authority::new();
        let [old, new] = [(); 2].map(|()| authority.sign_local());
        let often = |endpoint: Endpoint| endpoint.with_option("renew", "1s");
        let mut renewed = Renewed::listening(given, authority, &old, often).await;
        copy(&new, &renewed.cert, &renewed.key);
        renewed.shows(new.identity.fingerprint(), old.identity.fingerprint()).await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_shown_leaves_the_old_certificate_until_it_can() {
    on_each(|given| async move {
        let authority = Authority::new();
        let [old, new] = [(); 2].map(|()| authority.sign_local());
        let before = old.identity.fingerprint();
        let never = |endpoint: Endpoint| endpoint.with_option("renew", "off");
        let mut renewed = Renewed::listening(given, authority, &old, never).await;
        let (cert, key) = (renewed.cert.clone(), renewed.key.clone());
        // A certificate without its key, no PEM at all, and no file.
        let spoil: [&dyn Fn(); 3] = [
            &|| assert!(fs::copy(&new.cert, &cert).unwrap() > 0),
            &|| fs::write(&cert, "no certificate").unwrap(),
            &|| fs::remove_file(&cert).unwrap(),
        ];
        for spoil in spoil {
            spoil();
            renewed.given.transport().reload();
            assert_eq!(renewed.dialled().await.2, before);
        }
        copy(&new, &cert, &key);
        renewed.given.transport().reload();
        renewed.shows(new.identity.fingerprint(), before).await;
    })
    .await;
}

#[tokio::test]
async fn a_renewed_certificate_that_the_endpoint_does_not_pin_is_not_shown() {
    on_each(|given| async move {
        let authority = Authority::new();
        let [pinned, other] = [(); 2].map(|()| authority.sign_local());
        let pin = pinned.identity.fingerprint();
        let only =
            |endpoint: Endpoint| endpoint.with_option("renew", "1s").with_option("pin", &pin.to_string());
        let mut renewed = Renewed::listening(given, authority, &pinned, only).await;
        copy(&other, &renewed.cert, &renewed.key);
        // By then it has looked more than once.
        let looked = tokio::time::Instant::now() + Duration::from_millis(2500);
        while tokio::time::Instant::now() < looked {
            assert_eq!(renewed.dialled().await.2, pin);
        }
    })
    .await;
}
