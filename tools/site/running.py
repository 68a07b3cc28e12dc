"""The Python of the site, in which exercises are answered without an install: CoWasm with NumPy and pandas.

Why not Pyodide, and so JupyterLite: what is published of it where a lock can name it has no NumPy. npm installs CoWasm
and esbuild as here/package-lock.json says; without npm the site is built without it.
"""

from __future__ import annotations

import base64
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Container
from pathlib import Path

from dfdlib import checks
from dfdlib.core import paths

HERE = Path(__file__).resolve().parent / "here"
FOLDER = "try/python"  # of the site
COWASM = "node_modules/python-wasm/dist"
PARTS = (
    "python.wasm",
    "python-stdlib.zip",
    "numpy.tar.xz",
    "pandas.tar.xz",
    "six.tar.xz",
    "pytz.tar.xz",
    "dateutil.tar.xz",
)
BUNDLE = (
    "--bundle",
    "--format=iife",
    "--platform=browser",
    "--minify",
    "--inject:shim.js",
    "--define:global=globalThis",
)
BUNDLE += ('--define:__dirname="/"', "--alias:path=path-browserify", "--alias:stream=stream-browserify")
PATIENCE = 600  # seconds, for npm on a slow line


def files(without: Container[str] = ()) -> dict[str, bytes]:
    """Every file that the editors load, as scripts by address; none, with a sentence, where npm cannot bring them.

    without: the numbers of exercises that have another way to be answered.
    """
    try:
        installed = _installed()
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"Exercises cannot be answered on this site, which needs Node.js with npm and a network: {said.strip()}")
        return {}
    wanted = {name: installed / COWASM / name for name in PARTS}
    wanted |= {"kernel.wasm": installed / "node_modules/@cowasm/kernel/dist/kernel/kernel.wasm"}
    wanted |= {"worker.js": installed / "bundle.js", "here.py": HERE / "here.py", "checks.py": Path(checks.__file__)}
    found = {name: path.read_bytes() for name, path in wanted.items()}
    found |= {number: task for number, task in tasks().items() if number not in without}
    return {f"{FOLDER}/{name}.js": _script(name, data) for name, data in found.items()}


def numbers(found: dict[str, bytes]) -> set[str]:
    """The exercises among `files`."""
    names = {address.removeprefix(f"{FOLDER}/").removesuffix(".js") for address in found}
    return {name for name in names if name.replace(".", "").isdigit()}


def _script(name: str, data: bytes) -> bytes:
    return f"window.HERE[{json.dumps(name)}] = {json.dumps(base64.b64encode(data).decode())};\n".encode()


def _installed() -> Path:
    """The folder with npm's packages and the worker in one file; made anew when one of our files has changed."""
    folder, sources = paths.build() / "site-python", sorted(HERE.glob("*.js*"))
    copies = [folder / source.name for source in sources]
    if not all(
        copy.is_file() and filecmp.cmp(copy, source, False) for copy, source in zip(copies, sources, strict=True)
    ):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, folder)
    if not (folder / "bundle.js").is_file():
        _run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        _run(folder, "node_modules/.bin/esbuild", "worker.js", *BUNDLE, "--outfile=bundle.js")
    return folder


def _run(folder: Path, *command: str) -> None:
    program = shutil.which(command[0]) or str(folder / command[0])
    subprocess.run([program, *command[1:]], cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE)


def tasks() -> dict[str, bytes]:
    """The exercises that the browser can have, by number, as tape.py finds them in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        same = os.environ | {"PYTHONHASHSEED": "0"}  # what a loop over a set leaves behind is the same each time
        subprocess.run([sys.executable, Path(__file__).with_name("tape.py"), folder], check=True, env=same)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
