"""Values on disk without pickle: one zip file of arrays (.npy) and a tree (JSON) that says how they belong together.

zip keeps a checksum of each member, by which the reader finds a flipped bit or a truncated file. Nothing in a file can
make its reader run code: the only classes built are those registered by `storable`, from their fields. The format is
our own because the libraries do less: joblib and diskcache use pickle, and safetensors keeps neither tables nor trees.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from dfdlib.core import disk
from dfdlib.core.errors import DfdError

TREE = "tree.json"
KINDS = "biufcUS"  # of numpy's dtypes: all but objects, times and records
STORABLE: dict[str, type] = {}
Dataclass = TypeVar("Dataclass", bound=type)


def storable(cls: Dataclass) -> Dataclass:
    """A decorator that registers a dataclass by its name; its values can then be written and read."""
    if STORABLE.setdefault(cls.__name__, cls) is not cls:
        raise TypeError(f"two storable dataclasses are called {cls.__name__}; rename one")
    return cls


def write(path: Path, value: Any) -> None:
    """Write a tree of None, bool, int, float, str, tuple, list, dict, numpy arrays and numbers, storable dataclasses,
    and pandas tables (rows numbered from 0, columns of numbers or text). TypeError for anything else; DfdError where
    the file cannot be written.
    """
    arrays: list[np.ndarray] = []
    tree = json.dumps(_tree(value, arrays))
    with disk.replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, True, 1) as archive:
        archive.writestr(TREE, tree)
        for number, array in enumerate(arrays):
            with archive.open(f"{number}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: Path) -> Any:
    """The value that `write` wrote, equal in types, dtypes and bits; DfdError for a damaged file or another format."""
    try:
        with disk.unzipped(path) as member:
            with disk.decoding():
                tree = json.loads(member(TREE))
            return _value(tree, member)
    except (RecursionError, *disk.DAMAGED) as error:
        raise DfdError(f"{path} is damaged or in another version's format ({disk.why(error)}); delete it.") from None


def _tree(value: Any, arrays: list[np.ndarray]) -> Any:
    """A node: a plain value, a list, or {"is": kind, "of": ...}."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_tree(item, arrays) for item in value]
    if type(value) is tuple:
        return {"is": "tuple", "of": [_tree(item, arrays) for item in value]}
    if type(value) is dict:
        return {"is": "dict", "of": [[_tree(k, arrays), _tree(v, arrays)] for k, v in value.items()]}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in KINDS:
        arrays.append(np.asarray(value))
        return {"is": "array" if isinstance(value, np.ndarray) else "number", "of": len(arrays) - 1}
    if type(value) is pd.DataFrame and value.index.equals(pd.RangeIndex(len(value))) and value.columns.is_unique:
        return {"is": "table", "of": [[name, _tree(_column(value[name]), arrays)] for name in value], "n": len(value)}
    if STORABLE.get(type(value).__name__) is type(value):
        fields = {field.name: _tree(getattr(value, field.name), arrays) for field in dataclasses.fields(value)}
        return {"is": type(value).__name__, "of": fields}
    raise TypeError(f"a {type(value).__name__} can't be kept in the cache; return arrays, tables or plain values")


def _column(column: pd.Series) -> np.ndarray | list[str]:
    """A column's numbers as an array, its text as a list; TypeError for what is neither."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in KINDS:
        return column.to_numpy()
    if not isinstance(column.dtype, pd.StringDtype) or column.isna().any():
        raise TypeError(f"the column {column.name!r} can't be kept in the cache: it holds neither numbers nor text")
    return column.tolist()


def _value(node: Any, member: Callable[[str], bytes]) -> Any:
    """The value of a node; ValueError for a node that `_tree` does not make."""
    match node:
        case None | bool() | int() | float() | str():
            return node
        case list():
            return [_value(item, member) for item in node]
        case {"is": "tuple", "of": list(of)}:
            return tuple(_value(item, member) for item in of)
        case {"is": "dict", "of": list(of)} if _pairs(of):
            items = [(_value(key, member), _value(value, member)) for key, value in of]
            with disk.decoding():  # a forged key that can't be hashed
                return dict(items)
        case {"is": "array" | "number" as kind, "of": int(number)}:
            array = disk.npy_array(member(f"{number}.npy"))
            return array if kind == "array" else array[()]
        case {"is": "table", "of": list(of), "n": int(rows)} if _pairs(of):
            columns = [(name, _value(column, member)) for name, column in of]
            with disk.decoding():
                texts = {name: pd.array(c, dtype="str") if isinstance(c, list) else c for name, c in columns}
                return pd.DataFrame(texts, index=pd.RangeIndex(rows))
        case {"is": str(name), "of": dict(of)} if set(of) == _fields(name):
            return STORABLE[name](**{field: _value(value, member) for field, value in of.items()})
    raise ValueError(f"{str(node)[:80]!r} is no kind of value, or has other fields")


def _pairs(items: list) -> bool:
    return all(isinstance(item, list) and len(item) == 2 for item in items)


def _fields(name: str) -> set[str] | None:
    return {field.name for field in dataclasses.fields(STORABLE[name])} if name in STORABLE else None
