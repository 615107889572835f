//! What one file names, from its tokens.
//!
//! Tokens rather than a syntax tree: what is inside a macro's call counts like
//! everything else, and comments, strings and documents are out of the way.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use std::iter::Peekable;
use std::slice::Iter;

/// What one module names outside of its tests.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) modules: Vec<Declared>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two segments or more, outside of `use`.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// Whether the keyword `unsafe` occurs in the file.
    pub(crate) has_unsafe: bool,
}

/// A `mod` item.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The value of its `path` attribute.
    pub(crate) path: Option<String>,
    /// Present if the module stands right here.
    pub(crate) body: Option<Scan>,
}

/// One leaf of a `use` item.
#[derive(Debug)]
pub(crate) struct Import {
    /// Ends with `*` for a glob.
    pub(crate) path: Vec<String>,
    /// Under which name it is known here.
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// # Panics
///
/// If the text is not Rust.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    scan.read(parse(text));
    scan
}

fn parse(text: &str) -> TokenStream {
    text.parse()
        .unwrap_or_else(|error| panic!("not Rust: {error}\n{text}"))
}

impl Scan {
    fn read(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        let mut path_attribute = None;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let inner = is_punct(tokens.get(at + 1), '!');
                    at += if inner { 2 } else { 1 };
                    let Some(attribute) = group(tokens.get(at), Delimiter::Bracket) else {
                        continue;
                    };
                    at += 1;
                    if is_for_tests(&attribute) {
                        if inner {
                            return;
                        }
                        at = after_item(&tokens, at);
                    }
                    path_attribute = value_of_path(&attribute).or(path_attribute);
                }
                TokenTree::Group(group) => {
                    self.read(group.stream());
                    at += 1;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    at = self.read_module(&tokens, at, path_attribute.take());
                }
                TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at + 1), '<') => {
                    let end = (at..tokens.len()).find(|&i| is_punct(tokens.get(i), ';'));
                    let end = end.unwrap_or(tokens.len());
                    self.read_use(&mut tokens[at + 1..end].iter().peekable(), &[]);
                    at = end;
                }
                TokenTree::Ident(word) => {
                    self.has_unsafe |= word == "unsafe";
                    at = self.read_path(&tokens, at);
                }
                _ => at += 1,
            }
        }
    }

    fn read_module(&mut self, tokens: &[TokenTree], at: usize, path: Option<String>) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
            return at + 1;
        };
        let body = group(tokens.get(at + 2), Delimiter::Brace).map(|stream| {
            let mut body = Self::default();
            body.read(stream);
            self.has_unsafe |= body.has_unsafe;
            body
        });
        self.modules.push(Declared {
            name: name.to_string(),
            path,
            body,
        });
        at + 3
    }

    fn read_use(&mut self, tokens: &mut Peekable<Iter<'_, TokenTree>>, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut line = 0;
        let mut name = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = tokens.next().map(ToString::to_string);
                }
                TokenTree::Ident(word) => {
                    line = line_of(word);
                    path.push(word.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    line = punct.span().start().line;
                    path.push("*".to_owned());
                }
                TokenTree::Punct(punct) if punct.as_char() == ',' => break,
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut inner = inner.iter().peekable();
                    while inner.peek().is_some() {
                        self.read_use(&mut inner, &path);
                    }
                    // The leaves are inside; only a comma can follow.
                    path.clear();
                }
                _ => {}
            }
        }
        if path.len() > prefix.len() {
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
            self.imports.push(Import { path, name, line });
        }
    }

    fn read_path(&mut self, tokens: &[TokenTree], start: usize) -> usize {
        let mut path = Vec::new();
        let mut at = start;
        while let Some(TokenTree::Ident(word)) = tokens.get(at) {
            path.push(word.to_string());
            at += 1;
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            at += 2;
        }
        // `$crate` names whatever crate a macro is of, at its expansion.
        let after_dollar = start > 0 && is_punct(tokens.get(start - 1), '$');
        if path.len() > 1
            && !after_dollar
            && let Some(TokenTree::Ident(first)) = tokens.get(start)
        {
            self.paths.push((path, line_of(first)));
        }
        at.max(start + 1)
    }
}

fn line_of(word: &Ident) -> usize {
    word.span().start().line
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<TokenStream> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group.stream()),
        _ => None,
    }
}

/// Whether an attribute is a `cfg` that no build without tests satisfies.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = attribute.clone().into_iter().collect();
    matches!(tokens.first(), Some(TokenTree::Ident(word)) if word == "cfg")
        && group(tokens.get(1), Delimiter::Parenthesis).is_some_and(needs_test)
}

/// Whether one of the conditions, all of which must hold, needs `test`.
fn needs_test(conditions: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = conditions.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) if word == "test" => true,
        TokenTree::Ident(word) if word == "all" => {
            group(tokens.get(at + 1), Delimiter::Parenthesis).is_some_and(needs_test)
        }
        _ => false,
    })
}

fn value_of_path(attribute: &TokenStream) -> Option<String> {
    let mut tokens = attribute.clone().into_iter();
    match (tokens.next()?, tokens.next()?, tokens.next()?) {
        (TokenTree::Ident(word), _, TokenTree::Literal(value)) if word == "path" => {
            Some(value.to_string().trim_matches('"').to_owned())
        }
        _ => None,
    }
}

/// The index after the item, field or variant that starts at `at`.
fn after_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while is_punct(tokens.get(at), '#') {
        at += 2;
    }
    if matches!(tokens.get(at), Some(TokenTree::Ident(word)) if word == "pub") {
        at += 1;
        at += usize::from(group(tokens.get(at), Delimiter::Parenthesis).is_some());
    }
    let keyword = match tokens.get(at) {
        Some(TokenTree::Ident(word)) => word.to_string(),
        _ => String::new(),
    };
    let is_item = matches!(
        &*keyword,
        "async"
            | "const"
            | "enum"
            | "extern"
            | "fn"
            | "impl"
            | "macro_rules"
            | "mod"
            | "static"
            | "struct"
            | "trait"
            | "type"
            | "union"
            | "unsafe"
            | "use"
    );
    while let Some(token) = tokens.get(at) {
        at += 1;
        let ends = match token {
            TokenTree::Punct(punct) => {
                punct.as_char() == ';' || (punct.as_char() == ',' && !is_item)
            }
            TokenTree::Group(group) => {
                // The braces of a `use` are not its end.
                group.delimiter() == Delimiter::Brace && keyword != "use"
            }
            _ => false,
        };
        if ends {
            break;
        }
    }
    at
}
