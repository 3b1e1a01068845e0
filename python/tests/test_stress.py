"""A short run of the stress; `python tests/stress.py` is the long one."""

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import PACKAGE


def test_children_of_every_start_method():
    program = Path(__file__).with_name("stress.py")
    command = [sys.executable, "-X", "faulthandler", "-W", "error", str(program), "48"]
    environment = {**os.environ, "PYTHONPATH": PACKAGE}
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    told = ended.stdout + ended.stderr
    assert ended.returncode == 0 and "every addition and every task is there" in told, told
    assert int(re.search(r"(\d+) of them killed", ended.stdout)[1]) > 0
    assert not ended.stderr
