//! Why a queue refuses, in words.

use super::Sort;
use crate::error::{Errno, Error};
use crate::os::time::Timeout;

#[cold]
pub fn closed() -> Error {
    Error::os(Errno::EPIPE, "the queue is finished: nothing is sent through it any more")
}

#[cold]
pub fn at_end() -> Error {
    Error::os(Errno::ENODATA, "the queue is finished, and all its messages have been received")
}

#[cold]
pub fn not_held() -> Error {
    Error::os(
        Errno::EPERM,
        "this handle has no such message: it was committed, released or given back before, it is another handle's, or it \
         was a parent process's",
    )
}

#[cold]
pub fn other_sort(sort: Sort) -> Error {
    let words = match sort {
        Sort::Array => "the next message carries an array: receive it with shm_queue_receive_array()",
        Sort::Plain => "the next message carries no array: receive it with shm_queue_receive()",
    };
    Error::os(Errno::EBADMSG, words)
}

#[cold]
pub fn expired(timeout: Timeout, words: String) -> Error {
    Error::os(if timeout == Timeout::Try { Errno::EAGAIN } else { Errno::ETIMEDOUT }, words)
}
