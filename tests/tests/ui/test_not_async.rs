#[filch::test]
fn blocking() {}

fn main() {}
