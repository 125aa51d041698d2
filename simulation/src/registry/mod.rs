//! Transports that are ready to be tested: those of `listenrain-transports`, each with what single cases need beside it
//! and with the words of its documentation for what it lacks.

#[cfg(unix)]
mod fifo;
mod sockets;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::sync::Arc;

use listenrain::Endpoint;

use crate::conformance::{Make, Need, Subject};

/// The transport of `listenrain-transports` with this scheme, ready to be tested.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn subject(scheme: &str) -> Subject {
    let registry = listenrain_transports::all();
    let transport = registry.get(scheme).unwrap_or_else(|error| panic!("{error}"));
    let subject = Subject::shared(transport.clone());
    match scheme {
        "ha" => sockets::ha(subject),
        "quic" => sockets::quic(subject),
        "sctp" => sockets::sctp(subject),
        "tcp" => sockets::tcp(subject),
        "tls" => sockets::tls(subject),
        #[cfg(unix)]
        "unix" => unix::prepare(subject),
        #[cfg(unix)]
        "fifo" => fifo::prepare(subject),
        "channel" => subject
            .in_memory()
            .with_bad_endpoints([endpoint("channel://a#1")])
            .admits(Need::BlackHole, "A dial never waits: it gives a channel or is refused at once.")
            .admits(Need::RawDialer, "Names belong to an [`InProcess`] and its clones; nothing is global."),
        _ => subject,
    }
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("a constant that parses")
}

/// Transports by name, in the order in which they are tested.
#[derive(Clone, Default)]
pub struct Subjects {
    entries: Vec<(String, Make)>,
}

impl Subjects {
    /// No transport.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every transport of `listenrain-transports`.
    #[must_use]
    pub fn ours() -> Self {
        let registry = listenrain_transports::all();
        let names = registry.list().map(|transport| transport.scheme().to_owned());
        names.fold(Self::empty(), |registry, name| {
            let scheme = name.clone();
            registry.with(&name, move || subject(&scheme))
        })
    }

    /// The same with one more, which `make` makes anew for each trial. One of the same name is replaced.
    #[must_use]
    pub fn with<S: Into<Subject>>(
        mut self,
        name: &str,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        self.entries.retain(|(other, _)| other != name);
        self.entries.push((name.to_owned(), Arc::new(move || make().into())));
        self
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// What makes the one of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Make> {
        self.entries.iter().find(|(other, _)| other == name).map(|(_, make)| make)
    }
}

impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_transport_is_there_in_its_order() {
        let subjects = Subjects::ours();
        let registry = listenrain_transports::all();
        let schemes: Vec<_> = registry.list().map(|transport| transport.scheme()).collect();
        assert_eq!(subjects.names().collect::<Vec<_>>(), schemes);
        for name in schemes {
            assert_eq!(subjects.get(name).unwrap()().name(), name);
        }
    }

    #[test]
    fn what_is_admitted_stands_in_the_documentation_of_the_transport() {
        // A skip that quotes what is not there would excuse anything.
        for name in Subjects::ours().names() {
            let text = documentation(name);
            for (need, words) in subject(name).admissions() {
                assert!(text.contains(words), "{name} is said to lack {need} by the words {words:?}");
            }
        }
    }

    // Elsewhere what is missing beside a transport, such as a listener's full queue, is the system's doing.
    #[cfg(target_os = "linux")]
    #[test]
    fn whatever_a_transport_lacks_is_admitted() {
        // Broken by a skip without a reason.
        for name in Subjects::ours().names() {
            let subject = subject(name);
            for need in Need::ALL {
                let admitted = subject.admissions().any(|(other, _)| other == need);
                assert!(
                    admitted || subject.lacks(need).is_none(),
                    "{name} lacks {need}, and nothing is quoted"
                );
            }
        }
    }

    #[test]
    fn the_table_of_transports_in_the_readme_says_what_they_say_themselves() {
        // Broken by a capability that is gained or lost and stays in the README as it was. A list has its members'.
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = fs::read_to_string(readme).unwrap();
        let said = |has: bool| if has { "yes" } else { "no" };
        for name in Subjects::ours().names().filter(|name| *name != "ha") {
            let start = format!("| `{name}://");
            let row =
                readme.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{name}"));
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let has = subject(name).transport().capabilities();
            assert_eq!(cells[3..5], [said(has.half_close), said(has.abort)], "{row}");
        }
    }

    /// The words of the documentation of the transport `name` and of its options, as one line.
    fn documentation(name: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../transports/src").join(name);
        let files = ["mod.rs", "options.rs"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
        let is_documentation =
            |line: &&str| line.trim_start().starts_with("//!") || line.trim_start().starts_with("///");
        let words = files
            .iter()
            .flat_map(|text| text.lines())
            .filter(is_documentation)
            .flat_map(|line| line.trim_start().trim_start_matches(['/', '!']).split_whitespace());
        words.collect::<Vec<_>>().join(" ")
    }
}
