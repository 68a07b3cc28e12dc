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

# The libraries that compute the numbers, each under the names that its packages have.
LIBRARIES = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-python", "opencv"),
    "dlib": ("dlib-bin", "dlib"),
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


def rng(*key: int) -> np.random.Generator:
    """A generator determined by its key, e.g. (seed, epoch, index), whatever the number of workers or threads."""
    return np.random.default_rng(list(key))


def start(seed: int, threads: int) -> None:
    """Fix every source of randomness, the number of threads, and PyTorch's instructions to SHARED.

    Call it before PyTorch computes anything. Variables of the environment that are set already stay, so that
    ATEN_CPU_CAPABILITY=avx512 and ONEDNN_MAX_CPU_ISA=ALL bring back a newer processor's speed, and its last digits.
    """
    import cv2
    import torch

    if torch.cpu._is_avx2_supported():
        os.environ |= SHARED | {name: os.environ[name] for name in SHARED if name in os.environ}
    os.environ["OMP_NUM_THREADS"] = str(threads)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)  # OpenCV's own threads would compete with torch's


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
    names = re.findall(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE) if info.is_file() else []
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
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=paths.root(), capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
