//! PEM files that options name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::{CertificateError, Identity, Trust};

/// A bundle of every public authority has some 220 KiB.
const LIMIT: u64 = 1 << 20;

pub(super) async fn identity(chain: &str, key: &str) -> Result<Identity, CertificateError> {
    let read = (read(chain).await?, read(key).await?);
    Identity::from_pem(&read.0, &read.1).map_err(|error| error.within(chain))
}

pub(super) async fn authorities(path: &str) -> Result<Trust, CertificateError> {
    Trust::authorities_from_pem(&read(path).await?).map_err(|error| error.within(path))
}

/// Files can be on a disk that sleeps, so they are read on a thread that may wait.
async fn read(path: &str) -> Result<Vec<u8>, CertificateError> {
    let (path, told) = (path.to_owned(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || read_blocking(&path)).await;
    read.unwrap_or_else(|_| Err(unreadable(&told, io::Error::other("the runtime is shutting down"))))
}

fn read_blocking(path: &str) -> Result<Vec<u8>, CertificateError> {
    let fail = |error| unreadable(path, error);
    // To open a pipe is to wait for its writer.
    if !Path::new(path).metadata().map_err(fail)?.is_file() {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "is not a file")));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(fail)?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > LIMIT {
        return Err(CertificateError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    Ok(bytes)
}

fn unreadable(path: &str, error: io::Error) -> CertificateError {
    CertificateError::File { path: path.to_owned(), source: Arc::new(error) }
}
