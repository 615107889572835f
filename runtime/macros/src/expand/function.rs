//! A function item whose body stays unparsed.
//!
//! Only what the macros look at is parsed: attributes, visibility, signature,
//! and where the last statement of the body starts and ends. The statements
//! themselves pass through as tokens, which keeps the macros fast and lets
//! them accept whatever syntax the compiler does.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{AttrStyle, Attribute, Meta, Signature, Token, Visibility, braced, token};

pub(super) struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    pub(super) signature: Signature,
    brace: token::Brace,
    /// The body, split after each `;`.
    statements: Vec<TokenStream>,
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

    /// The body with its braces, which keep their place in the source.
    pub(super) fn block(&self) -> TokenStream {
        let mut tokens = TokenStream::new();
        self.brace.surround(&mut tokens, |tokens| {
            tokens.extend(self.statements.iter().cloned())
        });
        tokens
    }

    /// Where the last statement starts and ends.
    pub(super) fn last_statement_spans(&self) -> (Span, Span) {
        // A span can only be joined on nightly: keep both ends.
        let mut tokens = self
            .statements
            .last()
            .cloned()
            .unwrap_or_default()
            .into_iter();
        let start = tokens
            .next()
            .map_or_else(Span::call_site, |token| token.span());
        let end = tokens.last().map_or(start, |token| token.span());
        (start, end)
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

        let mut statements = Vec::new();
        let mut statement = TokenStream::new();
        while !content.is_empty() {
            let token: TokenTree = content.parse()?;
            let ends = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ';');
            statement.extend([token]);
            // Any further semicolons are empty statements and point nowhere.
            while ends && let Some(empty) = content.parse::<Option<Token![;]>>()? {
                empty.to_tokens(&mut statement);
            }
            if ends {
                statements.push(std::mem::take(&mut statement));
            }
        }
        if !statement.is_empty() {
            statements.push(statement);
        }
        Ok(Self {
            attributes,
            visibility,
            signature,
            brace,
            statements,
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
