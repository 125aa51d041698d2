//! Certificate checks of dialers, on both transports that encrypt.

use super::{Given, on_each, told};
use crate::support::certificates::*;
use crate::support::*;
use listenrain_transports::certificates::{CertificateOptions, Fingerprint, HandshakeError, Identity};
use listenrain_transports::quic::QuicOptions;
use listenrain_transports::tls::TlsOptions;
use listenrain_transports::{Quic, Tls};

#[tokio::test]
async fn what_a_listener_tells_can_be_dialled_though_its_endpoint_names_whom_dialers_believe() {
    let authority = Authority::new();
    let leaf = authority.sign_local();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let options = CertificateOptions::default().cert(text(&leaf.cert)).key(text(&leaf.key));
    let options = options.ca(text(&authority.ca()));
    let tls = Tls::new(TlsOptions::default().certificates(options.clone())).unwrap();
    let quic = Quic::new(QuicOptions::default().certificates(options)).unwrap();
    let told = |given: Given, endpoint: Endpoint| async move {
        let mut listener = given.listen(&endpoint).await;
        let mut dialer = given.transport().dialer(listener.endpoint()).unwrap();
        let near = dialer.next().await.unwrap();
        listener.next().await.unwrap();
        assert_eq!(near.facts.certificates.len(), 1);
    };
    for given in Given::both(tls, quic) {
        watched(told(given.clone(), given.bare())).await;
    }
    on_each(|given| {
        let endpoint = with_path(given.bare(), "cert", &leaf.cert);
        let endpoint = with_path(with_path(endpoint, "key", &leaf.key), "ca", &authority.ca());
        told(given, endpoint)
    })
    .await;
}

#[tokio::test]
async fn files_of_an_authority_and_its_leaf_are_enough_and_both_sides_know_who_it_is() {
    on_each(|given| async move {
        let authority = Authority::new();
        let leaf = authority.sign_local();
        let asked = with_path(with_path(given.bare(), "cert", &leaf.cert), "key", &leaf.key);
        let mut listener = given.listen(&asked).await;
        let dialled = with_path(given.unpinned(&*listener), "ca", &authority.ca());
        let (mut near, mut far) = given.reach(&dialled, &mut *listener).await;
        assert_eq!(near.facts.certificates, [leaf.identity.chain()[0].to_vec()]);
        assert_eq!(far.facts.certificates, Vec::<Vec<u8>>::new());
        let pinned = given.unpinned(&*listener).with_option("pin", &leaf.identity.fingerprint().to_string());
        assert_eq!((&pinned, near.facts.peer.as_ref()), (listener.endpoint(), Some(&pinned)));
        carries(&mut near, &mut far, "ping").await;
    })
    .await;
}

