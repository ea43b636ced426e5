#![no_main]

file_backed_fuzz::target!("base");
