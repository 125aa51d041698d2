//! TLS and QUIC: whom a dialer believes, and what a cut is.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use listenrain::Endpoint;

use super::relay::Wire;
use super::{io, unused_name};
use crate::conformance::bed::{Bed, Gate, at_once, round_trip};
use crate::conformance::failure::{Check, Failure, describe, ensure};
use crate::lineup::NOBODYS_PIN;

pub(super) async fn truncation(bed: &mut Bed) -> Check {
    let Gate { mut listener, .. } = bed.gate().await?;
    let wire = Wire::to(listener.endpoint().address().to_owned()).await?;
    let mut dialer = bed.dialer(&listener.endpoint().clone().with_address(wire.address.to_string()))?;
    let meeting = async { tokio::try_join!(dialer.next(), listener.next()) };
    let (mut near, mut far) = at_once("a dial through a wire", meeting).await??;
    round_trip(&mut near, &mut far, 1000).await?;
    wire.cut().await;
    for (who, end) in [("dialled", &mut near), ("accepted", &mut far)] {
        let error = at_once("reading from a wire that was cut", end.rx.until_error()).await??;
        ensure!(
            error.kind() == ErrorKind::UnexpectedEof,
            "the {who} end of a wire that was cut read {:?}, expected UnexpectedEof",
            error.kind()
        );
    }
    Ok(())
}

/// A certificate made out to `localhost`, in a file beside its key.
struct Certificate {
    cert: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn fresh() -> Check<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.map_err(|error| Failure::new(format!("making a certificate: {error}")))?;
        let name = unused_name();
        let path = |kind: &str| std::env::temp_dir().join(format!("{name}.{kind}"));
        let certificate = Self { cert: path("pem"), key: path("key") };
        io("writing a certificate", fs::write(&certificate.cert, made.cert.pem()))?;
        io("writing a key", fs::write(&certificate.key, made.signing_key.serialize_pem()))?;
        Ok(certificate)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // They were made for nobody else.
        let _ = (fs::remove_file(&self.cert), fs::remove_file(&self.key));
    }
}

pub(super) async fn wrong_certificate(bed: &mut Bed) -> Check {
    let certificate = Certificate::fresh()?;
    let (cert, key) = (certificate.cert.to_string_lossy(), certificate.key.to_string_lossy());
    let scratch = bed.transport.scratch_endpoint();
    let shown = scratch.clone().with_option("cert", &cert).with_option("key", &key);
    let mut gate = bed.gate_at(&shown).await?;
    let at = gate.listener.endpoint().address();
    let bare = Endpoint::new(scratch.scheme(), at)?;
    let by_name = |name: &str| bare.clone().with_option("ca", &cert).with_option("name", name);
    let wrong = [
        ("without anybody to believe", bare.clone()),
        ("of another certificate", bare.clone().with_option("pin", NOBODYS_PIN)),
        ("of another name", by_name("elsewhere")),
        ("of another protocol", by_name("localhost").with_option("alpn", "another")),
    ];
    for (what, endpoint) in wrong {
        let mut dialer = bed.dialer(&endpoint)?;
        let dialled = at_once(&format!("a dial {what}"), dialer.try_next()).await?;
        let Err(error) = dialled else { return Err(Failure::new(format!("a dial {what} gave a channel"))) };
        ensure!(
            !matches!(
                error.kind,
                ErrorKind::ConnectionRefused | ErrorKind::TimedOut | ErrorKind::ConnectionReset
            ),
            "a dial {what} failed as if nobody was there: {}",
            describe(&error)
        );
    }
    for right in [by_name("localhost"), gate.listener.endpoint().clone()] {
        gate.dialer = bed.dialer(&right)?;
        let (mut near, mut far) = at_once("a dial that believes its listener", gate.connect()).await??;
        round_trip(&mut near, &mut far, 100).await?;
    }
    Ok(())
}
