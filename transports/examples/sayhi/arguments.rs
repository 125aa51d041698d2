//! Command-line arguments.

use listenrain::Endpoint;

pub(crate) const HELP: &str = "\
usage: sayhi                  both sides in one process, on a free port
       sayhi server [ADDR]    serves until ctrl-c
       sayhi client [ADDR]    says hi to a server

ADDR is host:port; default 127.0.0.1:8899";

const DEFAULT_ADDR: &str = "127.0.0.1:8899";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Both,
    Server(Endpoint),
    Client(Endpoint),
    Help,
}

impl Task {
    /// Reads the arguments behind the program's name; the error says what is wrong with them.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let make = match arguments.next().as_deref() {
            None => return Ok(Self::Both),
            Some("-h" | "--help" | "help") => return Ok(Self::Help),
            Some("server") => Self::Server,
            Some("client") => Self::Client,
            Some(other) => return Err(format!("`{other}` is neither `server` nor `client`")),
        };
        let address = arguments.next().unwrap_or_else(|| DEFAULT_ADDR.to_owned());
        if let Some(extra) = arguments.next() {
            return Err(format!("`{extra}` is one argument too many"));
        }
        if !address.contains(':') {
            return Err(format!("`{address}` has no port: host:port"));
        }
        let endpoint = Endpoint::new("tcp", &address).map_err(|error| error.to_string())?;
        Ok(make(endpoint))
    }
}
