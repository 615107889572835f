//! A function item whose body stays unparsed.
//!
//! Only what the macros look at is parsed: attributes, visibility, signature.
//! The body passes through as tokens, which keeps the macros fast and lets
//! them accept whatever syntax the compiler does.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{AttrStyle, Attribute, Meta, Signature, Visibility, braced, token};

pub(super) struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(super) signature: Signature,
    brace: token::Brace,
    body: TokenStream,
}

impl Function {
    /// The `#[test]` of the standard library, if the function has it already.
    pub(super) fn test_attribute(&self) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| is_std_test(attribute))
    }

    /// Whether an attribute is left that may be a macro.
    pub(super) fn has_foreign_attribute(&self) -> bool {
        const INERT: [&str; 12] = [
            "allow",
            "cfg",
            "cfg_attr",
            "cold",
            "deny",
            "doc",
            "expect",
            "ignore",
            "inline",
            "must_use",
            "should_panic",
            "warn",
        ];
        self.attributes.iter().any(|attribute| {
            let path = attribute.path();
            !INERT.iter().any(|name| path.is_ident(name))
        })
    }

    /// The body behind a `prologue`, in its own braces, which keep their place
    /// in the source.
    pub(super) fn block(&self, prologue: &TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        self.brace.surround(&mut tokens, |tokens| {
            prologue.to_tokens(tokens);
            self.body.to_tokens(tokens);
        });
        tokens
    }

    /// The same function with another body.
    ///
    /// `attribute` goes below the user's own, where macros that run later
    /// look for it.
    pub(super) fn with_body(self, attribute: &TokenStream, body: &TokenStream) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            brace,
            ..
        } = self;
        let mut tokens = quote!(#(#attributes)* #attribute #visibility #signature);
        brace.surround(&mut tokens, |tokens| body.to_tokens(tokens));
        tokens
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let content;
        let brace = braced!(content in input);
        // Inner attributes may not stand on the block this body becomes: they
        // move to the function, where they mean the same.
        for mut attribute in content.call(Attribute::parse_inner)? {
            attribute.style = AttrStyle::Outer;
            attributes.push(attribute);
        }

        let body = content.parse()?;
        Ok(Self {
            attributes,
            visibility,
            signature,
            brace,
            body,
        })
    }
}

/// `#[test]`, also as `core::prelude::<edition>::test` or through `std`.
fn is_std_test(attribute: &Attribute) -> bool {
    let Meta::Path(path) = &attribute.meta else {
        return false;
    };
    if path.is_ident("test") {
        return true;
    }
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|it| it.ident.to_string())
        .collect();
    matches!(
        names
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice(),
        ["core" | "std", "prelude", _, "test"]
    )
}
