//! Every faulty stack.

use super::original::OF_THE_ORIGINAL;
use super::own::OWN;
use super::stack::Faulty;

/// What a scenario says of a call that was lost for no reason.
pub(super) const AND_NOTHING_IS_WHY: &str =
    "call # ended as lost, and nothing that went wrong then and there is why…";

/// Every one.
pub(crate) fn all() -> impl Iterator<Item = &'static Faulty> {
    OF_THE_ORIGINAL.iter().chain(OWN)
}
