//! Renewal: a listener shows a certificate that is renewed on disk, without being started again.

use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use listenrain::Endpoint;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{CertificateError, Fingerprint, Identity, NotPinned, file};
use crate::owned_task::OwnedTask;

/// Tells the listeners of one transport to look at their files now. Cloning it shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reload(Arc<watch::Sender<()>>);

impl Reload {
    pub(crate) fn now(&self) {
        self.0.send_replace(());
    }
}

/// The files of one listener, which are looked at from time to time and when told to.
#[derive(Clone)]
pub(crate) struct Renewal {
    pub(super) chain: String,
    pub(super) key: String,
    /// The only certificate that may be shown, where the listener's endpoint names one.
    pub(super) pin: Option<Fingerprint>,
    /// `None` looks only when told to.
    pub(super) every: Option<Duration>,
    pub(super) reload: Reload,
    pub(super) endpoint: Endpoint,
    pub(super) shown: Identity,
}

impl Renewal {
    /// Gives `show` what handshakes are to begin with from then on, `config` with another certificate, until the task is
    /// dropped.
    pub(super) fn spawn(
        mut self,
        config: ServerConfig,
        mut show: impl FnMut(ServerConfig, Fingerprint) + Send + 'static,
    ) -> OwnedTask {
        let mut told = self.reload.0.subscribe();
        OwnedTask::spawn(async move {
            loop {
                tokio::select! {
                    () = pause(self.every) => {}
                    // Never fails: the sender is in `self`.
                    _ = told.changed() => {}
                }
                let endpoint = &self.endpoint;
                match self.look().await {
                    Ok(Some(renewed)) => {
                        let shown = renewed.fingerprint();
                        tracing::info!(%endpoint, %shown, "a listener shows a renewed certificate");
                        let mut config = config.clone();
                        config.cert_resolver = Arc::new(SingleCertAndKey::from(renewed.certified()));
                        show(config, shown);
                        self.shown = renewed;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let error: &dyn Error = &error;
                        tracing::warn!(%endpoint, error, "a renewed certificate cannot be used");
                    }
                }
            }
        })
    }

    /// What the files hold now, where that is something else.
    async fn look(&self) -> Result<Option<Identity>, CertificateError> {
        let found = file::identity(&self.chain, &self.key).await?;
        if found.chain() == self.shown.chain() {
            return Ok(None);
        }
        let shown = found.fingerprint();
        match self.pin {
            Some(pinned) if pinned != shown => Err(NotPinned { pinned, shown }.into()),
            _ => Ok(Some(found)),
        }
    }
}

async fn pause(every: Option<Duration>) {
    match every {
        Some(every) => sleep(every).await,
        None => pending().await,
    }
}
