"""The process that runs students' answers (`python -m dfdlib.command.checking`): a part as JSON in, results out.

It runs our own solutions of a part, cell by cell. Where an exercise is asked, it forks a process for each student,
which has from us everything that comes before the exercise, runs the student's answer and our check, and ends. So
nothing that an answer does reaches another check, and a mistake in one exercise costs nothing in the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import linecache
import os
import select
import signal
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MEMORY = 2 << 30  # bytes that an answer may take beside what the exercise holds already
FILE = 64 << 20  # bytes of the largest file that it may write
TOLD = 300  # characters of an error that are told
MOST_RESULT = 1 << 16  # bytes
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Python's audit events: what changes files, by its first argument and, for the last three, by both; and what never may.
CHANGES = ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr")
MOVES = ("os.rename", "os.link", "os.symlink")
DENIED = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "os.fork",
    "os.kill",
    "ctypes.dlopen",
)


@dataclass
class _Running:
    key: str
    pid: int
    until: float
    folder: tempfile.TemporaryDirectory
    token: str
    told: bytearray = field(default_factory=bytearray)


def main() -> None:
    """Read the work from stdin; write a line of JSON for each check of each student."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", closefd=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the notebooks print is nobody's result
    work = json.load(sys.stdin)
    namespace: dict = {"__name__": "__main__"}
    for exercise in work["exercises"]:
        for source in exercise["setup"]:
            _run(source, "setup", namespace)
        for key, result in _all(exercise, work["tasks"][exercise["number"]], namespace, work["jobs"], work["limit"]):
            print(json.dumps({"exercise": exercise["number"], "key": key} | result), file=out, flush=True)
        for source in (*exercise["solution"], *exercise["check"]):
            _run(source, "ours", namespace)


def _run(source: str, name: str, namespace: dict) -> None:
    name = f"<{name}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for inspect.getsource
    exec(compile(source, name, "exec", dont_inherit=True), namespace)  # noqa: S102, in a process made for it


def _all(exercise: dict, tasks: dict, namespace: dict, jobs: int, limit: float) -> Iterator[tuple[str, dict]]:
    """Fork for each task, at most `jobs` at a time; yields what came of it. Past the limit (s) a process is killed."""
    waiting, running = list(tasks.items()), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            key, task = waiting.pop(0)
            pipe, one = _start(key, exercise, task, namespace, limit)
            running[pipe] = one
        soonest = min(one.until for one in running.values())
        for pipe in select.select(list(running), [], [], max(soonest - time.monotonic(), 0))[0]:
            data = os.read(pipe, MOST_RESULT)
            running[pipe].told += data[: MOST_RESULT - len(running[pipe].told)]
            if not data:
                yield _end(pipe, running.pop(pipe), limit)
        for pipe in [pipe for pipe, one in running.items() if one.until <= time.monotonic()]:
            yield _end(pipe, running.pop(pipe), limit)


def _start(key: str, exercise: dict, task: dict, namespace: dict, limit: float) -> tuple[int, _Running]:
    folder = tempfile.TemporaryDirectory(prefix="dfd-grade-", ignore_cleanup_errors=True)
    token = os.urandom(16).hex()
    pipe, end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            _child(end, token, exercise, task, namespace, folder.name, limit)
        finally:
            os._exit(1)
    os.close(end)
    return pipe, _Running(key, pid, time.monotonic() + limit, folder, token)


def _end(pipe: int, one: _Running, limit: float) -> tuple[str, dict]:
    late = one.until <= time.monotonic()
    for kill in (os.killpg, os.kill):  # its group, or itself where it did not come as far as to have one
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(one.pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(one.pid, 0)[1])
    os.close(pipe)
    one.folder.cleanup()
    with contextlib.suppress(ValueError, TypeError, KeyError):
        result = json.loads(one.told)
        if result.pop("token") == one.token:
            return one.key, result
    if late:
        return one.key, {"status": "time", "said": f"not done after {limit:g} seconds"}
    how = f"signal {-status}" if status < 0 else f"exit code {status}"
    return one.key, {"status": "died", "said": f"the answer ended its process ({how})"}


