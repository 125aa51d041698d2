//! A relay of datagrams between two ends, which keeps a copy of what dialers send.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::conformance::failure::Check;

/// Passes datagrams on until it is dropped, and keeps those of dialers.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: JoinSet<()>,
}

/// Larger than any datagram.
const LARGEST: usize = 64 << 10;

impl Relay {
    pub(super) async fn to(address: String) -> Check<Self> {
        let front = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let at = front.local_addr()?;
        let heard = Arc::default();
        let mut task = JoinSet::new();
        task.spawn(pass_on(Arc::new(front), address, Arc::clone(&heard)));
        Ok(Self { address: at, heard, _task: task })
    }

    /// What dialers have sent.
    pub(super) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn pass_on(front: Arc<UdpSocket>, to: String, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let (mut ways, mut tasks) = (HashMap::new(), JoinSet::new());
    let mut datagram = vec![0; LARGEST];
    while let Ok((count, dialer)) = front.recv_from(&mut datagram).await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(datagram[..count].to_vec());
        let way = match ways.entry(dialer) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(fresh) => {
                let Ok(back) = UdpSocket::bind(("127.0.0.1", 0)).await else { return };
                if back.connect(&to).await.is_err() {
                    return;
                }
                let back = Arc::new(back);
                tasks.spawn(pass_back(back.clone(), front.clone(), dialer));
                fresh.insert(back)
            }
        };
        // What is lost is sent again.
        let _ = way.send(&datagram[..count]).await;
    }
}

async fn pass_back(back: Arc<UdpSocket>, front: Arc<UdpSocket>, dialer: SocketAddr) {
    let mut datagram = vec![0; LARGEST];
    while let Ok(count) = back.recv(&mut datagram).await {
        let _ = front.send_to(&datagram[..count], dialer).await;
    }
}
