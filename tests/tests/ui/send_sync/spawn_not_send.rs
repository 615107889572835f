use std::rc::Rc;

#[filch::main]
async fn main() {
    filch::spawn(async {
        let shared = Rc::new(1);
        filch::task::yield_now().await;
        println!("{shared}");
    });
}
