"""A study's parameters: frozen dataclasses filled from `studies/<name>.yaml`; an unknown key is an error."""

from __future__ import annotations

import dataclasses
import reprlib
import typing
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError

MOST_BYTES = 2**20  # of a study's file
DEEPEST = 9  # blocks within blocks; PyYAML's time grows with the square of it
MOST = 2**31  # no number of a study is as large, and torch's seed takes no more than 64 bit
DATASETS = ("embedded", "uadfv", "folder", "ffpp", "celebdf")
COMPRESSIONS = (
    "c23",
    "c40",
    "c0",
    "raw",
)  # folders of FaceForensics++; c0 and raw are the same in older and newer copies
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")  # folders of FaceForensics++


@dataclass(frozen=True)
class FaceParams:
    """From a video to face crops."""

    max_frames: int = 32  # frames sampled evenly from a clip
    upsample: int = 0  # dlib's own upsampling before detection; 0 finds faces from about 80 px
    margin: float = 0.1  # added on each side of the landmarks' rectangle, as a share of its size
    size: int = 128  # side of the square crop in pixels


@dataclass(frozen=True)
class SuperResParams:
    """FSRCNN: network, data and recipe."""

    scale: int = 2
    d: int = 56  # feature channels (Dong et al., section 3.2)
    s: int = 12  # channels after shrinking
    m: int = 4  # mapping layers
    images: int = 7000  # the paper's number of CelebA images; all there are where there are fewer
    train_share: float = 0.8  # the paper's 80 % and 20 %; the embedded stills are split by person instead
    epochs: int = 15
    batch: int = 8
    patch: int = 48  # side in pixels of the squares of the small images that it is trained on
    lr: float = 1e-3  # Adam; a tenth of it for the deconvolution, as in Dong et al.


@dataclass(frozen=True)
class ResNetParams:
    """The classifier's network and recipe (paper, section II.A)."""

    arch: str = "resnet50"
    input_size: int = 112  # side of the square that the network sees, cut from the crop
    weights: str = ""  # a local weight file; "imagenet": torchvision's, else random ones; empty: random ones
    weights_sha256: str = ""
    learning_rates: tuple[float, ...] = (0.001, 0.01)  # FWA's rate, then the one that the paper settled on
    momentum: float = 0.9
    epochs: int = 20
    batch: int = 16
    bfloat16: bool = True  # autocast; used only where the processor computes in it


@dataclass(frozen=True)
class OneCycleParams:
    """The study's own recipe for the same network, beside the paper's; batch and momentum are the paper's."""

    peak: float = 0.05  # highest learning rate
    epochs: int = 20


@dataclass(frozen=True)
class HeadPoseParams:
    """Pose by solvePnP and the classifier on it (paper, section II.B)."""

    world_model: str = "world_model.csv"  # a file in dfdlib/assets, or a path of the reader's own
    solver: str = "sqpnp"


@dataclass(frozen=True)
class SweepParams:
    """The conditions of notebook 06."""

    heights: tuple[int, ...] = (16, 24, 32, 48, 64, 96)  # of the face's crop, pixels; its own height is always there
    qualities: tuple[int, ...] = (0, 40)  # of JPEG; 0 is none


@dataclass(frozen=True)
class FFPPParams:
    """What a study takes from FaceForensics++."""

    compression: str = "c23"  # one of COMPRESSIONS
    methods: tuple[str, ...] = ()  # of METHODS; all that are found where none is named


@dataclass(frozen=True)
class CelebDFParams:
    """How a study splits Celeb-DF."""

    split: str = (
        "person"  # nobody, seen or worn, in two parts; "published": its list of test videos, safe by pair alone
    )


@dataclass(frozen=True)
class Study:
    """Everything that a run depends on."""

    name: str
    dataset: str = "embedded"
    people: int = 0  # use only the first people of each split; 0 uses all
    seed: int = 2020
    threads: int = 1  # of torch in each process; another number changes the last digits of what is trained
    jobs: int = 2  # processes side by side: notebooks, or cells of a large comparison
    bootstrap: int = 2000  # resamples behind every clustered interval
    thorough: bool = False  # also compare other networks, recipes, splits and first weights, which takes hours
    small_face: int = 48  # side in pixels of the crops of the low-resolution comparison
    faces: FaceParams = field(default_factory=FaceParams)
    superres: SuperResParams = field(default_factory=SuperResParams)
    resnet: ResNetParams = field(default_factory=ResNetParams)
    one_cycle: OneCycleParams = field(default_factory=OneCycleParams)
    headpose: HeadPoseParams = field(default_factory=HeadPoseParams)
    sweep: SweepParams = field(default_factory=SweepParams)
    ffpp: FFPPParams = field(default_factory=FFPPParams)
    celebdf: CelebDFParams = field(default_factory=CelebDFParams)


