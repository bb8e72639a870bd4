"""make bench BENCH=staging: the stager against PSG, leave one subject out.

Every figure rests on nights of subjects that neither the trees nor temper, class weights,
confidence table and REM gate have seen: all are fitted inside the training subjects. The lamp's
figures come from the lamp's own code with integer tables. TRAIN=0 scores with the committed
tables and twins; nights these were trained on are told apart as in-sample, under any name.

Ways: `heart`, `motion` are said by the lamp at once; `_late` is read from what it logged once five
more minutes are known (`hindsight`, integers), which is what reports show and what the main keys
are of; `at_once` holds the same keys for the lamp's word of the moment. `_float` and `_late_float`
are their twins in floating point, `_smooth` the same trees with a Markov chain that knows the
whole night, `_whole` trees whose features look ahead, too (`train.whole`): `causal_ratio` is to
these.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from dreamlamp import hindsight, nightset, stagefloat, train
from lamp import stagemodel, staging, wire
from rich.console import Console
from rich.table import Table

from . import _stagescore as score
from ._stagepeers import Logistic, clock, heart, sleepecg

KEYS_OF_BEST = "rem_*, bias_pp_max, worst_subject*"  # with motion where there is any
LOGGED = ("index", "flags", "stage", "confidence", "p_w", "p_n3", "p_r")
CLASS = {wire.W: 0, wire.N2: 1, wire.N3: 2, wire.R: 3, wire.UNSCORED: score.ABSTAINED}


@dataclass
class Night:
    """One night and what each way of staging said: name -> classes, percent sure, p_r."""

    sample: train.Sample
    said: dict[str, np.ndarray] = field(default_factory=dict)
    sure: dict[str, np.ndarray] = field(default_factory=dict)
    p_r: dict[str, np.ndarray] = field(default_factory=dict)
    gate: dict[str, int] = field(default_factory=dict)

    def lamp(self, tables, motion: bool) -> None:
        """Run the lamp's code over the night, and look back on what it would have logged."""
        night, name = self.sample.night, "motion" if motion else "heart"
        stager, rows = staging.Stager(train.smoothing(night), tables), []
        for epoch in night.epochs(motion):
            stager.feed(epoch)
            rows.append([getattr(epoch, column) for column in LOGGED])
        held = dict(zip(LOGGED, np.array(rows).T))
        late = hindsight.read(held, tables.hindsight)
        for way, stage, sure, p_r, gate in (
            (name, held["stage"], held["confidence"], held["p_r"], tables.GATE),
            (f"{name}_late", late.stage, late.confidence, late.posterior[:, 3] >> 6,
             tables.hindsight.gate),
        ):  # fmt: skip
            self.said[way] = np.array([CLASS[code] for code in stage.tolist()])
            self.sure[way], self.p_r[way], self.gate[way] = sure, p_r, gate[motion]

    def twin(self, name: str, model: dict, x: np.ndarray, motion: bool, lag: int | None) -> None:
        """Stage the night in floating point, causal, `lag` epochs late or (None) whole."""
        s = stagefloat.scores(model, x, motion)
        p = stagefloat.posteriors(model, [s], [self.sample.seen], motion, lag)[0]
        by = model | model["hindsight"] if lag else model
        self.said[name] = stagefloat.decide(by, p, motion)

    def stage(self, tables, twins: dict) -> None:
        """By the lamp, its float twin and the whole-night twin, without and with motion."""
        for motion in (False, True) if self.sample.moving else (False,):
            name = "motion" if motion else "heart"
            self.lamp(tables, motion)
            self.twin(f"{name}_float", twins["causal"], self.sample.x, motion, 0)
            self.twin(f"{name}_late_float", twins["causal"], self.sample.x, motion, hindsight.LAG)
            self.twin(f"{name}_smooth", twins["causal"], self.sample.x, motion, None)
            abstained = self.said[name] == score.ABSTAINED
            for twin in (f"{name}_float", f"{name}_late_float"):
                self.said[twin][abstained] = score.ABSTAINED
            if "whole" in twins:
                x = train.whole(self.sample).x
                self.twin(f"{name}_whole", twins["whole"], x, motion, None)


