use cutover_core::Reply;

fn twice(reply: Reply) -> (Reply, Reply) {
    (reply.clone(), reply)
}

fn main() {
    let _ = twice;
}
