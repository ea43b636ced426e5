//! A payload is mapped by whoever has a licence only.

use file_backed::fbstore::{MapLicence, Payload};

fn map(payload: Payload<'_>) {
    let _ = payload.map(&MapLicence::default());
}

fn map_with_nothing(payload: Payload<'_>) {
    let _ = payload.map();
}

fn main() {}