#[tokio::test]
async fn parts_that_are_given_as_such_need_no_option() {
    on_each(|given| async move {
        let authority = Authority::new();
        let given = given.identity(&authority.sign_local().identity).trust(authority.trust());
        let mut listener = given.listen(&given.bare()).await;
        given.reach(&given.unpinned(&*listener), &mut *listener).await;
        // An option of the endpoint goes before what the transport was given.
        let other = Identity::self_signed(rustls::pki_types::UnixTime::now()).unwrap().fingerprint();
        let pinned = given.unpinned(&*listener).with_option("pin", &other.to_string());
        assert!(matches!(reason(&given.dial_error(&pinned).await), HandshakeError::NotPinned(_)));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_certificate_is_named_by_the_dial_and_its_listener_serves_on() {
    on_each(|given| async move {
        let (authority, other) = (Authority::new(), Authority::new());
        for (leaf, what) in [
            (authority.sign(&["127.0.0.1"], (2020, 2021)), "expired"),
            (authority.sign(&["127.0.0.1"], (2119, 2120)), "not yet valid"),
            (authority.sign(&["elsewhere.example"], VALID), "another name"),
            (other.sign_local(), "another authority"),
        ] {
            let listening = given.clone().identity(&leaf.identity);
            let mut listener = listening.listen(&given.bare()).await;
            let dialled = with_path(given.unpinned(&*listener), "ca", &authority.ca());
            let error = given.dial_error(&dialled).await;
            assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidData, false), "{what}: {error:?}");
            let reason = reason(&error);
            assert!(
                match what {
                    "expired" => matches!(reason, HandshakeError::Expired),
                    "not yet valid" => matches!(reason, HandshakeError::NotValidYet),
                    "another name" => matches!(reason, HandshakeError::WrongName { .. }),
                    _ => matches!(reason, HandshakeError::UnknownIssuer),
                },
                "{what}: {reason:?}"
            );
            given.reach(&listener.endpoint().clone(), &mut *listener).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_name_to_be_checked_can_be_another_than_the_one_that_is_dialled() {
    on_each(|given| async move {
        let authority = Authority::new();
        let leaf = authority.sign(&["service.example"], VALID);
        let given = given.identity(&leaf.identity).trust(authority.trust());
        let mut listener = given.listen(&given.bare()).await;
        let bare = given.unpinned(&*listener);
        let error = given.dial_error(&bare).await;
        assert!(told(&error).contains("service.example"), "{}", told(&error));
        let named = bare.with_option("name", "service.example");
        given.reach(&named, &mut *listener).await;
    })
    .await;
}

#[tokio::test]
async fn a_pin_believes_one_certificate_whatever_else_and_no_other() {
    on_each(|given| async move {
        let expired = Authority::new().sign(&["elsewhere.example"], (2020, 2021));
        let listening = given.clone().identity(&expired.identity);
        let mut listener = listening.listen(&given.bare()).await;
        let pin = expired.identity.fingerprint();
        given.reach(&listener.endpoint().clone(), &mut *listener).await;
        let other = Fingerprint::of(b"another certificate");
        let wrong = listener.endpoint().clone().with_option("pin", &other.to_string());
        let error = given.dial_error(&wrong).await;
        let HandshakeError::NotPinned(not_pinned) = reason(&error) else { panic!("{error:?}") };
        assert_eq!((not_pinned.pinned, not_pinned.shown), (other, pin));
        assert!(told(&error).contains(&pin.to_string()));
    })
    .await;
}

#[tokio::test]
async fn a_certificate_is_judged_anew_at_every_dial() {
    // A resumed session would not look at the certificate again.
    on_each(|given| async move {
        let authority = Authority::new();
        let clock = Clock::at(2030);
        let leaf = authority.sign(&["127.0.0.1"], (2029, 2031));
        let given = given.identity(&leaf.identity).trust(authority.trust()).clock(clock.shared());
        let mut listener = given.listen(&given.bare()).await;
        let bare = given.unpinned(&*listener);
        given.reach(&bare, &mut *listener).await;
        clock.put(2040);
        assert!(matches!(reason(&given.dial_error(&bare).await), HandshakeError::Expired));
    })
    .await;
}

#[tokio::test]
async fn a_dialer_that_says_nobody_whom_to_believe_is_refused_for_good_and_told_what_to_give() {
    on_each(|given| async move {
        let listener = given.listen(&given.bare().with_option("cert", "selfsigned")).await;
        let bare = given.unpinned(&*listener);
        let pin = Fingerprint::of(b"x").to_string();
        let both = with_path(bare.clone(), "ca", &Authority::new().ca()).with_option("pin", &pin);
        for (endpoint, words) in [(bare, ["ca=", "pin="]), (both, ["ca", "pin"])] {
            let error = given.dial_error(&endpoint).await;
            assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
            assert!(words.iter().all(|word| told(&error).contains(word)), "{}", told(&error));
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_is_read_at_each_dial_so_that_it_can_be_mended() {
    on_each(|given| async move {
        let authority = Authority::new();
        let leaf = authority.sign_local();
        let mut listener = given.clone().identity(&leaf.identity).listen(&given.bare()).await;
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("ca.pem");
        let dialled = with_path(given.unpinned(&*listener), "ca", &path);
        let mut dialer = given.transport().dialer(&dialled).unwrap();
        let large = vec![b'x'; (1 << 20) + 1];
        for (content, kind, words) in [
            (None, ErrorKind::NotFound, "cannot read"),
            (Some(&b"nonsense"[..]), ErrorKind::InvalidData, "no certificate"),
            (Some(&large[..]), ErrorKind::InvalidData, "1048576 bytes"),
        ] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = dialer.next().await.unwrap_err();
            assert_eq!((error.kind, error.is_final), (kind, false));
            assert!(told(&error).contains(words) && told(&error).contains("ca.pem"), "{}", told(&error));
        }
        std::fs::copy(authority.ca(), &path).unwrap();
        connect(&mut *listener, &mut *dialer).await;
    })
    .await;
}

#[tokio::test]
async fn two_sides_that_speak_different_protocols_do_not_talk() {
    on_each(|given| async move {
        let asked = given.bare().with_option("cert", "selfsigned").with_option("alpn", "other/7");
        let mut listener = given.listen(&asked).await;
        let wrong = listener.endpoint().clone().with_option("alpn", "mine/1");
        let error = given.dial_error(&wrong).await;
        assert_eq!((error.kind, error.is_final), (ErrorKind::Unsupported, false));
        let HandshakeError::Protocol { wanted } = reason(&error) else { panic!("{error:?}") };
        assert_eq!(wanted, "mine/1");
        given.reach(&listener.endpoint().clone(), &mut *listener).await;
    })
    .await;
}

#[tokio::test]
async fn names_and_addresses_are_dialled_and_checked() {
    on_each(|given| async move {
        let authority = Authority::new();
        let given = given.identity(&authority.sign_local().identity).trust(authority.trust());
        for host in ["localhost", "127.0.0.1"] {
            let asked = Endpoint::new(given.scheme, &format!("{host}:0")).unwrap();
            let mut listener = given.listen(&asked).await;
            let port = listener.endpoint().address().rsplit_once(':').unwrap().1.to_owned();
            let dialled = Endpoint::new(given.scheme, &format!("{host}:{port}")).unwrap();
            let (near, far) = given.reach(&dialled, &mut *listener).await;
            assert_eq!(near.facts.peer.as_ref(), Some(listener.endpoint()));
            assert_eq!((near.facts.local, near.facts.peer), (far.facts.peer, far.facts.local));
        }
    })
    .await;
}
