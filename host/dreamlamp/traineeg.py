"""make train, EEG's half: fit the EEG stager and write firmware/lamp/eegmodel.py.

As `train`, with the lamp's own eegfeatures and one model for either derivation. Temper and the
confidence table are fitted on scores of subjects that the trees had not seen. Same data, same
bytes.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from lamp import eegfeatures, forest
from sklearn.metrics import cohen_kappa_score

from . import eegset, stagefloat, train

TWINS = Path(__file__).with_name("eegtwin.json")
CLASSES = 5
START = [0.8, 0.17, 0.01, 0.01, 0.01]  # lights are just out
ROUNDS = 42  # 8 kB of tables
FOLDS = 4
TEMPERS = (0.5, 0.65, 0.8, 1.0)
BOOST = train.BOOST | {"num_class": CLASSES, "learning_rate": 0.2, "min_data_in_leaf": 40}


@dataclass(frozen=True)
class Sample:
    """A night ready for fitting: `x` uint8 (epochs, features), `y` class or -1, `seen` bool."""

    night: eegset.Labelled
    x: np.ndarray
    y: np.ndarray
    seen: np.ndarray


def sample(night: eegset.Labelled) -> Sample:
    """Run the lamp's own feature code over a night."""
    features = eegfeatures.Features()
    rows, seen = [], []
    for epoch in night.epochs():
        features.take(epoch)
        rows.append(bytes(features.x))
        seen.append(features.blind == 0)
    x = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, eegfeatures.FEATURES)
    return Sample(night, x, night.stage.astype(int), np.array(seen))


def whole(s: Sample) -> Sample:
    """What a laptop could know in the morning: the same now and 2 and 5 min on, and each band's
    rank in the whole night."""
    later = [s.x[np.minimum(np.arange(len(s.x)) + d, len(s.x) - 1)] for d in (0, 4, 10)]
    rank = s.x[:, :33].argsort(axis=0).argsort(axis=0) * 255 // len(s.x)
    return replace(s, x=np.hstack([*later, rank]).astype(np.uint8))


def fit_trees(samples: Sequence[Sample]) -> dict:
    x, y = train.known(samples)
    share = np.log(np.bincount(y, minlength=CLASSES) / len(y))
    model = {"bias": share.tolist(), "prior": share.tolist(), "motion": []}
    model["heart"] = train.boost(x, y, np.tile(share, (len(y), 1)), ROUNDS, BOOST)
    return model


def fit(samples: Sequence[Sample], morning: bool = False) -> dict:
    """The float model; `morning` tunes it for smoothing over the whole night."""
    model = fit_trees(samples)
    model |= {"chain": train.chain(samples, CLASSES).tolist(), "start": START}
    model["weight"] = [[1.0] * CLASSES]
    scores: dict[int, np.ndarray] = {}
    for held in train.groups(samples, 2 if morning else FOLDS):
        trees = fit_trees([s for s in samples if s.night.subject not in held])
        for i, s in enumerate(samples):
            if s.night.subject in held:
                scores[i] = stagefloat.scores(trees, s.x, False)
    y = np.concatenate([s.y for s in samples])
    best = -1.0
    for temper in TEMPERS:
        trial = {**model, "temper": [temper]}
        p = np.vstack(
            stagefloat.posteriors(
                trial,
                [scores[i] for i in range(len(samples))],
                [s.seen for s in samples],
                False,
                None if morning else 0,
            )
        )[y >= 0]
        said, truth = p.argmax(axis=1), y[y >= 0]
        kappa = cohen_kappa_score(truth, said)
        if kappa > best:
            best, model["temper"] = kappa, [temper]
            sure = p[np.arange(len(said)), said]
            model["confidence"] = train.confidence(said, sure, said == truth, CLASSES)
    return model


def integers(model: dict) -> dict:
    """The tables of `eegmodel.py` by name; TREES is a file, as on the lamp."""
    tables = train.integers(model | {"gate": [], "motion": []})
    del tables["GATE"]
    tables["TABLES"] = tables["TABLES"][:1]
    return tables


def render(model: dict, samples: Sequence[Sample]) -> str:
    """The text of firmware/lamp/eegmodel.py."""
    tables = integers(model)
    trees = tables.pop("TREES").getvalue()
    size = len(trees) + sum(len(v) for v in tables.values() if isinstance(v, bytes))
    listed = sorted({f"{eegset.DATASET}/{s.night.record}" for s in samples})
    digest = hashlib.sha256(b"".join(s.x.tobytes() + s.y.tobytes() for s in samples)).hexdigest()
    head = [
        '"""Tables of the EEG stager, written by `make train`; do not edit.',
        "",
        f"Seed {train.SEED}, {train.LIBRARY}, sha256 of features and labels",
        f"{digest}. {size} bytes of tables.",
        "Trained on band powers of Sleep-EDF (sleep-edfx 1.0.0, PhysioNet, ODC-By 1.0):",
        *train.wrap(listed),
        '"""',
        "",
    ]
    lines = [line for k, v in tables.items() for line in train.literal(k, v)]
    return "\n".join([*head, *lines, train.OPEN.replace("stagetrees", "eegtrees")]) + "\n"


def main() -> int:
    """traineeg DATA: write the model file."""
    data = Path(sys.argv[1])
    samples = [sample(n) for n in eegset.nights(data)]
    if not samples:
        print(f"no recordings of {eegset.DATASET} under {data}")
        return 2
    model = fit(samples)
    module = Path(forest.__file__).with_name("eegmodel.py")
    module.write_text(render(model, samples))
    module.with_name("eegtrees.bin").write_bytes(integers(model)["TREES"].getvalue())
    twins = {"causal": model, "whole": fit([whole(s) for s in samples], morning=True)}
    records = sorted({f"{eegset.DATASET}/{s.night.record}" for s in samples})
    TWINS.write_text(json.dumps({"records": records, **train.rounded(twins)}) + "\n")
    print(f"{module.name} and eegtrees.bin, from {len(records)} nights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
