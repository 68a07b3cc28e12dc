"""The detector's ONNX file, read by OpenCV, against PyTorch and against the library's own NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dfdlib.core.errors import DfdError
from dfdlib.detector import network, shipped
from tools.weights import onnx_file


def test_the_file_gives_the_librarys_scores(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    assert onnx_file.export(path) < 1e-4
    crops = onnx_file.pictures(8).astype(np.uint8)
    found = onnx_file.scores(path, crops.astype(np.float32))
    np.testing.assert_allclose(found, network.p_fake(crops.transpose(0, 2, 3, 1), shipped.resnet_path()), atol=1e-4)
    assert np.ptp(found[8:]) > 0.2, "a portrait's pieces get other scores than noise, and differ"


def test_a_file_with_other_scores_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "scores", lambda path, crops: np.full(len(crops), 0.5))
    with pytest.raises(DfdError, match="differ"):
        onnx_file.export(tmp_path / "detector.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_package_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DfdError, match="pip install onnx"):
        onnx_file.export(tmp_path / "detector.onnx")
