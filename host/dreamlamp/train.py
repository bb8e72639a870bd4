"""make train: fit the stager on labelled nights and write firmware/lamp/stagemodel.py.

Features are computed by the lamp's own `staging.Stager`, so that training and lamp cannot
differ. Boosted trees (LightGBM, one thread, seeded) give the scores, counts the Markov chain;
temper, class weights and the confidence tables are fitted on scores of subjects that the trees
they came from have not seen. Same data, same bytes.
"""

import hashlib
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm
import numpy as np
from lamp import stagefeatures, staging
from sklearn.metrics import cohen_kappa_score

from . import hindsight, nightset, stagefloat

SEED = 1
LIBRARY = f"LightGBM {lightgbm.__version__}"
TWINS = Path(__file__).with_name("stagetwin.json")  # the float and whole-night twins
RANKED = slice(0, 25)  # the windows' features, ranked over the whole night
THREE = np.array([0, 1, 1, 2])  # class -> wake, NREM, REM
START = [0.8, 0.16, 0.02, 0.02]  # lights are just out
FOLDS = 4  # for the scores that temper, weights and confidence are fitted on
GATE_RECALL = 0.49  # of REM, by p_r at the gate; the goal is precision at a recall of 0.50
TEMPERS = (0.2, 0.3, 0.4, 0.55)
ROUNDS = {"heart": 38, "motion": 15}  # 8 kB of tables; see docs/attempts.md for the figures
BOOST = {
    "objective": "multiclass",
    "num_class": 4,
    "num_leaves": 8,
    "learning_rate": 0.15,
    "extra_trees": True,  # random limits: less fitted to the few sleepers there are
    "min_data_in_leaf": 60,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "boost_from_average": False,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class Sample:
    """A night ready for fitting: `x` uint8 (epochs, features; the first `hearts` of the heart
    alone), `y` class or -1, `seen` bool."""

    night: nightset.Labelled
    x: np.ndarray
    y: np.ndarray
    seen: np.ndarray
    hearts: int = stagefeatures.HEART

    @property
    def moving(self) -> bool:
        """Whether motion was measured."""
        return bool((self.night.motion >= 0).any())


def smoothing(night: nightset.Labelled) -> int:
    """A watch's rate is smooth already; one made of beats is brought to its form."""
    return 0 if night.dataset == "walch2019" else staging.SMOOTH


def sample(night: nightset.Labelled) -> Sample:
    """Run the lamp's own feature code over a night."""
    features = stagefeatures.Features(smoothing(night))
    rows, seen = [], []
    for epoch in night.epochs(motion=True):
        features.take(epoch)
        rows.append(bytes(features.x))
        seen.append(features.blind == 0)
    x = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, stagefeatures.FEATURES)
    return Sample(night, x, stagefloat.CLASS_OF_STAGE[night.stage], np.array(seen))


