"""python -m shm_array: what shared arrays there are, and whether this machine suits them.

    python -m shm_array list              every shared array with a shared-memory name
    python -m shm_array collect           remove what crashed programs left behind
    python -m shm_array doctor ...        and all else: what the command-line program shm-array does

The program `shm-array`, which comes with the wheel, does the work. Without it list and collect work all the same.
"""

import os
import shutil
import sys
import sysconfig
import time

from . import _names

PROGRAM = "shm-array"


def find_program():
    """Where pip put it together with this package; else wherever the PATH leads."""
    above_package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [os.path.join(above_package, "bin"), sysconfig.get_path("scripts")]
    if "posix_user" in sysconfig.get_scheme_names():
        places.append(sysconfig.get_path("scripts", "posix_user"))
    return shutil.which(PROGRAM, path=os.pathsep.join(places)) or shutil.which(PROGRAM)


def main(arguments):
    program = find_program()
    if program and arguments:
        os.execv(program, [PROGRAM, *arguments])
    if arguments == ["list"]:
        print_list()
    elif arguments == ["collect"]:
        print(f"{_names.collect()} removed")
    elif not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
    else:
        sys.exit(
            f"`{' '.join(arguments)}` is done by the program {PROGRAM}, which is not on the PATH: it comes with the "
            "wheel, and cargo builds it from the same sources. `python -m shm_array list` and `collect` work without it."
        )


def print_list():
    rows = [("NAME", "DTYPE", "SHAPE", "SIZE", "LIFETIME", "IN USE", "LOCKED BY", "CREATED")]
    for entry in _names.list():
        rows.append(
            (
                entry.name,
                entry.dtype,
                " x ".join(map(str, entry.shape)) or "-",
                readable(entry.file_bytes),
                entry.lifetime,
                "yes" if entry.attached else "no",
                str(entry.lock_pid or "-"),
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.created)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def readable(size):
    """Bytes, in the largest unit that leaves a number from 1 on."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size /= 1024
    else:
        unit = "TiB"
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


if __name__ == "__main__":
    main(sys.argv[1:])
