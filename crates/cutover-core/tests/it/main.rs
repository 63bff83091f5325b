//! What must not compile.

/// Each file in `tests/compile_fail` is a mistake with a secret; beside it stands what the compiler says.
#[test]
fn mistakes_with_secrets_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