def leave_one_out(samples: list[train.Sample]) -> list[Night]:
    """Every night staged by models of the other subjects."""
    nights = []
    for subject in dict.fromkeys(s.night.subject for s in samples):
        rest = [s for s in samples if s.night.subject != subject]
        twins = {"causal": train.fit(rest)}
        if subject.startswith("walch2019"):
            twins["whole"] = train.fit([train.whole(s) for s in rest], morning=True)
        tables = SimpleNamespace(**train.integers(twins["causal"]))
        tables.hindsight = hindsight.tables(train.looking_back(twins["causal"]))
        peers = {"clock": Logistic(clock, rest), "logistic": Logistic(heart, rest)}
        for s in samples:
            if s.night.subject == subject:
                nights.append(Night(s))
                nights[-1].stage(tables, twins)
                nights[-1].said |= {name: peer.said(s) for name, peer in peers.items()}
    return nights


def committed(samples: list[train.Sample]) -> tuple[list[Night], list[Night]]:
    """Nights staged by the committed models: (unseen ones, in-sample ones)."""
    twins = json.loads(train.TWINS.read_text())
    tables = SimpleNamespace(**vars(stagemodel), hindsight=hindsight.committed())
    names, labels = set(twins["records"]), set(twins["records"].values())
    unseen, known = [], []
    for s in samples:
        night = Night(s)
        night.stage(tables, twins)
        seen = train.name(s.night) in names or train.digest(s.night) in labels
        (known if seen else unseen).append(night)
    return unseen, known


def told(nights: list[Night], name: str) -> dict:
    """Figures of one way of staging."""
    use = [n for n in nights if name in n.said]
    nothing = [np.zeros(len(n.sample.y)) for n in use]
    sure = [n.sure[name] for n in use] if use and name in use[0].sure else nothing
    return score.figures([(n.sample.night.subject, n.sample.y, n.said[name]) for n in use], sure)


def gated(nights: list[Night], name: str) -> tuple[float, float]:
    """Precision and recall of REM where p_r passes the gate chosen in training."""
    use = [n for n in nights if name in n.p_r]
    truth = np.concatenate([n.sample.y for n in use])
    yes = np.concatenate([n.p_r[name] >= n.gate[name] for n in use]) & (truth >= 0)
    hits = (yes & (truth == 3)).sum()
    return float(hits / max(1, yes.sum())), float(hits / max(1, (truth == 3).sum()))


def agreement(nights: list[Night], name: str) -> float:
    """Share of epochs on which integers and floating point say the same."""
    same = [n.said[name] == n.said[f"{name}_float"] for n in nights if name in n.said]
    return float(np.concatenate(same).mean())


def keys(nights: list[Night], ways: dict, ending: str) -> dict:
    """The keys of what was said at once (no `ending`) or late."""
    heart, motion = f"heart{ending}", f"motion{ending}"
    best = motion if motion in ways else heart
    out = {
        "kappa3_heart": ways[heart]["kappa3"],
        "kappa4_heart": ways[heart]["kappa4"],
        "inputs": {heart: "calibration_error, causal_ratio, *_heart", best: KEYS_OF_BEST},
        "rem_precision": ways[best]["gate_precision"],
        "rem_recall": ways[best]["gate_recall"],
        "rem_f1": ways[best]["rem_f1"],
        "bias_pp_max": ways[best]["bias_pp_max"],
        "worst_subject_kappa3": ways[best]["worst_subject_kappa3"],
        "worst_subject": ways[best]["worst_subject"],
        "calibration_error": ways[heart]["calibration_error"],
        "same_trees_ratio": ways[heart]["same_trees_ratio"],
        "int_float_agreement": min(agreement(nights, w) for w in {heart, best}),
    }
    if best == motion:
        out["kappa3_motion"] = ways[motion]["kappa3"]
    if "causal_ratio" in ways[heart]:
        out["causal_ratio"] = ways[heart]["causal_ratio"]
    return out


def summary(nights: list[Night]) -> dict:
    """The keys of one data set."""
    ways: dict[str, dict] = {}
    for name in ("heart", "motion"):
        use = [n for n in nights if name in n.said]
        if not use:
            continue
        for way in (name, f"{name}_late"):
            ways[way], ways[f"{way}_float"] = told(use, way), told(use, f"{way}_float")
        for other in ("smooth", "whole"):
            if all(f"{name}_{other}" in n.said for n in use):
                ways[f"{name}_{other}"] = told(use, f"{name}_{other}")
        for way in (ways[name], ways[f"{name}_late"]):
            way["same_trees_ratio"] = way["kappa3"] / ways[f"{name}_smooth"]["kappa3"]
            if f"{name}_whole" in ways:
                way["causal_ratio"] = way["kappa3"] / ways[f"{name}_whole"]["kappa3"]
        for way in (name, f"{name}_late"):
            ways[way]["gate_precision"], ways[way]["gate_recall"] = gated(use, way)
    for n in nights:
        if n.sample.night.beats_s is not None:
            said = sleepecg(n.sample.night)
            n.said |= {} if said is None else {"sleepecg": said}
    for name in ("clock", "logistic", "sleepecg"):
        if any(name in n.said for n in nights):
            ways[name] = told(nights, name)
    return keys(nights, ways, "_late") | {
        "delay_min": hindsight.LAG * wire.EPOCH_S / 60,
        "at_once": keys(nights, ways, ""),
        "nights": len(nights),
        "ways": ways,
    }


