//! Certificate checks of listeners, on both transports that encrypt.

use super::{on_each, told};
use crate::support::certificates::*;
use crate::support::*;
use listenrain_transports::certificates::{Fingerprint, HandshakeError};
use rustls::AlertDescription;

#[tokio::test]
async fn a_listener_needs_a_certificate_or_the_word_that_makes_one() {
    on_each(|given| async move {
        let pin = Fingerprint::of(b"nobody's").to_string();
        let leaf = Authority::new().sign_local();
        for (endpoint, word) in [
            (given.bare(), "cert=selfsigned"),
            (given.bare().with_option("pin", &pin), "cert=selfsigned"),
            (given.bare().with_option("pin", &pin).with_option("cert", "selfsigned"), pin.as_str()),
            (with_path(given.bare(), "key", &leaf.key), "cert"),
            (with_path(given.bare(), "key", &leaf.key).with_option("cert", "selfsigned"), "cert"),
        ] {
            let error = given.listen_error(&endpoint).await;
            assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true), "{endpoint}");
            assert!(told(&error).contains(word), "{endpoint}: {}", told(&error));
        }
    })
    .await;
}

#[tokio::test]
async fn a_throw_away_certificate_is_one_a_transport_and_its_endpoint_pins_it() {
    on_each(|given| async move {
        let alias = format!("{}+selfsigned://127.0.0.1:0", given.scheme).parse().unwrap();
        let mut first = given.listen(&alias).await;
        assert_eq!(first.endpoint().scheme(), given.scheme);
        let second = given.listen(&given.bare().with_option("cert", "selfsigned")).await;
        let pin = |listener: &dyn ChannelGenerator| {
            let options: Vec<_> = listener.endpoint().options().collect();
            let [("pin", pin)] = options[..] else { panic!("{:?}", listener.endpoint()) };
            pin.to_owned()
        };
        assert_eq!(pin(&*first), pin(&*second));
        let (near, _far) = given.reach(&first.endpoint().clone(), &mut *first).await;
        assert_eq!(Fingerprint::of(&near.facts.certificates[0]).to_string(), pin(&*first));
    })
    .await;
}

#[tokio::test]
async fn what_a_listener_keeps_to_itself_is_no_part_of_its_endpoint() {
    on_each(|given| async move {
        let authority = Authority::new();
        let leaf = authority.sign_local();
        let asked = with_path(with_path(given.bare(), "cert", &leaf.cert), "key", &leaf.key);
        let asked = with_path(asked, "client_ca", &authority.ca()).with_option("backlog", "7");
        let listener = given.listen(&asked).await;
        let pin = leaf.identity.fingerprint().to_string();
        let options: Vec<_> = listener.endpoint().options().collect();
        assert_eq!(options, [("backlog", "7"), ("pin", &pin)]);
    })
    .await;
}

#[tokio::test]
async fn a_path_that_is_no_file_is_not_waited_for() {
    on_each(|given| async move {
        let directory = tempfile::TempDir::new().unwrap();
        let endpoint = with_path(given.bare(), "cert", directory.path());
        let error = given.listen_error(&endpoint).await;
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(told(&error).contains("is not a file"), "{}", told(&error));
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_asks_knows_its_dialers_by_their_certificates() {
    on_each(|given| async move {
        let authority = Authority::new();
        let (server, client) = (authority.sign_local(), authority.sign(&["client.example"], VALID));
        let listening = given.clone().identity(&server.identity).client_trust(authority.trust());
        let mut listener = listening.listen(&given.bare()).await;
        let dialled = with_path(listener.endpoint().clone(), "client_cert", &client.cert);
        let dialled = with_path(dialled, "client_key", &client.key);
        let (near, far) = given.reach(&dialled, &mut *listener).await;
        assert_eq!(far.facts.certificates, [client.identity.chain()[0].to_vec()]);
        assert_eq!(near.facts.local, far.facts.peer);
        let shown = far.facts.peer.unwrap().to_string();
        assert!(shown.contains(&client.identity.fingerprint().to_string()), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn a_dialer_that_a_listener_does_not_believe_is_told_so() {
    on_each(|given| async move {
        let (authority, other) = (Authority::new(), Authority::new());
        let (server, wrong) = (authority.sign_local(), other.sign_local());
        let asked = with_path(given.bare(), "client_ca", &authority.ca());
        let mut listener = given.clone().identity(&server.identity).listen(&asked).await;
        let pinned = server.identity.fingerprint();
        for (dialling, alert) in [
            (given.clone(), AlertDescription::CertificateRequired),
            (given.clone().identity(&wrong.identity), AlertDescription::UnknownCA),
        ] {
            let endpoint = given.unpinned(&*listener).with_option("pin", &pinned.to_string());
            let mut dialer = dialling.transport().dialer(&endpoint).unwrap();
            // TLS says so by the first read, see its page.
            let (kind, said) = match dialer.next().await {
                Err(error) => (error.kind, format!("{:?}", reason(&error))),
                Ok(mut near) => {
                    let error = read(&mut *near.read, &mut ReadBuffer::default()).await.unwrap_err();
                    (error.kind(), format!("{:?}", HandshakeError::behind(&error).unwrap()))
                }
            };
            assert_eq!((kind, said), (ErrorKind::PermissionDenied, format!("Refused({alert:?})")));
        }
        let good = given.clone().identity(&authority.sign_local().identity);
        good.reach(&listener.endpoint().clone(), &mut *listener).await;
    })
    .await;
}

#[tokio::test]
async fn a_listener_can_pin_its_only_dialer() {
    on_each(|given| async move {
        let (client, other) =
            (Authority::new().sign_local().identity, Authority::new().sign_local().identity);
        let asked = given.bare().with_option("cert", "selfsigned");
        let asked = asked.with_option("client_pin", &client.fingerprint().to_string());
        let mut listener = given.listen(&asked).await;
        let mut wrong = given.clone().identity(&other).transport().dialer(listener.endpoint()).unwrap();
        let refused = match wrong.next().await {
            Err(error) => error.kind,
            Ok(mut near) => read(&mut *near.read, &mut ReadBuffer::default()).await.unwrap_err().kind(),
        };
        assert_eq!(refused, ErrorKind::PermissionDenied);
        given.clone().identity(&client).reach(&listener.endpoint().clone(), &mut *listener).await;
    })
    .await;
}
