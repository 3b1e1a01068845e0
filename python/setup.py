"""Builds the C library with cargo, and puts it into the package: one wheel for every version of Python.

    pip install ./python

Whoever builds needs cargo; whoever installs the wheel needs neither cargo nor a compiler. SHM_ARRAY_CARGO_PROFILE
chooses another profile than "release" (the tests use "dev", which they have built anyway).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

CHECKOUT = Path(__file__).resolve().parent.parent
LIBRARY = "libshm_array.so"
PROGRAM = "shm-array"  # goes where pip puts programs; SHM_ARRAY_PROGRAM=0 leaves it out


def built(name, what, place):
    """Puts into `place` a file that cargo builds of `what`: in a release without symbols, which are nine tenths of it."""
    if not (CHECKOUT / "Cargo.toml").exists():
        raise SystemExit(f"the Rust sources are not in {CHECKOUT}: build from a checkout, pip install ./python")
    profile = os.environ.get("SHM_ARRAY_CARGO_PROFILE", "release")
    command = ["cargo", "build", *what, "--profile", profile, "--message-format", "json-render-diagnostics"]
    try:
        cargo = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise SystemExit(
            "the C library of shm_array is built with cargo, which is not installed: see rustup.rs"
        ) from None
    messages = map(json.loads, cargo.stdout.splitlines())
    made = [path for message in messages for path in message.get("filenames", ())]
    # A new file takes the old one's place: a process that has the old one loaded keeps it whole.
    new = place / (name + ".new")
    shutil.copy2(next(path for path in made if Path(path).name == name), new)
    if profile == "release" and shutil.which("strip"):
        subprocess.run(["strip", "--strip-unneeded", str(new)], check=True)
    os.replace(new, place / name)
    return str(place / name)


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        package = Path(self.get_package_dir("shm_array") if self.editable_mode else Path(self.build_lib, "shm_array"))
        built(LIBRARY, ["--lib"], package)
        if os.environ.get("SHM_ARRAY_PROGRAM", "1") != "0":
            self.distribution.data_files = [("bin", [built(PROGRAM, ["--package", PROGRAM], place)])]


class AnyPython(bdist_wheel):
    """py3-none-linux_x86_64: the library is plain C to Python, so that no version of it matters."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithBinary(Distribution):
    def has_ext_modules(self):
        return True


# What is made on the way lies with the rest that is made, and not among the sources.
place = CHECKOUT / "target" / "python" / "build"
place.mkdir(parents=True, exist_ok=True)
setup(
    distclass=WithBinary,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": AnyPython},
    options={"build": {"build_base": str(place)}, "egg_info": {"egg_base": str(place)}},
)
