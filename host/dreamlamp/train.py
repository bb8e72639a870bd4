"""make train: fit the stager on labelled nights and write firmware/lamp/stagemodel.py.

Features are computed by the lamp's own `staging.Stager`, so that training and lamp cannot
differ. Boosted trees (LightGBM, one thread, seeded) give the scores, counts the Markov chain;
temper, class weights and the confidence table are fitted on scores of subjects that the trees
they came from have not seen. Same data, same bytes.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from lamp import staging

from . import nightset, stagefloat

SEED = 1
ROUNDS = {"heart": 36, "motion": 14}
FOLDS = 6  # for the scores that temper, weights and confidence are fitted on
BOOST = {
    "objective": "multiclass",
    "num_class": 4,
    "num_leaves": 8,
    "learning_rate": 0.08,
    "min_data_in_leaf": 60,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class Sample:
    """A night ready for fitting: `x` uint8 (epochs, features), `y` class or -1, `seen` bool."""

    night: nightset.Labelled
    x: np.ndarray
    y: np.ndarray
    seen: np.ndarray


def sample(night: nightset.Labelled) -> Sample:
    """Run the lamp's own feature code over a night."""
    stager = stager_for(night)
    rows = []
    for epoch in night.epochs(motion=True):
        stager.measure(epoch)
        rows.append(bytes(stager.x))
    x = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, staging.FEATURES)
    y = stagefloat.CLASS_OF_STAGE[night.stage]
    return Sample(night, x, y, night.hr_x10.any(axis=1))


def stager_for(night: nightset.Labelled, model=None) -> staging.Stager:
    """A stager in the form of this night's heart rate: a watch's is smooth already."""
    smooth = 0 if night.dataset == "walch2019" else staging.SMOOTH
    return staging.Stager(smooth) if model is None else staging.Stager(smooth, model)


def tree_of(node: dict) -> dict:
    """LightGBM's nested tree -> parallel lists, root first."""
    tree = {"feature": [], "limit": [], "left": [], "right": [], "leaf": []}

    def add(node: dict) -> int:
        if "leaf_value" in node:
            tree["leaf"].append(node["leaf_value"])
            return stagefloat.LEAF + len(tree["leaf"]) - 1
        at = len(tree["feature"])
        tree["feature"].append(node["split_feature"])
        tree["limit"].append(int(np.floor(node["threshold"])))
        for side in ("left", "right"):
            tree[side].append(0)
        for side in ("left", "right"):
            tree[side][at] = add(node[f"{side}_child"])
        return at

    add(node)
    return tree


def boost(samples: Sequence[Sample], rounds: int, columns: int, init=None) -> list[dict]:
    """Boosted trees on the first `columns` features, on top of the scores `init`."""
    x = np.vstack([s.x[:, :columns] for s in samples])
    y = np.concatenate([s.y for s in samples])
    known = (y >= 0) & np.concatenate([s.seen for s in samples])
    score = None if init is None else init[known].ravel(order="F")
    data = lightgbm.Dataset(x[known], y[known], init_score=score)
    booster = lightgbm.train({**BOOST, "boost_from_average": False}, data, rounds)
    info = booster.dump_model()["tree_info"]
    return [tree_of(t["tree_structure"]) for t in info]


def fit_trees(samples: Sequence[Sample]) -> dict:
    """Bias, heart trees on every night, motion trees on top where motion was measured."""
    y = np.concatenate([s.y for s in samples])
    share = np.bincount(y[y >= 0], minlength=4) / (y >= 0).sum()
    model = {"bias": np.log(share).tolist(), "prior": np.log(share).tolist()}
    base = np.tile(np.log(share), (len(y), 1))
    model["heart"] = boost(samples, ROUNDS["heart"], staging.MOTION, base)
    moving = [s for s in samples if (s.night.motion >= 0).any()]
    model["motion"] = []
    if moving:
        base = stagefloat.scores(model, np.vstack([s.x for s in moving]), motion=False)
        model["motion"] = boost(moving, ROUNDS["motion"], staging.FEATURES, base)
    return model


