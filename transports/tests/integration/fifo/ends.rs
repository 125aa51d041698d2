//! Ends of a channel, beyond what every transport promises.

use super::Scene;
use crate::support::*;

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
        assert_eq!(
            watched(read_error(&mut *near.read)).await,
            ErrorKind::ConnectionReset,
            "and it stays a reset"
        );
    }
}
