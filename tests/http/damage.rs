//! A blob with a damaged file is reported as damaged, and affects no other.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{BytesCodec, MappedBytes, Prefault, PreparedPath, key_path};
use file_backed::uuid::Uuid;
use hyper::StatusCode;

use super::answer::{Blob, Blobs};
use super::log::logged;
use super::{LARGE, block_on, content, get, header, serve};

/// Persists a blob for each of these.
async fn save(dir: &Path, contents: [Vec<u8>; 2]) -> [Uuid; 2] {
    let pool = FBPool::temp(BytesCodec::heap(), 1).await.unwrap();
    let path = PreparedPath::open(dir.to_owned()).await.unwrap();
    let saved = Arc::new(pool.store().track_path(path).await.unwrap());
    let mut keys = [Uuid::nil(); 2];
    for (key, content) in keys.iter_mut().zip(contents) {
        let item = pool.insert(MappedBytes::from(content));
        item.spawn_persist(&saved).await.await.unwrap();
        *key = item.key();
    }
    keys
}

/// What was saved there, as a later run of the program serves it.
async fn saved(dir: &Path, keys: [Uuid; 2]) -> Blobs {
    // SAFETY: the test changes no file of its own directory while this pool or
    // a part of a blob is there.
    let codec = unsafe { BytesCodec::new() }.prefault(Prefault::Populate);
    let pool = FBPool::temp(codec, 1).await.unwrap();
    let path = PreparedPath::open(dir.to_owned()).await.unwrap();
    let saved = Arc::new(pool.store().track_path(path).await.unwrap());
    let mut blobs = Blobs::new();
    for (n, key) in keys.into_iter().enumerate() {
        let item = pool.register(&saved, key).await.unwrap();
        blobs.insert(format!("/{n}"), Blob { item, len: LARGE });
    }
    blobs
}

#[test]
fn a_truncated_file_is_a_500_that_the_log_explains() {
    let dir = tempfile::tempdir().unwrap();
    let contents = [content(0, LARGE), content(1, LARGE)];
    let keys = block_on(save(dir.path(), contents));

    // Between the runs: nobody has mapped the file, and it is replaced besides.
    let file = key_path(dir.path(), keys[0]);
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, &whole[..LARGE / 2]).unwrap();

    let requests = async {
        let server = serve(saved(dir.path(), keys).await).await;
        for headers in [&[][..], &[("range", "bytes=0-9")]] {
            let response = get(server, "/0", headers).await;
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(response.body(), "the blob cannot be read\n");
            assert_eq!(header(&response, "content-type"), Some("text/plain"));
            assert_eq!(header(&response, "etag"), None);
        }
        let other = get(server, "/1", &[]).await;
        assert_eq!(other.status(), StatusCode::OK);
        assert!(other.body() == &content(1, LARGE));
    };
    let ((), log) = logged(|| block_on(requests));
    let key = keys[0].simple().to_string();
    let told = |line: &&String| line.contains("ERROR") && line.contains("could not serve /0");
    let told: Vec<_> = log.iter().filter(told).collect();
    assert_eq!(told.len(), 2, "{log:?}");
    assert!(told.iter().all(|line| line.contains(&key)), "{log:?}");
}
