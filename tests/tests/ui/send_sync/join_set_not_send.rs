use filch::task::JoinSet;
use std::rc::Rc;

fn main() {
    let mut set = JoinSet::new();
    set.spawn(async { Rc::new(1) });
}
