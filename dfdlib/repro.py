"""Seeds, threads and the record of what a run was made with."""

from __future__ import annotations

import os
import platform
import random
import subprocess
from importlib.metadata import version

import cv2
import numpy as np
import torch

from dfdlib import paths
from dfdlib.seeds import rng

__all__ = ["has_bfloat16", "machine", "rng", "run_record", "start"]
RECORDED = ("torch", "torchvision", "numpy", "opencv-python-headless", "dlib-bin", "scikit-learn", "scikit-image")


def start(seed: int, threads: int) -> None:
    """Fix every source of randomness and the number of threads (two runs then agree to the third decimal)."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)  # OpenCV's own threads would compete with torch's


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware (elsewhere autocast to it only costs time)."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def machine() -> str:
    """The kind of processor: PyTorch promises equal results on the same kind alone, others differ by rounding."""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}{' bfloat16' * has_bfloat16()}"


def run_record() -> dict[str, str]:
    """Versions, processor and commit of this run."""
    record = {"python": platform.python_version(), "machine": machine(), "commit": _commit()}
    return record | {name: version(name) for name in RECORDED}


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=paths.root(), capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
