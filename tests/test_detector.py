"""The detector that comes along: its weights, its scores, how it was trained, and what its card says."""

from __future__ import annotations

import itertools
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import expit, logit

from dfdlib.core import cache, paths, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.detector import looking, network, shipped
from dfdlib.evaluation import metrics, results
from dfdlib.experiments import conditions, transfer
from dfdlib.faces import frames
from dfdlib.headpose import pnp, worldmodel
from dfdlib.resnet import architectures, classifier, selfblend
from tools.weights import bands, blends, comparing, faces, judged, learning, recipes
from tools.weights import card as card_tables
from tools.weights import detector as detector_weights
from tools.weights import verdicts as verdict_weights
from tools.weights.blends import How
from tools.weights.faces import Faces
from tools.weights.trained import Trained, calibrate, median, save_network

CARD = paths.assets() / "detector.md"


def _crops(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (count, network.SIDE, network.SIDE, 3)).astype(np.uint8)


def some_points(count: int) -> np.ndarray:
    """Landmarks (count, 68, 2) of the world model's head, each turned a little more, in a picture of 128 pixels."""
    camera, model = pnp.camera_matrix(128, 128), worldmodel.world_model("world_model.csv")
    far = np.array([0.0, 0.0, 250.0])
    return np.stack([pnp.project(model, np.array([0.05, 0.1 * i, 0.02]), far, camera) for i in range(count)]).astype(
        np.float32
    )


def _turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T + shift).astype(np.float32)


def test_eyes_come_to_their_place_and_the_picture_does_not_matter() -> None:
    points = some_points(2)
    found = shipped.aligned(points)
    eyes = np.stack([found[:, eye].mean(1) for eye in shipped.EYES], axis=1)
    assert eyes == pytest.approx(np.broadcast_to(shipped.SVM_EYES, (2, 2, 2)), abs=1e-3)
    moved = _turned(points, 25, 3.0, (400, -70))
    assert shipped.aligned(moved) == pytest.approx(found, abs=1e-2)
    assert shipped.by_pose(moved) == pytest.approx(shipped.by_pose(points), abs=1e-3)


def test_eyes_at_one_place_are_refused() -> None:
    with pytest.raises(DfdError, match="The landmarks of both eyes lie at one place"):
        shipped.eye_map(np.ones((68, 2), np.float32))


def test_the_whole_is_the_rule_of_both_branches() -> None:
    crops, points = _crops(3), some_points(3)
    for rule, how in (("mean", lambda a, b: (a + b) / 2), ("both", np.minimum), ("resnet", lambda a, b: a)):
        found = shipped.scores(crops, points, rule)
        assert found["p_fake"].to_numpy() == pytest.approx(how(found["resnet"], found["headpose"]).to_numpy())
        assert found.to_numpy().min() >= 0 and found.to_numpy().max() <= 1
    with pytest.raises(DfdError, match="no rule 'wish' for the decision maker; choose one of: mean"):
        shipped.scores(crops, points, "wish")


def test_weights_go_to_16_bit_and_come_back_as_a_network(tmp_path) -> None:
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    save_network(model, tmp_path / "w.safetensors")
    again = shipped.load_resnet(tmp_path / "w.safetensors")
    image = torch.rand(1, 3, network.SIDE, network.SIDE)
    assert not torch.equal(again(image), model(image)), "half precision rounds"
    assert torch.allclose(again(image), model(image), atol=0.02)


@pytest.mark.parametrize("what", ["missing", "text", "other", "nan"])
def test_weights_that_are_not_the_networks_are_refused(tmp_path, what: str) -> None:
    path = tmp_path / f"{what}.safetensors"
    if what == "text":
        path.write_text("no weights")
    if what == "other":
        save_file({"a": torch.zeros(2)}, path)
    if what == "nan":
        model = architectures.build(shipped.NETWORK)[0]
        torch.nn.init.constant_(model.classifier.bias, torch.nan)
        save_network(model, path)
    says = {
        "missing": "no such file",
        "text": "damaged",
        "other": "other than finite",
        "nan": "classifier.bias holds other than",
    }
    with pytest.raises(DfdError, match=says[what]):
        shipped.load_resnet(path)


