"""A process that runs what somebody else wrote: without a network, other files, other processes, or much memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MEMORY = 1 << 30  # bytes that a process may take beside what it has already
FILE = 16 << 20  # bytes of the largest file that it may write
FILES = 200  # that it may open to write
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
KEPT = ("DFD_", "OMP_", "HOME", "PATH", "MPL", "LANG", "LC_")  # variables, by how they begin
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


def confine(folder: str, limit: float) -> bool:
    """Leave this process no network, no files but in `folder`, no other processes, and little memory.

    Python's own doors are shut on every system. On Linux the kernel shuts the others; returns whether it did.
    """
    sys.dont_write_bytecode = True
    os.chdir(folder)
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    os.environ.clear()  # what else is set may be secret
    os.environ.update(kept | {"TMPDIR": folder})
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


def _doors(folder: str) -> Callable[[str, tuple], None]:
    """An audit hook that raises PermissionError; Python lets nobody remove one."""

    opened = [0]

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
            opened[0] += len(changed)
            if opened[0] > FILES:
                raise PermissionError(f"open is shut after {FILES} files")
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
