//! Listeners that fail.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_is_asked_again_after_waits_that_double_up_to_a_second() {
    // One that is out of descriptors fails until some come back: asking it all the time takes what time there is.
    let asked: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let moments = Arc::clone(&asked);
    let listener = generator("test://net".parse::<Endpoint>().unwrap(), move || {
        moments.lock().unwrap().push(Instant::now());
        let endpoint = "test://net".parse().unwrap();
        async move { Err(NextError::passing("accept", &endpoint, io::Error::other("none left"))) }
    });
    let _server = Server::builder(native(), echo()).listen(listener).unwrap();
    tokio::time::sleep(secs(5)).await;
    let asked = asked.lock().unwrap();
    let waits: Vec<_> = asked.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert_eq!(waits[..8], [5, 10, 20, 40, 80, 160, 320, 640]);
    assert!(waits.len() >= 10 && waits[8..].iter().all(|wait| *wait == 1000), "{waits:?}");
}
