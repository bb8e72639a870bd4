"""Features of an epoch -> stage and a confidence, or unscored. Causal, integers only.

Boosted trees (`stagemodel`, fitted by the laptop on the features of this very firmware) score
wake, light, deep and REM; a hidden Markov model filters the scores over the night, forward only,
so a stage is known the moment its epoch ends. Where motion is measured a second set of trees
adds to the first. The confidence is the share of epochs of unseen sleepers for which a stage
said with that probability was right. Knows no beats, no log and no clock but the epoch's index.
"""

from array import array

from . import stagemodel, wire
from .compat import const
from .stagefeatures import Features

SMOOTH = const(2)  # of rates made of beats; see stagefeatures
HISTORY = const(4)  # epochs with a rate before the first stage: with fewer the windows are empty
BLIND = const(10)  # epochs without a rate that the Markov model bridges; 5 min, a loose finger
STILL = const(60)  # bins (5 min) of one and the same rate: a machine or a desk, not a heart
_CLASSES = const(4)
STAGES = (wire.W, wire.N2, wire.N3, wire.R)  # in the model's order
_LEAF = const(128)  # a child number from here on is a leaf
_TREE = const(37)  # bytes of a tree: 7 splits, 8 leaves
_BLOCK = const(8)  # trees read at once
EXP2 = array("H", stagemodel.EXP2)  # 2 ** (-i / 64), Q14


class Stager:
    """One night's staging. `feed(epoch)` once per epoch, in order; nothing is allocated."""

    def __init__(self, smooth=SMOOTH, model=stagemodel):
        self.features = Features(smooth)
        self.model = model
        self.logit = array("i", [0] * _CLASSES)  # the trees' scores, natural log x256
        self.alpha = array("i", model.START)  # filtered probabilities, Q14
        self._next = array("i", model.START)
        self._block = bytearray(_BLOCK * _TREE)

    def feed(self, epoch):
        """Stage `epoch`: set `stage`, `confidence`, `p_w`, `p_n3`, `p_r`."""
        self.features.take(epoch)
        self._step()
        motion = 1 if epoch.motion >= 0 else 0
        if self.features.blind == 0 and self._score(motion):
            self._weigh(self.model.TEMPER[motion])
        if self._abstains(epoch.flags):
            epoch.stage = wire.UNSCORED
            epoch.confidence = epoch.p_w = epoch.p_n3 = epoch.p_r = 0
        else:
            self._decide(epoch, motion)

    def _abstains(self, flags):
        """Unworn, too little history, no signal, or a rate no heart keeps."""
        f = self.features
        return not flags & wire.F_WORN or f.seen < HISTORY or f.blind > BLIND or f.same >= STILL

    def _score(self, motion):
        """Add up the leaves that the epoch falls into; False if the flash cannot be read."""
        for k in range(_CLASSES):
            self.logit[k] = self.model.BIAS[k]
        try:
            self._add(self.model.HEART)
            if motion:
                self._add(self.model.MOTION)
        except OSError:
            return False
        return True

    def _add(self, table):
        """Walk the trees of `table` (first, how many), one per class in turn.

        They are read from flash as they are walked: once in 30 s is seldom, and 8 kB are dear
        in the lamp's memory. A tree is its number of splits n, n of (feature, largest value
        that goes left, left, right), n + 1 leaves plus 128, and zeros up to _TREE bytes.
        """
        x, logit = self.features.x, self.logit  # four at once would make a tuple
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
                k = (k + 1) & 3
            count -= _BLOCK

    def _step(self):
        """One step of the Markov chain: alpha <- alpha T, rounded."""
        alpha, new = self.alpha, self._next
        chain = self.model.CHAIN
        for j in range(_CLASSES):
            total = 8192
            for i in range(_CLASSES):
                total += alpha[i] * chain[i * _CLASSES + j]
            new[j] = total >> 14
        for j in range(_CLASSES):
            alpha[j] = new[j]

    def _weigh(self, temper):
        """alpha <- alpha 2**-d, d each score's tempered distance to the best; sum about Q14."""
        alpha, new, model = self.alpha, self._next, self.model
        best = -(1 << 20)
        for k in range(_CLASSES):
            best = max(best, self.logit[k] - model.PRIOR[k])
        total = 0
        for k in range(_CLASSES):
            d = (best - self.logit[k] + model.PRIOR[k]) * temper + 512 >> 10  # 1/64 octaves
            new[k] = alpha[k] * (EXP2[d & 63] >> (d >> 6) if d < 896 else 1)
            total += new[k]
        total = (total >> 14) + 1
        for k in range(_CLASSES):
            alpha[k] = max(1, (new[k] + (total >> 1)) // total)

    def _decide(self, epoch, motion):
        """The class whose weighted probability is largest, and how often that is right."""
        alpha, weight = self.alpha, self.model.WEIGHT
        best = 0
        for k in range(1, _CLASSES):
            if alpha[k] * weight[motion * 4 + k] > alpha[best] * weight[motion * 4 + best]:
                best = k
        epoch.stage = STAGES[best]
        row = (motion << 6) + (best << 4)
        epoch.confidence = self.model.CONFIDENCE[row + min(15, alpha[best] >> 10)]
        epoch.p_w = min(255, alpha[0] >> 6)
        epoch.p_n3 = min(255, alpha[2] >> 6)
        epoch.p_r = min(255, alpha[3] >> 6)
