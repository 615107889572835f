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
    use std::process::Command;
    use std::{env, fs};

    /// Set by a test for the test process that it starts.
    const REPORT: &str = "FILCH_MACROS_REPORT_PATH";

    /// What filch is called in a package with this manifest.
    ///
    /// The package is told by an environment variable, which a process with
    /// threads cannot change: the question is put to a process of its own.
    fn found_in(test: &str, manifest: &str) -> String {
        let package = env::temp_dir().join(format!("filch-macros-{}-{test}", std::process::id()));
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        let report = package.join("report");
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "locate::tests::reports_the_path"])
            .env("CARGO_MANIFEST_DIR", &package)
            .env_remove("CARGO")
            .env_remove("CARGO_TARGET_TMPDIR")
            .env(REPORT, &report)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let found = fs::read_to_string(report).unwrap();
        fs::remove_dir_all(package).unwrap();
        found
    }

    /// Does nothing unless another test asked for it.
    #[test]
    fn reports_the_path() {
        if let Some(report) = env::var_os(REPORT) {
            let path = runtime_path();
            fs::write(report, format!("{} {}", path.shown, path.tokens)).unwrap();
        }
    }

    #[test]
    fn filch_is_found_under_its_own_name() {
        for (name, manifest) in [
            (
                "plain",
                "[package]\nname = 'user'\n[dependencies]\nfilch = '0.1'\n",
            ),
            (
                "dev",
                "[package]\nname = 'user'\n[dev-dependencies]\nfilch = '0.1'\n",
            ),
            (
                "itself",
                "[package]\nname = 'filch'\n[dev-dependencies]\nfilch = { path = '.' }\n",
            ),
            ("absent", "[package]\nname = 'user'\n"),
        ] {
            assert_eq!(found_in(name, manifest), "filch :: filch", "{name}");
        }
    }

    #[test]
    fn filch_is_found_under_another_name() {
        for (name, manifest) in [
            (
                "inline",
                "[package]\nname = 'user'\n[dependencies]\ntokio = { package = 'filch' }\n",
            ),
            (
                "table",
                "[package]\nname = 'user'\n[dependencies.tokio]\npackage = 'filch'\n",
            ),
            (
                "target",
                "[package]\nname = 'user'\n[target.'cfg(unix)'.dependencies]\ntokio = { package = 'filch' }\n",
            ),
        ] {
            assert_eq!(found_in(name, manifest), "tokio :: tokio", "{name}");
        }
        let dashed =
            "[package]\nname = 'user'\n[dependencies]\nmy-runtime = { package = 'filch' }\n";
        assert_eq!(found_in("dashed", dashed), "my_runtime :: my_runtime");
    }
}