def whole(s: Sample) -> Sample:
    """What a laptop could know in the morning: the same features now and 5 and 15 min on
    (whose windows look back over the epoch), and what the whole night says of the epoch."""
    later = [np.minimum(np.arange(len(s.x)) + d, len(s.x) - 1) for d in (0, 10, 30)]
    heart, motion = s.x[:, : s.hearts], s.x[:, s.hearts :]
    rank = heart[:, RANKED].argsort(axis=0).argsort(axis=0) * 255 // len(heart)
    left = np.minimum(np.arange(len(heart))[::-1] // 4, 255)[:, None]
    hearts = [*(heart[at] for at in later), rank, left]
    x = np.hstack([*hearts, *(motion[at] for at in later)]).astype(np.uint8)
    return replace(s, x=x, hearts=sum(h.shape[1] for h in hearts))


def name(night: nightset.Labelled) -> str:
    """A night's name in the list of those a model was fitted on."""
    return f"{night.dataset}/{night.record}"


def digest(night: nightset.Labelled) -> str:
    """What knows a night's labels again when its file has another name."""
    return hashlib.sha256(night.stage.tobytes()).hexdigest()[:12]


def tree_of(node: dict) -> dict:
    """LightGBM's nested tree -> parallel lists, root first."""
    tree: dict[str, list] = {"feature": [], "limit": [], "left": [], "right": [], "leaf": []}

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


def boost(
    x: np.ndarray, y: np.ndarray, base: np.ndarray, rounds: int, options: dict = BOOST
) -> list[dict]:
    """Boosted trees on top of the scores `base`."""
    data = lightgbm.Dataset(x, y, init_score=base.ravel(order="F"))
    info = lightgbm.train(options, data, rounds).dump_model()["tree_info"]
    return [tree_of(t["tree_structure"]) for t in info]


def known(samples: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes of every epoch that has both."""
    x, y = np.vstack([s.x for s in samples]), np.concatenate([s.y for s in samples])
    use = (y >= 0) & np.concatenate([s.seen for s in samples])
    return x[use], y[use]


def fit_trees(samples: Sequence[Sample], rounds: dict = ROUNDS) -> dict:
    """Bias, heart trees from every night, motion trees on top where motion was measured."""
    x, y = known(samples)
    share = np.log(np.bincount(y, minlength=4) / len(y))
    model = {"bias": share.tolist(), "prior": share.tolist(), "heart": [], "motion": []}
    base = np.tile(share, (len(y), 1))
    model["heart"] = boost(x[:, : samples[0].hearts], y, base, rounds["heart"])
    moving = [s for s in samples if s.moving]
    if moving:
        x, y = known(moving)
        base = stagefloat.scores(model, x, motion=False)
        model["motion"] = boost(x, y, base, rounds["motion"])
    return model


def chain(samples: Sequence, classes: int = 4) -> np.ndarray:
    """Transition probabilities, one pseudo-count each."""
    counts = np.ones((classes, classes))
    for s in samples:
        pairs = (s.y[:-1] >= 0) & (s.y[1:] >= 0)
        np.add.at(counts, (s.y[:-1][pairs], s.y[1:][pairs]), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def groups(samples: Sequence, k: int) -> list[set[str]]:
    """Subjects dealt into at most `k` groups."""
    subjects = list(dict.fromkeys(s.night.subject for s in samples))
    return [set(subjects[i::k]) for i in range(min(k, len(subjects)))]


def outside(
    samples: Sequence[Sample], rounds: dict, folds: int
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Scores of each night, heart alone and with motion, by trees that never saw its subject."""
    scores: tuple[dict[int, np.ndarray], dict[int, np.ndarray]] = ({}, {})
    for held in groups(samples, folds):
        trees = fit_trees([s for s in samples if s.night.subject not in held], rounds)
        for i, s in enumerate(samples):
            if s.night.subject in held:
                for motion in (0, 1):
                    scores[motion][i] = stagefloat.scores(trees, s.x, bool(motion))
    return scores


def fit(samples: Sequence[Sample], rounds: dict = ROUNDS, morning: bool = False) -> dict:
    """The float model; `morning` tunes it for smoothing over the whole night."""
    model = fit_trees(samples, rounds)
    model["chain"] = chain(samples).tolist()
    model["start"] = START
    model |= {
        "gate": [0.5, 0.5],
        "temper": [0.3, 0.3],
        "weight": [[1.0] * 4] * 2,
        "confidence": [[[0] * 16] * 4] * 2,
        "figures": [{}, {}],
    }
    late: dict[str, list] = {}
    if not morning:
        late |= {name: list(model[name]) for name in ("weight", "confidence", "gate")}
    model["hindsight"] = late
    for motion, scores in enumerate(outside(samples, rounds, 2 if morning else FOLDS)):
        use = [i for i, s in enumerate(samples) if s.moving or not motion]
        if use:
            nights, said = [samples[i] for i in use], [scores[i] for i in use]
            tune(model, nights, said, motion, morning)
            if late:
                decisions(late, *judged(model, nights, said, motion, hindsight.LAG), motion)
    return model


def judged(
    model: dict, samples: Sequence[Sample], scores: list, motion: int, lag: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of the epochs that PSG scored, and what it said."""
    y = np.concatenate([s.y for s in samples])
    p = stagefloat.posteriors(model, scores, [s.seen for s in samples], bool(motion), lag)
    return np.vstack(p)[y >= 0], y[y >= 0]


def decisions(model: dict, p: np.ndarray, truth: np.ndarray, motion: int) -> np.ndarray:
    """Set class weights by stage balance, confidence by frequency, the gate; return classes."""
    weight = balance(p, truth)
    said = (p * weight).argmax(axis=1)
    sure = p[np.arange(len(said)), said]
    model["weight"][motion] = weight
    model["confidence"][motion] = confidence(said, sure, said == truth)
    model["gate"][motion] = float(np.quantile(p[truth == 3, 3], 1 - GATE_RECALL))
    return said


def tune(model: dict, samples: Sequence[Sample], scores: list, motion: int, morning: bool) -> None:
    """Temper by kappa; and what `decisions` sets under it."""
    best = -1.0
    for temper in TEMPERS:
        trial = {**model, "temper": [temper, temper]}
        p, truth = judged(trial, samples, scores, motion, None if morning else 0)
        kappa = cohen_kappa_score(THREE[truth], THREE[(p * balance(p, truth)).argmax(axis=1)])
        if kappa > best:
            best = kappa
            model["temper"][motion] = temper
            said = decisions(model, p, truth, motion)
            model["figures"][motion] = figures(samples, said)


def figures(samples: Sequence[Sample], said: np.ndarray) -> dict[str, float]:
    """Three-class kappa of each data set, by trees that never saw the subject."""
    y = np.concatenate([s.y for s in samples])
    of = np.concatenate([[s.night.dataset] * len(s.y) for s in samples])[y >= 0]
    truth = y[y >= 0]
    return {
        name: round(float(cohen_kappa_score(THREE[truth[of == name]], THREE[said[of == name]])), 3)
        for name in sorted(set(of))
    }


def balance(p: np.ndarray, truth: np.ndarray) -> list[float]:
    """Weights under which each class is said as often as it is true."""
    classes = p.shape[1]
    target = np.bincount(truth, minlength=classes) / len(truth)
    weight = np.ones(classes)
    for _ in range(60):
        said = np.bincount((p * weight).argmax(axis=1), minlength=classes) / len(p)
        weight *= ((target + 0.005) / (said + 0.005)) ** 0.4
    return (weight / weight.max()).tolist()


def confidence(
    said: np.ndarray, p: np.ndarray, right: np.ndarray, classes: int = 4
) -> list[list[int]]:
    """Percent right per class said and sixteenth of its posterior, never falling; where there
    were few, towards the posterior itself (worth 30 epochs)."""
    table = []
    for k in range(classes):
        row, last = [], 1
        for i in range(16):
            here = (said == k) & (np.minimum((p * 16).astype(int), 15) == i)
            prior = 30 * (i + 0.5) / 16
            last = max(last, min(99, round(100 * (right[here].sum() + prior) / (here.sum() + 30))))
            row.append(last)
        table.append(row)
    return table


# --- to integers ------------------------------------------------------------------------------


TREE = 37  # bytes of a tree of eight leaves: staging.Stager reads them in blocks
OPEN = """
# walked once in 30 s, and too large for the lamp's memory
TREES = open(__file__.rsplit("/", 1)[0] + "/stagetrees.bin", "rb")  # noqa: SIM115"""


def pack(trees: list[dict]) -> bytes:
    """Trees as `staging.Stager` walks them; leaves in 1/256, clipped to one byte."""
    out = bytearray()
    for t in trees:
        start = len(out)
        out.append(len(t["feature"]))
        for node in zip(t["feature"], t["limit"], t["left"], t["right"]):
            out += bytes(node)
        out += bytes(int(np.clip(round(v * 256), -128, 127)) + 128 for v in t["leaf"])
        out += bytes(start + TREE - len(out))
    return bytes(out)


def scaled(values, scale: float) -> tuple[int, ...]:
    """`values`, of any shape, as one row of integers."""
    return tuple(int(v) for v in np.rint(np.ravel(values) * scale))


def looking_back(model: dict) -> dict:
    """The tables of `hindsight`, as they go into JSON."""
    late = model["hindsight"]
    return {
        "chain": np.reshape(scaled(model["chain"], 1 << 14), (4, 4)).tolist(),
        "weight": np.reshape(scaled(late["weight"], 1 << 12), (2, 4)).tolist(),
        "confidence": late["confidence"],
        "gate": scaled(late["gate"], 256),
    }


def integers(model: dict) -> dict:
    """The tables of `stagemodel.py` by name; TREES is a file, as on the lamp."""

    return {
        "BIAS": scaled(model["bias"], 256),
        "PRIOR": scaled(model["prior"], 256),
        "START": scaled(model["start"], 1 << 14),
        "CHAIN": scaled(model["chain"], 1 << 14),
        # temper in 1/64 octaves per 1/256 nat, Q10
        "TEMPER": scaled(model["temper"], np.log2(math.e) * 64 / 256 * 1024),
        "GATE": scaled(model["gate"], 256),  # p_r from here on is REM with high precision
        "WEIGHT": scaled(model["weight"], 1 << 12),
        "EXP2": np.rint(16384 * 2.0 ** (-np.arange(64) / 64)).astype("<u2").tobytes(),
        "CONFIDENCE": bytes(int(v) for v in np.ravel(model["confidence"])),
        # the heart's trees, and motion's on top: first tree, how many
        "TABLES": ((0, len(model["heart"])), (len(model["heart"]), len(model["motion"]))),
        "TREES": io.BytesIO(pack(model["heart"]) + pack(model["motion"])),
    }


def first_made(module: Path, render: Callable[[str], str]) -> str:
    """The text of a model file with the commit at which just these tables were first made."""
    old = module.read_text()
    known = re.search(r"commit (\w+)", old)
    if known and render(known[1]) == old:
        return old
    asked = ["git", "-C", str(module.parent), "rev-parse", "--short=10", "HEAD"]
    here = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return render(here or "unknown")


def render(model: dict, samples: Sequence[Sample], commit: str = "unknown") -> str:
    """The text of firmware/lamp/stagemodel.py."""
    kappas = [
        ", ".join(f"{name} {kappa:.3f}" for name, kappa in kind.items())
        for kind in model["figures"]
    ]
    tables = integers(model)
    trees = tables.pop("TREES").getvalue()
    size = len(trees) + sum(len(v) for v in tables.values() if isinstance(v, bytes))
    listed = sorted(name(s.night) for s in samples)
    digest = hashlib.sha256(b"".join(s.x.tobytes() + s.y.tobytes() for s in samples)).hexdigest()
    head = [
        '"""Tables of the stager, written by `make train`; do not edit.',
        "",
        f"Seed {SEED}, {LIBRARY}, sha256 of features and labels",
        f"{digest}. {size} bytes of tables.",
        f"First made at commit {commit}.",
        f"Kappa of wake, NREM and REM, subjects held out ({FOLDS} folds, tuned on these nights):",
        f"    heart alone: {kappas[0]}; with motion: {kappas[1]}",
        "The bench's are stricter: one subject held out, everything nested.",
        "Trained on Walch 2019 sleep-accel 1.0.0 and MIT-BIH slpdb 1.0.0 (PhysioNet, ODC-By 1.0):",
        *wrap(listed),
        '"""',
        "",
    ]
    lines = [line for k, v in tables.items() for line in literal(k, v)]
    return "\n".join(head + lines + [OPEN]) + "\n"


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
        line = f"{name} = {value!r}"
        return [line] if len(line) <= 99 else [f"{name} = (", *(f"    {v}," for v in value), ")"]
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
    module = Path(staging.__file__).with_name("stagemodel.py")
    module.write_text(first_made(module, lambda commit: render(model, samples, commit)))
    module.with_name("stagetrees.bin").write_bytes(integers(model)["TREES"].getvalue())
    twins = {"causal": model, "whole": fit([whole(s) for s in samples], morning=True)}
    records = {name(n): digest(n) for n in sorted(nights, key=name)}
    TWINS.write_text(json.dumps({"records": records, **rounded(twins)}) + "\n")
    hindsight.FILE.write_text(json.dumps(looking_back(model)) + "\n")
    print(f"{module.name}, stagetrees.bin and {hindsight.FILE.name}, from {len(records)} nights")
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