def test_scores_without_pytorch_are_pytorchs(tmp_path) -> None:
    """Of the shipped weights, and of others whose every tensor, also of batch normalizations, is random."""
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    for values in model.state_dict().values():
        values.copy_(torch.rand(values.shape).mul(0.5).add(0.5) if values.dim() == 1 else values)
    other = save_network(model, tmp_path / "w.safetensors")
    exact = replace(shipped.NETWORK, bfloat16=False)
    for path, crops in ((shipped.resnet_path(), _crops(11)), (other, _crops(3, 1))):
        wanted = classifier.p_fake(classifier.logits(shipped.load_resnet(path), crops, exact))
        assert network.p_fake(crops, path) == pytest.approx(wanted, abs=1e-5)
    assert wanted.min() > 0.01 and wanted.max() < 0.99, "scores at the end of the scale would agree by themselves"
    assert shipped.scores(crops, some_points(3), weights=other)["resnet"].to_numpy() == pytest.approx(wanted, abs=1e-5)


def test_scores_need_the_networks_own_tensors_and_large_crops(tmp_path) -> None:
    model = architectures.build(shipped.NETWORK)[0]
    state = {name: values.half().contiguous() for name, values in model.state_dict().items()}
    for number, changed in enumerate(
        ({"classifier.bias": None}, {"conv_head.weight": torch.zeros(12, 3, 3, 3).half()})
    ):
        path = tmp_path / f"{number}.safetensors"
        save_file({name: values for name, values in (state | changed).items() if values is not None}, path)
        with pytest.raises(DfdError, match=f"{path.name} holds another network; check out or install dfdlib again"):
            network.p_fake(_crops(1), path)
    with pytest.raises(DfdError, match="reads 128 x 128 pixels; the crops have 100: give larger ones"):
        network.p_fake(_crops(1)[:, :100, :100], shipped.resnet_path())


@pytest.mark.parametrize("tool", ["detector", "superres", "verdicts"])
def test_the_tools_that_made_the_weights_run_by_name_and_ask_for_their_data(monkeypatch, capsys, tool: str) -> None:
    path = str(paths.root() / "tools" / "weights" / f"{tool}.py")
    monkeypatch.setattr(sys, "path", [*sys.path])  # to which the tools add
    monkeypatch.setattr(repro, "start", lambda seed, threads: None)  # which sets threads for this process
    for variable in ("DFD_UADFV", "DFD_SR"):
        monkeypatch.delenv(variable, raising=False)
    for words, says in (([], "The study is missing"), (["uadfv"], "DFD_(UADFV|SR) is not set; set it to the folder")):
        monkeypatch.setattr(sys, "argv", [path, *words])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(path, run_name="__main__")
        told = capsys.readouterr().err
        assert stop.value.code == 2 and re.match(says, told) and told.count("\n") == 1


@pytest.mark.parametrize("words", [["5"], ["5", "many"], ["0", "9"], ["compared"]])
def test_other_words_after_the_study_are_a_sentence(monkeypatch, words: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["detector.py", "uadfv", *words])
    with pytest.raises(DfdError, match=f"{' '.join(words)} means nothing after the study; give seeds and epochs"):
        detector_weights.main()


def test_the_shipped_network_stays_below_10_mb_and_all_weights_below_11() -> None:
    assert shipped.resnet_path().stat().st_size < 1e7
    files = list(paths.assets().rglob("*.safetensors"))
    assert shipped.resnet_path() in files and sum(path.stat().st_size for path in files) < 1.1e7


