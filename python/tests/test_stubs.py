"""The types in __init__.pyi are of the names that there are, with the parameters that they have; all of it is said."""

import ast
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PACKAGE

import shm_array

STUBS = ast.parse(Path(shm_array.__file__).with_name("__init__.pyi").read_text())
DEFINED = {node.name: node for node in STUBS.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
FUNCTIONS = [node for node in DEFINED.values() if isinstance(node, ast.FunctionDef)]
METHODS = [
    (node.name, part)
    for node in DEFINED.values()
    if isinstance(node, ast.ClassDef)
    for part in node.body
    if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name not in ("__exit__", "__aexit__")
    if not node.name.startswith("_")
]


def parameters_of(node):
    found = [argument.arg for argument in node.args.posonlyargs + node.args.args]
    found += [f"*{node.args.vararg.arg}"] if node.args.vararg else []
    found += [argument.arg for argument in node.args.kwonlyargs]
    return found + ([f"**{node.args.kwarg.arg}"] if node.args.kwarg else [])


def parameters(function):
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [marks.get(p.kind, "") + p.name for p in inspect.signature(function).parameters.values()]


def test_all_public_names_have_types_and_no_others():
    assert {name for name in DEFINED if not name.startswith("_")} == set(shm_array.__all__)


@pytest.mark.parametrize("node", FUNCTIONS, ids=lambda node: node.name)
def test_functions_have_these_parameters(node):
    assert parameters_of(node) == parameters(getattr(shm_array, node.name))


@pytest.mark.parametrize("owner, node", METHODS, ids=lambda x: getattr(x, "name", x))
def test_methods_have_these_parameters(owner, node):
    attribute = inspect.getattr_static(getattr(shm_array, owner), node.name)
    if isinstance(attribute, property):
        assert [decorator.id for decorator in node.decorator_list] == ["property"]
    else:
        assert parameters_of(node) == parameters(getattr(attribute, "__func__", attribute))


def test_all_public_methods_of_an_array_have_types():
    own = {name for name in vars(shm_array.Array) if not name.startswith("_")}
    inherited = {"astype", "copy", "flatten", "resize"}  # with ndarray's own types
    assert own - inherited == {node.name for owner, node in METHODS if owner == "Array" and node.name[0] != "_"}


@pytest.mark.parametrize("name", shm_array.__all__)
def test_everything_public_is_documented(name):
    assert len(inspect.getdoc(getattr(shm_array, name))) > 30
    if inspect.isclass(getattr(shm_array, name)):
        for method, value in vars(getattr(shm_array, name)).items():
            if inspect.isfunction(value) and not method.startswith("_"):
                assert value.__doc__ or method in ("astype", "copy", "flatten"), method


def test_mypy_finds_the_types_in_the_code(tmp_path):
    """stubtest: names, parameters with their kinds and defaults, properties, base classes."""
    pytest.importorskip("mypy", reason="mypy is not installed: it is not made for this version of Python")
    (tmp_path / "shm_array").mkdir()  # the types alone: mypy would go through the code beside them, which has none
    shutil.copy(Path(shm_array.__file__).with_name("__init__.pyi"), tmp_path / "shm_array")
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nignore_missing_imports = True\ndisable_error_code = import-untyped\n")
    command = [sys.executable, "-m", "mypy.stubtest", "shm_array", "--ignore-missing-stub", "--concise"]
    environment = {**os.environ, "MYPYPATH": str(tmp_path), "PYTHONPATH": PACKAGE}
    done = subprocess.run(
        [*command, "--mypy-config-file", str(settings)], cwd=tmp_path, env=environment, text=True, stdout=-1, stderr=-1
    )
    assert done.returncode == 0, done.stdout + done.stderr
