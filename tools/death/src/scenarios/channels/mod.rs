//! Queues, pipes and topics. Each file: a crowd for mode `random`, and operations for `steps` and `syscalls`.

mod ledger;
mod pipe;
mod queue;
mod queue_crowd;
mod topic;
mod topic_crowd;

use crate::engine::{Crowd, Operation};
use crate::subjects::channels::{WORDS, Words};

/// For mode `random`.
pub fn crowds() -> Vec<Box<dyn Crowd>> {
    let mut crowds: Vec<Box<dyn Crowd>> = vec![Box::new(queue_crowd::Messages::default()), Box::new(pipe::Pieces)];
    crowds.extend(topic_crowd::crowds().map(|crowd| Box::new(crowd) as Box<dyn Crowd>));
    crowds
}

/// For modes `steps` and `syscalls`.
pub fn operations() -> Vec<Box<dyn Operation>> {
    let mut operations = queue::operations();
    operations.extend(pipe::operations());
    operations.extend(topic::operations());
    operations
}

/// A message that says its number, and in each of its words something that follows from it.
fn message(number: u64) -> Words {
    let mut words = [number; WORDS];
    for (at, word) in words.iter_mut().enumerate().skip(1) {
        *word = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(at as u32);
    }
    words
}

/// Who sent it, in the last word.
fn sign(words: &mut Words, me: u64) {
    words[WORDS - 1] ^= me;
}

fn unsign(words: &mut Words) -> u64 {
    let producer = words[WORDS - 1] ^ message(words[0])[WORDS - 1];
    words[WORDS - 1] ^= producer;
    producer
}

/// The number of a message, if it is whole.
fn number(words: &Words) -> Result<u64, String> {
    if *words == message(words[0]) {
        return Ok(words[0]);
    }
    Err(format!("a message is corrupt: {words:x?}"))
}
