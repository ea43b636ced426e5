//! The least that a shared value in memory costs.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::systems::blob::touch;
use crate::systems::{Hits, Touch};

/// A count of references: one atomic addition and one subtraction.
pub struct ArcClone {
    items: Vec<Arc<Vec<f32>>>,
}

pub fn arc_clone(items: usize, blob: &[f32]) -> ArcClone {
    ArcClone {
        items: (0..items).map(|_| Arc::new(blob.to_vec())).collect(),
    }
}

impl Hits for ArcClone {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let value = self.items[*item as usize].clone();
            sum ^ touch(&value, Touch::One)
        })
    }
}

/// Threads beyond so many share a stripe.
const STRIPES: usize = 8;

/// A count of users, which each thread keeps in a cache line of its own.
pub struct StripedPin {
    items: Vec<Pinned>,
}

struct Pinned {
    users: Box<[Stripe; STRIPES]>,
    value: Vec<f32>,
}

#[derive(Default)]
#[repr(align(64))]
struct Stripe(AtomicU32);

pub fn striped_pin(items: usize, blob: &[f32]) -> StripedPin {
    StripedPin {
        items: (0..items)
            .map(|_| Pinned {
                users: Box::default(),
                value: blob.to_vec(),
            })
            .collect(),
    }
}

impl Hits for StripedPin {
    fn pass(&self, order: &[u32]) -> u32 {
        order.iter().fold(0, |sum, item| {
            let item = &self.items[*item as usize];
            let users = &item.users[stripe()].0;
            users.fetch_add(1, Ordering::Acquire);
            let value = touch(&item.value, Touch::One);
            users.fetch_sub(1, Ordering::Release);
            sum ^ value
        })
    }
}

#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    STRIPE.with(|stripe| {
        if stripe.get() == usize::MAX {
            stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        stripe.get()
    })
}
