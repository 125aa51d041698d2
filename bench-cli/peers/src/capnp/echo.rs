//! The interface that is called, as generated code would have it:
//!
//! ```capnp
//! interface Echo { echo @0 (payload :AnyPointer) -> (payload :AnyPointer); }
//! ```
//!
//! with parameter and result standing where a generated stub has a struct of one field.

use std::ops::Deref;
use std::rc::Rc;

use capnp::Error;
use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results, Server,
};
use capnp::private::capability::ClientHook;

/// Its id, and that of its one method.
pub(super) const INTERFACE: u64 = 0xd6a1_7c3e_5b90_42f8;
pub(super) const METHOD: u16 = 0;

/// A server of it, as a client sees it.
pub(super) fn client() -> Client {
    let Typed(client) = capnp_rpc::new_client(Echo);
    client
}

struct Typed(Client);

impl FromClientHook for Typed {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Self(Client::new(hook))
    }

    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0.hook
    }

    fn as_client_hook(&self) -> &dyn ClientHook {
        &*self.0.hook
    }
}

impl FromServer<Echo> for Typed {
    type Dispatch = Dispatch;

    fn from_server(echo: Rc<Echo>) -> Dispatch {
        Dispatch(echo)
    }
}

struct Echo;

#[derive(Clone)]
struct Dispatch(Rc<Echo>);

impl Deref for Dispatch {
    type Target = Echo;

    fn deref(&self) -> &Echo {
        &self.0
    }
}

impl Server for Dispatch {
    fn dispatch_call(
        self,
        interface: u64,
        method: u16,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        let answered = match (interface, method) {
            (INTERFACE, METHOD) => params.get().and_then(|payload| results.set(payload)),
            _ => Err(Error::unimplemented(format!("no method {method} of interface {interface:#x}"))),
        };
        DispatchCallResult::new(Promise::from(answered), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}
