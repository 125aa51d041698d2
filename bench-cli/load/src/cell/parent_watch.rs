//! Parent watch: hears what the parent sends, and ends this process with it. A child that outlived its parent would load the
//! machine for nothing.

use std::io::BufRead;
use std::thread;

use super::protocol::ToChild;

/// Ends this process with its parent, whose id was `parent` when it started us, and hands `on_message` what the parent sends.
pub(super) fn watch(parent: u32, mut on_message: impl FnMut(ToChild) + Send + 'static) {
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
            if let Ok(message) = serde_json::from_str(&line) {
                on_message(message);
            }
        }
        std::process::exit(1);
    });
}
