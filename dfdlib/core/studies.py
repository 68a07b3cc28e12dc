"""A study's parameters: frozen dataclasses filled from `studies/<name>.yaml`, whose values pydantic checks."""

from __future__ import annotations

import functools
import reprlib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, Strict, StrictBool, TypeAdapter, ValidationError

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError

MOST_BYTES = 2**20  # of a study's file
DEEPEST = 9  # nested blocks; PyYAML's time grows with the square of their depth
MOST = 2**31  # no number in a study is this large, and torch's seed takes at most 64 bits

Number = Annotated[int, Strict(), Field(lt=MOST)]
Whole = Annotated[Number, Field(ge=0)]
Count = Annotated[Number, Field(ge=1)]
Real = Annotated[float, Strict(), Field(lt=MOST, allow_inf_nan=False)]
Rate = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Compression = Literal["c23", "c40", "c0", "raw"]  # older and newer copies call the same videos c0 or raw
Method = Literal["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter"]
# Keys of dfdlib.resnet.architectures.ARCHITECTURES and dfdlib.headpose.pnp.SOLVERS, which take long to import
Arch = Literal[
    "resnet18", "resnet34", "resnet50", "resnet101", "resnetv2_50", "resnet20", "resnet18_slim", "efficientnet_lite0"
]
Solver = Literal["iterative", "iterative, frontal guess", "epnp", "sqpnp", "sqpnp, refined"]


@dataclass(frozen=True)
class FaceParams:
    """From a video to face crops."""

    max_frames: Count = 32  # frames sampled evenly from a clip
    upsample: Whole = 0  # dlib's own upsampling before detection; 0 finds faces from about 80 px
    margin: Annotated[Real, Field(ge=0)] = 0.1  # added on each side of the landmarks' rectangle, as a share
    size: Count = 128  # side of the square crop in pixels


@dataclass(frozen=True)
class SuperResParams:
    """FSRCNN: network, data and recipe."""

    scale: Literal[2, 3, 4] = 2
    d: Count = 56  # feature channels (Dong et al., section 3.2)
    s: Count = 12  # channels after shrinking
    m: Whole = 4  # mapping layers
    images: Count = 7000  # the paper's number of CelebA images; all of them where there are fewer
    train_share: Share = 0.8  # the paper's 80 % and 20 %; the embedded stills are split by person instead
    epochs: Count = 15
    batch: Count = 8
    patch: Count = 48  # side in pixels of the low-resolution squares that it is trained on
    lr: Rate = 1e-3  # Adam; a tenth of it for the deconvolution, as in Dong et al.


@dataclass(frozen=True)
class ResNetParams:
    """The classifier's network and recipe (paper, section II.A)."""

    arch: Arch = "resnet50"
    input_size: Count = 112  # side of the square that the network sees, cut from the crop
    # A file in dfdlib/assets or elsewhere; "imagenet": torchvision's, else random ones; empty: random ones
    weights: str = ""
    weights_sha256: str = ""
    # FWA's rate, then the one the paper settled on
    learning_rates: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.001, 0.01)
    momentum: Share = 0.9
    epochs: Count = 20
    batch: Annotated[Number, Field(ge=2)] = 16
    bfloat16: StrictBool = True  # autocast; used only where the processor has it in hardware


@dataclass(frozen=True)
class OneCycleParams:
    """The study's own recipe for the same network; batch and momentum are the paper's."""

    peak: Rate = 0.05  # highest learning rate
    epochs: Count = 20


@dataclass(frozen=True)
class HeadPoseParams:
    """Pose by solvePnP and the classifier on it (paper, section II.B)."""

    world_model: str = "world_model.csv"  # a file in dfdlib/assets, or the path of another file
    solver: Solver = "sqpnp"
    # The solvers of notebook 04's experiment; iterative, sqpnp and the one above are always among them.
    solvers: tuple[Solver, ...] = ("iterative", "iterative, frontal guess", "epnp", "sqpnp", "sqpnp, refined")
    # Errors of its hand-placed points, as shares of the head's width; 0.08 is always among them.
    placed: tuple[Share, ...] = (0.02, 0.05, 0.08)


@dataclass(frozen=True)
class SweepParams:
    """The conditions of notebook 06."""

    # Heights of the face's crop, in pixels; the crop's original height is always among them.
    heights: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 24, 32, 48, 64, 96)
    # Qualities of JPEG; 0 means no JPEG and must be among them, because the others are compared with it.
    qualities: tuple[Annotated[Number, Field(ge=0, le=100)], ...] = (0, 40)


@dataclass(frozen=True)
class FFPPParams:
    """The folders of FaceForensics++'s published copy that a study takes."""

    compression: Compression = "c23"
    methods: tuple[Method, ...] = ()  # empty: all that are found


@dataclass(frozen=True)
class CelebDFParams:
    """How a study splits Celeb-DF."""

    # "person": nobody's head or face is in two parts; "published": its list of test videos, safe by pair only.
    split: Literal["person", "published"] = "person"


@dataclass(frozen=True)
class EmbeddedParams:
    """Which fakes of the rendered people a study takes."""

    # "hard": no single number tells them from reals; "easy": the blur of the crop's middle alone does.
    fakes: Literal["hard", "easy"] = "hard"


