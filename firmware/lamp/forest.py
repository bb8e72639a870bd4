"""Boosted trees and a Markov filter, in integers: features of an epoch -> stage and confidence.

The trees (of a model file that the laptop fitted on the features of this very firmware) score the
classes; a hidden Markov model filters the scores over the night, forward only, so a stage is known
the moment its epoch ends. The confidence is the share of epochs of unseen sleepers for which a
stage said with that probability was right. Knows no signal and no log.
"""

from array import array

from . import wire
from .compat import const

HISTORY = const(4)  # epochs with a signal before the first stage: with fewer the windows are empty
BLIND = const(10)  # epochs without one that the Markov model bridges; 5 min, a loose sensor
_LEAF = const(128)  # a child number from here on is a leaf
_TREE = const(37)  # bytes of a tree: 7 splits, 8 leaves
_BLOCK = const(8)  # trees read at once


class Forest:
    """One night's staging by `features` (`take(epoch)` fills `x`; `seen`, `blind`) and `model`.

    `stages` names the model's classes, the first wake, the last two deep sleep and REM. A model
    with a second table of trees adds it where motion was measured. `feed(epoch)` once per epoch,
    in order.
    """

    def __init__(self, features, model, stages):
        self.features = features
        self.model = model
        self.stages = stages
        self.classes = len(stages)
        self.logit = array("i", [0] * self.classes)  # the trees' scores, natural log x256
        self.alpha = array("i", model.START)  # filtered probabilities, Q14
        self._next = array("i", model.START)
        self._exp2 = array("H", model.EXP2)  # 2 ** (-i / 64), Q14
        self._block = bytearray(_BLOCK * _TREE)

    def feed(self, epoch):
        """Stage `epoch`: set `stage`, `confidence`, `p_w`, `p_n3`, `p_r`."""
        self.features.take(epoch)
        self._step()
        motion = 1 if epoch.motion >= 0 and len(self.model.TABLES) > 1 else 0
        if self.features.blind == 0 and self._score(motion):
            self._weigh(self.model.TEMPER[motion])
        if self.abstains(epoch.flags):
            epoch.stage = wire.UNSCORED
            epoch.confidence = epoch.p_w = epoch.p_n3 = epoch.p_r = 0
        else:
            self._decide(epoch, motion)

    def abstains(self, flags):
        """Unworn, too little history, no signal."""
        f = self.features
        return not flags & wire.F_WORN or f.seen < HISTORY or f.blind > BLIND

    def _score(self, motion):
        """Add up the leaves that the epoch falls into; False if the flash cannot be read."""
        for k in range(self.classes):
            self.logit[k] = self.model.BIAS[k]
        try:
            self._add(self.model.TABLES[0])
            if motion:
                self._add(self.model.TABLES[1])
        except OSError:
            return False
        return True

    def _add(self, table):
        """Walk the trees of `table` (first, how many), one per class in turn.

        They are read from flash as they are walked: once in 30 s is seldom, and 8 kB are dear
        in the lamp's memory. A tree is its number of splits n, n of (feature, largest value
        that goes left, left, right), n + 1 leaves plus 128, and zeros up to _TREE bytes.
        """
        x, logit = self.features.x, self.logit
        block, trees = self._block, self.model.TREES
        first, count = table
        trees.seek(first * _TREE)
        k = 0
        while count > 0:
            trees.readinto(block)
            for tree in range(min(count, _BLOCK)):
                at = tree * _TREE + 1
                n = block[at - 1]
                node = 0 if n else _LEAF
                while node < _LEAF:
                    p = at + (node << 2)
                    node = block[p + 2] if x[block[p]] <= block[p + 1] else block[p + 3]
                logit[k] += block[at + (n << 2) + node - _LEAF] - 128
                k = k + 1 if k + 1 < self.classes else 0
            count -= _BLOCK

    def _step(self):
        """One step of the Markov chain: alpha <- alpha T, rounded."""
        alpha, new = self.alpha, self._next
        chain, n = self.model.CHAIN, self.classes
        for j in range(n):
            total = 8192
            for i in range(n):
                total += alpha[i] * chain[i * n + j]
            new[j] = total >> 14
        for j in range(n):
            alpha[j] = new[j]

    def _weigh(self, temper):
        """alpha <- alpha 2**-d, d each score's tempered distance to the best; sum about Q14."""
        alpha, new = self.alpha, self._next  # four at once would be a tuple on the heap
        model, exp2 = self.model, self._exp2
        best = -(1 << 20)
        for k in range(self.classes):
            best = max(best, self.logit[k] - model.PRIOR[k])
        total = 0
        for k in range(self.classes):
            d = (best - self.logit[k] + model.PRIOR[k]) * temper + 512 >> 10  # 1/64 octaves
            new[k] = alpha[k] * (exp2[d & 63] >> (d >> 6) if d < 896 else 1)
            total += new[k]
        total = (total >> 14) + 1
        for k in range(self.classes):
            alpha[k] = max(1, (new[k] + (total >> 1)) // total)

    def _decide(self, epoch, motion):
        """The class whose weighted probability is largest, and how often that is right."""
        alpha, weight = self.alpha, self.model.WEIGHT
        best, row = 0, motion * self.classes
        for k in range(1, self.classes):
            if alpha[k] * weight[row + k] > alpha[best] * weight[row + best]:
                best = k
        epoch.stage = self.stages[best]
        row = (row + best << 4) + min(15, alpha[best] >> 10)
        epoch.confidence = self.model.CONFIDENCE[row]
        epoch.p_w = min(255, alpha[0] >> 6)
        epoch.p_n3 = min(255, alpha[-2] >> 6)
        epoch.p_r = min(255, alpha[-1] >> 6)