def load(name: str) -> Study:
    """The study `name` from `studies/<name>.yaml`.

    Raises DfdError for a study that does not exist, an unknown key, or a value of the wrong type.
    """
    path = paths.studies() / f"{name}.yaml"
    if Path(name).name != name or not path.is_file():
        known = ", ".join(sorted(p.stem for p in paths.studies().glob("*.yaml")))
        raise DfdError(f"There is no study {name!r} ({path} is missing); choose one of: {known}.")
    values = _parsed(path)
    study = _fill(Study, {"name": name} | values if isinstance(values, dict) else values, path, "")
    _check(study, path)
    return study


def _parsed(path: Path) -> typing.Any:
    """What a YAML file holds; anchors and aliases are refused, because few lines of them grow without bound."""
    try:
        text = disk.read_bytes(path, MOST_BYTES).decode()
        depth = 0
        for event in yaml.parse(text):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                what = "blocks within blocks" if depth > DEEPEST else "an alias (*name)"
                raise DfdError(f"{path} holds {what}, which a study does not take; write the value out.")
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DfdError(f"{path} is not YAML; correct it: {' '.join(str(error).split())}.") from None
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is not YAML; correct it: {disk.why(error)}.") from None


def _check(study: Study, path: Path) -> None:
    """DfdError for a word that is none of those known, or a number that no run can work with."""
    words = {"dataset": (study.dataset, DATASETS), "celebdf.split": (study.celebdf.split, ("person", "published"))}
    words |= {"ffpp.compression": (study.ffpp.compression, COMPRESSIONS)}
    words |= {f"ffpp.methods[{i}]": (method, METHODS) for i, method in enumerate(study.ffpp.methods)}
    for key, (word, known) in words.items():
        if word not in known:
            raise DfdError(f"{path}: {key} is {reprlib.repr(word)}; choose one of: {', '.join(known)}.")
    least = {"seed": 0, "threads": 1, "jobs": 1, "bootstrap": 1, "people": 0, "small_face": 8, "faces.max_frames": 1}
    least |= {"superres.epochs": 1, "superres.batch": 1, "resnet.epochs": 1, "resnet.batch": 2, "one_cycle.epochs": 1}
    for key, low in least.items():
        value = study
        for name in key.split("."):
            value = getattr(value, name)
        if value < low:
            raise DfdError(f"{path}: {key} is {value}; it must be at least {low}.")


def _fill(cls: type, values: dict, path: Path, prefix: str) -> typing.Any:
    if not isinstance(values, dict):
        raise DfdError(f"{path}: {prefix.rstrip('.') or 'a study'} must be a block of `key: value` lines.")
    hints = typing.get_type_hints(cls)
    unknown = sorted((key for key in values if key not in hints), key=str)
    if unknown:
        raise DfdError(f"{path}: unknown parameter {prefix}{str(unknown[0])[:80]}; known here: {', '.join(hints)}.")
    return cls(**{key: _convert(hints[key], value, path, prefix + key) for key, value in values.items()})


def _convert(hint: typing.Any, value: typing.Any, path: Path, key: str) -> typing.Any:
    if dataclasses.is_dataclass(hint):
        return _fill(hint, value, path, key + ".")
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, int | float) and not abs(number) < MOST:
            raise DfdError(f"{path}: {key} is {reprlib.repr(value)}; it must be a number below 2**31.")
    if hint == tuple[float, ...] and isinstance(value, list) and all(type(v) in (int, float) for v in value):
        return tuple(float(v) for v in value)
    for kind in (int, str):
        if hint == tuple[kind, ...] and isinstance(value, list) and all(type(v) is kind for v in value):
            return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is tuple or type(value) is not hint:
        raise DfdError(f"{path}: {key} is {reprlib.repr(value)}; it must be of type {getattr(hint, '__name__', hint)}.")
    return value
