//! A private Python environment: made once from a file of pinned requirements, then found again.
//!
//! It is complete when its stamp says what it was made from; anything else, an interrupted attempt or another version
//! of Python or of the requirements, is made anew. A file lock keeps programs that want it at the same time apart, and
//! the kernel drops that lock however they end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

const ADVICE: &str =
    "Python 3.9 or newer is needed, as `python3`: install it (Debian, Ubuntu: apt install python3-venv)";

/// A Python environment with packages of its own.
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The environment of that name with what the requirements file lists; it is made if need be, which takes the
    /// network, and is told through `say`.
    pub fn environment(name: &str, requirements: &Path, say: impl Fn(&str)) -> Result<Self, String> {
        let profile = crate::profile_directory()?;
        let home = crate::made(profile.with_file_name("python"))?; // the same for all profiles
        let place = home.join(name);
        let _alone = alone(&home.join(format!("{name}.lock")))?;

        let stamp = place.join("complete");
        let wanted = stamp_for(requirements)?;
        let python = Self { interpreter: place.join("bin/python") };
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(python);
        }
        say(&format!("making a Python environment in {}, once", place.display()));
        crate::succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place), ADVICE)?;
        let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--requirement"];
        crate::succeed(python.bare_command().args(install).arg(requirements), ADVICE)?;
        fs::write(&stamp, wanted).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
        Ok(python)
    }

    /// A command that starts the interpreter, with `import shm_array` meaning this checkout and this build.
    pub fn command(&self) -> Result<Command, String> {
        let mut command = self.bare_command();
        command.env("PYTHONPATH", crate::root().join("python"));
        command.env("SHM_ARRAY_LIBRARY", crate::library()?);
        Ok(command)
    }

    /// A command that starts the interpreter as it is, writing no bytecode into the checkout.
    fn bare_command(&self) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONHOME").env_remove("PYTHONPATH");
        command
    }
}

/// Waits until no other program is at work on the environment.
fn alone(path: &Path) -> Result<Flock<File>, String> {
    let complain = |error: &dyn std::fmt::Display| format!("{} cannot be locked: {error}", path.display());
    let file = File::create(path).map_err(|error| complain(&error))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| complain(&error))
}

/// All that the environment depends on: the interpreter, its version, and the requirements, word for word.
fn stamp_for(requirements: &Path) -> Result<String, String> {
    let question = "import sys; print(sys.executable, sys.version); sys.version_info < (3, 9) and sys.exit('too old')";
    let interpreter = crate::succeed(Command::new("python3").args(["-c", question]), ADVICE)
        .map_err(|error| if error.contains("too old") { format!("{ADVICE}\n{error}") } else { error })?;
    let listed = fs::read_to_string(requirements)
        .map_err(|error| format!("{} cannot be read: {error}", requirements.display()))?;
    Ok(String::from_utf8_lossy(&interpreter.stdout).into_owned() + &listed)
}
