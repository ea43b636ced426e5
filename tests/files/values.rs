//! The values that the tests store.

/// A row of values that are all different, and large enough to show a torn one.
pub(crate) trait Sample: std::fmt::Debug + Send + Sync + 'static {
    fn sample(n: u32) -> Self;

    /// Panics unless this is all of `sample(n)`.
    #[track_caller]
    fn assert_is(&self, n: u32);
}

/// Every fourth value is larger than any buffer on its way.
fn len_of(n: u32) -> u32 {
    if n % 4 == 3 { 20_000 } else { 40 + n }
}

/// A value with a number, text and a list: for serde and rkyv alike.
pub(crate) type Record = (u32, String, Vec<u64>);

impl Sample for Record {
    fn sample(n: u32) -> Self {
        let list = (0..len_of(n)).map(|i| u64::from(n) << 32 | u64::from(i));
        (n, format!("the text of number {n}"), list.collect())
    }

    fn assert_is(&self, n: u32) {
        assert!(*self == Self::sample(n), "it is number {}, not {n}", self.0);
    }
}

impl Sample for Vec<u8> {
    fn sample(n: u32) -> Self {
        format!("number {n}, ")
            .into_bytes()
            .repeat(len_of(n) as usize)
    }

    fn assert_is(&self, n: u32) {
        assert!(*self == Self::sample(n), "it is not number {n}");
    }
}

/// `String` is also a protobuf message, with one field.
impl Sample for String {
    fn sample(n: u32) -> Self {
        format!("number {n}, ").repeat(len_of(n) as usize)
    }

    fn assert_is(&self, n: u32) {
        assert!(*self == Self::sample(n), "it is not number {n}");
    }
}

#[cfg(feature = "mappedcodec")]
impl Sample for file_backed::fbstore::Mapped<Record> {
    fn sample(n: u32) -> Self {
        Self::new(&Record::sample(n)).unwrap()
    }

    fn assert_is(&self, n: u32) {
        let expected = Record::sample(n);
        assert_eq!(self.0, n);
        assert_eq!(self.1, expected.1);
        assert!(self.2.iter().copied().eq(expected.2.iter().copied()));
    }
}

/// A codec that maps every file, however small.
#[cfg(feature = "mappedcodec")]
pub(crate) fn mapping() -> file_backed::fbstore::MappedCodec {
    // SAFETY: a test replaces its files by others; it never changes one in place.
    unsafe { file_backed::fbstore::MappedCodec::new() }.crossover(0)
}

#[cfg(feature = "bytescodec")]
impl Sample for file_backed::fbstore::MappedBytes {
    fn sample(n: u32) -> Self {
        Vec::<u8>::sample(n).into()
    }

    fn assert_is(&self, n: u32) {
        assert!(**self == *Vec::<u8>::sample(n), "it is not number {n}");
    }
}

/// A codec that maps every file, however small.
#[cfg(feature = "bytescodec")]
pub(crate) fn mapping_bytes() -> file_backed::fbstore::BytesCodec {
    // SAFETY: a test replaces its files by others; it never changes one in place.
    unsafe { file_backed::fbstore::BytesCodec::new() }.crossover(0)
}
