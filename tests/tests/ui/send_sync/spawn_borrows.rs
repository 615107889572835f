#[filch::main]
async fn main() {
    let text = String::from("on this stack");
    filch::spawn(async { println!("{text}") });
}
