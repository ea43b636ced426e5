#![no_main]

file_backed_codecs_fuzz::target_of_files!("bin");
