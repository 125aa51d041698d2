//! Percent-encoding of paths in endpoints.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What an endpoint cannot hold as it is, and what would be read as something else.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?');

/// The bytes that `text` stands for.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

/// How `bytes` are written; in one way, however they were written before.
pub(crate) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, ENCODED).to_string()
}
