"""Values on disk without pickle: one zip file of arrays (.npy) and a tree (JSON) that says how they belong together.

zip keeps a checksum of each member, so that a flipped bit or a cut file is found when it is read. Nothing in a file
can make its reader run code: of classes only dataclasses of dfdlib are built, from their fields.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dfdlib import atomic, safe
from dfdlib.errors import DfdError

TREE = "tree.json"
KINDS = "biufcUS"  # of numpy's dtypes: all but objects, times and records
BROKEN = (*safe.DAMAGED, ImportError)


def save(path: Path, value: Any) -> None:
    """Write a tree of None, bool, int, float, str, Path, tuple, list, dict, numpy arrays and numbers, pandas tables and
    dfdlib's dataclasses. TypeError for anything else; DfdError where the disk can't take it.
    """
    arrays: list[np.ndarray] = []
    tree = json.dumps(_tree(value, arrays))
    with atomic.replacing(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, True, 1) as archive:
        archive.writestr(TREE, tree)
        for number, array in enumerate(arrays):
            with archive.open(f"{number}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load(path: Path) -> Any:
    """What `save` wrote, equal in types, dtypes and bits; DfdError for a file that is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _value(json.loads(archive.read(TREE)), archive)
    except BROKEN as error:
        raise DfdError(f"{path} is damaged ({type(error).__name__}: {error}); delete it.") from None


def _tree(value: Any, arrays: list[np.ndarray]) -> Any:
    """A node: a plain value, a list, or {"is": kind, ...}."""
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
    if isinstance(value, Path):
        return {"is": "path", "of": str(value)}
    if type(value) is pd.DataFrame:
        columns = [_tree(_column(value.iloc[:, i]), arrays) for i in range(value.shape[1])]
        return {
            "is": "table",
            "of": columns,
            "rows": _index(value.index, arrays),
            "head": _index(value.columns, arrays),
        }
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith("dfdlib."):
        fields = {field.name: _tree(getattr(value, field.name), arrays) for field in dataclasses.fields(value)}
        return {"is": "dataclass", "module": type(value).__module__, "class": type(value).__qualname__, "of": fields}
    raise TypeError(f"a {type(value).__name__} can't be kept in the cache; return arrays, tables or plain values")


def _column(values: pd.Series | pd.Index) -> Any:
    """A column's values and dtype: as an array where numpy has the dtype, as a list where not."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in KINDS:
        return values.to_numpy()
    if isinstance(values.dtype, pd.CategoricalDtype):
        taken = pd.Categorical(values)
        return ("category", _column(taken.categories), np.asarray(taken.codes), bool(taken.ordered))
    listed = [None if item is pd.NA else item for item in values.tolist()]
    return (str(values.dtype), listed)


def _index(index: pd.Index, arrays: list[np.ndarray]) -> Any:
    if type(index) is pd.RangeIndex:
        return _tree(("range", index.start, index.stop, index.step, index.name), arrays)
    if isinstance(index, pd.MultiIndex):
        levels = [_column(index.get_level_values(i)) for i in range(index.nlevels)]
        return _tree(("levels", levels, list(index.names)), arrays)
    return _tree(("values", _column(index), index.name), arrays)


def _value(node: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(node, list):
        return [_value(item, archive) for item in node]
    if not isinstance(node, dict):
        return node
    kind, of = node["is"], node["of"]
    if kind in ("array", "number"):
        array = safe.array(archive.read(f"{of}.npy"))
        return array if kind == "array" else array[()]
    if kind == "path":
        return Path(of)
    if kind == "tuple":
        return tuple(_value(item, archive) for item in of)
    if kind == "dict":
        return {_value(k, archive): _value(v, archive) for k, v in of}
    if kind == "dataclass":
        return _dataclass(node)(**{name: _value(item, archive) for name, item in of.items()})
    rows, head = _made_index(_value(node["rows"], archive)), _made_index(_value(node["head"], archive))
    columns = {i: pd.Series(_made_column(_value(item, archive)), index=rows) for i, item in enumerate(of)}
    return pd.DataFrame(columns, index=rows).set_axis(head, axis=1)


def _dataclass(node: dict) -> type:
    if not node["module"].startswith("dfdlib."):
        raise TypeError(f"{node['module']} is no module of dfdlib")
    found = getattr(importlib.import_module(node["module"]), node["class"])
    if not dataclasses.is_dataclass(found):
        raise TypeError(f"{node['class']} is no dataclass")
    return found


def _made_column(kept: Any) -> Any:
    if isinstance(kept, np.ndarray):
        return kept
    if kept[0] == "category":
        return pd.Categorical.from_codes(kept[2], pd.Index(_made_column(kept[1])), ordered=kept[3])
    return pd.Series(kept[1], dtype=kept[0]).array


def _made_index(kept: tuple) -> pd.Index:
    if kept[0] == "range":
        return pd.RangeIndex(kept[1], kept[2], kept[3], name=kept[4])
    if kept[0] == "levels":
        return pd.MultiIndex.from_arrays([_made_column(level) for level in kept[1]], names=kept[2])
    return pd.Index(_made_column(kept[1]), name=kept[2])
