//! What the compiler refuses: borrowed data that outlives what keeps it, and
//! maps without a promise.
//!
//! The expected texts are those of the stable compiler that the project is
//! built with; another compiler may word them differently. Then
//! `TRYBUILD=overwrite` writes them anew, and the error codes say whether it is
//! still the same refusal.

#[test]
fn is_refused() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
