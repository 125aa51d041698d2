//! The line to the parent. A child that outlives its parent would measure for nobody and load the machine for everybody.

use std::io::BufRead;
use std::thread;

use super::words::Told;

/// Sees to it that this process ends with its parent, whose id was `parent` when it started us, and hands over what the
/// parent says.
pub(super) fn hold(parent: u32, mut told: impl FnMut(Told) + Send + 'static) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::{prctl, signal::Signal};
        let asked = prctl::set_pdeathsig(Signal::SIGKILL);
        // The parent may have ended before the kernel was asked.
        if asked.is_ok() && nix::unistd::getppid().as_raw() as u32 != parent {
            std::process::exit(1);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    // Everywhere: the parent holds the other end of our standard input to its own end.
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(word) = serde_json::from_str(&line) {
                told(word);
            }
        }
        std::process::exit(1);
    });
}
