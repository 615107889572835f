//! Takes the annotated function apart and puts it together again.

mod function;

use crate::args::{Config, Flavor};
use crate::locate::RuntimePath;
use function::Function;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, GenericArgument, PathArguments, Result, ReturnType, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

impl Kind {
    fn default_flavor(self) -> Flavor {
        match self {
            Self::Main => Flavor::MultiThread,
            Self::Test => Flavor::CurrentThread,
        }
    }

    fn attribute(self, path: &RuntimePath) -> String {
        match self {
            Self::Main => format!("{}::main", path.shown),
            Self::Test => format!("{}::test", path.shown),
        }
    }
}

/// Expands the attribute `kind` with `args` on `item`.
///
/// An error never swallows the function: it is expanded with default settings
/// beside the error, so that the compiler and the editor still know it and
/// report nothing but the mistake itself.
pub(crate) fn expand(
    kind: Kind,
    args: TokenStream,
    item: TokenStream,
    locate: fn() -> RuntimePath,
) -> TokenStream {
    let function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return with_error(item, &error),
    };
    let path = locate();
    let config = check(kind, &function)
        .and_then(|()| Config::parse(args, kind.default_flavor(), &kind.attribute(&path)));
    match config {
        Ok(config) => generate(kind, function, &config, &path),
        Err(error) => with_error(generate(kind, function, &Config::fallback(), &path), &error),
    }
}

fn with_error(mut tokens: TokenStream, error: &Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

/// What can be wrong with the function, whatever the arguments.
fn check(kind: Kind, function: &Function) -> Result<()> {
    let signature = &function.signature;
    if let (Kind::Test, Some(attribute)) = (kind, function.test_attribute()) {
        let message = "this function is a test already: remove one of the two test attributes";
        return Err(Error::new_spanned(attribute, message));
    }
    if signature.asyncness.is_none() {
        let message = "the `async` keyword is missing from the function declaration";
        return Err(Error::new_spanned(signature.fn_token, message));
    }
    if signature.inputs.is_empty() {
        return Ok(());
    }
    match kind {
        Kind::Main if signature.ident == "main" => Err(Error::new_spanned(
            &signature.inputs,
            "the main function cannot take arguments",
        )),
        // Another macro below this one may be what supplies the arguments.
        Kind::Test if !function.has_foreign_attribute() => Err(Error::new_spanned(
            &signature.inputs,
            "a test function cannot take arguments",
        )),
        _ => Ok(()),
    }
}

fn generate(
    kind: Kind,
    mut function: Function,
    config: &Config,
    path: &RuntimePath,
) -> TokenStream {
    function.signature.asyncness = None;
    let output = match &function.signature.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let block = function.block(&declared_output(&function.signature.output, &output));
    let body = match kind {
        Kind::Main => quote!(let body = async #block;),
        // One `block_on` over a trait object instead of one for every test: a
        // crate with a thousand tests compiles the runtime's entry once.
        Kind::Test => quote! {
            let body = async #block;
            let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> =
                ::core::pin::pin!(body);
        },
    };
    let test_attribute = match kind {
        Kind::Main => TokenStream::new(),
        Kind::Test => quote!(#[::core::prelude::v1::test]),
    };
    let run = run(config, path);
    function.with_body(&test_attribute, &quote!(#body #run))
}

/// A statement that never does anything, but makes the declared output the
/// output of the `async` block it begins.
///
/// Without it the block's output would be inferred from the body, and a body
/// of another type be reported as a mismatch somewhere in the expansion. With
/// it the compiler points at the very expression, as in any function.
fn declared_output(declared: &ReturnType, output: &TokenStream) -> TokenStream {
    match declared {
        // These cannot be written down in an expression.
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) || mentions_impl_trait(ty) => {
            TokenStream::new()
        }
        _ => quote! {
            if let ::core::option::Option::Some(output) = ::core::option::Option::None::<#output> {
                return output;
            }
        },
    }
}

/// Builds the runtime and blocks on `body`.
fn run(config: &Config, path: &RuntimePath) -> TokenStream {
    let runtime = match &config.crate_path {
        Some(path) => quote!(#path),
        None => path.tokens.clone(),
    };
    let constructor = match config.flavor {
        Flavor::CurrentThread => quote!(new_current_thread()),
        Flavor::MultiThread => quote!(new_multi_thread()),
    };
    let worker_threads = config
        .worker_threads
        .map(|count| quote!(.worker_threads(#count)));
    let start_paused = config
        .start_paused
        .map(|paused| quote!(.start_paused(#paused)));
    // A `return`, because the block of a function that returns `!` has none.
    quote! {
        #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return, clippy::unwrap_in_result)]
        {
            return #runtime::runtime::Builder::#constructor
                #worker_threads
                #start_paused
                .enable_all()
                .build()
                .expect("failed to build the runtime")
                .block_on(body);
        }
    }
}

/// Whether `impl Trait` occurs in a type, which then cannot be written down in
/// a `let`.
fn mentions_impl_trait(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) => true,
        Type::Array(ty) => mentions_impl_trait(&ty.elem),
        Type::Group(ty) => mentions_impl_trait(&ty.elem),
        Type::Paren(ty) => mentions_impl_trait(&ty.elem),
        Type::Ptr(ty) => mentions_impl_trait(&ty.elem),
        Type::Reference(ty) => mentions_impl_trait(&ty.elem),
        Type::Slice(ty) => mentions_impl_trait(&ty.elem),
        Type::Tuple(ty) => ty.elems.iter().any(mentions_impl_trait),
        Type::Path(ty) => ty.path.segments.iter().any(|it| match &it.arguments {
            PathArguments::None => false,
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().any(|argument| match argument {
                    GenericArgument::Type(ty) => mentions_impl_trait(ty),
                    GenericArgument::AssocType(assoc) => mentions_impl_trait(&assoc.ty),
                    _ => false,
                })
            }
            // `Fn(..) -> ..` in a path; no trait object can be named here.
            PathArguments::Parenthesized(_) => true,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
