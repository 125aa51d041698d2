//! `Endpoint`: the one way to name an access point.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Where something listens, as a URI: `tcp://127.0.0.1:7000`, `unix:///run/x.sock`, `channel://name`.
///
/// It has a scheme, an address that only the scheme's transport understands, and options behind a `?`
/// (`tcp://[::1]:7000?nodelay=false&backlog=16`). Two endpoints are equal when they are written the same, but for the
/// case of the scheme and the order of the options.
///
/// A *list* names several at once: a scheme, a colon, then the list's own options and its members between commas
/// (`ha:fail_back=lazy,tcp://a:1?nodelay=false,unix:///b`). A comma inside a member is written `%2C`.
///
/// Limit: [`Endpoint::MAX_LEN`] bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[doc(alias = "TransportKey")]
pub struct Endpoint {
    scheme: String,
    address: String,
    options: BTreeMap<String, String>,
    is_list: bool,
}

impl Endpoint {
    /// Longest text of an endpoint, in bytes.
    pub const MAX_LEN: usize = 4096;

    /// An endpoint of `scheme` at `address`, without options.
    ///
    /// # Errors
    ///
    /// As [`FromStr`]: the parts must make a text that parses.
    pub fn new(scheme: &str, address: &str) -> Result<Self, EndpointError> {
        format!("{scheme}://{address}").parse()
    }

    /// A list of `members`, for the transport of `scheme` to choose from.
    ///
    /// # Errors
    ///
    /// As [`FromStr`]: the parts must make a text that parses, so all of it has to fit the limit.
    pub fn list<'a>(
        scheme: &str,
        members: impl IntoIterator<Item = &'a Self>,
    ) -> Result<Self, EndpointError> {
        let members: Vec<_> =
            members.into_iter().map(|member| member.to_string().replace(',', COMMA)).collect();
        format!("{scheme}:{}", members.join(",")).parse()
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// The members of a list in their order; of an endpoint that is none, nothing.
    ///
    /// # Errors
    ///
    /// When a member is no endpoint; the error names the whole list.
    pub fn members(&self) -> Result<Vec<Self>, EndpointError> {
        if !self.is_list || self.address.is_empty() {
            return Ok(Vec::new());
        }
        let parse = |text: &str| {
            let member = text.replace(COMMA, ",").parse::<Self>();
            member.map_err(|error| self.invalid(format!("member `{text}`: {}", error.why)))
        };
        self.address.split(',').map(parse).collect()
    }

    /// Which transport understands it, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands between `://` and `?`; of a list, its members as they are written.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The options in the order of their names.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same endpoint with option `name` set to `value`.
    #[must_use]
    pub fn with_option(mut self, name: &str, value: &str) -> Self {
        self.options.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same endpoint at another address, for instance the one a listener really got.
    #[must_use]
    pub fn with_address(mut self, address: impl Into<String>) -> Self {
        self.address = address.into();
        self
    }

    /// An error about this endpoint's own text.
    pub fn invalid(&self, why: impl Into<String>) -> EndpointError {
        EndpointError { endpoint: self.to_string(), why: why.into() }
    }
}

/// Why a text is no endpoint, or not one that a transport understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint `{endpoint}`: {why}")]
#[non_exhaustive]
pub struct EndpointError {
    /// The text, as given (cut at [`Endpoint::MAX_LEN`]).
    pub endpoint: String,
    /// What is wrong with it and what would be right.
    pub why: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = |why: String| {
            let endpoint = text.chars().take(Self::MAX_LEN).collect();
            EndpointError { endpoint, why }
        };
        if text.len() > Self::MAX_LEN {
            return Err(wrong(format!("is {} bytes long, the limit is {}", text.len(), Self::MAX_LEN)));
        }
        let parts = split_list(text).or_else(|| split_uri(text));
        let Some(Parts { scheme, address, options: listed, is_list }) = parts else {
            return Err(wrong("has no scheme; write it like tcp://127.0.0.1:7000".to_owned()));
        };
        if !is_scheme(scheme) {
            return Err(wrong(format!(
                "scheme `{scheme}` must be a letter, then letters, digits, `+`, `-` or `.`"
            )));
        }
        if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong("the address holds white space or a control character".to_owned()));
        }
        let mut options = BTreeMap::new();
        for option in listed.split(if is_list { ',' } else { '&' }).filter(|option| !option.is_empty()) {
            let Some((name, value)) = option.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(wrong(format!("option `{option}` is not of the form name=value")));
            };
            if options.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(wrong(format!("option `{name}` stands there twice")));
            }
        }
        Ok(Self { scheme: scheme.to_ascii_lowercase(), address: address.to_owned(), options, is_list })
    }
}

