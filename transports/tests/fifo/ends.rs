//! Ends of a channel, beyond what every transport promises.

use std::io::ErrorKind;

use listenrain::buffer::ReadBuffer;

use crate::Scene;
use crate::support::*;

#[tokio::test]
async fn a_read_half_dropped_with_bytes_unread_makes_the_later_end_a_reset() {
    // The halves may be dropped apart; the mark must not say that all was well.
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let (mut near, far) = watched(connect(&mut *listener, &mut *scene.dialer())).await;
    watched(write_all(&mut *near.write, "unread".into())).await.unwrap();
    drop(far.read);
    let error = watched(write_all(&mut *near.write, "more".into())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(far.write);
    let error = watched(read(&mut *near.read, &mut ReadBuffer::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn after_an_abort_nothing_that_had_arrived_is_read() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *scene.dialer())).await;
    watched(write_all(&mut *far.write, "unread".into())).await.unwrap();
    assert_eq!(watched(read_exactly(&mut *near.read, 1)).await.unwrap(), "u");
    watched(write_all(&mut *far.write, "unread".into())).await.unwrap();
    near.write.abort();
    let error = watched(read(&mut *near.read, &mut ReadBuffer::default())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    let error = watched(shutdown(&mut *near.write)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn the_end_of_one_direction_is_told_apart_from_a_reset_of_the_other() {
    let scene = Scene::new();
    let mut listener = scene.listen().await;
    let (mut near, mut far) = watched(connect(&mut *listener, &mut *scene.dialer())).await;
    watched(write_all(&mut *near.write, "all".into())).await.unwrap();
    watched(shutdown(&mut *near.write)).await.unwrap();
    far.write.abort();
    assert_eq!(watched(read_to_end(&mut *near.read)).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    for _ in 0..2 {
        let again = watched(read(&mut *near.read, &mut ReadBuffer::default())).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::ConnectionReset, "and it stays a reset");
    }
}
