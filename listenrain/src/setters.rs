//! A macro for the setters of builders: each takes a value and stores it in a field.

/// Methods that set a field: `/// docs` and `name(value: Type) => path.of.the.field;` each, or
/// `name(value: Type) => path.of.the.field = what_is_stored;`.
macro_rules! setters {
    (@ $value:ident) => { $value };
    (@ $value:ident $stored:expr) => { $stored };
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty) => $($field:ident).+ $(= $stored:expr)?;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = setters!(@ $value $($stored)?);
            self
        })*
    };
}

pub(crate) use setters;
