"""Random numbers that depend on a key alone."""

from __future__ import annotations

import numpy as np


def rng(*key: int) -> np.random.Generator:
    """A generator that is a function of its key, e.g. (seed, epoch, index), whatever the workers or threads."""
    return np.random.default_rng(list(key))