def _face(seed: int = 0, side: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """A square with stripes, which a blend's blur or colour changes, and landmarks in its middle."""
    square = np.random.default_rng(seed).integers(90, 150, (side, side, 3)).astype(np.uint8)
    square[::4] = 200
    centred = some_points(1)[0] - some_points(1)[0].mean(0)
    return square, (side / 2 + 0.4 * side * centred / np.ptp(centred[:, 0])).astype(np.float32)


PLAIN = How(shrunk_first=0, coarse=0, blur=0, noise=0, jpeg=0, soft_real=0)


def test_a_blend_differs_from_its_face_inside_the_hull_alone() -> None:
    square, points = _face()
    for seed in range(12):
        target, fake = blends.blended(square, points, lambda rng: _face(1), np.random.default_rng(seed), PLAIN)
        far = np.linalg.norm(np.indices((160, 160))[::-1].T - points.mean(0), axis=-1).T > 72
        changed = np.abs(target.astype(int) - fake.astype(int)).max(2)
        assert changed[far].max() <= 2 and changed.max() > 5, seed


def test_a_pasted_face_is_the_softer_one_and_comes_as_often_as_is_asked(monkeypatch) -> None:
    square, points = _face()
    for seed in range(6):
        always = replace(PLAIN, pasted=1.0)
        target, fake = blends.blended(square, points, lambda rng: _face(1), np.random.default_rng(seed), always)
        assert np.array_equal(target, square), "the real face is not changed, so its own softness is no sign"
        inside = cv2.fillConvexPoly(np.zeros((160, 160), np.uint8), cv2.convexHull(points.astype(np.int32)), 1)
        sharp = [
            cv2.Laplacian(image[..., 0], cv2.CV_32F)[cv2.erode(inside, np.ones((9, 9))) > 0].std()
            for image in (target, fake)
        ]
        assert sharp[1] < 0.8 * sharp[0] and np.array_equal(fake[:8], square[:8])
    pasted, plain = [], selfblend.blended
    monkeypatch.setattr(selfblend, "blended", lambda *given: pasted.append(1) or plain(*given))
    for seed in range(200):
        blends.blended(square, points, lambda rng: _face(1), np.random.default_rng(seed), replace(PLAIN, pasted=0.5))
    assert 75 < len(pasted) < 125
    blends.blended(square, points, lambda rng: _face(1), np.random.default_rng(0), PLAIN)
    assert len(pasted) < 125, "without pasting nothing is pasted"


def test_each_change_of_the_recipe_is_trained_with_several_seeds_and_scored_on_validation_alone(monkeypatch) -> None:
    asked, given, scores = [], [], _made_scores()

    def train(study, recipe, seed, on_epoch, teachers=()):
        asked.append((recipe, seed))
        given.append([*teachers])
        history = pd.DataFrame({"epoch": [1, 2], "macro_auc": [0.5, 0.6], "seconds": [9.0, 9.0]})
        return Trained(seed, (recipe, seed), scores, history)

    monkeypatch.setattr(comparing, "train", train)
    monkeypatch.setattr(comparing, "_by_pose", lambda study: scores.assign(p_fake=0.5))
    monkeypatch.setattr(comparing, "together", lambda study, recipe, trained: {"mean": scores})
    monkeypatch.setattr(comparing, "left_out", lambda trained, resamples: scores)
    kept = {}
    monkeypatch.setattr(results, "write_table", lambda study, name, table: kept.setdefault(name, table))
    list(comparing.ablated(studies.load("embedded"), lambda row: None))
    every = list(recipes.ABLATION.values())
    first, *rest = every
    fives = [(first, seed) for seed in range(1, 6)]
    assert asked == fives + [(recipe, seed) for recipe in rest for seed in (1, 2, 3)] + fives
    pasted = recipes.ABLATION["all pasted"]
    assert given == [[]] * (len(asked) - 5) + [[*fives, (pasted, 1), (pasted, 2)]] * 5, "seven networks teach"
    assert first is recipes.OURS and len(set(map(repr, every))) == len(every)
    shown = list(kept["detector_ablation"]["recipe"])
    ours = recipes.BASE
    assert shown[:11] == [ours] * 5 + [f"{ours}, mean with head pose"] * 5 + [f"{ours}, mean"]
    taught = [recipes.TAUGHT] * 5 + [f"{recipes.TAUGHT}, mean with head pose"] * 5
    assert len(shown) == 11 + 3 * len(rest) + 10 and shown[-10:] == taught
    for name, recipe in recipes.ABLATION.items():
        assert recipe.how.size == recipe.network.input_size
        assert recipe.epochs == first.epochs * (2 if name == "twice as long" else 1) and recipe.steps == first.steps
    curves = kept["detector_ablation_curves"]
    assert list(curves) == ["epoch", "macro_auc", "recipe", "seed"] and len(curves) == 2 * (10 + 3 * len(rest))


def test_a_source_that_was_left_out_is_judged_at_a_threshold_that_the_others_set() -> None:
    rng, rows = np.random.default_rng(0), []
    means = {"uadfv": 0.5, "jpeg30": 0.6, "super-resolved": 0.6, "lfw": 0.4, "blurred": 0.4, "celeba": 0.4}
    for source, mean in means.items():
        for person, label in itertools.product(range(6), (0, 1) if source == "uadfv" else (0,)):
            rows += [(source, label, f"{source}{person}", p) for p in rng.normal(mean + 0.3 * label, 0.05, 20)]
    table = pd.DataFrame(rows, columns=["source", "label", "person", "p_fake"])
    table = table.assign(
        clip_id=table["person"] + table["label"].astype(str), frame=range(len(table)), pair="", split=""
    )
    low = table.assign(p_fake=table["p_fake"] / 2)  # the same order, so the same shares at its own threshold
    trained = {name: [Trained(1, torch.nn.Identity(), table)] for name in (*recipes.LEFT_OUT, recipes.TAUGHT)}
    trained[recipes.BASE] = [Trained(1, torch.nn.Identity(), low)]
    found = comparing.left_out(trained, 50)
    families = [name for family in judged.FAMILIES.values() for name in 3 * family]
    assert list(found["tested"]) == families
    assert [set(part["recipe"]) for _, part in found.groupby("tested", sort=False)] == [
        {recipe, recipes.BASE, recipes.TAUGHT}
        for recipe, family in zip(recipes.LEFT_OUT, judged.FAMILIES.values(), strict=True)
        for _ in family
    ]
    uadfv, ours = found.iloc[0], found[found["recipe"] == recipes.BASE].iloc[0]
    assert uadfv["frames"] == 240 and uadfv["people"] == 6 and uadfv["frame_auc"] > 0.99
    others = table[table["source"].isin(["lfw", "blurred", "celeba"])]
    reals = table[(table["source"] == "uadfv") & (table["label"] == 0)]["p_fake"]
    expected = (reals >= judged.threshold_for(others)).mean()
    assert uadfv["real_called_fake"] == pytest.approx(expected) and expected > 0.2, "2 % of others, not of its own"
    shares = ["real_called_fake", "fake_called_fake", "frame_auc"]
    assert ours[shares].to_numpy(float) == pytest.approx(uadfv[shares].to_numpy(float))
    assert found.loc[found["tested"] != "uadfv", "frame_auc"].isna().all()


def test_networks_together_have_the_mean_of_their_logits_or_of_their_weights(monkeypatch) -> None:
    scores = _made_scores()
    each = [np.array([0.2, 0.9, 0.5]), np.array([0.6, 0.9, 0.0])]
    layers = [torch.nn.Linear(1, 2) for _ in each]
    for layer, value in zip(layers, (1.0, 4.0), strict=True):
        torch.nn.init.constant_(layer.weight, value)
    trained = [
        Trained(seed, layer, scores.head(3).assign(p_fake=p_fake))
        for seed, (layer, p_fake) in enumerate(zip(layers, each, strict=True))
    ]
    given = []
    monkeypatch.setattr(comparing, "sources", lambda *_: {})
    monkeypatch.setattr(comparing, "scored", lambda network, *_: given.append(network) or scores)
    found = comparing.together(studies.load("embedded"), recipes.OURS, trained)
    by_scores = found[comparing.MEAN_OF_SCORES]["p_fake"]
    odds = np.sqrt(0.2 / 0.8 * 0.6 / 0.4)  # the mean of logits is the geometric mean of the odds
    assert by_scores.iloc[:2].to_numpy() == pytest.approx([odds / (1 + odds), 0.9]) and by_scores.iloc[2] < 0.01
    assert found[comparing.MEAN_OF_WEIGHTS] is scores
    assert torch.equal(given[0].weight, torch.full((2, 1), 2.5)) and layers[0].weight.tolist() == [[1.0], [1.0]]


def test_a_source_that_is_left_out_gives_no_face(monkeypatch) -> None:
    left_out = {name: recipe for name, recipe in recipes.ABLATION.items() if name.endswith("left out")}
    assert len(left_out) == 3
    for source, recipe in zip(("uadfv", "lfw", "celeba"), left_out.values(), strict=True):
        assert replace(recipe, shares=recipes.OURS.shares) == recipes.OURS
        seen = []
        monkeypatch.setattr(learning, "_pair", lambda faces, *_: seen.append(faces.source) or [_face()[0]] * 2)  # noqa: B023
        faces = [Faces(name, [_face()[0]], _face()[1][None], ["a"]) for name, _ in recipe.shares]
        few = replace(recipe, steps=20)
        assert len(list(learning.batches_of(faces, few, 1, 1))) == 20
        assert set(seen) == {"uadfv", "lfw", "celeba"} - {source}


def test_a_real_face_and_its_fake_lose_alike_and_repeat_exactly() -> None:
    hard = How(shrunk_first=1, coarse=1, blur=1, noise=1, jpeg=1, quality=(30, 31), soft_real=0, ratios=(0.0,))
    hard = replace(hard, size=96)
    real, fake = blends.pair(_face(), lambda rng: _face(1), np.random.default_rng(3), hard)
    assert real.shape == fake.shape == (96, 96, 3) and np.array_equal(real, fake), "an invisible blend leaves no trace"
    again = blends.pair(_face(), lambda rng: _face(1), np.random.default_rng(3), hard)
    assert np.array_equal(real, again[0])
    assert np.abs(np.diff(real.astype(int), axis=0)).mean() < 8, "the stripes are gone"


def test_a_spoiled_real_face_alone_loses_detail_as_often_as_is_asked(monkeypatch) -> None:
    plain = replace(PLAIN, ratios=(0.0,))
    spoil, losses = blends._spoiled, []
    monkeypatch.setattr(blends, "_lost", lambda crops, *_: losses.append(crops) or crops)
    monkeypatch.setattr(blends, "_spoiled", lambda crop, rng: np.zeros_like(crop))

    def made(seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        how = replace(plain, spoiled_real=share)
        return blends.pair(_face(), lambda rng: _face(1), np.random.default_rng(seed), how)

    for seed in range(12):
        (real, fake), (spoiled, other) = made(seed, 0.0), made(seed, 1.0)
        assert np.array_equal(real, fake) and not spoiled.any()
        assert any(np.array_equal(other, way) for way in (fake, fake[:, ::-1])), "the fake is as without"
    assert 40 <= sum(not made(seed, 0.3)[0].any() for seed in range(200)) <= 80
    real = made(0, 0.0)[0]
    detail = lambda crop: np.abs(np.diff(crop.astype(int), axis=0)).mean()  # noqa: E731
    ways = [spoil(real, np.random.default_rng(seed)) for seed in range(30)]
    assert len({crop.tobytes() for crop in ways}) == 30 and all(crop.shape == real.shape for crop in ways)
    blurred = [crop for crop, seed in zip(ways, range(30), strict=True) if np.random.default_rng(seed).integers(3) < 2]
    assert 10 < len(blurred) < 28 and all(detail(crop) < 0.95 * detail(real) for crop in blurred)


def test_batches_pair_faces_with_fakes_repeat_exactly_and_never_take_the_person_as_donor(monkeypatch) -> None:
    squares, points = zip(*(_face(i) for i in range(6)), strict=True)
    faces = [Faces("uadfv", list(squares), np.stack(points), ["a", "a", "a", "b", "b", "b"])]
    recipe = learning.Recipe(shipped.NETWORK, PLAIN, steps=2, pairs=3)
    first, second, other = (list(learning.batches_of(faces, recipe, epoch, 7)) for epoch in (1, 1, 2))
    images, labels = first[0]
    assert len(first) == 2 and images.shape == (6, 3, 128, 128) and labels.tolist() == [0, 1] * 3
    assert torch.equal(images, second[0][0]) and not torch.equal(images, other[0][0])
    donors = []

    def seen(face: tuple, donor: Callable, rng: np.random.Generator, how: How) -> tuple:
        own = next(i for i, square in enumerate(squares) if square is face[0])
        donors.append((own < 3, any(donor(rng)[0] is square for square in squares[:3])))
        return squares[0][:128, :128], squares[0][:128, :128]

    monkeypatch.setattr(learning.blends, "pair", seen)
    list(learning.batches_of(faces, recipe, 1, 7))
    assert len(donors) == 6 and all(own != taken for own, taken in donors)


def test_the_average_follows_the_network_and_judges() -> None:
    model = learning.Averaged(torch.nn.Linear(3, 2), kept=0.5)
    torch.nn.init.constant_(model.live.weight, 8.0)
    model.train()(torch.ones(1, 3))
    first = model.average.weight.clone()
    model(torch.ones(1, 3))
    assert (model.average.weight > first).all() and (model.average.weight < 8).all()
    assert torch.equal(model.eval()(torch.ones(1, 3)), model.average(torch.ones(1, 3)))
    assert not any(values.requires_grad for values in model.average.parameters())


def _made_scores() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (name, label, 1 / (1 + np.exp(-x))) for name in "ab" for label in (0, 1) for x in rng.normal(3 * label, 1, 500)
    ]
    return pd.DataFrame(rows, columns=["source", "label", "p_fake"])


def test_the_threshold_lets_two_in_a_hundred_reals_pass_and_becomes_one_half() -> None:
    scores = _made_scores()
    threshold = judged.threshold_for(scores)
    reals = scores[scores["label"] == 0]
    assert (reals["p_fake"] >= threshold).mean() == pytest.approx(0.02, abs=0.002)
    few = pd.concat([scores, reals.assign(source="c", p_fake=0.99).head(3)])
    assert judged.threshold_for(few) > 0.99, "three faces of a third source count as much as 500 of another"
    offset, slope = judged.calibration(scores)
    logits = np.log(scores["p_fake"] / (1 - scores["p_fake"]))
    tuned = 1 / (1 + np.exp(-slope * (logits + offset)))
    assert ((tuned >= 0.5) == (scores["p_fake"] >= threshold)).all() and 0.05 < slope < 5
    assert judged.on_shipped_scale(scores)["p_fake"].to_numpy() == pytest.approx(tuned.to_numpy())
    both = comparing._mean(scores, scores.assign(p_fake=0.5))["p_fake"].to_numpy()
    assert both == pytest.approx((tuned.to_numpy() + 0.5) / 2), (
        "the head pose is averaged with what `dfd predict` shows"
    )
    found = judged.summary(scores)
    assert found["auc_a"] > 0.95 and found["macro_auc"] == pytest.approx((found["auc_a"] + found["auc_b"]) / 2)


def test_calibrated_weights_give_the_calibrated_scores() -> None:
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    before = classifier.logits(model, _crops(4), shipped.NETWORK)
    offset, slope = judged.calibration(_made_scores())
    calibrate(Trained(0, model, _made_scores()))
    after = classifier.logits(model, _crops(4), shipped.NETWORK)
    assert np.diff(after)[:, 0] == pytest.approx(slope * (np.diff(before)[:, 0] + offset), abs=1e-4)


def test_the_median_seed_ships_and_not_the_best() -> None:
    scores = _made_scores()
    worse = [scores.assign(p_fake=scores["p_fake"] + spoil * (1 - scores["label"])) for spoil in (0.9, 0.0, 0.5)]
    trained = [Trained(seed, torch.nn.Identity(), table) for seed, table in enumerate(worse)]
    assert median(trained).seed == 2


def test_the_shipped_seed_is_the_median_of_the_committed_five() -> None:
    seeds, card = results.committed_table("uadfv", "detector_seeds"), CARD.read_text()
    middle = seeds.sort_values("macro_auc")["seed"].iloc[2]
    assert len(seeds) == 5 and f"**seed {middle}**, which has the median" in card
    table = card_tables.seeds_table(seeds)
    assert table in card and f"seed {middle}, shipped" in table


def test_the_committed_ablation_has_the_five_of_which_one_ships_and_the_five_of_the_first_round() -> None:
    table = results.committed_table("uadfv", "detector_ablation").set_index("recipe")
    tables = {recipes.TAUGHT: "detector_seeds", "none pasted (all layers)": "detector_seeds_before"}
    for recipe, name in tables.items():
        seeds = results.committed_table("uadfv", name)
        assert np.allclose(table.loc[recipe][list(seeds)], seeds, atol=1e-4), recipe
    ours = recipes.BASE
    more = (comparing.WITH_POSE, comparing.MEAN_OF_SCORES, comparing.MEAN_OF_WEIGHTS)
    assert set(table.index) <= {
        *recipes.ABLATION,
        recipes.TAUGHT,
        f"{recipes.TAUGHT}, {comparing.WITH_POSE}",
        *(f"{ours}, {how}" for how in more),
    }


def test_the_committed_sources_left_out_agree_with_the_committed_ablation() -> None:
    ablation = results.committed_table("uadfv", "detector_ablation").set_index(["recipe", "seed"])
    found = results.committed_table("uadfv", "detector_left_out")
    assert set(found["tested"]) == set().union(*judged.FAMILIES.values()) and len(found) == 66
    for row in found.to_dict("records"):
        known = ablation.loc[(row["recipe"], row["seed"])]
        assert row["real_called_fake_low"] <= row["real_called_fake"] <= row["real_called_fake_high"]
        if row["tested"] in ("uadfv", "jpeg30"):
            assert row["frame_auc"] == pytest.approx(known[f"auc_{row['tested']}"], abs=1e-4)


def test_the_test_of_the_network_that_was_replaced_follows_from_its_scores() -> None:
    known = results.committed_table("uadfv", "detector_earlier").query("recipe == 'half pasted'").set_index("tested")
    scores = results.committed_table("uadfv", "detector_earlier_scores")
    assert set(known.index) == set(scores["tested"])
    for name, part in scores.groupby("tested"):
        row = transfer.test_row(part.assign(p_fake=part["resnet"]), studies.load("uadfv").bootstrap)
        assert known.loc[name, list(row)].to_dict() == pytest.approx(row, abs=1e-4, nan_ok=True)


def test_nobody_of_the_photographs_is_in_two_parts(tmp_path, monkeypatch) -> None:
    still = sorted((paths.embedded() / "stills").glob("*.jpg"))[0]
    for person in range(14):
        (tmp_path / f"Person_{person:02d}").mkdir()
        shutil.copy(still, tmp_path / f"Person_{person:02d}" / "0001.jpg")
    monkeypatch.setenv("DFD_LFW", str(tmp_path))
    found = {part: faces.lfw(2020, part) for part in faces.PARTS}
    people = [name for part in found.values() for name in part.people]
    assert len(people) == len(set(people)) == 14 and len(found["train"].people) == 10
    assert found["val"].cut(FaceParams(size=64)).shape == (2, 64, 64, 3)
    inside = found["val"].points[0]
    assert inside.min() > 0 and inside.max() < len(found["val"].squares[0])
    starts = sorted(faces.CELEBA.values())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(starts))


