#[filch::main]
async fn main(argument: u8) {}
