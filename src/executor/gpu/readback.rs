//! Words on their way back from the GPU: staging buffers that are used again, and the wait.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::Gpu;
use crate::error::{Error, Result};
use crate::executor::Output;
use crate::recording::Observation;

/// Staging buffers that wait to be used again: a ring as long as runs are under way.
#[derive(Default)]
pub(super) struct Staging {
    free: RefCell<Vec<wgpu::Buffer>>,
}

impl Staging {
    /// A buffer of at least so many words, mapped by nobody.
    pub fn take(&self, device: &wgpu::Device, words: u32) -> wgpu::Buffer {
        let size = 4 * u64::from(words.max(64)).next_power_of_two();
        let mut free = self.free.borrow_mut();
        if let Some(index) = free.iter().position(|buffer| buffer.size() == size) {
            return free.swap_remove(index);
        }
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }
}

/// A run whose results are on their way. The copy was submitted when this was made.
pub(super) struct Reading {
    staging: wgpu::Buffer,
    mapped: Mapped,
    observations: Rc<Vec<Observation>>,
    times: u32,
    words: u32,
}

impl Reading {
    pub(super) fn new(
        staging: wgpu::Buffer,
        observations: Rc<Vec<Observation>>,
        times: u32,
        words: u32,
    ) -> Reading {
        let mapped = Mapped::default();
        let signal = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, .., move |result| signal.set(result.is_ok()));
        Reading { staging, mapped, observations, times, words }
    }

    /// Waits for the run.
    pub async fn finish(self, gpu: &Gpu) -> Result<Output> {
        #[cfg(not(target_arch = "wasm32"))]
        if gpu.device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
            gpu.check()?;
        }
        let mapped = self.mapped.await;
        gpu.check()?;
        if !mapped {
            let found = "a buffer could not be read back".to_string();
            return Err(Error::DeviceLost { found });
        }
        let view = self
            .staging
            .get_mapped_range(..)
            .map_err(|error| Error::internal("reading back", error.to_string()))?;
        let words: &[u32] = bytemuck::cast_slice(&view);
        let mut output = Output::default();
        let mut at = 0;
        for _ in 0..self.times {
            for observation in self.observations.iter() {
                let size = observation.words() as usize;
                output.snapshots.push(observation.snapshot(&words[at..at + size]));
                at += size;
            }
        }
        output.words = words[at..at + self.words as usize].to_vec();
        drop(view);
        self.staging.unmap();
        gpu.staging.free.borrow_mut().push(self.staging);
        Ok(output)
    }
}

/// A future that the map callback fulfils.
#[derive(Clone, Default)]
struct Mapped(Arc<Mutex<(Option<bool>, Option<Waker>)>>);

impl Mapped {
    fn set(&self, ok: bool) {
        if let Ok(mut state) = self.0.lock() {
            state.0 = Some(ok);
            if let Some(waker) = state.1.take() {
                waker.wake();
            }
        }
    }
}

impl Future for Mapped {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let Ok(mut state) = self.0.lock() else { return Poll::Ready(false) };
        match state.0 {
            Some(ok) => Poll::Ready(ok),
            None => {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
