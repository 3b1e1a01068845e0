//! Atomics whose every use is a step of the participant that uses them.

use shuttle::sync::atomic;
pub use std::sync::atomic::Ordering;

use crate::participant::{is_ghost, step};

/// Everything is sequentially consistent here.
pub fn fence(_: Ordering) {}

macro_rules! stepped {
    ($name:ident, $number:ty) => {
        /// As in the standard library; what a vanished participant does to it has no effect, and seems to succeed.
        #[derive(Debug, Default)]
        pub struct $name(atomic::$name);

        impl $name {
            pub fn load(&self, _: Ordering) -> $number {
                step();
                self.0.load(Ordering::SeqCst)
            }

            /// The value, without a step.
            pub fn now(&self) -> $number {
                // SAFETY: unsafe only as it is no point where shuttle goes on with another participant.
                unsafe { self.0.raw_load() }
            }

            pub fn store(&self, value: $number, _: Ordering) {
                step();
                if !is_ghost() {
                    self.0.store(value, Ordering::SeqCst);
                }
            }

            pub fn compare_exchange(
                &self,
                current: $number,
                new: $number,
                _: Ordering,
                _: Ordering,
            ) -> Result<$number, $number> {
                step();
                if is_ghost() {
                    return Ok(current);
                }
                self.0.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst)
            }

            fn change(&self, change: impl FnOnce(&atomic::$name) -> $number) -> $number {
                step();
                if is_ghost() { self.0.load(Ordering::SeqCst) } else { change(&self.0) }
            }

            pub fn fetch_add(&self, value: $number, _: Ordering) -> $number {
                self.change(|word| word.fetch_add(value, Ordering::SeqCst))
            }

            pub fn fetch_sub(&self, value: $number, _: Ordering) -> $number {
                self.change(|word| word.fetch_sub(value, Ordering::SeqCst))
            }

            pub fn fetch_or(&self, value: $number, _: Ordering) -> $number {
                self.change(|word| word.fetch_or(value, Ordering::SeqCst))
            }

            pub fn fetch_and(&self, value: $number, _: Ordering) -> $number {
                self.change(|word| word.fetch_and(value, Ordering::SeqCst))
            }

            pub fn fetch_max(&self, value: $number, _: Ordering) -> $number {
                self.change(|word| word.fetch_max(value, Ordering::SeqCst))
            }
        }
    };
}

stepped!(AtomicU32, u32);
stepped!(AtomicU64, u64);
