"""The process that runs students' answers (`python -m dfdlib.command.checking`): a part as JSON in, results out.

It runs our own solutions of a part, cell by cell. Where an exercise is asked, it forks a process for each student,
which has from us everything that comes before the exercise, runs the student's answer and our check, and ends. So
nothing that an answer does reaches another check, and a mistake in one exercise costs nothing in the next.
"""

from __future__ import annotations

import contextlib
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

from dfdlib.command import confinement

TOLD = 300  # characters of an error that are told
MOST_RESULT = 1 << 16  # bytes
WAITS = 4  # an answer that only waits gets this many times its limit: on a busy machine a right one waits too


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
    exec(compile(source, name, "exec", dont_inherit=True), namespace)


def _all(exercise: dict, tasks: dict, namespace: dict, jobs: int, limit: float) -> Iterator[tuple[str, dict]]:
    """Fork for each task, at most `jobs` at a time; yields what came of it.

    A process ends itself after `limit` seconds of computing, and is killed after WAITS times as many by the clock.
    """
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
    return pipe, _Running(key, pid, time.monotonic() + WAITS * limit, folder, token)


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
    if late or status == -signal.SIGPROF:
        return one.key, {"status": "time", "said": f"not done after {WAITS * limit if late else limit:g} seconds"}
    how = {-signal.SIGKILL: ""}.get(status, f" (signal {-status})" if status < 0 else f" (exit code {status})")
    return one.key, {"status": "died", "said": f"the answer ended its process{how}"}


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
    shut = confinement.confine(folder, limit)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, limit)  # seconds of computing, of its own and of the system for it
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
    module.__file__ = str(source)
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), vars(module))
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
    for status, word in (("predicted", "counts"), ("right", "right")):
        lines = [line for line in checks.printed if line.startswith(f"{exercise['number']} {word}")]
        if lines:
            return {"status": status, "said": " ".join(line.partition(": ")[2] for line in lines)[:TOLD]}
    return {"status": "error", "said": "the check said nothing"}


def _told(error: BaseException, number: str) -> dict:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    name, said = type(error).__name__, " ".join(said.split())
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


if __name__ == "__main__":
    main()
