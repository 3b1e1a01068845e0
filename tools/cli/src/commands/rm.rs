//! `rm`: take names away.

use shm_array::Errno;

use crate::arguments::Rm;
use crate::failure::{Failure, Result};
use crate::looking::exact_name;
use crate::output::Output;

/// All that can be removed are, and then the first failure is told last.
pub fn run(rm: &Rm, out: &mut Output) -> Result<()> {
    let mut failures = Vec::new();
    for name in &rm.names {
        match shm_array::unlink(&exact_name(name)) {
            Ok(()) => {}
            Err(error) if rm.force && error.is(Errno::ENOENT) => {}
            Err(error) => failures.push(Failure::from(error)),
        }
    }
    let last = failures.pop();
    failures.iter().for_each(|failure| out.complain(failure));
    last.map_or(Ok(()), Err)
}
