use cutover_core::ClientSecret;

fn main() {
    let secret = ClientSecret::new("value");
    let _copy: ClientSecret = secret.clone();
}