def chain(samples: Sequence[Sample]) -> np.ndarray:
    """Transition probabilities, one pseudo-count each."""
    counts = np.ones((4, 4))
    for s in samples:
        pairs = (s.y[:-1] >= 0) & (s.y[1:] >= 0)
        np.add.at(counts, (s.y[:-1][pairs], s.y[1:][pairs]), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def groups(samples: Sequence[Sample], k: int) -> list[set[str]]:
    """Subjects dealt into at most `k` groups."""
    subjects = list(dict.fromkeys(s.night.subject for s in samples))
    return [set(subjects[i::k]) for i in range(min(k, len(subjects)))]


def outside_scores(samples: Sequence[Sample], motion: bool) -> list[np.ndarray]:
    """Scores of each night by trees that have not seen its subject."""
    out = {}
    for held in groups(samples, FOLDS):
        trees = fit_trees([s for s in samples if s.night.subject not in held])
        for i, s in enumerate(samples):
            if s.night.subject in held:
                out[i] = stagefloat.scores(trees, s.x, motion)
    return [out[i] for i in range(len(samples))]


def fit(samples: Sequence[Sample]) -> dict:
    """The whole float model."""
    model = fit_trees(samples)
    model["chain"] = chain(samples).tolist()
    model["start"] = [0.8, 0.16, 0.02, 0.02]
    tune(model, samples, outside_scores(samples, motion=False))
    return model


def tune(model: dict, samples: Sequence[Sample], score: list[np.ndarray]) -> None:
    """Temper by likelihood, class weights by stage balance, confidence by frequency."""
    y = np.concatenate([s.y for s in samples])
    known = y >= 0

    def posterior() -> np.ndarray:
        return np.vstack(
            [
                stagefloat.forward(model, stagefloat.emissions(model, q), s.seen)
                for s, q in zip(samples, score)
            ]
        )[known]

    truth = y[known]
    best = -np.inf
    for temper in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        model["temper"] = temper
        p = posterior()
        likelihood = np.log(p[np.arange(len(truth)), truth]).mean()
        if likelihood > best:
            best, chosen = likelihood, temper
    model["temper"] = chosen
    p = posterior()
    model["weight"] = balance(p, truth)
    said = stagefloat.decide(model, p)
    model["confidence"] = confidence(said, p[np.arange(len(said)), said], said == truth)


def balance(p: np.ndarray, truth: np.ndarray) -> list[float]:
    """Weights under which each class is said as often as it is true."""
    target = np.bincount(truth, minlength=4) / len(truth)
    weight = np.ones(4)
    for _ in range(60):
        said = np.bincount((p * weight).argmax(axis=1), minlength=4) / len(p)
        weight *= ((target + 0.005) / (said + 0.005)) ** 0.4
    return (weight / weight.max()).tolist()


def confidence(said: np.ndarray, p: np.ndarray, right: np.ndarray) -> list[list[int]]:
    """Percent right per class said and sixteenth of its posterior, never falling."""
    table = []
    for k in range(4):
        row, last = [], 1
        for i in range(16):
            here = (said == k) & (np.minimum((p * 16).astype(int), 15) == i)
            prior = 30 * (i + 0.5) / 16
            value = round(100 * (right[here].sum() + prior) / (here.sum() + 30))
            last = max(last, min(99, value))
            row.append(last)
        table.append(row)
    return table


# --- to integers ------------------------------------------------------------------------------


def pack(trees: list[dict]) -> bytes:
    """Trees as `staging.Stager` walks them; leaves in 1/256, clipped to one byte."""
    out = bytearray()
    for t in trees:
        out.append(len(t["feature"]))
        for node in zip(t["feature"], t["limit"], t["left"], t["right"]):
            out += bytes(node)
        out += bytes(int(np.clip(round(v * 256), -128, 127)) + 128 for v in t["leaf"])
    return bytes(out)


def integers(model: dict) -> dict[str, bytes | tuple[int, ...]]:
    """The tables of `stagemodel.py`, by name."""

    def scaled(values, scale: int) -> tuple[int, ...]:
        return tuple(int(v) for v in np.rint(np.ravel(values) * scale))

    return {
        "BIAS": scaled(model["bias"], 256),
        "PRIOR": scaled(model["prior"], 256),
        "START": scaled(model["start"], 1 << 14),
        "CHAIN": scaled(model["chain"], 1 << 14),
        # temper in 1/64 octaves per 1/256 nat, Q10
        "TEMPER": round(model["temper"] * np.log2(np.e) * 64 / 256 * 1024),
        "WEIGHT": scaled(model["weight"], 1 << 12),
        "EXP2": np.rint(16384 * 2.0 ** (-np.arange(64) / 64)).astype("<u2").tobytes(),
        "CONFIDENCE": bytes(v for row in model["confidence"] for v in row),
        "HEART": pack(model["heart"]),
        "MOTION": pack(model["motion"]),
    }


def render(model: dict, samples: Sequence[Sample]) -> str:
    """The text of firmware/lamp/stagemodel.py."""
    tables = integers(model)
    size = sum(len(v) for v in tables.values() if isinstance(v, bytes))
    listed = sorted(f"{s.night.dataset}/{s.night.record}" for s in samples)
    digest = hashlib.sha256(b"".join(s.x.tobytes() + s.y.tobytes() for s in samples)).hexdigest()
    head = [
        '"""Tables of the stager, written by `make train`; do not edit.',
        "",
        f"Seed {SEED}, LightGBM {lightgbm.__version__}, sha256 of features and labels",
        f"{digest}. {size} bytes of tables.",
        "Trained on Walch 2019 sleep-accel 1.0.0 and MIT-BIH slpdb 1.0.0 (PhysioNet, ODC-By 1.0):",
        *wrap(listed),
        '"""',
        "",
    ]
    return "\n".join(head + [line for k, v in tables.items() for line in literal(k, v)]) + "\n"


def wrap(words: Sequence[str], width: int = 95) -> list[str]:
    """Words as lines, four spaces in."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > width - 4:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return ["    " + line for line in lines]


def literal(name: str, value) -> list[str]:
    """One table as Python source of at most 99 columns."""
    if not isinstance(value, bytes):
        return [f"{name} = {value!r}"]
    lines = [f"{name} = ("]
    for at in range(0, len(value), 22):
        lines.append('    b"' + "".join(f"\\x{b:02x}" for b in value[at : at + 22]) + '"')
    return [*lines, ")"]


def main() -> int:
    """train DATA: write the model file."""
    data = Path(sys.argv[1])
    nights = [n for d in nightset.DATASETS for n in nightset.nights(data, d)]
    if not nights:
        print(f"no labelled nights of {', '.join(nightset.DATASETS)} under {data}")
        return 2
    samples = [sample(n) for n in nights]
    model = fit(samples)
    target = Path(staging.__file__).with_name("stagemodel.py")
    target.write_text(render(model, samples))
    records = sorted(f"{s.night.dataset}/{s.night.record}" for s in samples)
    twin = Path(__file__).with_name("stagetwin.json")
    twin.write_text(json.dumps({"records": records, "causal": rounded(model)}) + "\n")
    print(f"{target.name}: {len(integers(model)['HEART'])} + {len(integers(model)['MOTION'])}")
    return 0


def rounded(value):
    """Floats to six digits, so that the JSON is short."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
