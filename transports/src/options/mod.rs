//! Options of transports: declared once, set by name, written as text.
//!
//! An option stands in an endpoint (`tcp://host:1?nodelay=false`), on a command line (`--set tcp.nodelay=false`) or in
//! a typed struct such as [`ChannelOptions`](crate::channel::ChannelOptions). All three follow from one declaration of the
//! option, so that bounds and texts are the same everywhere.

mod kind;
pub(crate) mod value;

pub(crate) use self::kind::*;
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

type Set<T> = dyn Fn(&mut T, &str) -> Option<()> + Send + Sync;

/// One option of the options struct `T`, as text.
pub(crate) struct Knob<T> {
    info: OptionInfo,
    /// Sets it, or leaves it alone and answers `None` when the text is not allowed.
    set: Box<Set<T>>,
    /// Its value as text that `set` takes.
    get: Box<dyn Fn(&T) -> String + Send + Sync>,
}

impl<T: Default + 'static> Knob<T> {
    /// An option of this `kind`, which `set` and `get` find in its struct. It is for a table that is never dropped.
    pub(crate) fn new<V: 'static>(
        (name, meaning): (&'static str, &'static str),
        kind: Kind<V>,
        set: fn(&mut T, V),
        get: fn(&T) -> &V,
    ) -> Self {
        let kind: &'static Kind<V> = Box::leak(Box::new(kind));
        let default = kind.show(get(&T::default())).leak();
        Self {
            info: OptionInfo::new(name, meaning, &kind.allowed, default),
            set: Box::new(move |options, text| kind.parse(text).map(|value| set(options, value))),
            get: Box::new(move |options| kind.show(get(options))),
        }
    }
}

/// Every option of one transport.
pub(crate) struct Table<T: 'static>(pub(crate) Vec<Knob<T>>);

impl<T: Clone> Table<T> {
    pub(crate) fn list(&'static self) -> impl Iterator<Item = &'static OptionInfo> {
        self.0.iter().map(|knob| &knob.info)
    }

    pub(crate) fn set(&'static self, options: &mut T, name: &str, value: &str) -> Result<(), OptionError> {
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
    pub(crate) fn check(&'static self, options: &T) -> Result<(), OptionError> {
        let mut copy = options.clone();
        self.0.iter().try_for_each(|knob| self.set(&mut copy, knob.info.name, &(knob.get)(options)))
    }
}

/// Declares the options of one transport: the struct, its defaults, its builder and the methods that take text.
///
/// ```text
/// options! {
///     /// Documentation of the struct.
///     pub struct SomeOptions {
///         /// Options of another struct that are this one's too, and the builder method that replaces them all.
///         tcp: TcpOptions,
///     }
///
///     /// Documentation of the builder method.
///     backlog(connections: usize) = 1024, COUNT, "meaning as one line";
///
///     /// One that is kept in another type than the method takes, and cannot be set by name.
///     seeded(seed: u64) -> Option<u64> { Some(seed) } = None;
/// }
/// ```
///
/// What stands behind the default is its [`Kind`], which knows bounds and text.
macro_rules! options {
    (
        $(#[$struct_docs:meta])*
        pub struct $options:ident { $($(#[$part_docs:meta])* $part:ident: $of:ty,)* }
        $(
            $(#[$docs:meta])*
            $name:ident($($argument:ident: $type:ty),+) $(-> $field:ty { $value:expr })?
                = $default:expr $(, $kind:expr, $meaning:expr)?;
        )+
    ) => {
        $(#[$struct_docs])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $options {
            $(pub(super) $part: $of,)*
            $(pub(super) $name: $crate::options::options!(@last [$($type)+] $($field)?),)+
        }

        impl Default for $options {
            fn default() -> Self {
                Self { $($part: <$of>::default(),)* $($name: $default,)+ }
            }
        }

        impl $options {
            $(
                $(#[$part_docs])*
                #[must_use]
                pub fn $part(mut self, options: $of) -> Self {
                    self.$part = options;
                    self
                }
            )*

            $(
                $(#[$docs])*
                #[must_use]
                pub fn $name(mut self, $($argument: $type),+) -> Self {
                    self.$name = $crate::options::options!(@last [$($argument)+] $($value)?);
                    self
                }
            )+

            /// Sets option `name` to `value`, both as text, as an endpoint would.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::options::OptionError), which lists what there is or what is allowed; nothing has
            /// changed then.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), $crate::options::OptionError> {
                $(if <$of>::list().any(|info| info.name == name) {
                    return self.$part.set(name, value);
                })*
                Self::table().set(self, name, value).map_err(|error| error.among(Self::list()))
            }

            /// Option `name` as text, or `None` when there is none of that name.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<String> {
                None$(.or_else(|| self.$part.get(name)))*.or_else(|| Self::table().get(self, name))
            }

            /// Every option: its name, meaning, allowed values and default.
            pub fn list() -> impl Iterator<Item = &'static $crate::options::OptionInfo> {
                Self::table().list()$(.chain(<$of>::list()))*
            }

            pub(crate) fn check(&self) -> Result<(), $crate::options::OptionError> {
                $(self.$part.check()?;)*
                Self::table().check(self)
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

            fn table() -> &'static $crate::options::Table<Self> {
                use std::sync::LazyLock;
                use $crate::options::{Knob, Table};
                static TABLE: LazyLock<Table<$options>> = LazyLock::new(|| {
                    Table(vec![$($(Knob::new(
                        (stringify!($name), $meaning),
                        $kind,
                        |options: &mut $options, value| options.$name = value,
                        |options| &options.$name,
                    ),)?)+])
                });
                &TABLE
            }
        }
    };
    (@last [$only:tt]) => { $only };
    (@last [$($other:tt)+] $last:tt) => { $last };
}
pub(crate) use options;
