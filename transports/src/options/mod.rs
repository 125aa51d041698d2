//! How a transport's options are described, set by name and written as text.
//!
//! An option stands in an endpoint (`tcp://host:1?nodelay=false`), on a command line (`--set tcp.nodelay=false`) or in
//! a typed struct such as [`TcpOptions`](crate::tcp::TcpOptions). All three go through one table for each transport, so
//! that bounds and words are the same everywhere.

pub(crate) mod value;

use listenrain::{Endpoint, EndpointError};

pub use listenrain::transport::OptionInfo;

/// Why an option was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// There is no option of this name.
    #[error("there is no option `{name}`; there are: {}", known.join(", "))]
    Unknown {
        /// The name, as given.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// The value is none of those that are allowed.
    #[error("option `{name}` cannot be `{value}`; allowed: {allowed}")]
    Value {
        /// The option.
        name: &'static str,
        /// The value, as given.
        value: String,
        /// Which values are allowed.
        allowed: &'static str,
    },
}

/// One option of the options struct `T`.
pub(crate) struct Knob<T> {
    pub(crate) info: OptionInfo,
    /// Sets it, or leaves it alone and answers `None` when the text is not allowed.
    pub(crate) set: fn(&mut T, &str) -> Option<()>,
    /// Its value as text that `set` takes.
    pub(crate) get: fn(&T) -> String,
}

/// Every option of one transport.
pub(crate) struct Table<T: 'static>(pub(crate) &'static [Knob<T>]);

impl<T: Clone> Table<T> {
    pub(crate) fn list(&self) -> impl Iterator<Item = &'static OptionInfo> + use<T> {
        self.0.iter().map(|knob| &knob.info)
    }

    pub(crate) fn set(&self, options: &mut T, name: &str, value: &str) -> Result<(), OptionError> {
        let Some(knob) = self.0.iter().find(|knob| knob.info.name == name) else {
            return Err(OptionError::Unknown {
                name: name.to_owned(),
                known: self.list().map(|info| info.name).collect(),
            });
        };
        (knob.set)(options, value).ok_or_else(|| OptionError::Value {
            name: knob.info.name,
            value: value.to_owned(),
            allowed: knob.info.allowed,
        })
    }

    pub(crate) fn get(&self, options: &T, name: &str) -> Option<String> {
        let knob = self.0.iter().find(|knob| knob.info.name == name)?;
        Some((knob.get)(options))
    }

    /// Whether every value is one that could be given as text, so that bounds stand in one place only.
    pub(crate) fn check(&self, options: &T) -> Result<(), OptionError> {
        let mut copy = options.clone();
        self.0.iter().try_for_each(|knob| self.set(&mut copy, knob.info.name, &(knob.get)(options)))
    }

    /// `options` with those of `endpoint` on top.
    pub(crate) fn with(&self, options: &T, endpoint: &Endpoint) -> Result<T, EndpointError> {
        let mut options = options.clone();
        for (name, value) in endpoint.options() {
            self.set(&mut options, name, value).map_err(|error| endpoint.invalid(error.to_string()))?;
        }
        Ok(options)
    }
}

/// The methods by which the options of one transport are set and read as text.
macro_rules! options_as_text {
    ($options:ty, $table:expr) => {
        impl $options {
            /// Sets option `name` to `value`, both as text, as an endpoint would.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::options::OptionError), which lists what there is or what is allowed; nothing has
            /// changed then.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), crate::options::OptionError> {
                $table.set(self, name, value)
            }

            /// Option `name` as text, or `None` when there is none of that name.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<String> {
                $table.get(self, name)
            }

            /// Every option: its name, meaning, allowed values and default.
            pub fn list() -> impl Iterator<Item = &'static crate::options::OptionInfo> {
                $table.list()
            }

            pub(crate) fn check(&self) -> Result<(), crate::options::OptionError> {
                $table.check(self)
            }

            pub(crate) fn with_endpoint(
                &self,
                endpoint: &listenrain::Endpoint,
            ) -> Result<Self, listenrain::EndpointError> {
                $table.with(self, endpoint)
            }
        }
    };
}
pub(crate) use options_as_text;

/// What must hold for every table.
#[cfg(test)]
pub(crate) fn assert_table_is_sound<T: Clone + Default + PartialEq + std::fmt::Debug>(table: &Table<T>) {
    table.check(&T::default()).unwrap();
    for knob in table.0 {
        let info = knob.info;
        let mut options = T::default();
        table.set(&mut options, info.name, info.default).unwrap();
        assert_eq!(options, T::default(), "the default of `{}` is written wrong", info.name);
        assert_eq!(table.get(&options, info.name).as_deref(), Some(info.default));
        let error = table.set(&mut options, info.name, "nonsense").unwrap_err().to_string();
        assert!(
            error.contains(info.name) && error.contains("nonsense") && error.contains(info.allowed),
            "{error}"
        );
        assert_eq!(options, T::default(), "a bad value changed `{}`", info.name);
    }
}
