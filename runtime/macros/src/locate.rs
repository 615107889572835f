//! Under which name the calling crate knows filch.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The name filch is published under, and the fallback when `Cargo.toml` does
/// not mention it: the caller then reaches it through a crate that re-exports
/// the attributes, or is not built by cargo.
const PUBLISHED_NAME: &str = "filch";

/// A way to the runtime's crate root.
#[derive(Clone, Debug)]
pub(crate) struct RuntimePath {
    /// What generated code puts in front of `::runtime::Builder`.
    pub(crate) tokens: TokenStream,
    /// The same for the eye: `tokio` where the caller imports filch as that.
    pub(crate) shown: String,
}

impl RuntimePath {
    fn named(name: &str) -> Self {
        let ident = Ident::new(name, Span::call_site());
        Self {
            tokens: quote!(::#ident),
            shown: name.to_owned(),
        }
    }
}

/// Looks filch up in the `Cargo.toml` of the crate being compiled.
pub(crate) fn runtime_path() -> RuntimePath {
    use proc_macro_crate::{FoundCrate, crate_name};

    match crate_name(PUBLISHED_NAME) {
        Ok(FoundCrate::Name(name)) => RuntimePath::named(&name),
        // Examples and documentation tests of the package also count as the
        // package itself; to them it is an external crate, never `crate`.
        Ok(FoundCrate::Itself) | Err(_) => RuntimePath::named(PUBLISHED_NAME),
    }
}

#[cfg(test)]
pub(crate) fn published() -> RuntimePath {
    RuntimePath::named(PUBLISHED_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renamed_crates_are_named_as_the_caller_names_them() {
        let path = RuntimePath::named("tokio");
        assert_eq!(path.tokens.to_string(), ":: tokio");
        assert_eq!(path.shown, "tokio");
    }

    #[test]
    fn a_crate_without_the_dependency_falls_back_to_the_published_name() {
        // This very package does not depend on filch.
        assert_eq!(runtime_path().shown, PUBLISHED_NAME);
    }
}