def test_the_cards_file_is_the_shipped_one_and_its_numbers_are_those_of_the_run() -> None:
    card = CARD.read_text()
    assert cache.sha256(shipped.resnet_path()) in card
    table = results.committed_table("uadfv", "detector")
    assert card_tables.measured(table) in card
    assert card_tables.reliability(results.committed_table("uadfv", "detector_scores")) in card
    under = conditions.table(results.committed_table("uadfv", "detector_conditions"), studies.load("uadfv").bootstrap)
    assert card_tables.conditions(under) in card
    assert verdict_weights.markdown() in card and verdict_weights.sentence() in re.sub(r"\s+", " ", card)
    scores = results.committed_table("uadfv", "detector_scores")
    for row in table[table["tested"].isin(["uadfv", "embedded"])].to_dict("records"):
        branch = next(key for key, title in detector_weights.NAMES.items() if title == row["branch"])
        part = scores[scores["tested"] == row["tested"]]
        found = metrics.STATISTICS["auc"](part["label"].to_numpy(), part[branch].to_numpy(), np.ones((1, len(part))))
        assert found[0] == pytest.approx(row["frame_auc"], abs=1e-3)
    assert "must not be used to accuse" in re.sub(r"\s+", " ", card)


def test_the_bands_that_were_compared_follow_from_the_validation_scores() -> None:
    scores = results.committed_table("uadfv", "detector_validation")
    assert set(scores["split"]) == {"val"}
    found = bands.compared(scores.assign(p_fake=scores["resnet"]))
    pd.testing.assert_frame_equal(found, results.committed_table("uadfv", "detector_bands"), check_dtype=False)
    for _, part in found.groupby(["band", "unit"]):
        assert list(part[["fake", "unsure", "real"]].sum(axis=1)) == list(part["n"])
        clips = scores.drop_duplicates(["clip_id", "label"]) if (part["unit"] == "clips").all() else scores
        assert list(part["n"]) == list(clips["label"].value_counts().sort_index())