@dataclass(frozen=True)
class Study:
    """Everything that a run depends on."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # for the blocks too

    name: str
    dataset: str = "embedded"  # a key of dfdlib.data.sources.DATA_SETS, which checks it
    people: Whole = 0  # use only this many people of each part of the split; 0 uses all
    seed: Whole = 2020
    threads: Count = 1  # of torch in each process; another number changes the last digits of trained results
    jobs: Count = 2  # parallel processes: notebooks, or cells of a large comparison
    trainings: Count = 1  # of each recipe, with seeds that follow `seed`; what is reported is their mean
    bootstrap: Count = 2000  # resamples behind every clustered interval
    thorough: StrictBool = False  # also compare other networks, recipes, splits and first weights, which takes hours
    small_face: Annotated[Number, Field(ge=8)] = 48  # side in pixels of the crops of the low-resolution comparison
    faces: FaceParams = field(default_factory=FaceParams)
    superres: SuperResParams = field(default_factory=SuperResParams)
    resnet: ResNetParams = field(default_factory=ResNetParams)
    one_cycle: OneCycleParams = field(default_factory=OneCycleParams)
    headpose: HeadPoseParams = field(default_factory=HeadPoseParams)
    sweep: SweepParams = field(default_factory=SweepParams)
    embedded: EmbeddedParams = field(default_factory=EmbeddedParams)
    ffpp: FFPPParams = field(default_factory=FFPPParams)
    celebdf: CelebDFParams = field(default_factory=CelebDFParams)


def load(name: str) -> Study:
    """The study `name` from `studies/<name>.yaml`.

    Raises DfdError for a study that does not exist, an unknown key, or a value that its field does not allow.
    """
    path = paths.studies() / f"{name}.yaml"
    if Path(name).name != name or not path.is_file():
        known = ", ".join(sorted(p.stem for p in paths.studies().glob("*.yaml")))
        raise DfdError(f"There is no study {name!r} ({path} is missing); choose one of: {known}.")
    values = _parsed(path)
    try:
        study = _adapter().validate_python({"name": name} | values if isinstance(values, dict) else values)
    except ValidationError as error:
        raise DfdError(f"{path}: {_sentence(error.errors()[0])}.") from None
    faults = _faults(study)
    if faults:
        raise DfdError(f"{path}: {faults[0]}.")
    return study


@functools.cache  # making it takes ten times as long as using it, and every recorded number asks for its study
def _adapter() -> TypeAdapter[Study]:
    return TypeAdapter(Study)


def _faults(study: Study) -> list[str]:
    """What does not fit together in a study whose values are each allowed; a notebook would fail on it late."""
    side, sweep, below = study.faces.size, study.sweep, "must be smaller than faces.size, which is"
    faults = {
        f"resnet.input_size is {study.resnet.input_size}; it must be at most faces.size, which is {side}": (
            study.resnet.input_size > side
        ),
        f"small_face is {study.small_face}; it {below} {side}": study.small_face >= side,
        f"sweep.heights has {max(sweep.heights)}; each {below} {side}": max(sweep.heights) >= side,
        "sweep.qualities lacks 0, no JPEG, with which the others are compared; add it": 0 not in sweep.qualities,
        "sweep.heights or sweep.qualities has a value twice; keep it once": (
            len({*sweep.heights}) < len(sweep.heights) or len({*sweep.qualities}) < len(sweep.qualities)
        ),
    }
    return [sentence for sentence, wrong in faults.items() if wrong]


def _parsed(path: Path) -> Any:
    """The contents of a YAML file; aliases are refused, because a few lines of them can grow without bound."""
    try:
        text, depth = disk.read_bytes(path, MOST_BYTES).decode(), 0
        with disk.decoding():
            for event in yaml.parse(text):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                    deep = f"blocks more than {DEEPEST} deep; flatten them"
                    what = deep if depth > DEEPEST else "an alias (*name), which a study does not take; write it out"
                    raise DfdError(f"{path} holds {what}.")
            return yaml.safe_load(text) or {}
    except disk.DAMAGED as error:
        cause = error.__cause__
        reason = " ".join(str(cause).split()) if isinstance(cause, yaml.YAMLError) else disk.why(error)
        raise DfdError(f"{path} is not YAML; correct it: {reason}.") from None


def _sentence(error: dict[str, Any]) -> str:
    """One of pydantic's errors in words: the key, what it is, and what it must be."""
    place, value = error["loc"], reprlib.repr(error["input"])
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    if error["type"] in ("unexpected_keyword_argument", "invalid_key"):
        known = Study
        for block in place[:-1]:
            known = typing.get_type_hints(known)[block]
        return f"unknown parameter {key[:80]}; known here: {', '.join(typing.get_type_hints(known))}"
    if error["type"] == "too_short":
        return f"{key} is empty; it must have at least one value"
    if error["type"] == "dataclass_type":
        return f"{key or 'a study'} must be a block of `key: value` lines"
    return f"{key} is {value}; " + error["msg"].replace("Input should be", "it must be").replace("valid tuple", "list")