def show(title: str, s: dict) -> None:
    """Print one set's table."""
    table = Table(title=f"{title}, {s['nights']} nights", title_justify="left")
    for head in ["way", "kappa3 [95 %]", "kappa4", "REM P / R / F1", "bias W L N3 R, pp", "worst"]:
        table.add_column(head)
    for name, w in s["ways"].items():
        low, high = w["kappa3_95"]
        table.add_row(
            name,
            f"{w['kappa3']:.3f} [{low:.2f} {high:.2f}]",
            f"{w['kappa4']:.3f}",
            f"{w['rem_precision']:.2f} / {w['rem_recall']:.2f} / {w['rem_f1']:.3f}",
            " ".join(f"{b:+.1f}" for b in w["bias_pp"]),
            f"{w['worst_subject'].split('/')[1]} {w['worst_subject_kappa3']:.2f}",
        )
    console = Console(width=110)
    console.print(table)
    for name in ("heart", "heart_late", "motion", "motion_late"):
        if name in s["ways"]:
            console.print(*lines(name, s["ways"][name]), sep="\n", highlight=False)
    for title, held in ((f"{s['delay_min']:.0f} min late", s), ("at once", s["at_once"])):
        same = held["int_float_agreement"]
        console.print(f"{title}: integers and floating point agree on {same:.4f}")
    for name, keys_of in s["inputs"].items():
        console.print(f"main keys by {name}: {keys_of}", highlight=False)
    print()


def lines(name: str, w: dict) -> list[str]:
    """What the table has no room for."""
    curve = "  ".join(f"{c:.2f}: {k:.3f}" for c, k in w["kappa3_at_coverage"])
    bins = "  ".join(f"{a:.2f}>{b:.2f} ({n})" for a, b, n in w["reliability"])
    night = " ".join(f"{b:.1f}" for b in w["bias_pp_night_mean"])
    return [
        f"{name}: over the same trees smoothed {w['same_trees_ratio']:.3f},"
        f" over the whole-night twin {w.get('causal_ratio', math.nan):.3f}",
        f"  REM by the gate P {w['gate_precision']:.3f} R {w['gate_recall']:.3f};"
        f" mean absolute bias of a night {night} pp",
        f"  kappa3 at coverage  {curve}",
        f"  confidence > right (epochs), error {w['calibration_error']:.3f}:  {bins}",
        "  kappa3 by subject  "
        + "  ".join(f"{k.split('/')[1]} {v:.2f}" for k, v in w["subjects"].items()),
    ]


def run(data: Path, train_anew: bool) -> dict:
    """Stage every labelled night under `data`."""
    out: dict = {"trained": train_anew}
    samples = [train.sample(n) for d in nightset.DATASETS for n in nightset.nights(data, d)]
    if not samples:
        print(f"no labelled nights of {' or '.join(nightset.DATASETS)} under {data}")
    nights, known = (leave_one_out(samples), []) if train_anew else committed(samples)
    for dataset in nightset.DATASETS:
        for title, some in (("", nights), (" IN-SAMPLE", known)):
            here = [n for n in some if n.sample.night.dataset == dataset]
            if here:
                s = summary(here)
                s["in_sample"] = bool(title)
                show(dataset + title, s)
                out.setdefault(dataset, s)
                if title:
                    out.setdefault("in_sample", {})[dataset] = s
    ways = out.get("walch2019", {}).get("ways", {})
    names = {"clock": "clock", "logistic": "logistic", "heart_whole": "trees_whole_night"}
    names["motion_whole"] = "trees_whole_night_motion"
    if "sleepecg" in out.get("slpdb", {}).get("ways", {}):
        slpdb_peer = {"sleepecg_slpdb": out["slpdb"]["ways"]["sleepecg"]["kappa3"]}
    else:
        print("SleepECG left out: no beats here, or it is missing (pip install -e '.[bench]')")
        slpdb_peer = {}
    out["baselines"] = slpdb_peer | {
        new: ways[old]["kappa3"] for old, new in names.items() if old in ways
    }
    return out
