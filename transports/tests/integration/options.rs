//! The options of every transport: bounds, defaults, and that text and builder set the same.

use std::collections::BTreeSet;
use std::time::Duration;

use listenrain::transport::OptionInfo;
use listenrain_transports::certificates::{CertificateOptions, Fingerprint};
use listenrain_transports::channel::ChannelOptions;
use listenrain_transports::ha::{FailBack, HaOptions};
use listenrain_transports::quic::{Congestion, QuicOptions};
use listenrain_transports::sctp::SctpOptions;
use listenrain_transports::tcp::TcpOptions;
use listenrain_transports::tls::TlsOptions;
use listenrain_transports::{InProcess, Quic, Sctp, Tcp, Tls};

/// Runs `$case!(Options)` for the options of each transport.
macro_rules! on_each {
    ($case:ident) => {
        $case!(TcpOptions);
        $case!(TlsOptions);
        $case!(QuicOptions);
        $case!(SctpOptions);
        $case!(ChannelOptions);
        $case!(HaOptions);
        $case!(CertificateOptions);
        #[cfg(unix)]
        $case!(listenrain_transports::unix::UnixOptions);
        #[cfg(unix)]
        $case!(listenrain_transports::fifo::FifoOptions);
    };
}

/// A value that the option does not take.
fn nonsense(info: &OptionInfo) -> &'static str {
    match info.name {
        "name" => "-no-name-",
        "alpn" => "",
        "congestion" => "none such",
        _ => "nonsense",
    }
}

#[test]
fn every_option_tells_its_default_and_refuses_nonsense_with_what_is_allowed() {
    macro_rules! case {
        ($options:ty) => {
            for info in <$options>::list() {
                let mut options = <$options>::default();
                assert_eq!(options.get(info.name).as_deref(), Some(info.default));
                options.set(info.name, info.default).unwrap();
                let bad = nonsense(info);
                let told = options.set(info.name, bad).unwrap_err().to_string();
                for part in [info.name, bad, info.allowed] {
                    assert!(told.contains(part), "{told}");
                }
                assert_eq!(options, <$options>::default(), "`{}` has changed", info.name);
            }
            let names: BTreeSet<_> = <$options>::list().map(|info| info.name).collect();
            assert_eq!(names.len(), <$options>::list().count(), "a name stands for two options");
            let told = <$options>::default().set("colour", "red").unwrap_err().to_string();
            assert!(names.iter().all(|name| told.contains(name)), "{told}");
        };
    }
    on_each!(case);
}

/// Asserts that text and builder method set the same, and that the text reads back, of each option in turn.
macro_rules! reads_back {
    ($options:ty: $($name:ident($($value:expr),*) = $text:expr;)+) => {$(
        let mut options = <$options>::default();
        options.set(stringify!($name), $text).unwrap();
        assert_eq!(options.get(stringify!($name)).as_deref(), Some($text));
        assert_eq!(options, <$options>::default().$name($($value),*));
        assert_ne!(options, <$options>::default());
    )+};
}

#[test]
fn an_option_set_as_text_is_the_same_as_one_that_is_built() {
    const MS: Duration = Duration::from_millis(1);
    let pin = Fingerprint::of(b"some certificate");
    let digits = &*pin.to_string();
    reads_back!(TcpOptions:
        nodelay(false) = "false";
        send_buffer(Some(256 << 10)) = "256KiB";
        keepalive(Some(30_000 * MS)) = "30s";
        backlog(7) = "7";
        connect_timeout(250 * MS) = "250ms";
    );
    #[cfg(target_os = "linux")]
    reads_back!(TcpOptions: congestion(Some("bbr")) = "bbr";);
    reads_back!(TlsOptions: handshakes(7) = "7"; silent(9) = "9"; per_address(Some(2)) = "2";);
    reads_back!(QuicOptions:
        mtu(Some(1400)) = "1400B";
        congestion(Congestion::Bbr) = "bbr";
        keepalive(None) = "off";
        stream_window(3 << 20) = "3MiB";
    );
    reads_back!(SctpOptions: sctp_port(9899) = "9899"; mtu(Some(8 << 10)) = "8KiB"; heartbeat(1000 * MS) = "1s";);
    reads_back!(ChannelOptions: capacity(3) = "3B"; chunks(5) = "5";);
    reads_back!(HaOptions: fail_back(FailBack::Eager) = "eager"; longest_wait(120_000 * MS) = "2m";);
    reads_back!(CertificateOptions:
        ca("/etc/ca.pem") = "/etc/ca.pem";
        pin(pin) = digits;
        name("2001:db8::1") = "2001:db8::1";
        cert("./leaf.pem") = "./leaf.pem";
        key("../leaf.key") = "../leaf.key";
        client_pin(pin) = digits;
        alpn(Some("h2")) = "h2";
        renew(Some(30_000 * MS)) = "30s";
    );
    let mut options = CertificateOptions::default();
    options.set("cert", "selfsigned").unwrap();
    assert_eq!(options, CertificateOptions::default().self_signed());
}

