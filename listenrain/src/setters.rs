//! A macro for the setters of builders: each takes a value and stores it in a field.

/// Methods that set a field: `/// docs` and `name(value: Type) => path.of.the.field;` each.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ident: $type:ty) => $($field:ident).+;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = $value;
            self
        })*
    };
}

pub(crate) use setters;