def test_a_band_is_told_by_other_people_alone(monkeypatch) -> None:
    scores = results.committed_table("uadfv", "detector_validation").assign(p_fake=lambda t: t["resnet"])
    seen = []
    monkeypatch.setattr(bands, "BANDS", {"seen": lambda others, used: seen.append(set(others["person"])) or (0.3, 0.5)})
    bands.compared(scores)
    people = set(scores["person"])
    assert {frozenset(people - others) for others in seen} == {frozenset([person]) for person in people}


def test_a_band_on_logits_is_the_same_whatever_their_scale() -> None:
    scores = results.committed_table("uadfv", "detector_validation").assign(p_fake=lambda t: t["resnet"])
    squeezed = scores.assign(p_fake=expit(0.4 * logit(scores["p_fake"])))
    low, high = bands.on_logits(scores, 32)
    assert bands.on_logits(squeezed, 32) == pytest.approx([expit(0.4 * logit(low)), expit(0.4 * logit(high))], abs=1e-3)
    sure = scores.assign(p_fake=scores["p_fake"].where(scores["frame"] > 3, 0.0))
    assert all(np.isfinite(bands.on_logits(sure, 1)))
    half = bands.around_one_half(scores, 1)
    assert sum(half) == pytest.approx(1) and bands.around_one_half(scores, 32)[0] > half[0]


