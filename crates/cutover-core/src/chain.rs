//! How an error is told.

use std::error::Error;

/// An error and what caused it, in one line. Parts that repeat the one before are left out.
///
/// Errors here say their own layer's part only; this is for whoever shows one to a person.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn each_layer_is_told_once() {
        let layer = |text, below| Layer(text, Some(Box::new(below)));
        let error = layer("not sent", layer("no connection: refused", layer("refused", Layer("by the kernel", None))));
        assert_eq!(chain(&error), "not sent: no connection: refused: by the kernel");
    }
}
