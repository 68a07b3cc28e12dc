"""Seeds, threads, and the record of a run's versions and machine. PyTorch is imported only where it is needed."""

from __future__ import annotations

import functools
import os
import platform
import random
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from dfdlib.core import paths
from dfdlib.core.errors import DfdError

# The libraries that compute the numbers, each under the names that its packages have; the first that is found counts.
LIBRARIES = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-python", "opencv"),
    "dlib": ("dlib", "dlib-bin"),  # beside conda's dlib the second is empty, see tools/conda
    "dlib's models": ("face_recognition_models",),
    "pandas": ("pandas",),
    "scikit-learn": ("scikit-learn",),
    "scikit-image": ("scikit-image",),
    "scipy": ("scipy",),
    "timm": ("timm",),
    "av": ("av",),
}

# The instructions that all x86 processors with AVX2 share. Newer ones add numbers in another order, and training turns
# a different last digit into a different second one.
SHARED = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# What PyTorch and oneDNN (3.12, "CPU Dispatcher Control") take; for any other word they use every instruction.
_CORES = "AVX512_CORE AVX512_CORE_VNNI AVX512_CORE_BF16 AVX512_CORE_FP16 AVX512_CORE_AMX AVX512_CORE_AMX_FP16"
_NEWER = "AVX10_1_512 AVX10_1_512_AMX AVX10_1_512_AMX_FP16 AVX10_2 AVX10_2_512 AVX10_2_AMX_2 AVX10_2_512_AMX_2"
INSTRUCTIONS = {
    "ATEN_CPU_CAPABILITY": ("default", "avx2", "avx512"),
    "ONEDNN_MAX_CPU_ISA": tuple(f"SSE41 AVX AVX2 AVX2_VNNI AVX2_VNNI_2 {_CORES} {_NEWER} DEFAULT ALL".split()),
}
NUMBERS = {"avx2": 11, "avx512": 256}  # OpenCV's CV_CPU_AVX2 and CV_CPU_AVX512_SKX, which have no names in Python


def rng(*key: int) -> np.random.Generator:
    """A generator determined by its key, e.g. (seed, epoch, index), whatever the number of workers or threads."""
    return np.random.default_rng(list(key))


def limit(threads: int) -> None:
    """Limit the number of threads, and PyTorch's instructions to SHARED, before it is imported or computes anything.

    Variables of the environment that are set already stay, so that ATEN_CPU_CAPABILITY=avx512 and
    ONEDNN_MAX_CPU_ISA=ALL bring back a newer processor's speed, and its last digits. Raises DfdError for a value that
    means nothing, or instructions that the processor lacks.
    """
    import cv2
    import threadpoolctl

    check_instructions()
    if cv2.checkHardwareSupport(NUMBERS["avx2"]):
        os.environ |= SHARED | {name: os.environ[name] for name in SHARED if name in os.environ}
    os.environ |= dict.fromkeys(THREADS, str(threads))  # for libraries and processes that start later
    threadpoolctl.threadpool_limits(threads, "blas")
    cv2.setNumThreads(1)  # OpenCV's own threads would compete with torch's


def start(seed: int, threads: int) -> None:
    """Fix every source of randomness, the number of threads, and PyTorch's instructions, as `limit` does."""
    import torch

    limit(threads)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def check_instructions() -> None:
    """DfdError where a variable of the environment names instructions that do not exist or that the processor lacks."""
    import cv2

    found = {name: os.environ.get(name, "") for name in INSTRUCTIONS}
    for name, known in INSTRUCTIONS.items():
        word = found[name] if name == "ATEN_CPU_CAPABILITY" else found[name].upper()  # oneDNN takes both cases
        if word and word not in known:
            few = ", ".join(known)
            raise DfdError(f"{name} is {found[name]!r}, which means nothing; unset it, or set it to one of {few}.")
    given = found["ATEN_CPU_CAPABILITY"]  # which PyTorch obeys on any processor; oneDNN's is only a limit
    if given in NUMBERS and not cv2.checkHardwareSupport(NUMBERS[given]):
        raise DfdError(f"ATEN_CPU_CAPABILITY is {given}, which this processor lacks ({processor()}); unset it.")


def has_bfloat16() -> bool:
    """Whether PyTorch multiplies bfloat16 in hardware here (elsewhere autocast to it only costs time)."""
    import torch

    return "AVX512" in torch.backends.cpu.get_cpu_capability() and bool(torch.cpu._is_avx512_bf16_supported())


def machine() -> str:
    """The instructions in use and the processor: PyTorch promises equal results on the same kind alone.

    ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA limit the instructions, so that a newer processor rounds as an older one.
    """
    import torch

    kind = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}{' bfloat16' * has_bfloat16()}"
    return f"{kind}, {processor()}"


@functools.cache
def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    names = re.findall(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return names[0] if names else platform.processor() or "unknown"


def limits() -> tuple[str, ...]:
    """The instructions that PyTorch may use, for cache keys; with others than SHARED the processor as well."""
    found = tuple(os.environ.get(name, "") for name in SHARED)
    return (platform.machine(), *found, "" if found == tuple(SHARED.values()) else processor())


@functools.cache
def library_versions() -> tuple[tuple[str, str], ...]:
    """Name and version of each of LIBRARIES; an empty version where none of its packages is installed."""
    return tuple((name, next(filter(None, map(_version, packages)), "")) for name, packages in LIBRARIES.items())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def run_record() -> dict[str, str]:
    """Versions, processor and commit of this run."""
    return {"python": platform.python_version(), "machine": machine(), "commit": _commit()} | dict(library_versions())


def _commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=paths.root(), capture_output=True, text=True)
    except OSError:  # no git here
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
