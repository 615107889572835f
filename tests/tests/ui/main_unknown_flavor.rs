#[filch::main(flavor = "fast")]
async fn main() {}
