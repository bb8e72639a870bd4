"""The stager's floating-point twin: the same trees and Markov filter, on a whole night at once.

A model is a plain dict (JSON on disk): `heart` and `motion` lists of trees, each {feature, limit,
left, right, leaf} (a child of LEAF and up is a leaf), one tree per class in turn; `bias`, `prior`
(log), `chain` (4 x 4), `start`, `temper`, `weight`. Knows no files and no LightGBM.
"""

import numpy as np

CLASSES = ("W", "N2", "N3", "R")
CLASS_OF_STAGE = np.array([0, 1, 1, 2, 3, -1])  # the recordings' codes; -1 stays -1
LEAF = 128


def leaves(tree: dict, x: np.ndarray) -> np.ndarray:
    """The leaf number every row of `x` ends in."""
    feature, limit = np.array(tree["feature"]), np.array(tree["limit"])
    children = np.array([tree["left"], tree["right"]])
    node = np.zeros(len(x), int)
    for _ in range(len(feature)):
        inner = np.flatnonzero(node < LEAF)
        if not len(inner):
            break
        at = node[inner]
        node[inner] = children[(x[inner, feature[at]] > limit[at]).astype(int), at]
    return node - LEAF


def scores(model: dict, x: np.ndarray, motion: bool) -> np.ndarray:
    """The trees' sums, natural log, rows x classes."""
    total = np.tile(np.array(model["bias"], float), (len(x), 1))
    for part in ("heart", "motion") if motion else ("heart",):
        for i, tree in enumerate(model[part]):
            total[:, i % 4] += np.array(tree["leaf"])[leaves(tree, x)]
    return total


def emissions(model: dict, score: np.ndarray) -> np.ndarray:
    """How much each class speaks for itself, tempered, best = 1."""
    d = model["temper"] * (score - np.array(model["prior"]))
    return np.exp(d - d.max(axis=1, keepdims=True))


def forward(model: dict, emission: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Causal posteriors; an epoch not `seen` only moves on by one step of the chain."""
    chain, alpha = np.array(model["chain"]), np.array(model["start"])
    out = np.empty_like(emission)
    for t, e in enumerate(emission):
        alpha = alpha @ chain
        if seen[t]:
            alpha = alpha * e
        alpha = out[t] = alpha / alpha.sum()
    return out


def smooth(model: dict, emission: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Whole-night posteriors: forward, then backward."""
    chain, alpha = np.array(model["chain"]), forward(model, emission, seen)
    beta = np.ones(4)
    for t in range(len(alpha) - 1, -1, -1):
        alpha[t] *= beta
        beta = chain @ (beta * (emission[t] if seen[t] else 1))
        beta /= beta.sum()
    return alpha / alpha.sum(axis=1, keepdims=True)


def decide(model: dict, posterior: np.ndarray) -> np.ndarray:
    """The class whose weighted posterior is largest."""
    return (posterior * np.array(model["weight"])).argmax(axis=1)
