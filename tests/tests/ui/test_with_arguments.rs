#[filch::test]
async fn takes(argument: u8) {}

fn main() {}
