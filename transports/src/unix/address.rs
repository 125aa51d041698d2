//! Addresses of endpoints: a path or an abstract name.

use std::ffi::OsStr;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use listenrain::{Endpoint, EndpointError};
use nix::libc::sockaddr_un;
use socket2::SockAddr;

use super::SCHEME;
use crate::paths::{decode, encode};

/// Longest path in bytes: what a socket address holds, less a final zero byte. An abstract name has as many, behind a
/// zero byte at its front.
pub(super) const MAX_LEN: usize = size_of::<sockaddr_un>() - offset_of!(sockaddr_un, sun_path) - 1;

/// Where to dial or listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Path(PathBuf),
    Abstract(Vec<u8>),
}

impl Address {
    pub(super) fn of(endpoint: &Endpoint) -> Result<Self, EndpointError> {
        if endpoint.is_list() {
            return Err(endpoint.invalid("is a list; write a path like unix:///run/x.sock"));
        }
        let bytes = decode(endpoint.address());
        match bytes.strip_prefix(b"@") {
            Some(name) => Self::of_name(endpoint, name),
            None => Self::of_path(endpoint, bytes),
        }
    }

    fn of_path(endpoint: &Endpoint, bytes: Vec<u8>) -> Result<Self, EndpointError> {
        let why = match bytes.first() {
            None => "has no path; write it like unix:///run/x.sock".to_owned(),
            Some(b'/') if bytes.contains(&0) => "the path holds a zero byte".to_owned(),
            Some(b'/') if bytes.len() > MAX_LEN => {
                format!("the path is {} bytes long, the limit of a socket is {MAX_LEN}", bytes.len())
            }
            Some(b'/') => return Ok(Self::Path(std::ffi::OsString::from_vec(bytes).into())),
            Some(_) => {
                "the path is not absolute; write it with three slashes, like unix:///run/x.sock".into()
            }
        };
        Err(endpoint.invalid(why))
    }

    fn of_name(endpoint: &Endpoint, name: &[u8]) -> Result<Self, EndpointError> {
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            return Err(endpoint.invalid("abstract names exist on Linux only; write a path"));
        }
        let why = match name.len() {
            0 => "has no name; write it like unix://@name".to_owned(),
            1..=MAX_LEN => return Ok(Self::Abstract(name.to_owned())),
            long => format!("the name is {long} bytes long, the limit of a socket is {MAX_LEN}"),
        };
        Err(endpoint.invalid(why))
    }

    /// The endpoint of a socket that has a name.
    pub(super) fn of_socket(address: &SockAddr) -> Option<Endpoint> {
        let named = address.as_pathname().map(|path| Self::Path(path.to_owned()));
        named
            .or_else(|| address.as_abstract_namespace().map(|name| Self::Abstract(name.to_owned())))
            .map(|address| address.endpoint())
    }

    /// As the system wants it.
    pub(super) fn for_system(&self) -> io::Result<SockAddr> {
        match self {
            Self::Path(path) => SockAddr::unix(path),
            Self::Abstract(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", &name[..]].concat())),
        }
    }

    /// What stands in an endpoint; the same for every way to write it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Path(path) => encode(path.as_os_str().as_bytes()),
            Self::Abstract(name) => format!("@{}", encode(name)),
        }
    }

    /// Without options.
    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(SCHEME, &self.text()).expect("an encoded path or name is a legal address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, EndpointError> {
        Address::of(&text.parse().unwrap())
    }

    #[test]
    fn a_path_reads_back_in_one_way_however_it_was_written() {
        for (text, path, written) in [
            ("unix:///run/x.sock", "/run/x.sock", "unix:///run/x.sock"),
            ("unix:///my%20run/%78", "/my run/x", "unix:///my%20run/x"),
            ("unix:///50%25/a%3Fb", "/50%/a?b", "unix:///50%25/a%3Fb"),
            ("unix:///straße", "/straße", "unix:///stra%C3%9Fe"),
            ("unix:///odd%2Cname", "/odd,name", "unix:///odd,name"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address, Address::Path(path.into()));
            assert_eq!(address.endpoint().to_string(), written);
            assert_eq!(parse(written), Ok(address));
        }
    }

    #[test]
    fn a_path_of_a_list_survives_its_commas() {
        let member = Address::Path("/odd,50%2C".into()).endpoint();
        let list = Endpoint::list("ha", [&member]).unwrap();
        let members = list.to_string().parse::<Endpoint>().unwrap().members().unwrap();
        assert_eq!(Address::of(&members[0]), Ok(Address::Path("/odd,50%2C".into())));
    }

    #[test]
    fn a_bad_path_says_what_is_wrong() {
        for (text, why) in [
            ("unix://", "no path"),
            ("unix://run/x.sock", "three slashes"),
            ("unix:/run/x.sock", "is a list"),
            ("unix:///a%00b", "zero byte"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.why.contains(why), "{error}");
        }
    }

    #[test]
    fn the_longest_path_fits_and_a_longer_one_is_refused_with_both_lengths() {
        let longest = format!("unix:///{}", "x".repeat(MAX_LEN - 1));
        parse(&longest).unwrap().for_system().unwrap();
        let error = parse(&format!("{longest}x")).unwrap_err();
        let told = format!("{} bytes long, the limit of a socket is {MAX_LEN}", MAX_LEN + 1);
        assert!(error.why.contains(&told), "{error}");
        #[cfg(target_os = "linux")]
        assert_eq!(MAX_LEN, 107);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_name_may_hold_any_byte_and_is_as_long_as_a_path() {
        let address = parse("unix://@a%00%20b").unwrap();
        assert_eq!(address, Address::Abstract(b"a\0 b".to_vec()));
        assert_eq!(address.for_system().unwrap().as_abstract_namespace(), Some(&b"a\0 b"[..]));
        assert_eq!(address.endpoint().to_string(), "unix://@a%00%20b");
        let longest = format!("unix://@{}", "x".repeat(MAX_LEN));
        parse(&longest).unwrap().for_system().unwrap();
        for (text, why) in [("unix://@", "no name"), (&format!("{longest}x"), "107")] {
            let error = parse(text).unwrap_err();
            assert!(error.why.contains(why), "{error}");
        }
    }
}
