"""The stager's floating-point twin: the same trees and Markov filter, many nights at once.

A model is a plain dict (JSON on disk): `heart` and `motion` lists of trees, each {feature, limit,
left, right, leaf} (a child of LEAF and up is a leaf), one tree per class in turn; `bias`, `prior`
(log), `chain` (4 x 4), `start`; and for heart alone and with motion (0, 1) `temper` and
`weight`. Nights are lists of arrays (epochs, ...). Knows no files and no LightGBM.
"""

import numpy as np

CLASSES = ("W", "N2", "N3", "R")
CLASS_OF_STAGE = np.array([0, 1, 1, 2, 3, -1])  # the recordings' codes; -1 stays -1
LEAF = 128
FLOOR = 2**-14  # no class is ever ruled out; the lamp's smallest probability
Nights = list[np.ndarray]


def leaves(tree: dict, x: np.ndarray) -> np.ndarray:
    """The leaf number every row of `x` ends in."""
    feature, limit = np.array(tree["feature"], int), np.array(tree["limit"], int)
    children = np.array([tree["left"], tree["right"]], int)
    node = np.zeros(len(x), int)
    inner = np.arange(len(x)) if len(feature) else np.arange(0)
    if not len(feature):
        node += LEAF
    while len(inner):
        at = node[inner]
        node[inner] = children[(x[inner, feature[at]] > limit[at]).astype(int), at]
        inner = inner[node[inner] < LEAF]
    return node - LEAF


def scores(model: dict, x: np.ndarray, motion: bool) -> np.ndarray:
    """The trees' sums, natural log, rows x classes."""
    total = np.tile(np.array(model["bias"], float), (len(x), 1))
    for part in ("heart", "motion") if motion else ("heart",):
        for i, tree in enumerate(model[part]):
            total[:, i % total.shape[1]] += np.array(tree["leaf"])[leaves(tree, x)]
    return total


def stack(nights: Nights) -> np.ndarray:
    """Nights of unequal length as one array, padded with ones."""
    out = np.ones((len(nights), max(map(len, nights)), *nights[0].shape[1:]))
    for row, night in zip(out, nights):
        row[: len(night)] = night
    return out


def emissions(model: dict, score: Nights, seen: Nights, motion: bool) -> np.ndarray:
    """How much each class speaks for itself, tempered, best = 1; 1 where nothing was seen."""
    out = []
    for s, here in zip(score, seen):
        d = model["temper"][motion] * (s - np.array(model["prior"]))
        e = np.exp(d - d.max(axis=1, keepdims=True))
        e[~here] = 1
        out.append(e)
    return stack(out)


def forward(model: dict, emission: np.ndarray) -> np.ndarray:
    """Causal posteriors, nights x epochs x classes."""
    chain = np.array(model["chain"])
    alpha = np.tile(model["start"], (len(emission), 1))
    out = np.empty_like(emission)
    for t in range(emission.shape[1]):
        alpha = alpha @ chain * emission[:, t]
        alpha = np.maximum(alpha / alpha.sum(axis=1, keepdims=True), FLOOR)
        out[:, t] = alpha
    return out


def lagged(model: dict, emission: np.ndarray, lag: int) -> np.ndarray:
    """Posteriors of an epoch once `lag` more are known."""
    chain, out = np.array(model["chain"]), forward(model, emission)
    ahead = np.concatenate([emission, np.ones((len(emission), lag, emission.shape[2]))], axis=1)
    beta = np.ones_like(emission)
    for k in range(lag, 0, -1):
        beta = (beta * ahead[:, k : k + emission.shape[1]]) @ chain.T
        beta /= beta.sum(axis=2, keepdims=True)
    return out * beta / (out * beta).sum(axis=2, keepdims=True)


def smooth(model: dict, emission: np.ndarray) -> np.ndarray:
    """Whole-night posteriors: forward, then backward."""
    chain, out = np.array(model["chain"]), forward(model, emission)
    beta = np.ones(out[:, 0].shape)
    for t in range(out.shape[1] - 1, -1, -1):
        out[:, t] *= beta
        beta = (beta * emission[:, t]) @ chain.T
        beta /= beta.sum(axis=1, keepdims=True)
    return out / out.sum(axis=2, keepdims=True)


def posteriors(
    model: dict, score: Nights, seen: Nights, motion: bool, lag: int | None = 0
) -> Nights:
    """Each night's posteriors: causal, `lag` epochs late, or (None) in the morning."""
    emission = emissions(model, score, seen, motion)
    if lag is None:
        out = smooth(model, emission)
    else:
        out = lagged(model, emission, lag) if lag else forward(model, emission)
    return [p[: len(s)] for p, s in zip(out, score)]


def decide(model: dict, posterior: np.ndarray, motion: bool) -> np.ndarray:
    """The class whose weighted posterior is largest."""
    return (posterior * np.array(model["weight"][motion])).argmax(axis=1)
