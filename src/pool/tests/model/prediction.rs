//! A model of the pool, without threads, files or locks.

use std::collections::BTreeSet;

use uuid::Uuid;

pub(super) struct Prediction {
    mem_size: usize,
    /// The budget in bytes; a value weighs its length.
    mem_bytes: usize,
    items: Vec<Item>,
    /// Resident items, the most recent one first.
    lists: Vec<usize>,
    /// How much has moved to the front, as a share of the budget.
    clock: u64,
    pub(super) failing: bool,
}

struct Item {
    value: Vec<u8>,
    handles: usize,
    pins: usize,
    has_file: bool,
    /// When it last moved to the front.
    last_used: u64,
    /// Read from the item, and cleared when it is changed.
    key: Option<Uuid>,
}

impl Prediction {
    pub(super) fn new(mem_size: usize, mem_bytes: usize) -> Self {
        Self {
            mem_size,
            mem_bytes,
            items: Vec::new(),
            lists: Vec::new(),
            clock: 0,
            failing: false,
        }
    }

    pub(super) fn insert(&mut self, value: Vec<u8>) -> usize {
        let at = self.add(value, None);
        self.move_to_front(at);
        at
    }

    /// A handle to the item of the key if it lives, and to a new one otherwise.
    pub(super) fn register(&mut self, key: Uuid, value: Vec<u8>) -> usize {
        let mut items = self.items.iter();
        let live = items.position(|item| item.handles > 0 && item.key == Some(key));
        match live {
            Some(at) => {
                self.clone_handle(at);
                at
            }
            None => self.add(value, Some(key)),
        }
    }

    fn add(&mut self, value: Vec<u8>, key: Option<Uuid>) -> usize {
        self.items.push(Item {
            value,
            handles: 1,
            pins: 0,
            has_file: key.is_some(),
            last_used: 0,
            key,
        });
        self.items.len() - 1
    }

    /// A load. A hit in the recent half moves nothing.
    pub(super) fn read(&mut self, at: usize) {
        let since = self.clock - self.items[at].last_used;
        let is_recent = self.lists.contains(&at) && since < 1 << 31;
        if !is_recent {
            self.move_to_front(at);
        }
    }

    /// A change. Returns the item that the handle has afterwards.
    pub(super) fn write(&mut self, at: usize, with: u8) -> usize {
        let shared = self.items[at].handles > 1;
        if shared {
            self.read(at);
        } else if !self.is_in_memory(at) {
            self.move_to_front(at);
        }
        let copied = shared || self.items[at].pins > 0;
        let at = if copied {
            let copy = self.add(self.items[at].value.clone(), None);
            self.drop_handle(at);
            copy
        } else {
            at
        };
        let item = &mut self.items[at];
        item.value.push(with);
        (item.has_file, item.key) = (false, None);
        self.move_to_front(at);
        at
    }

    /// Returns true if the value is in a file afterwards.
    pub(super) fn write_now(&mut self, at: usize) -> bool {
        let item = &mut self.items[at];
        item.has_file |= !self.failing;
        item.has_file
    }

    pub(super) fn clone_handle(&mut self, at: usize) {
        self.items[at].handles += 1;
    }

    pub(super) fn drop_handle(&mut self, at: usize) {
        self.items[at].handles -= 1;
        if self.items[at].handles == 0 {
            self.lists.retain(|item| *item != at);
        }
    }

    pub(super) fn pin(&mut self, at: usize) {
        self.items[at].pins += 1;
    }

    pub(super) fn unpin(&mut self, at: usize) {
        self.items[at].pins -= 1;
    }

    /// Evicted values are now written.
    pub(super) fn heal(&mut self) {
        self.failing = false;
        for (at, item) in self.items.iter_mut().enumerate() {
            item.has_file |= item.handles > 0 && !self.lists.contains(&at);
        }
    }

    /// Moves the item to the front, and evicts what exceeds the budget.
    fn move_to_front(&mut self, at: usize) {
        let weight = self.items[at].value.len();
        let by_items = (1_u64 << 32).div_ceil(self.mem_size.max(1) as u64);
        let by_bytes = (weight.min(self.mem_bytes) << 32) / self.mem_bytes.max(1);
        // A value that goes first makes no other one older.
        if weight <= self.mem_bytes {
            self.clock += by_items.max(by_bytes as u64);
        }
        self.items[at].last_used = self.clock;
        self.lists.retain(|item| *item != at);
        if weight > self.mem_bytes {
            self.lists.push(at);
        } else {
            self.lists.insert(0, at);
        }
        while self.lists.len() > self.mem_size || self.resident_bytes() > self.mem_bytes {
            let evicted = self.lists.pop().expect("something weighs too much");
            self.items[evicted].has_file |= !self.failing;
        }
    }

    pub(super) fn resident_bytes(&self) -> usize {
        let weights = self.lists.iter().map(|item| self.items[*item].value.len());
        weights.sum()
    }

    /// Evicted items that could not be written.
    pub(super) fn unwritten(&self) -> usize {
        let all = self.items.iter().enumerate();
        all.filter(|(at, item)| item.handles > 0 && !item.has_file && !self.lists.contains(at))
            .count()
    }

    pub(super) fn value(&self, at: usize) -> &Vec<u8> {
        &self.items[at].value
    }

    /// Within the budget, pinned, or in no file.
    pub(super) fn is_in_memory(&self, at: usize) -> bool {
        let item = &self.items[at];
        self.lists.contains(&at) || item.pins > 0 || !item.has_file
    }

    pub(super) fn size(&self) -> usize {
        self.items.iter().filter(|item| item.handles > 0).count()
    }

    pub(super) fn resident(&self) -> usize {
        self.lists.len()
    }

    pub(super) fn note_key(&mut self, at: usize, key: Uuid) {
        let known = self.items[at].key.get_or_insert(key);
        assert_eq!(*known, key, "a key changes with the value only");
    }

    /// The keys of all files. The key of every item with a handle is known.
    pub(super) fn files(&self) -> BTreeSet<Uuid> {
        self.items
            .iter()
            .filter(|item| item.handles > 0 && item.has_file)
            .map(|item| item.key.expect("it was noted"))
            .collect()
    }
}
