//! Servers in processes of their own, to be killed.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use listenrain::{Endpoint, Router, Server};
use listenrain_transports::all;

use super::calls::native;

const ENDPOINT: &str = "LISTENRAIN_TEST_SERVE_AT";

/// A server in another process. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    pub(crate) endpoint: Endpoint,
}

impl Process {
    /// Starts this test program again, which must call [`serve_if_told`] in its test `name`, to serve at `endpoint`.
    pub(crate) fn start(name: &str, endpoint: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(ENDPOINT, endpoint)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told =
            lines.map_while(Result::ok).find_map(|line| Some(line.split_once("serves at ")?.1.to_owned()));
        let endpoint = told.expect("the server says where it listens").parse().unwrap();
        Self { child, endpoint }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing of it says goodbye.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// In the process that was started to serve: answers every call with its process id, until it is killed. In any other
/// it returns at once.
pub(crate) fn serve_if_told() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        let own_id = || Ok(Bytes::from(std::process::id().to_string()));
        let router = Router::new().fallback(move |_| async move { own_id() });
        let listener = all().for_endpoint(&endpoint).unwrap().listen(&endpoint).await.unwrap();
        let server = Server::builder(native(), router).listen(listener).unwrap();
        println!("serves at {}", server.endpoint());
        // Ends with the process that started it, however that ends.
        let parent = std::os::unix::process::parent_id();
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    });
    std::process::exit(0);
}
