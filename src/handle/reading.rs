//! The futures of reads.
//!
//! They are written by hand so that the poll that finds the value in memory is inlined into
//! the caller's. What an `async fn` returns goes through memory, and there the guard of a hit
//! costs more than the hit.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::backing_store::Strategy;
use crate::error::or_panic;
use crate::residency::ValueRef;
use crate::{Fb, ReadGuard, Result};

/// Boxed to keep the future of a hit small.
type Load<'a, T> = Pin<Box<dyn Future<Output = Result<ValueRef<'a, T>>> + Send + 'a>>;

/// The future of [`Fb::read`].
pub(crate) struct Read<'a, T: Send + Sync + 'static, B: Strategy<T>> {
    handle: &'a Fb<T, B>,
    /// Begins once the value was not found in memory.
    load: Option<Load<'a, T>>,
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> Read<'a, T, B> {
    #[inline]
    pub(crate) fn new(handle: &'a Fb<T, B>) -> Self {
        Self { handle, load: None }
    }

    /// The guard, if no load has begun and the value is in memory.
    #[inline(always)]
    fn hit(&self) -> Option<ReadGuard<'a, T, B>> {
        match &self.load {
            None => self.handle.hit(),
            Some(_) => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn poll_load(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReadGuard<'a, T, B>>> {
        let handle = self.handle;
        let load = self
            .load
            .get_or_insert_with(|| Box::pin(handle.pool().load(handle.item())));
        let value = std::task::ready!(load.as_mut().poll(cx));
        Poll::Ready(value.map(|value| ReadGuard::new(handle, value)))
    }
}

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> Future for Read<'a, T, B> {
    type Output = Result<ReadGuard<'a, T, B>>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.hit() {
            Some(guard) => Poll::Ready(Ok(guard)),
            None => self.poll_load(cx),
        }
    }
}

/// The future of [`Fb::load`].
pub(crate) struct ReadOrPanic<'a, T: Send + Sync + 'static, B: Strategy<T>>(
    pub(crate) Read<'a, T, B>,
);

impl<'a, T: Send + Sync + 'static, B: Strategy<T>> Future for ReadOrPanic<'a, T, B> {
    type Output = ReadGuard<'a, T, B>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.hit() {
            Some(guard) => Poll::Ready(guard),
            None => self.0.poll_load(cx).map(or_panic),
        }
    }
}