/// How a comma inside a member of a list is written.
const COMMA: &str = "%2C";

/// The parts of a text, not checked yet.
struct Parts<'a> {
    scheme: &'a str,
    address: &'a str,
    options: &'a str,
    is_list: bool,
}

fn split_uri(text: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    Some(Parts { scheme, address, options, is_list: false })
}

/// `scheme:`, options between commas, then members, the first of which has a scheme of its own.
fn split_list(text: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = text.split_once(':')?;
    if !is_scheme(scheme) || rest.starts_with("//") || !(rest.is_empty() || rest.contains(['/', '='])) {
        return None;
    }
    let is_option = |element: &&str| element.split_once('=').is_some_and(|(name, _)| !name.contains(':'));
    let options: usize = rest.split_inclusive(',').take_while(is_option).map(str::len).sum();
    let (options, address) = rest.split_at(options);
    Some(Parts { scheme, address, options, is_list: true })
}

fn is_scheme(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(legal)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_list {
            write!(f, "{}:", self.scheme)?;
            self.options().try_for_each(|(name, value)| write!(f, "{name}={value},"))?;
            return f.write_str(&self.address);
        }
        write!(f, "{}://{}", self.scheme, self.address)?;
        for (index, (name, value)) in self.options().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_back_as_it_is_written() {
        for text in ["tcp://127.0.0.1:7000", "tcp://[::1]:80?backlog=16&nodelay=false", "unix:///run/x.sock"]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("TCP://a:1?b=1&a=2".parse::<Endpoint>(), "tcp://a:1?a=2&b=1".parse());
    }

    #[test]
    fn an_endpoint_may_be_as_long_as_the_limit_and_no_longer() {
        let longest = format!("unix:///{}", "x".repeat(Endpoint::MAX_LEN - 8));
        assert_eq!(longest.parse::<Endpoint>().unwrap().to_string(), longest);
        let error = format!("{longest}x").parse::<Endpoint>().unwrap_err();
        assert_eq!((error.endpoint, &*error.why), (longest, "is 4097 bytes long, the limit is 4096"));
    }

    #[test]
    fn a_list_reads_back_with_its_options_and_members() {
        let text = "ha:fail_back=lazy,tcp://a:1?nodelay=false,unix:///odd%2Cname";
        let list: Endpoint = text.parse().unwrap();
        assert_eq!(list.to_string(), text);
        assert_eq!((list.scheme(), list.options().next()), ("ha", Some(("fail_back", "lazy"))));
        let members = list.members().unwrap();
        let shown: Vec<_> = members.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["tcp://a:1?nodelay=false", "unix:///odd,name"]);
        let again = Endpoint::list("ha", &members).unwrap().with_option("fail_back", "lazy");
        assert_eq!(again, list);
    }

    #[test]
    fn a_list_may_be_empty_and_a_member_that_is_no_endpoint_is_named() {
        for text in ["ha:", "ha:fail_back=never,"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().members(), Ok(vec![]), "{text}");
        }
        let error = "ha:tcp://a:1,nonsense".parse::<Endpoint>().unwrap().members().unwrap_err();
        assert!(error.to_string().contains("ha:tcp://a:1,nonsense") && error.why.contains("`nonsense`"));
        assert_eq!("tcp://a:1".parse::<Endpoint>().unwrap().members(), Ok(vec![]));
    }

    #[test]
    fn a_text_that_is_no_endpoint_says_why() {
        for (text, why) in [
            ("127.0.0.1:80", "no scheme"),
            ("localhost:80", "no scheme"),
            ("://x", "scheme ``"),
            ("1tcp://x", "scheme `1tcp`"),
            ("tcp://a b", "white space"),
            ("tcp://a?x", "name=value"),
            ("tcp://a?x=1&x=2", "twice"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains(why) && error.to_string().contains(text), "{error}");
        }
        let long = format!("tcp://{}", "x".repeat(5000));
        assert!(long.parse::<Endpoint>().unwrap_err().why.contains("4096"));
    }
}
