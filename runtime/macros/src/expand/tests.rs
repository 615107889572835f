use super::*;
use crate::locate::published;

fn main(args: TokenStream, item: TokenStream) -> String {
    expand(Kind::Main, args, item, published).to_string()
}

fn test(args: TokenStream, item: TokenStream) -> String {
    expand(Kind::Test, args, item, published).to_string()
}

#[track_caller]
fn assert_same(actual: &str, expected: &TokenStream) {
    assert_eq!(actual, expected.to_string());
}

#[test]
fn main_becomes_a_plain_function_around_a_multi_thread_runtime() {
    let actual = main(
        quote!(),
        quote!(
            pub async fn main() {
                hello().await
            }
        ),
    );
    assert_same(
        &actual,
        &quote! {
            pub fn main() {
                let body = async {
                    if let ::core::option::Option::Some(output) = ::core::option::Option::None::<()> {
                        return output;
                    }
                    hello().await
                };
                #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return, clippy::unwrap_in_result)]
                {
                    return ::filch::runtime::Builder::new_multi_thread()
                        .enable_all()
                        .build()
                        .expect("failed to build the runtime")
                        .block_on(body);
                }
            }
        },
    );
}

#[test]
fn a_test_pins_its_body_as_a_trait_object_on_a_current_thread_runtime() {
    let actual = test(
        quote!(start_paused = true),
        quote! {
            #[should_panic]
            async fn sleeps() -> Result<(), Error> { one()?; two() }
        },
    );
    assert_same(
        &actual,
        &quote! {
            #[should_panic]
            #[::core::prelude::v1::test]
            fn sleeps() -> Result<(), Error> {
                let body = async {
                    if let ::core::option::Option::Some(output) = ::core::option::Option::None::<Result<(), Error> > {
                        return output;
                    }
                    one()?;
                    two()
                };
                let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = Result<(), Error> >> =
                    ::core::pin::pin!(body);
                #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return, clippy::unwrap_in_result)]
                {
                    return ::filch::runtime::Builder::new_current_thread()
                        .start_paused(true)
                        .enable_all()
                        .build()
                        .expect("failed to build the runtime")
                        .block_on(body);
                }
            }
        },
    );
}

#[test]
fn every_argument_reaches_the_builder() {
    let args = quote!(flavor = "multi_thread", worker_threads = 7, crate = "a::b");
    let actual = test(
        args,
        quote!(
            async fn t() {}
        ),
    );
    let chain = quote! {
        a::b::runtime::Builder::new_multi_thread().worker_threads(7usize).enable_all()
    };
    assert!(actual.contains(&chain.to_string()), "{actual}");
}

#[test]
fn a_return_type_that_cannot_be_named_is_not_declared() {
    for item in [
        quote!(
            async fn main() -> ! {
                loop {}
            }
        ),
        quote!(
            async fn main() -> impl Termination {}
        ),
        quote!(
            async fn main() -> Result<impl Termination, Box<dyn Error>> {
                Ok(())
            }
        ),
        quote!(
            async fn main() -> (u8, [impl Copy; 2]) {
                unimplemented!()
            }
        ),
    ] {
        let actual = main(quote!(), item);
        assert!(!actual.contains("return output"), "{actual}");
    }
    let actual = main(
        quote!(),
        quote!(
            async fn main() -> Result<(), Box<dyn Error>> {
                Ok(())
            }
        ),
    );
    assert!(actual.contains("return output"), "{actual}");
}

#[test]
fn inner_attributes_move_out_of_the_body() {
    let actual = main(
        quote!(),
        quote!(
            async fn main() {
                #![allow(unused)]
                run()
            }
        ),
    );
    let expected = quote!(#[allow(unused)] fn main()).to_string();
    assert!(actual.starts_with(&expected), "{actual}");
}

#[test]
fn a_mistake_keeps_the_function() {
    for (kind, args, item, message) in [
        (
            Kind::Main,
            quote!(),
            quote!(
                fn main() {}
            ),
            "`async` keyword is missing",
        ),
        (
            Kind::Main,
            quote!(),
            quote!(
                async fn main(x: u8) {}
            ),
            "main function cannot take",
        ),
        (
            Kind::Main,
            quote!(oops = 1),
            quote!(
                async fn main() {}
            ),
            "unknown argument `oops`",
        ),
        (
            Kind::Test,
            quote!(),
            quote!(
                async fn main(x: u8) {}
            ),
            "test function cannot take",
        ),
        (
            Kind::Test,
            quote!(),
            quote!(
                #[test]
                async fn main() {}
            ),
            "is a test already",
        ),
        (
            Kind::Test,
            quote!(),
            quote!(
                #[std::prelude::rust_2024::test]
                async fn main() {}
            ),
            "is a test already",
        ),
    ] {
        let actual = expand(kind, args, item, published).to_string();
        assert!(actual.contains("compile_error"), "{actual}");
        assert!(actual.contains(message), "{actual}");
        assert!(actual.contains("fn main ("), "{actual}");
        assert!(actual.contains("block_on"), "{actual}");
    }
}

#[test]
fn only_a_function_called_main_is_refused_arguments() {
    let actual = main(
        quote!(),
        quote!(
            async fn run(x: u8) {}
        ),
    );
    assert!(!actual.contains("compile_error"), "{actual}");
}

#[test]
fn a_macro_below_may_supply_a_tests_arguments() {
    let actual = test(
        quote!(),
        quote!(
            #[case(1)]
            async fn adds(x: u8) {}
        ),
    );
    assert!(!actual.contains("compile_error"), "{actual}");
    // Attributes of the compiler supply nothing.
    let actual = test(
        quote!(),
        quote!(
            #[ignore]
            #[doc = "x"]
            async fn adds(x: u8) {}
        ),
    );
    assert!(actual.contains("compile_error"), "{actual}");
}

#[test]
fn what_is_no_function_passes_through_with_an_error() {
    let actual = main(
        quote!(),
        quote!(
            struct Main;
        ),
    );
    assert!(actual.starts_with("struct Main ;"), "{actual}");
    assert!(actual.contains("compile_error"), "{actual}");
}

#[test]
fn messages_name_the_attribute_as_the_caller_does() {
    let locate = || RuntimePath {
        shown: "tokio".to_owned(),
        ..published()
    };
    let actual = expand(
        Kind::Test,
        quote!(worker_threads = 2),
        quote!(
            async fn t() {}
        ),
        locate,
    );
    assert!(
        actual.to_string().contains("#[tokio::test(flavor ="),
        "{actual}"
    );
}
