use cutover_core::{ClientSecret, Issued};

fn main() {
    let issued = Issued::new(ClientSecret::new("value"));
    let _first = issued.into_secret();
    let _second = issued.into_secret();
}
