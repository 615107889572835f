#[filch::main]
async fn main() -> Result<(), std::fmt::Error> {
    println!("and no result");
}