def test_the_card_counts_the_changes_of_the_recipe() -> None:
    assert recipes.ABLATION_SEEDS == 3
    words = re.sub(r"\s+", " ", CARD.read_text())
    assert f"and {len(recipes.ABLATION) - 1} changes three times each" in words


def test_the_tool_writes_the_cards_tables_and_leaves_its_words() -> None:
    card, found = CARD.read_text(), card_tables.tables()
    assert card_tables.refreshed(card, found) == card, "the committed card is what the tool would write"
    worn = re.sub(r"(?m)^(\| (?:UADFV, |as it is|seed 1).*?) \|", r"\1 of another run |", card)
    worn = worn.replace(cache.sha256(shipped.resnet_path()), "0" * 64)
    assert worn.count("of another run") >= 5 and card_tables.refreshed(worn, found) == card
    with pytest.raises(DfdError, match=r"detector\.md has 0 tables that begin with '\| no such head \|'"):
        card_tables.refreshed(card, ["| no such head |\n| --- |"])


def test_measured_again_on_rendered_people_the_scores_are_those_of_the_card() -> None:
    """The embedded test part (synthetic) is at hand everywhere, so the shipped weights can be checked on it."""
    found = frames.of_study(replace(studies.load("embedded"), faces=looking.FACE)).part("test").one_in(2)
    kept = results.committed_table("uadfv", "detector_scores").query("tested == 'embedded'")
    some = np.arange(0, len(kept), 9)
    again = shipped.scores(found.crops[some], found.points[some], "mean")
    for branch in detector_weights.NAMES:
        assert again[branch].to_numpy() == pytest.approx(kept[branch].to_numpy()[some], abs=0.02)
