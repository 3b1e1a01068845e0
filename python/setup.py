"""Builds the C library with cargo, and puts it into the package: one wheel for every version of Python.

    pip install ./python

Whoever builds needs cargo; whoever installs the wheel needs neither cargo nor a compiler. SHM_ARRAY_CARGO_PROFILE
chooses another profile than "release" (the tests use "dev", which they have built anyway).

Where there is a C compiler with Python's headers, the small module _hot is compiled too, from the folder hot beside
this file, for Python 3.9 and all later ones at once. Where there is none, or with SHM_ARRAY_PURE=1, the wheel has
everything but the speed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
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


class BuildWithoutFail(build_ext):
    """Compiles _hot, or says that there is no compiler; `compiled` tells which."""

    def build_extension(self, extension):
        made = Path(self.get_ext_fullpath(extension.name))
        made.unlink(missing_ok=True)  # of an earlier build
        if os.environ.get("SHM_ARRAY_PURE", "0") == "0":
            try:
                super().build_extension(extension)
            except Exception as error:  # setuptools has many kinds of them
                print(
                    f"shm_array: the module _hot could not be compiled ({error}). The package works without it, and "
                    "locks, queues and pipes are some times slower. To have it, install a C compiler and Python's "
                    "headers (Debian, Ubuntu: apt install gcc python3-dev), and build again",
                    file=sys.stderr,
                )
        self.distribution.compiled = made.exists()

    def get_outputs(self):
        return super().get_outputs() if getattr(self.distribution, "compiled", True) else []

    def copy_extensions_to_source(self):  # of an editable installation
        if self.distribution.compiled:
            super().copy_extensions_to_source()


class OneWheel(bdist_wheel):
    """cp39-abi3-linux_x86_64; or py3-none-... without _hot: the library is plain C to Python, no version matters."""

    def get_tag(self):
        tag = ("cp39", "abi3") if self.distribution.compiled else ("py3", "none")
        return *tag, super().get_tag()[2]


# What is made on the way lies with the rest that is made, and not among the sources.
place = CHECKOUT / "target" / "python" / "build"
place.mkdir(parents=True, exist_ok=True)
hot = Extension(
    "shm_array._hot",
    sorted(map(os.path.relpath, (CHECKOUT / "python/hot").glob("*.c"))),
    depends=[str(CHECKOUT / "python/hot/hot.h"), str(CHECKOUT / "include/shm_array.h")],
    include_dirs=[str(CHECKOUT / "include")],
    extra_compile_args=["-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra"],
    py_limited_api=True,
)
setup(
    ext_modules=[hot],
    cmdclass={"build_ext": BuildWithoutFail, "build_py": BuildWithLibrary, "bdist_wheel": OneWheel},
    options={"build": {"build_base": str(place)}, "egg_info": {"egg_base": str(place)}},
)
