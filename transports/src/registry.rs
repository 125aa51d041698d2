//! A registry of transports by scheme.

use std::sync::Arc;

use listenrain::{Endpoint, Transport};

/// Transports by scheme. Cloning it shares the transports.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    transports: Vec<Arc<dyn Transport>>,
}

impl Registry {
    /// A registry without any transport.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Transports whose schemes are known to differ; of two with the same scheme the first stays.
    pub(crate) fn of(transports: impl IntoIterator<Item = Arc<dyn Transport>>) -> Self {
        let mut registry = Self::new();
        for transport in transports {
            let added = registry.register(transport);
            debug_assert!(added.is_ok(), "{added:?}");
        }
        registry
    }

    /// Adds a transport under its own scheme.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Duplicate`] when the scheme is taken; what was there stays.
    pub fn register(&mut self, transport: Arc<dyn Transport>) -> Result<(), RegistryError> {
        if self.list().any(|known| known.scheme().eq_ignore_ascii_case(transport.scheme())) {
            return Err(RegistryError::Duplicate { scheme: transport.scheme().to_owned() });
        }
        self.transports.push(transport);
        Ok(())
    }

    /// The transport of `scheme`, whatever its case. Where no transport has that very scheme, what stands behind a plus is the
    /// transport's own affair: `quic+selfsigned` is found as `quic`.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NotCompiledIn`] for a transport of this crate whose feature is off, else
    /// [`RegistryError::Unknown`], which lists the schemes that there are.
    pub fn get(&self, scheme: &str) -> Result<&Arc<dyn Transport>, RegistryError> {
        self.find(scheme).ok_or_else(|| self.missing(scheme, &FEATURES))
    }

    /// The transport that understands `endpoint`.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn for_endpoint(&self, endpoint: &Endpoint) -> Result<&Arc<dyn Transport>, RegistryError> {
        self.get(endpoint.scheme())
    }

    /// Every transport, in the order in which they were registered.
    pub fn list(&self) -> impl DoubleEndedIterator<Item = &Arc<dyn Transport>> {
        self.transports.iter()
    }

    fn missing(&self, asked: &str, features: &[(&'static str, bool)]) -> RegistryError {
        let scheme = asked.to_owned();
        let (name, _) = asked.split_once('+').unwrap_or((asked, ""));
        match features.iter().find(|(feature, is_on)| !is_on && feature.eq_ignore_ascii_case(name)) {
            Some((feature, _)) => RegistryError::NotCompiledIn { scheme, feature },
            None => {
                let known = self.list().map(|known| known.scheme().to_owned()).collect();
                RegistryError::Unknown { scheme, known }
            }
        }
    }

    fn find(&self, scheme: &str) -> Option<&Arc<dyn Transport>> {
        let find = |scheme: &str| self.list().find(|known| known.scheme().eq_ignore_ascii_case(scheme));
        find(scheme).or_else(|| find(scheme.split_once('+')?.0))
    }
}

/// The features of this crate, each of which is called as the scheme of its transport, and whether it is on.
const FEATURES: [(&str, bool); 7] = [
    ("tcp", cfg!(feature = "tcp")),
    ("unix", cfg!(feature = "unix")),
    ("tls", cfg!(feature = "tls")),
    ("quic", cfg!(feature = "quic")),
    ("sctp", cfg!(feature = "sctp")),
    ("fifo", cfg!(feature = "fifo")),
    ("exec", cfg!(feature = "exec")),
];

/// Why a registry has no such transport, or takes none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A transport of this scheme is there already.
    #[error("scheme `{scheme}` is registered already")]
    Duplicate {
        /// The scheme that both claim.
        scheme: String,
    },
    /// This crate has a transport of this scheme, and was compiled without it.
    #[error("scheme `{scheme}` is not compiled in; enable feature `{feature}` of listenrain-transports")]
    NotCompiledIn {
        /// The scheme that was asked for.
        scheme: String,
        /// The feature that adds its transport.
        feature: &'static str,
    },
    /// There is no transport of this scheme.
    #[error("no transport has scheme `{scheme}`; there are: {}", known.join(", "))]
    Unknown {
        /// The scheme that was asked for.
        scheme: String,
        /// The schemes that there are, in the order in which they were registered.
        known: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InProcess, Tcp};

    #[test]
    fn a_scheme_is_found_whatever_its_case_and_an_unknown_one_lists_what_exists() {
        let registry = crate::all();
        assert_eq!(registry.get("TCP").unwrap().scheme(), "tcp");
        assert_eq!(registry.get("quic+selfsigned").unwrap().scheme(), "quic");
        let endpoint = "carrier-pigeon://roof".parse().unwrap();
        let error = registry.for_endpoint(&endpoint).unwrap_err();
        let schemes: Vec<_> = registry.list().map(|transport| transport.scheme()).collect();
        assert!(schemes.starts_with(&["tcp"]) && schemes.ends_with(&["channel", "ha"]), "{schemes:?}");
        let told = format!("no transport has scheme `carrier-pigeon`; there are: {}", schemes.join(", "));
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn a_second_transport_of_a_scheme_is_refused_and_the_first_stays() {
        let mut registry = Registry::new();
        registry.register(Arc::new(InProcess::default())).unwrap();
        registry.register(Arc::new(Tcp::default())).unwrap();
        let error = registry.register(Arc::new(Tcp::default())).unwrap_err();
        assert!(matches!(error, RegistryError::Duplicate { scheme } if scheme == "tcp"));
        assert_eq!(registry.list().count(), 2);
    }
    #[test]
    fn a_scheme_whose_feature_is_off_is_refused_by_an_error_that_names_the_feature() {
        let registry = Registry::of([Arc::new(InProcess::default()) as Arc<dyn Transport>]);
        let features = [("tcp", true), ("quic", false)];
        for scheme in ["quic", "QUIC", "quic+selfsigned"] {
            let told = registry.missing(scheme, &features).to_string();
            let expected = "is not compiled in; enable feature `quic` of listenrain-transports";
            assert_eq!(told, format!("scheme `{scheme}` {expected}"));
        }
        let told = registry.missing("tcp", &features).to_string();
        assert_eq!(told, "no transport has scheme `tcp`; there are: channel");
    }
}
