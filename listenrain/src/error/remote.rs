//! Errors that a peer reports, and their encoding in a packet.

/// Why a peer did not execute a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteRefusal {
    /// It is at its limits; later may be better.
    #[error("overloaded")]
    Overloaded,
    /// It is shutting down.
    #[error("draining")]
    Draining,
    /// It does not know packets of this kind.
    #[error("packet kind {0} unknown")]
    UnknownKind(u8),
    /// It takes no requests at all.
    #[error("no server on that side")]
    NoServer,
    /// The request is longer than it allows.
    #[error("longer than the limit of {limit} bytes there")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The request's deadline had passed before it could run.
    #[error("its deadline passed before it could run")]
    Expired,
    /// A reason that this side does not know.
    #[error("reason {0}")]
    Other(u8),
}

impl RemoteRefusal {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let reason = match self {
            Self::Overloaded => [1, 0],
            Self::Draining => [2, 0],
            Self::UnknownKind(kind) => [3, kind],
            Self::NoServer => [4, 0],
            Self::TooLarge { limit } => return [&[5, 0], &limit.to_be_bytes()[..]].concat(),
            Self::Expired => [6, 0],
            Self::Other(code) => [code, 0],
        };
        reason.to_vec()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [1, ..] => Self::Overloaded,
            [2, ..] => Self::Draining,
            [3, kind, ..] => Self::UnknownKind(*kind),
            [4, ..] => Self::NoServer,
            [5, _, limit @ ..] => {
                Self::TooLarge { limit: limit.first_chunk().map_or(0, |limit| u64::from_be_bytes(*limit)) }
            }
            [6, ..] => Self::Expired,
            [code, ..] => Self::Other(*code),
            [] => Self::Other(0),
        }
    }
}

/// What a peer says went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}{message}", if message.is_empty() { "" } else { ": " })]
#[non_exhaustive]
pub struct RemoteError {
    /// What kind of error.
    pub code: ErrorCode,
    /// For people to read. Limit: [`RemoteError::MAX_MESSAGE`] bytes, cut beyond.
    pub message: String,
}

impl RemoteError {
    /// Longest message, in bytes.
    pub const MAX_MESSAGE: usize = 1024;

    /// An error of `code`; the message is cut at [`MAX_MESSAGE`](Self::MAX_MESSAGE).
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(cut(&message, Self::MAX_MESSAGE).len());
        Self { code, message }
    }

    /// At most `limit` bytes; the message is cut where it must be.
    pub(crate) fn to_bytes(&self, limit: usize) -> Vec<u8> {
        let mut bytes = self.code.to_number().to_be_bytes().to_vec();
        bytes.extend_from_slice(cut(&self.message, limit.saturating_sub(bytes.len())).as_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let (code, message) =
            bytes.split_first_chunk::<2>().map_or(([0, 0], bytes), |(code, rest)| (*code, rest));
        Self::new(ErrorCode::from_number(u16::from_be_bytes(code)), String::from_utf8_lossy(message))
    }
}

/// As much of the front of `text` as fits into `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// The kinds of [`RemoteError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// No handler for the command.
    UnknownCommand,
    /// The request could not be decoded.
    Decode,
    /// The handler said so.
    Handler,
    /// The handler or a codec panicked.
    Panic,
    /// The handler let go of its responder without a reply.
    NoReply,
    /// The reply could not be encoded, or is longer than a packet may be.
    Encode,
    /// The request's deadline passed while its handler ran, which was ended.
    Deadline,
    /// A code that this side does not know.
    Other(u16),
}

impl ErrorCode {
    fn to_number(self) -> u16 {
        match self {
            Self::UnknownCommand => 1,
            Self::Decode => 2,
            Self::Handler => 3,
            Self::Panic => 4,
            Self::NoReply => 5,
            Self::Encode => 6,
            Self::Deadline => 7,
            Self::Other(code) => code,
        }
    }

    fn from_number(code: u16) -> Self {
        match code {
            1 => Self::UnknownCommand,
            2 => Self::Decode,
            3 => Self::Handler,
            4 => Self::Panic,
            5 => Self::NoReply,
            6 => Self::Encode,
            7 => Self::Deadline,
            other => Self::Other(other),
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::Decode => f.write_str("request cannot be decoded"),
            Self::Handler => f.write_str("handler failed"),
            Self::Panic => f.write_str("handler panicked"),
            Self::NoReply => f.write_str("handler gave no reply"),
            Self::Encode => f.write_str("reply cannot be encoded"),
            Self::Deadline => f.write_str("deadline passed while the handler ran"),
            Self::Other(code) => write!(f, "error {code}"),
        }
    }
}
