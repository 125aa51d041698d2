//! Ids of the user's own, under cancels from many threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use listenrain::{
    CallId, Client, Correlation, MessageError, Protocol, RawBytes, Router, Server, StateMachinePool,
    Transport,
};
use listenrain_transports::InProcess;

#[derive(Clone, Default)]
struct Table(Arc<Mutex<HashMap<u64, CallId>>>);

impl StateMachinePool<u64> for Table {
    fn put(&mut self, id: u64, call: CallId) -> bool {
        let mut table = self.0.lock().unwrap();
        let is_new = !table.contains_key(&id);
        if is_new {
            table.insert(id, call);
        }
        is_new
    }

    fn take(&mut self, id: &u64) -> Option<CallId> {
        self.0.lock().unwrap().remove(id)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

async fn connected(table: Table) -> (Server, Client<RawBytes>) {
    let id_of = |bytes: &[u8]| match bytes.first_chunk() {
        Some(id) => Ok(u64::from_be_bytes(*id)),
        None => Err(MessageError::new("too short for an id")),
    };
    let memory = InProcess::default();
    let listener = memory.listen(&memory.scratch_endpoint()).await.unwrap();
    let dialer = memory.dialer(listener.endpoint()).unwrap();
    let correlation = Correlation::by_message_with(id_of, move || table.clone());
    let protocol = Protocol::builder("ids", RawBytes).correlation(correlation).build().unwrap();
    let router = Router::new().fallback(|request| async move {
        tokio::task::yield_now().await;
        Ok(request.message)
    });
    let server = Server::builder(protocol.clone(), router).listen(listener).unwrap();
    (server, Client::builder(protocol).dial(dialer).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelled_calls_leave_nothing_in_the_users_table() {
    // LR23: a cancelled call freed its slot before its id; the slot's next call then lost its own.
    let (table, ids) = (Table::default(), Arc::new(AtomicU64::new(0)));
    let (_server, client) = connected(table.clone()).await;
    let callers = (0..8).map(|_| {
        let (client, ids) = (client.clone(), Arc::clone(&ids));
        tokio::spawn(async move {
            for turn in 0..10_000 {
                let id = ids.fetch_add(1, SeqCst).to_be_bytes();
                let mut call = Box::pin(client.call(Bytes::copy_from_slice(&id)));
                if turn % 2 == 0 {
                    assert_eq!(call.await.unwrap(), id[..]);
                } else {
                    // Begun, then dropped.
                    let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!((client.counts().in_flight, table.len()), (0, 0));
}
