use cutover_core::ClientSecret;

fn written_out<T: serde::Serialize>() {}

fn main() {
    written_out::<ClientSecret>();
}
