//! Changes to files that are the same in every run.

use crate::files::reseal;

/// Draws numbers by xorshift, and parts of the corpus by them.
pub(crate) struct Mutations<'c> {
    state: u64,
    corpus: &'c [Vec<u8>],
}

impl<'c> Mutations<'c> {
    pub(crate) fn of(corpus: &'c [Vec<u8>]) -> Self {
        Self {
            state: 0x9e37_79b9_7f4a_7c15,
            corpus,
        }
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % end.max(1) as u64) as usize
    }

    /// `file` after one to four changes, every second time with right checksums.
    pub(crate) fn next(&mut self, file: &[u8]) -> Vec<u8> {
        let mut file = file.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut file);
        }
        if self.below(2) == 0 && file.len() >= file_backed_codecs::frame::FOOTER_LEN {
            reseal(&mut file);
        }
        file
    }

    fn change(&mut self, file: &mut Vec<u8>) {
        let at = self.below(file.len());
        let len = self.below(16);
        let end = file.len().min(at + len);
        match self.below(8) {
            0 => file.truncate(at),
            1 => drop(file.drain(at..end)),
            2 => {
                let other = &self.corpus[self.below(self.corpus.len())];
                let from = self.below(other.len());
                let part = &other[from..other.len().min(from + 4 * len)];
                drop(file.splice(at..end, part.iter().copied()));
            }
            3 => file[at..end].fill(0xff),
            4 => file[at..end].fill(0),
            5 => {
                let byte = self.below(256) as u8;
                file.insert(at, byte);
            }
            _ if file.is_empty() => {}
            6 => file[at] ^= 1 << self.below(8),
            _ => file[at] = self.below(256) as u8,
        }
    }
}
