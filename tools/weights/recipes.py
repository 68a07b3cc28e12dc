"""The recipe of the shipped detector's network and of most of its teachers, and others that were tried, by name."""

from __future__ import annotations

from dataclasses import replace

from dfdlib.detector.shipped import NETWORK
from tools.weights.blends import How
from tools.weights.learning import Recipe

SEEDS = 5  # each some 13 minutes on one core of an AMD EPYC at 2.6 GHz, or 27 where others teach
ABLATION_SEEDS = 3
OURS = Recipe(replace(NETWORK, weights="imagenet"), How(size=NETWORK.input_size, pasted=0.5), epochs=8, steps=100)


def _other(recipe: Recipe, **changes: object) -> Recipe:
    """The recipe with other blends."""
    return replace(recipe, how=replace(recipe.how, **changes))


def _without(source: str) -> Recipe:
    """The recipe without the faces of a source, so that validation on it is on a source never learned from."""
    return replace(OURS, shares=tuple((name, 0.0 if name == source else share) for name, share in OURS.shares))


NONE_PASTED = _other(OURS, pasted=0.0)
FIRST = ("conv_stem", "bn1", "blocks.0.", "blocks.1.")  # layers that take half of the time
WIDE = (0.1, 0.3)  # around the landmarks' square
LARGER = replace(OURS.network, input_size=160)
RECIPES = {  # compared first, before a face was pasted
    "all layers": NONE_PASTED,
    "first stages fixed": replace(NONE_PASTED, frozen=FIRST, steps=150),
    "all layers, 160 px, longer": replace(NONE_PASTED, network=LARGER, how=How(size=160), epochs=12, steps=250),
    "all layers, a third of the rate": replace(NONE_PASTED, epochs=6, steps=250, peak=3e-4),
}
BASE = "half pasted"
LEFT_OUT = {"UADFV's faces left out": "uadfv", "LFW's faces left out": "lfw", "CelebA's faces left out": "celeba"}
ABLATION = {  # BASE, and changes of one or two of its parts
    BASE: OURS,
    "none pasted (all layers)": NONE_PASTED,
    "all pasted": _other(OURS, pasted=1.0),
    "random first weights": replace(OURS, network=replace(OURS.network, weights="")),
    "whole faces with themselves": _other(OURS, other=0.0, part=0.0),
    "no other people's faces": _other(OURS, other=0.0),
    "no mouth or eyes alone": _other(OURS, part=0.0),
    "no real face softened": _other(OURS, soft_real=0.0),
    "more real faces spoiled": _other(OURS, spoiled_real=0.3),
    "no margin": _other(OURS, margin=(-0.08, 0.08)),
    "wide margin": _other(OURS, margin=WIDE),
    "all pasted, wide margin": _other(OURS, pasted=1.0, margin=WIDE),
    "160 px": replace(_other(OURS, size=160), network=LARGER),
    "twice as long": replace(OURS, epochs=2 * OURS.epochs),
    "maps of sharpness besides": replace(OURS, sharpness=True),
    **{name: _without(source) for name, source in LEFT_OUT.items()},
}
TEACHERS = {BASE: 5, "all pasted": 2}  # of ABLATION, and how many trainings
TAUGHT = "taught by seven (ships)"  # OURS, with the teachers' mean logits in place of the labels
