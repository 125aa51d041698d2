//! Ctrl-C, or the signal by which an engine ends a job: the first ends what is under way with what it has, the second at
//! once.

use std::io;

use tokio::sync::watch;

/// Ends at the next such signal. Two that come at the same moment are one.
async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// How often Ctrl-C was pressed.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<u32>);

impl Interrupt {
    /// Listens from now on, on the current runtime.
    pub(crate) fn listen() -> Self {
        let (count, receiver) = watch::channel(0);
        tokio::spawn(async move {
            while asked_to_end().await.is_ok() {
                count.send_modify(|count| *count += 1);
            }
            // Where there is no such signal, there is never one.
            std::future::pending::<()>().await;
        });
        Self(receiver)
    }

    /// Ends when it has been pressed once.
    pub(crate) async fn once(&self) {
        self.pressed(1).await;
    }

    /// Ends when it has been pressed twice.
    pub(crate) async fn twice(&self) {
        self.pressed(2).await;
    }

    pub(crate) fn was_pressed(&self) -> bool {
        *self.0.borrow() > 0
    }

    async fn pressed(&self, least: u32) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|count| *count >= least).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
