//! Parts of this test program as another process.

use std::path::PathBuf;

use listenrain_transports::Fifo;

use super::{at_path, processes};
use crate::support::child::part;
use crate::support::*;

/// Plays the part that this process was started for, if any.
pub(crate) async fn plays() -> bool {
    let Some((part, path)) = part() else { return false };
    match part.as_str() {
        "listener" => listener(path).await,
        "dialer" => dialer(path, true).await,
        "asker" => dialer(path, false).await,
        "leaver" => leaver(path).await,
        "ordinary" => processes::ordinary(path).await,
        other => panic!("no part is called {other}"),
    }
    true
}

/// Accepts one channel, answers the first byte, then waits to be killed.
async fn listener(path: PathBuf) {
    let mut listener = Fifo::default().listen(&at_path(&path)).await.unwrap();
    println!("listening");
    let mut channel = listener.next().await.unwrap();
    let asked = read_exactly(&mut *channel.read, 1).await.unwrap();
    write_all(&mut *channel.write, asked).await.unwrap();
    std::future::pending().await
}

/// Dials, sends a byte, then waits to be killed; with nobody to answer, it waits before that.
async fn dialer(path: PathBuf, is_answered: bool) {
    let mut dialer = Fifo::default().dialer(&at_path(&path)).unwrap();
    let mut dial = dialer.next();
    if !is_answered {
        assert!(once(|cx| dial.as_mut().poll(cx)).await.is_none());
        println!("asked");
        return std::future::pending().await;
    }
    let mut channel = dial.await.unwrap();
    write_all(&mut *channel.write, "x".into()).await.unwrap();
    println!("sent");
    std::future::pending().await
}

/// Dials, sends a byte, and drops its channel.
async fn leaver(path: PathBuf) {
    let mut channel = Fifo::default().dialer(&at_path(&path)).unwrap().next().await.unwrap();
    write_all(&mut *channel.write, "x".into()).await.unwrap();
}
