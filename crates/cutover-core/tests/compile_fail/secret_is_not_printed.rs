use cutover_core::ClientSecret;

fn main() {
    let secret = ClientSecret::new("value");
    println!("{secret}");
}
