//! The paths of the files of one endpoint.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use listenrain::{Endpoint, EndpointError};

use super::SCHEME;
use super::name::Name;
use crate::paths::{decode, encode};

/// What the directory of the pairs is called, behind the name of the rendezvous.
const PAIRS: &str = ".pairs";
/// What every Unix of today allows for one name in a directory.
const FILE_NAME_MAX: usize = 255;
/// The longest thing below the directory: a slash and the name of a pipe.
const PIPE_LEN: usize = 1 + Name::DIGITS + ".down".len();
/// The system counts the NUL at the end in.
const PATH_MAX: usize = nix::libc::PATH_MAX as usize - 1;

/// Where the files of one access point stand: `/run/x` and `/run/x.pairs/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The listener's end of every channel.
    pub(super) listener: Endpoint,
    pub(super) rendezvous: PathBuf,
    /// The directory in which dialers make their pairs.
    pub(super) pairs: PathBuf,
}

impl Place {
    /// Refuses what cannot be a path on any system, before anything is touched.
    pub(super) fn of(endpoint: &Endpoint) -> Result<Self, EndpointError> {
        let path = decode(endpoint.address());
        if !path.starts_with(b"/") {
            return Err(endpoint.invalid("needs an absolute path; write it like fifo:///run/x"));
        }
        let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if matches!(file, b"" | b"." | b"..") {
            return Err(endpoint.invalid("names a directory; a file name must stand at its end"));
        }
        if path.contains(&0) {
            return Err(endpoint.invalid("the path holds a zero byte"));
        }
        check_length(endpoint, "the file name", file.len(), FILE_NAME_MAX - PAIRS.len())?;
        check_length(endpoint, "the path", path.len(), PATH_MAX - PAIRS.len() - PIPE_LEN)?;
        let listener = Endpoint::new(SCHEME, &encode(&path))?;
        let pairs = OsString::from_vec([&path, PAIRS.as_bytes()].concat());
        Ok(Self { listener, rendezvous: OsString::from_vec(path).into(), pairs: pairs.into() })
    }

    /// The dialer's end of the channel whose pair is called `name`.
    pub(super) fn dialer(&self, name: Name) -> Endpoint {
        self.listener.clone().with_address(format!("{}{PAIRS}/{name}", self.listener.address()))
    }

    /// The pipe towards the listener, of the pair called `name`.
    pub(super) fn up(&self, name: Name) -> PathBuf {
        self.pairs.join(format!("{name}.up"))
    }

    /// The pipe towards the dialer, of the pair called `name`.
    pub(super) fn down(&self, name: Name) -> PathBuf {
        self.pairs.join(format!("{name}.down"))
    }

    /// Whether a file of the directory is called as a pipe of a pair is.
    pub(super) fn is_pipe(file: &str) -> bool {
        let name = file.strip_suffix(".up").or_else(|| file.strip_suffix(".down"));
        name.is_some_and(Name::is_one)
    }
}

fn check_length(endpoint: &Endpoint, what: &str, len: usize, limit: usize) -> Result<(), EndpointError> {
    if len > limit {
        return Err(endpoint.invalid(format!("{what} is {len} bytes long, the limit is {limit}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn place(text: &str) -> Result<Place, EndpointError> {
        Place::of(&text.parse().unwrap())
    }

    #[test]
    fn what_cannot_be_a_path_says_why_with_its_limit_and_value() {
        for (text, why) in [
            ("fifo://", "absolute path"),
            ("fifo://run/x", "absolute path"),
            ("fifo:///", "names a directory"),
            ("fifo:///run/", "names a directory"),
            ("fifo:///run/..", "names a directory"),
            ("fifo:///run/x%2F", "names a directory"),
            ("fifo:///run/a%00b", "zero byte"),
        ] {
            let error = place(text).unwrap_err();
            assert!(error.why.contains(why) && error.endpoint == text, "{error}");
        }
        let (longest, longer) = ("n".repeat(249), "n".repeat(250));
        assert!(place(&format!("fifo:///{longest}")).is_ok());
        let error = place(&format!("fifo:///{longer}")).unwrap_err();
        assert!(error.why.contains("250 bytes long, the limit is 249"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_may_be_as_long_as_its_longest_pipe_still_fits_the_system() {
        let of_len = |len: usize| place(&format!("fifo://{}x", "/d".repeat(len / 2)));
        let longest = of_len(4050).unwrap();
        let name = Name::of([0xab; 16]);
        assert!(longest.down(name).as_os_str().len() <= 4095);
        let error = of_len(4052).unwrap_err();
        assert!(error.why.contains("the path is 4053 bytes long, the limit is 4051"), "{error}");
    }

    #[test]
    fn a_path_is_written_in_one_way_and_may_hold_what_an_endpoint_cannot() {
        let place = place("fifo:///my%20run/%78%3F").unwrap();
        assert_eq!(place.rendezvous, Path::new("/my run/x?"));
        assert_eq!(place.pairs, Path::new("/my run/x?.pairs"));
        assert_eq!(place.listener.to_string(), "fifo:///my%20run/x%3F");
        let dialer = place.dialer(Name::of([0; 16])).to_string();
        assert_eq!(dialer, format!("fifo:///my%20run/x%3F.pairs/{}", "0".repeat(32)));
    }

    #[test]
    fn only_the_pipes_of_a_pair_are_taken_for_one() {
        let place = place("fifo:///run/x").unwrap();
        let name = Name::of([0x5f; 16]);
        for path in [place.up(name), place.down(name)] {
            assert!(path.starts_with("/run/x.pairs"));
            assert!(Place::is_pipe(path.file_name().unwrap().to_str().unwrap()));
        }
        let digits = name.to_string();
        for file in [digits.clone(), format!("{digits}.left"), format!("{digits}0.up"), "x.up".to_owned()] {
            assert!(!Place::is_pipe(&file), "{file}");
        }
    }
}
