//! A first program: two tasks at once, and a value from each.
//!
//! ```text
//! cargo run --example hello
//! ```

use filch::time::{Duration, sleep};

#[filch::main]
async fn main() {
    // A task starts at once, on whichever worker is free.
    let greeting = filch::spawn(async {
        sleep(Duration::from_millis(20)).await;
        "hello"
    });
    let name = filch::spawn(async {
        sleep(Duration::from_millis(10)).await;
        "world"
    });

    // Waiting for both takes as long as the slower one, not the sum.
    let (greeting, name) = filch::try_join!(greeting, name).expect("neither task panics");
    println!("{greeting}, {name}");
}
