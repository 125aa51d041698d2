//! quinn configuration, from options.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, ConnectionId, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TimeSource,
    TransportConfig, VarInt,
};
use ring::{hkdf, hmac};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::QuicOptions;
use super::entropy::Entropy;

use crate::locks::lock;

/// What an endpoint needs to know, whichever side it is on.
pub(super) fn endpoint(options: &QuicOptions, entropy: &Entropy) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &entropy.draw())));
    config.rng_seed(Some(entropy.draw()));
    let entropy = entropy.clone();
    config.cid_generator(move || Box::new(entropy.connection_ids()));
    config.max_udp_payload_size(largest_taken(options)).expect("its bounds are the option's");
    config
}

/// What a dialer needs for one connection: its first packets go to `first_id`, by which the listener knows it, too.
pub(super) fn client(
    options: &QuicOptions,
    mut tls: rustls::ClientConfig,
    judge: &Arc<Judge>,
    peer: IpAddr,
    first_id: ConnectionId,
) -> Result<ClientConfig, NoInitialCipherSuite> {
    tls.dangerous().set_certificate_verifier(judge.clone());
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    // A dialer's peer opens no channels.
    config.transport_config(Arc::new(transport(options, peer, 0, connection_window(options))));
    config.initial_dst_cid_provider(Arc::new(move || first_id));
    Ok(config)
}

/// What a listener needs for all of its connections with peers like `peer`.
pub(super) fn server(
    options: &QuicOptions,
    tls: Arc<QuicServerConfig>,
    clock: Arc<dyn TimeProvider>,
    peer: IpAddr,
    entropy: &Entropy,
) -> ServerConfig {
    let token_key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&entropy.draw());
    let mut config = ServerConfig::new(tls, Arc::new(token_key));
    let streams = u32::try_from(options.streams).unwrap_or(u32::MAX);
    config.transport_config(Arc::new(transport(options, peer, streams, UNPROVED_WINDOW)));
    config.time_source(Arc::new(Clock(clock)));
    // Beyond their first packet: connections are let in or refused as they come.
    config.max_incoming(options.handshakes).incoming_buffer_size(INCOMING);
    config.incoming_buffer_size_total(INCOMING.saturating_mul(options.handshakes as u64));
    config
}

/// Bytes that a connection may send before it is let in.
const INCOMING: u64 = 64 * 1024;

/// What the loopback interface carries without a question. Measured with echoes of 16 x 256 KiB: 1,452 bytes cost three times
/// the processor time a request, 8 KiB a sixth more, 64,000 a tenth less, but then each lost datagram costs four times as much.
const LOOPBACK_MTU: u16 = 16 * 1024;
const PATH_MTU: u16 = 1452;

/// What is taken for the round trip on this host until one was measured. Whatever comes to its end before that, such as a dial
/// that was refused, is remembered for nine times as long; with what the internet needs, 333 ms, for three seconds.
const LOOPBACK_RTT: Duration = Duration::from_millis(20);

/// The largest datagrams that are taken from a peer.
pub(super) fn largest_taken(options: &QuicOptions) -> u16 {
    options.mtu.map_or(LOOPBACK_MTU, |bytes| u16::try_from(bytes).unwrap_or(u16::MAX))
}

/// Bytes of all channels of a connection that may wait to be read, for a peer that has no channel yet. It sends one byte for
/// each, and waits for the answer.
const UNPROVED_WINDOW: u64 = 16 * 1024;

/// The same for a peer that has one: a channel that is not read takes no room from another.
pub(super) fn connection_window(options: &QuicOptions) -> u64 {
    (options.stream_window as u64).saturating_mul(options.streams as u64)
}

/// `streams` are those that the peer may open, `window` the bytes of all of them that may wait to be read.
fn transport(options: &QuicOptions, peer: IpAddr, streams: u32, window: u64) -> TransportConfig {
    let mut config = TransportConfig::default();
    let is_near = options.mtu.is_none() && peer.to_canonical().is_loopback();
    let mtu = if options.mtu.is_some() || is_near { largest_taken(options) } else { PATH_MTU };
    if is_near {
        config.initial_mtu(mtu).initial_rtt(LOOPBACK_RTT);
    }
    // Ten datagrams, as everywhere; the controllers' own idea of it knows only small ones.
    let first_window = is_near.then_some(10 * u64::from(mtu));
    config
        .max_concurrent_bidi_streams(streams.into())
        .max_concurrent_uni_streams(0u32.into())
        .datagram_receive_buffer_size(None)
        .stream_receive_window(var_int(options.stream_window as u64))
        .receive_window(var_int(window))
        .send_window(options.send_window as u64)
        .max_idle_timeout(IdleTimeout::try_from(options.idle_timeout).ok())
        .keep_alive_interval(options.keepalive)
        .mtu_discovery_config(Some(mtu_discovery(mtu)))
        .congestion_controller_factory(options.congestion.factory(first_window))
        .enable_segmentation_offload(options.gso);
    config
}

fn mtu_discovery(mtu: u16) -> MtuDiscoveryConfig {
    let mut config = MtuDiscoveryConfig::default();
    config.upper_bound(mtu);
    config
}

pub(super) fn var_int(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

/// The same clock by which certificates are judged.
struct Clock(Arc<dyn TimeProvider>);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let now = self.0.current_time().unwrap_or_else(UnixTime::now);
        SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs())
    }
}

/// Verifies as another does, and keeps why it refused: a connection that fails tells no more than a number and a text.
#[derive(Debug)]
pub(super) struct Judge {
    verifier: Arc<dyn ServerCertVerifier>,
    refused: Mutex<Option<rustls::Error>>,
}

impl Judge {
    pub(super) fn new(verifier: Arc<dyn ServerCertVerifier>) -> Arc<Self> {
        Arc::new(Self { verifier, refused: Mutex::default() })
    }

    pub(super) fn refused(&self) -> Option<rustls::Error> {
        lock(&self.refused).clone()
    }

    fn keep<T>(&self, judged: Result<T, rustls::Error>) -> Result<T, rustls::Error> {
        judged.inspect_err(|error| {
            *lock(&self.refused) = Some(error.clone());
        })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        self.keep(judged)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.keep(self.verifier.verify_tls12_signature(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.keep(self.verifier.verify_tls13_signature(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
