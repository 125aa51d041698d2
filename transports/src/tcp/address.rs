//! Addresses of endpoints: an IP address or a name, and a port.

use std::net::SocketAddr;

use listenrain::{Endpoint, EndpointError, NextError};

/// Where to dial or listen, as far as it is known before a name is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Known(SocketAddr),
    Named { host: String, port: u16 },
}

impl Address {
    pub(crate) fn of(endpoint: &Endpoint) -> Result<Self, EndpointError> {
        let text = endpoint.address();
        if let Ok(known) = text.parse() {
            return Ok(Self::Known(known));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            let scheme = endpoint.scheme();
            return Err(endpoint.invalid(format!(
                "has no port; write it like {scheme}://127.0.0.1:7000 or {scheme}://[::1]:7000"
            )));
        };
        let Some(port) = parse_port(port) else {
            return Err(endpoint.invalid(format!("port `{port}` must be a number from 0 to 65535")));
        };
        // Brackets that hold no plain address may still hold one with a zone, such as [fe80::1%eth0].
        let zoned = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|inner| inner.contains(':') && inner.contains('%'));
        let host = zoned.unwrap_or(host);
        if host.is_empty() {
            return Err(endpoint.invalid("has no host; write 0.0.0.0 or [::] to listen on every interface"));
        }
        if zoned.is_none() && host.contains([':', '[', ']', '/', '@']) {
            return Err(endpoint.invalid(format!(
                "host `{host}` is neither a name nor an address; an IPv6 address stands in brackets: {}://[::1]:7000",
                endpoint.scheme()
            )));
        }
        let host = host.to_owned();
        Ok(Self::Named { host, port })
    }

    /// What is dialled, without its port; an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Known(address) => address.ip().to_string(),
            Self::Named { host, .. } => host.clone(),
        }
    }

    pub(crate) fn check_dialable(&self, endpoint: &Endpoint) -> Result<(), NextError> {
        if self.port() == 0 {
            let why = "port 0 cannot be dialled; it asks a listener to choose one";
            return Err(NextError::invalid("dial", endpoint.invalid(why)));
        }
        Ok(())
    }

    fn port(&self) -> u16 {
        match self {
            Self::Known(address) => address.port(),
            Self::Named { port, .. } => *port,
        }
    }
}

/// `address` as an endpoint of `scheme` without options; IPv6 stands in brackets.
pub(crate) fn endpoint(scheme: &str, address: SocketAddr) -> Endpoint {
    Endpoint::new(scheme, &address.to_string()).expect("the text of a socket address is a legal address")
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, EndpointError> {
        Address::of(&text.parse().unwrap())
    }

    #[test]
    fn ipv6_stands_in_brackets_both_ways() {
        // LR35: the original joined host and port with a bare colon, which no IPv6 address survives.
        let address: SocketAddr = "[2001:db8::1]:7000".parse().unwrap();
        assert_eq!(endpoint("tcp", address).to_string(), "tcp://[2001:db8::1]:7000");
        assert_eq!(parse("tcp://[2001:db8::1]:7000"), Ok(Address::Known(address)));
        let error = parse("tcp://2001:db8::1:7000").unwrap_err();
        assert!(error.why.contains("brackets"), "{error}");
    }

    #[test]
    fn names_and_zones_are_left_to_the_resolver() {
        for (text, host) in
            [("tcp://name.example:7", "name.example"), ("tcp://[fe80::1%eth0]:7", "fe80::1%eth0")]
        {
            let expected = Address::Named { host: host.to_owned(), port: 7 };
            assert_eq!(parse(text), Ok(expected));
        }
    }

    #[test]
    fn a_bad_address_says_what_is_wrong() {
        for (text, why) in [
            ("tcp://", "no port"),
            ("tcp://host", "no port"),
            ("tcp://:80", "no host"),
            ("tcp://host:", "port ``"),
            ("tcp://host:65536", "port `65536`"),
            ("tcp://host:+80", "port `+80`"),
            ("tcp://host:80/path", "port `80/path`"),
            ("tcp://[::1:80", "brackets"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.why.contains(why), "{error}");
        }
    }
}
