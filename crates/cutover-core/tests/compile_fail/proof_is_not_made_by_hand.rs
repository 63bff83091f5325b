use cutover_core::{Kept, Reply, ReplySlot};

fn forge(slot: ReplySlot, reply: Reply) -> Kept {
    Kept { slot, reply }
}

fn main() {
    let _ = forge;
}
