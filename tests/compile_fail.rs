//! What the compiler refuses: borrowed data that outlives what keeps it, and
//! maps without a promise.
//!
//! The expected texts are those of the stable compiler that the project is
//! built with. Another compiler may word them differently: then
//! `TRYBUILD=overwrite` writes them again, and the error codes say whether it is
//! still the same refusal.
//!
//! The crate is built again for this test, which takes a minute, so it runs only with
//! `FILE_BACKED_COMPILE_FAIL=1`, as `.ci/nightly` does.

#[test]
fn borrows_that_outlive_their_guard_do_not_compile() {
    if std::env::var_os("FILE_BACKED_COMPILE_FAIL").is_none() {
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
