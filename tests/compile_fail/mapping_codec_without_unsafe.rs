//! To map is a promise about the files, which has to be given.

use file_backed::fbstore::{BytesCodec, MapLicence, MappedCodec};

fn main() {
    let _ = MappedCodec::new();
    let _ = BytesCodec::new();
    let _ = MapLicence::new();
    let _ = MappedCodec::heap().trusting();
}
