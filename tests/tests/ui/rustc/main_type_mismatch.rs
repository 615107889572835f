#[filch::main]
async fn main() -> Result<(), std::fmt::Error> {
    let answer = 42;
    answer
}