def _child(end: int, token: str, exercise: dict, task: dict, namespace: dict, folder: str, limit: float) -> None:
    """Run the answer and its check, and write what came of it to the pipe."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    kept = 3
    if end != kept:
        os.dup2(end, kept)
    os.closerange(kept + 1, 4096)
    checks = _fresh_checks()
    before = dict(namespace)
    shut = confine(folder, limit)
    for source in task["before"]:
        with contextlib.suppress(BaseException):  # a cell of the student's own that fails; the others go on
            _run(source, "own cell", namespace)
    result = _result(exercise, task["answer"], namespace, before, checks)
    os.write(kept, json.dumps({"token": token, "shut": shut} | result).encode()[:MOST_RESULT])
    os._exit(0)


def _fresh_checks() -> types.ModuleType:
    """dfdlib.checks as its file has it, whatever an answer does to the imported one; it notes what it prints."""
    source = Path(__file__).resolve().parents[1] / "checks.py"
    module = types.ModuleType("dfdlib.checks")
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), vars(module))  # noqa: S102, our own file
    module.printed = []
    module.print = lambda *words, **_: module.printed.append(" ".join(map(str, words)))
    return module


def _result(exercise: dict, answer: Sequence[str], namespace: dict, before: dict, checks: types.ModuleType) -> dict:
    """Run the answer, then the check with our own names in place of any that the student's cells have changed."""
    try:
        for source in answer:
            _run(source, "your cell", namespace)
        ours = {name: value for name, value in before.items() if name not in exercise["names"]}
        judged = namespace | ours | {"checks": checks}
        for source in exercise["check"]:
            _run(source, "the check", judged)
    except BaseException as error:
        return _told(error, exercise["number"])
    right = [line for line in checks.printed if line.startswith(f"{exercise['number']} right")]
    said = " ".join(line.partition(": ")[2] for line in right)
    return {"status": "right", "said": said[:TOLD]} if right else {"status": "error", "said": "the check said nothing"}


def _told(error: BaseException, number: str) -> dict:
    name, said = type(error).__name__, " ".join(str(error).split())
    if name == "Hint":
        return {"status": "hint", "said": said.removeprefix(f"{number} not yet: ")[:TOLD]}
    if name == "NotImplementedError":
        return {"status": "unanswered", "said": said[:TOLD]}
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<your cell>" else line
        trace = trace.tb_next
    where = f" (line {line} of the cell)" if line else ""
    return {"status": "error", "said": f"{name}: {said[:TOLD]}{where}"}


def confine(folder: str, limit: float) -> bool:
    """Leave this process no network, no files but in `folder`, no other processes, and little memory.

    Python's own doors are shut on every system. On Linux the kernel shuts the others; returns whether it did.
    """
    sys.dont_write_bytecode = True
    os.chdir(folder)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("DFD_", "OMP_")) or name == "PATH"}
    os.environ.clear()
    os.environ.update(kept | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), folder))
    tempfile.tempdir = folder
    _limit_resources(limit)
    shut = _shut_by_kernel(folder)
    sys.addaudithook(_doors(os.path.realpath(folder)))
    return shut


def _limit_resources(limit: float) -> None:
    import resource  # not on Windows

    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: FILE, resource.RLIMIT_CPU: int(limit) + 5}
    with contextlib.suppress(OSError):  # Linux alone says how much a process has already
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY
    for what, most in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a smaller limit is in force already
            resource.setrlimit(what, (most, most))


def _doors(folder: str):  # noqa: ANN202, a function of Python's own events
    """An audit hook that raises PermissionError; Python lets nobody remove one."""

    def inside(path: object) -> bool:
        if isinstance(path, int):
            return True  # open already
        found = os.path.realpath(os.fsdecode(path))
        return found == os.devnull or found == folder or found.startswith(folder + os.sep)

    def hook(event: str, given: tuple) -> None:
        if event.startswith(DENIED):
            raise PermissionError(f"{event} is shut while answers are graded")
        if event == "open":
            changed = [given[0]] if given[2] & WRITES else []
        else:
            changed = given[: 1 if event in CHANGES else 2] if event in (*CHANGES, *MOVES) else ()
        for path in changed:
            if not inside(path):
                raise PermissionError(f"{event} outside the answer's own folder is shut while answers are graded")

    return hook


def _shut_by_kernel(folder: str) -> bool:
    """A network namespace with nothing in it, and Landlock, which lets no file outside `folder` be changed (Linux)."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG: end with the process that forked this one
    new_user, new_net = 0x10000000, 0x40000000
    alone = libc.unshare(new_user | new_net) == 0 or libc.unshare(new_net) == 0
    return _landlock(libc, folder) and alone


def _landlock(libc: ctypes.CDLL, folder: str) -> bool:
    """Linux 5.13 and later; numbers of linux/landlock.h."""
    create, add, restrict, newest = 444, 445, 446, 1
    version = libc.syscall(create, None, 0, newest)
    if version < 1:
        return False
    # write and remove files, make any kind of them; move them (version 2), cut them (version 3)
    changes = 0b1_1111_1111_0010 | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    handled = ctypes.c_uint64(changes)
    rules = libc.syscall(create, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    place = os.open(folder, os.O_RDONLY)
    rule = changes.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    done = libc.syscall(add, rules, 1, rule, 0) == 0 and libc.syscall(restrict, rules, 0) == 0
    os.close(rules)
    os.close(place)
    return done


if __name__ == "__main__":
    main()
