#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| file_backed_codecs_fuzz::run("pack", bytes));
