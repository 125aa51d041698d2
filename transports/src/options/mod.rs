//! How a transport's options are described, set by name and written as text.
//!
//! An option stands in an endpoint (`tcp://host:1?nodelay=false`), on a command line (`--set tcp.nodelay=false`) or in
//! a typed struct such as [`TcpOptions`](crate::tcp::TcpOptions). All three go through one table for each transport, so
//! that bounds and words are the same everywhere.

pub(crate) mod value;

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

impl OptionError {
    /// The same error where `all` of these options are known.
    pub(crate) fn among(self, all: impl Iterator<Item = &'static OptionInfo>) -> Self {
        match self {
            Self::Unknown { name, .. } => Self::Unknown { name, known: all.map(|info| info.name).collect() },
            value => value,
        }
    }
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
}

/// The methods by which the options of one transport are set and read as text. Options that are made of others' name the
/// field of each: `options_as_text!(Mine, TABLE, tcp: TcpOptions)`.
macro_rules! options_as_text {
    ($options:ty, $table:expr $(, $part:ident: $of:ty)*) => {
        impl $options {
            /// Sets option `name` to `value`, both as text, as an endpoint would.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::options::OptionError), which lists what there is or what is allowed; nothing has
            /// changed then.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), crate::options::OptionError> {
                $(if <$of>::list().any(|info| info.name == name) {
                    return self.$part.set(name, value);
                })*
                $table.set(self, name, value).map_err(|error| error.among(Self::list()))
            }

            /// Option `name` as text, or `None` when there is none of that name.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<String> {
                None$(.or_else(|| self.$part.get(name)))*.or_else(|| $table.get(self, name))
            }

            /// Every option: its name, meaning, allowed values and default.
            pub fn list() -> impl Iterator<Item = &'static crate::options::OptionInfo> {
                $table.list()$(.chain(<$of>::list()))*
            }

            pub(crate) fn check(&self) -> Result<(), crate::options::OptionError> {
                $(self.$part.check()?;)*
                $table.check(self)
            }

            /// The same options with those of `endpoint` on top.
            #[allow(dead_code, reason = "those that are only a part of others never are an endpoint's")]
            pub(crate) fn with_endpoint(
                &self,
                endpoint: &listenrain::Endpoint,
            ) -> Result<Self, listenrain::EndpointError> {
                let mut options = self.clone();
                for (name, value) in endpoint.options() {
                    options.set(name, value).map_err(|error| endpoint.invalid(error.to_string()))?;
                }
                Ok(options)
            }
        }
    };
}
pub(crate) use options_as_text;

/// What must hold for every table.
#[cfg(test)]
pub(crate) fn assert_table_is_sound<T: Clone + Default + PartialEq + std::fmt::Debug>(table: &Table<T>) {
    assert_table_is_sound_against(table, |_| "nonsense");
}

/// As [`assert_table_is_sound`], for a table with options for which not everything is nonsense.
#[cfg(test)]
pub(crate) fn assert_table_is_sound_against<T: Clone + Default + PartialEq + std::fmt::Debug>(
    table: &Table<T>,
    nonsense: impl Fn(&str) -> &'static str,
) {
    table.check(&T::default()).unwrap();
    for knob in table.0 {
        let info = knob.info;
        let mut options = T::default();
        table.set(&mut options, info.name, info.default).unwrap();
        assert_eq!(options, T::default(), "the default of `{}` is written wrong", info.name);
        assert_eq!(table.get(&options, info.name).as_deref(), Some(info.default));
        let bad = nonsense(info.name);
        let error = table.set(&mut options, info.name, bad).unwrap_err().to_string();
        assert!(error.contains(info.name) && error.contains(bad) && error.contains(info.allowed), "{error}");
        assert_eq!(options, T::default(), "a bad value changed `{}`", info.name);
    }
}
