//! Request and reply bodies of scenarios.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::pattern::Pattern;

/// What a server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Answers at once.
    Answer,
    /// Answers after so long.
    Wait(Duration),
    /// Panics, as was planned.
    Panic,
    /// Answers with an error.
    Fail,
    /// Never answers.
    Forever,
    /// The codec of the request panics at its server, where it is one that can be asked to.
    SpoilRequest,
    /// The codec of the reply panics at its client, where it is one that can be asked to.
    SpoilReply,
}

/// A request, as its server understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) number: u64,
    pub(crate) reply: usize,
    pub(crate) task: Task,
}

/// How a request says that its codec is to panic.
const SPOILS: u8 = 5;
/// Where a request says what is to be done with it.
const TASK_AT: usize = 8 + 4;
/// A bit of the numbers of calls whose replies spoil their codec.
pub(crate) const SPOILS_REPLY: u64 = 1 << 40;

/// Whether the codec of a server is to panic at this request.
pub(crate) fn spoils_server(request: &[u8]) -> bool {
    request.get(TASK_AT) == Some(&SPOILS)
}

/// Whether the codec of a client is to panic at this reply.
pub(crate) fn spoils_client(reply: &[u8]) -> bool {
    reply.first_chunk().is_some_and(|number| u64::from_be_bytes(*number) & SPOILS_REPLY != 0)
}

/// Bytes that a request has at least.
pub(crate) const SHORTEST: usize = 8 + 4 + 1 + 4;

/// Bytes that a reply has at least.
pub(crate) const SHORTEST_REPLY: usize = 8;

/// Request `asked` in `size` bytes.
pub(crate) fn request(asked: &Asked, size: usize) -> Bytes {
    let mut body = BytesMut::with_capacity(size.max(SHORTEST));
    body.put_u64(asked.number);
    body.put_u32(u32::try_from(asked.reply).unwrap_or(u32::MAX));
    let (task, millis) = match asked.task {
        Task::Answer => (0, 0),
        Task::Wait(wait) => (1, u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
        Task::Panic => (2, 0),
        Task::Fail => (3, 0),
        Task::Forever => (4, 0),
        Task::SpoilRequest => (SPOILS, 0),
        Task::SpoilReply => (6, 0),
    };
    body.put_u8(task);
    body.put_u32(millis);
    body.put(pattern(asked.number, 0).bytes(0, size.saturating_sub(SHORTEST)));
    body.freeze()
}

/// Why bytes are no request, for people to read.
pub(crate) fn understand(mut body: Bytes) -> Result<Asked, String> {
    if body.len() < SHORTEST {
        return Err(format!("a request of {} bytes", body.len()));
    }
    let (number, reply, task, millis) = (body.get_u64(), body.get_u32(), body.get_u8(), body.get_u32());
    let task = match task {
        0 => Task::Answer,
        1 => Task::Wait(Duration::from_millis(millis.into())),
        2 => Task::Panic,
        3 => Task::Fail,
        4 => Task::Forever,
        SPOILS => Task::SpoilRequest,
        6 => Task::SpoilReply,
        other => return Err(format!("a request for task {other}")),
    };
    pattern(number, 0).check(0, &body).map_err(|mismatch| format!("request {number}: {mismatch}"))?;
    // No run asks for more; what says so was changed on its way.
    let reply = (reply as usize).min(8 << 20);
    Ok(Asked { number, reply, task })
}

/// The reply to request `number` in `size` bytes.
pub(crate) fn reply(number: u64, size: usize) -> Bytes {
    let mut body = BytesMut::with_capacity(size.max(SHORTEST_REPLY));
    body.put_u64(number);
    body.put(pattern(number, 1).bytes(0, size.saturating_sub(SHORTEST_REPLY)));
    body.freeze()
}

/// What is wrong with `seen`, which is to be the reply to `number` in `size` bytes.
pub(crate) fn check(number: u64, size: usize, seen: &[u8]) -> Result<(), String> {
    let size = size.max(SHORTEST_REPLY);
    let Some((whose, rest)) = seen.split_first_chunk::<8>() else {
        return Err(format!("call {number} was given {} bytes, which are no reply", seen.len()));
    };
    let whose = u64::from_be_bytes(*whose);
    if whose != number {
        return Err(format!("call {number} was given the reply to {whose}"));
    }
    if seen.len() != size {
        return Err(format!("call {number} was given {} bytes instead of {size}", seen.len()));
    }
    pattern(number, 1).check(0, rest).map_err(|mismatch| format!("reply to {number}: {mismatch}"))
}

fn pattern(number: u64, side: u64) -> Pattern {
    Pattern::new(number.wrapping_mul(2) + side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_read_back_and_tell_what_was_changed() {
        let wait = Task::Wait(Duration::from_millis(7));
        let spoiling = [Task::SpoilRequest, Task::SpoilReply];
        for task in [Task::Answer, wait, Task::Panic, Task::Fail, Task::Forever].into_iter().chain(spoiling) {
            let asked = Asked { number: 3, reply: 900, task };
            assert_eq!(spoils_server(&request(&asked, 500)), task == Task::SpoilRequest);
            assert_eq!(understand(request(&asked, 500)), Ok(asked));
        }
        assert!(spoils_client(&reply(3 | SPOILS_REPLY, 900)));
        let good = reply(3, 900);
        assert!(!spoils_client(&good));
        assert_eq!(check(3, 900, &good), Ok(()));
        assert!(check(4, 900, &good).unwrap_err().contains("the reply to 3"));
        assert!(check(3, 901, &good).unwrap_err().contains("900 bytes instead of 901"));
        let mut bad = good.to_vec();
        bad[500] ^= 1;
        assert!(check(3, 900, &bad).is_err());
    }
}
