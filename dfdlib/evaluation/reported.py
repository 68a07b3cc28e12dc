"""What other papers report on UADFV, to set beside the study's numbers."""

from __future__ import annotations

import pandas as pd

from dfdlib.evaluation import aloud

# Yang et al., Table 1: AUC of frames and of videos on UADFV, by the names of pose_features.FEATURES.
YANG_TABLE_1 = {
    "v_a - v_c": (0.738, 0.888),
    "r_a - r_c": (0.798, 0.898),
    "R_a - R_c": (0.853, 0.913),
    "v, t differences": (0.840, 0.949),
    "r, t differences": (0.866, 0.954),
    "R, t differences": (0.890, 0.974),
}

# What others report on UADFV, to set beside ours: method, trained on, AUC, of what, source.
ELSEWHERE = (
    (
        *("Head pose (Yang et al.)", "UADFV", 0.890, "frames"),
        "Yang et al., Table 1; 11,058 test frames: another split (the 28 videos tested here have some 7,100 frames)",
    ),
    ("Head pose (Yang et al.)", "UADFV", 0.974, "videos", "Yang et al., Table 1"),
    ("FWA, ResNet-50", "real faces, warped", 0.974, "frames", "Li and Lyu, arXiv 1811.00656"),
    ("Xception", "FaceForensics++ (c23)", 0.938, "frames", "DeepfakeBench's README (arXiv 2307.01426)"),
    ("ResNet (CNN-Aug)", "FaceForensics++ (c23)", 0.874, "frames", "DeepfakeBench's README"),
    ("FWA", "FaceForensics++ (c23)", 0.854, "frames", "DeepfakeBench's README"),
    ("Meso4", "FaceForensics++ (c23)", 0.715, "frames", "DeepfakeBench's README"),
)
# Wodajo and Atnafu, arXiv 2102.11126, Table 4, as its author gives it in issue 9 of the repository erprogs/CViT.
CVIT = {"face_recognition": 0.9375, "MTCNN": 0.8816, "BlazeFace": 0.7450}  # accuracy on UADFV, by the face detector


def markdown_elsewhere() -> str:
    """AUC on UADFV as others report it, on other splits, as Markdown, and what the face detector changed for one."""
    rows = [(method, trained, f"{auc:.3f}", counted, source) for method, trained, auc, counted, source in ELSEWHERE]
    cvit = ", ".join(f"{100 * right:.2f} % by {detector}" for detector, right in CVIT.items())
    return aloud.markdown(("Method", "Trained on", "AUC", "Counted on", "Source"), rows) + (
        "\n\nThe face detector matters, too. CViT, trained on DFDC, has these accuracies on UADFV with faces found by "
        f"three detectors: {cvit} (Wodajo and Atnafu, arXiv 2102.11126, Table 4)."
    )


def beside_yang(cells: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Table 1 of Yang et al. (AUC of frames and videos) and the experiment's values on the published split."""
    table = pd.DataFrame(YANG_TABLE_1, index=["frames", "videos"]).T
    found = {"Yang et al.": table}
    chosen = cells.query("protocol == 'published' and svm == 'standardized' and solver == 'sqpnp'")
    for model in models:
        ours = chosen[chosen["model"] == model].set_index("feature")[["frame_auc", "video_auc"]]
        found[model] = ours.set_axis(["frames", "videos"], axis=1).reindex(table.index)
    return pd.concat(found, axis=1)