#[test]
fn options_of_a_part_are_set_by_their_names_too() {
    let mut options = TlsOptions::default();
    options.set("nodelay", "false").unwrap();
    options.set("ca", "/ca.pem").unwrap();
    let (tcp, certificates) =
        (TcpOptions::default().nodelay(false), CertificateOptions::default().ca("/ca.pem"));
    assert_eq!(options, TlsOptions::default().tcp(tcp).certificates(certificates));
}

/// Asserts that each transport refuses values out of bounds, and names the option and what is allowed.
macro_rules! refuses {
    ($transport:ty: $($options:expr => $name:expr;)+) => {$(
        let told = <$transport>::new($options).unwrap_err().to_string();
        assert!(told.contains($name) && told.contains("allowed: "), "{told}");
    )+};
}

#[test]
fn a_built_value_out_of_bounds_is_refused_by_the_transport() {
    refuses!(Tcp:
        TcpOptions::default().backlog(0) => "backlog";
        TcpOptions::default().congestion(Some("a name that is too long")) => "congestion";
        TcpOptions::default().send_buffer(Some(1)) => "send_buffer";
        TcpOptions::default().keepalive(Some(Duration::ZERO)) => "keepalive";
        TcpOptions::default().connect_timeout(Duration::MAX) => "connect_timeout";
    );
    refuses!(Tls: TlsOptions::default().tcp(TcpOptions::default().backlog(65_536)) => "backlog";);
    refuses!(Quic: QuicOptions::default().streams(10_001) => "streams";);
    refuses!(Sctp: SctpOptions::default().max_retransmits(0) => "max_retransmits";);
    refuses!(InProcess: ChannelOptions::default().capacity(0) => "capacity";);
}

#[cfg(unix)]
mod unix {
    use listenrain_transports::fifo::FifoOptions;
    use listenrain_transports::unix::UnixOptions;
    use listenrain_transports::{Fifo, Unix};

    #[test]
    fn text_of_users_and_modes_is_read_back() {
        reads_back!(UnixOptions:
            mode(0o660) = "0660";
            owner(7, None) = "7";
            owner(7, Some(8)) = "7:8";
            allow_uid([1000, 0]) = "0+1000";
        );
        #[cfg(target_os = "linux")]
        reads_back!(FifoOptions: pipe_size(Some(1 << 20)) = "1MiB";);
    }

    #[test]
    fn what_is_no_mode_nor_user_is_refused() {
        for (name, values) in [
            ("mode", &["0800", "1777", "+600", ""][..]),
            ("owner", &["root", "1:", "4294967295"]),
            ("allow_uid", &["", "1+", "1,2", "any+1"]),
        ] {
            for value in values {
                let told = UnixOptions::default().set(name, value).unwrap_err().to_string();
                assert!(told.contains(name) && told.contains("allowed: "), "{told}");
            }
        }
        refuses!(Unix:
            UnixOptions::default().mode(0o1777) => "mode";
            UnixOptions::default().owner(u32::MAX, None) => "owner";
            UnixOptions::default().allow_uid([]) => "allow_uid";
            UnixOptions::default().allow_uid(0..1025) => "allow_uid";
            UnixOptions::default().backlog(0) => "backlog";
        );
        refuses!(Fifo: FifoOptions::default().backlog(0) => "backlog"; FifoOptions::default().pipe_size(Some(1)) => "pipe_size";);
    }
}
