//! Paths: their percent-encoding in endpoints, and files that go with their owner.

use std::fs::{Metadata, remove_file, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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

/// Whether both are of the same file.
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Removes the file at `path`, if it is still the one that `made` is of.
pub(crate) fn remove_own(path: &Path, made: &Metadata) {
    if symlink_metadata(path).is_ok_and(|now| is_same(&now, made))
        && let Err(error) = remove_file(path)
    {
        tracing::warn!(path = %path.display(), %error, "a file is left behind");
    }
}
