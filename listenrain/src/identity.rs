//! Identity by address: two values are equal when they share the allocation that they keep alive.

/// Implements equality, order and hashing of a type by its `address()`. The type must own what is at the address, so that
/// nothing else can come to stand there.
macro_rules! identified_by_address {
    ($name:ident) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.address() == other.address()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.address().cmp(&other.address())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.address().hash(state);
            }
        }
    };
}

pub(crate) use identified_by_address;
