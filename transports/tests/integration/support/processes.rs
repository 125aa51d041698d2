//! Servers in processes of their own, to be killed.

use bytes::Bytes;
use listenrain::{Endpoint, Router, Server};
use listenrain_transports::all;
use tokio::io::AsyncReadExt;

use super::calls::native;
use super::child::{Player, part};

/// A server in another process. Dropping it kills it.
pub(crate) struct Process {
    player: Player,
    pub(crate) endpoint: Endpoint,
}

impl Process {
    /// Starts this test program again, which must call [`serve_if_told`] in its test `name`, to serve at `endpoint`.
    pub(crate) async fn start(name: &str, endpoint: &str) -> Self {
        let mut player = Player::start(name, "server", endpoint);
        let endpoint = player.says("serves at ").await.parse().unwrap();
        Self { player, endpoint }
    }

    pub(crate) fn id(&self) -> u32 {
        self.player.id()
    }

    /// SIGKILL: nothing of it says goodbye.
    pub(crate) async fn kill(self) {
        self.player.kill().await;
    }
}

/// In the process that was started to serve: answers every call with its process id, until it is killed. In any other
/// it returns at once.
pub(crate) async fn serve_if_told() {
    let Some((_, endpoint)) = part() else { return };
    let endpoint: Endpoint = endpoint.to_str().unwrap().parse().unwrap();
    let own_id = || Ok(Bytes::from(std::process::id().to_string()));
    let router = Router::new().fallback(move |_| async move { own_id() });
    let listener = all().for_endpoint(&endpoint).unwrap().listen(&endpoint).await.unwrap();
    let server = Server::builder(native(), router).listen(listener).unwrap();
    println!("serves at {}", server.endpoint());
    // Ends with the process that started it, however that ends.
    let _ = tokio::io::stdin().read(&mut [0]).await;
    std::process::exit(0);
}
