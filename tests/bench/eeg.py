"""make bench BENCH=eeg: the EEG stager against PSG, leave one subject out.

Band powers of real nights (Sleep-EDF; no raw signal is at hand, so the lamp's own filters are
checked apart, tests/host/test_eeg.py). Both derivations of every night are staged by one model;
the recommended one, Pz-Oz, gives the keys. The lamp's figures come from the lamp's own code with
integer tables. TRAIN=0 scores with the committed tables and twins; nights these were trained on
are told apart as in-sample.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from dreamlamp import eegset, stagefloat, traineeg
from lamp import eegmodel, eegstaging, wire
from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score, f1_score

from ._stagepeers import Logistic, clock

CLASS = {wire.W: 0, wire.N1: 1, wire.N2: 2, wire.N3: 3, wire.R: 4, wire.UNSCORED: 5}
RECOMMENDED = "Pz-Oz"
PUBLISHED = (  # printed beside ours, measured by their authors on their own splits of Sleep-EDF
    "TinySleepNet (Supratak 2020; SC-20, raw EEG, whole night): kappa 0.80, macro F1 0.805",
    "features + boosting (Van Der Donckt 2022, arXiv 2207.07753; SC-20): macro F1 0.810",
    "Micro SleepNet (fnins.2023.1218072; raw EEG, one epoch at a time): kappa 0.77",
)


@dataclass
class Night:
    """One night of one channel, and what each way of staging said of it."""

    sample: traineeg.Sample
    said: dict[str, np.ndarray] = field(default_factory=dict)
    sure: np.ndarray | None = None

    def stage(self, tables, twins: dict) -> None:
        """By the lamp, its float twin and the whole-night twin."""
        stager, rows = eegstaging.Stager(tables), []
        for epoch in self.sample.night.epochs():
            stager.feed(epoch)
            rows.append((CLASS[epoch.stage], epoch.confidence))
        self.said["lamp"], self.sure = np.array(rows).T
        for name, x, lag in (
            ("causal", self.sample.x, 0),
            ("whole", traineeg.whole(self.sample).x, None),
        ):
            model = twins[name]
            score = stagefloat.scores(model, x, False)
            p = stagefloat.posteriors(model, [score], [self.sample.seen], False, lag)[0]
            self.said[name] = stagefloat.decide(model, p, False)
        self.said["causal"][self.said["lamp"] == 5] = 5


def leave_one_out(samples: list[traineeg.Sample]) -> list[Night]:
    """Every night staged by models of the other subjects."""
    nights = []
    for subject in dict.fromkeys(s.night.subject for s in samples):
        rest = [s for s in samples if s.night.subject != subject]
        twins = {
            "causal": traineeg.fit(rest),
            "whole": traineeg.fit([traineeg.whole(s) for s in rest], morning=True),
        }
        tables = SimpleNamespace(**traineeg.integers(twins["causal"]))
        only_clock = Logistic(clock, rest, traineeg.CLASSES, traineeg.START)
        for s in samples:
            if s.night.subject == subject:
                nights.append(Night(s))
                nights[-1].stage(tables, twins)
                nights[-1].said["clock"] = only_clock.said(s)
    return nights


def committed(samples: list[traineeg.Sample]) -> tuple[list[Night], list[Night]]:
    """Nights staged by the committed models: (unseen ones, in-sample ones).

    A record's first five letters name its sleeper in Sleep-EDF: another night of one that was
    trained on is in-sample as well.
    """
    twins = json.loads(traineeg.TWINS.read_text())
    sleepers = {name.split("/")[1][:5] for name in twins["records"]}
    unseen, known = [], []
    for s in samples:
        night = Night(s)
        night.stage(eegmodel, twins)
        (known if s.night.record[:5] in sleepers else unseen).append(night)
    return unseen, known


def figures(nights: list[Night], way: str) -> dict:
    """Kappa and REM over every epoch PSG scored; an abstention is one more answer, never right."""
    truth = np.concatenate([n.sample.y for n in nights])
    said = np.concatenate([n.said[way] for n in nights])[truth >= 0]
    truth = truth[truth >= 0]
    hit = ((truth == 4) & (said == 4)).sum()
    each: dict[str, tuple[list, list]] = {}
    for n in nights:
        t, s = each.setdefault(n.sample.night.subject, ([], []))
        at = n.sample.y >= 0
        t += n.sample.y[at].tolist()
        s += n.said[way][at].tolist()
    kappas = {subject: float(cohen_kappa_score(t, s)) for subject, (t, s) in each.items()}
    rng, names = np.random.default_rng(1), sorted(each)
    drawn = []
    for _ in range(300):
        pick = rng.choice(names, len(names))
        drawn.append(
            cohen_kappa_score(
                np.concatenate([each[k][0] for k in pick]),
                np.concatenate([each[k][1] for k in pick]),
            )
        )
    return {
        "kappa5": float(cohen_kappa_score(truth, said)),
        "kappa5_95": [round(float(q), 3) for q in np.quantile(drawn, (0.025, 0.975))],
        "accuracy5": float((truth == said).mean()),
        "macro_f1": float(
            f1_score(truth, said, labels=range(5), average="macro", zero_division=0)
        ),
        "rem_sensitivity": float(hit / max(1, (truth == 4).sum())),
        "rem_precision": float(hit / max(1, (said == 4).sum())),
        "abstained": float((said == 5).mean()),
        "subjects": {k: round(v, 3) for k, v in kappas.items()},
        "worst_subject": min(kappas, key=lambda k: kappas[k]),
    }


def summary(nights: list[Night]) -> dict:
    """The keys of one set of nights, by channel and way."""
    channels = {}
    for channel in eegset.CHANNELS:
        here = [n for n in nights if n.sample.night.channel == channel]
        ways = [w for w in ("lamp", "causal", "whole", "clock") if w in here[0].said]
        channels[channel] = {way: figures(here, way) for way in ways}
    best = channels[RECOMMENDED]["lamp"]
    same = np.concatenate([n.said["lamp"] == n.said["causal"] for n in nights])
    return {
        "channel": RECOMMENDED,
        **{k: best[k] for k in ("kappa5", "rem_sensitivity", "rem_precision")},
        "int_float_agreement": float(same.mean()),
        "nights": len(nights) // len(eegset.CHANNELS),
        "channels": channels,
    }


def show(title: str, s: dict) -> None:
    table = Table(title=f"{title}, {s['nights']} nights", title_justify="left")
    for head in ("channel", "way", "kappa5 [95 %]", "macro F1", "REM sens / prec", "worst"):
        table.add_column(head)
    names = {
        "lamp": "lamp (integers, causal)",
        "causal": "the same, floating point",
        "whole": "boosted trees, float, whole night",
        "clock": "clock only",
    }
    for channel, ways in s["channels"].items():
        for way, w in ways.items():
            low, high = w["kappa5_95"]
            table.add_row(
                channel,
                names[way],
                f"{w['kappa5']:.3f} [{low:.2f} {high:.2f}]",
                f"{w['macro_f1']:.3f}",
                f"{w['rem_sensitivity']:.2f} / {w['rem_precision']:.2f}",
                f"{w['worst_subject']} {w['subjects'][w['worst_subject']]:.2f}",
            )
    console = Console(width=110)
    console.print(table)
    for said in PUBLISHED:
        console.print(f"published: {said}", highlight=False)
    console.print("YASA needs the raw signal, which is not at hand: not run.")
    console.print(f"integers and floating point agree on {s['int_float_agreement']:.4f}\n")


def run(data: Path, train_anew: bool) -> dict:
    """Stage every night under `data`."""
    out: dict = {"trained": train_anew}
    samples = [traineeg.sample(n) for n in eegset.nights(data)]
    if not samples:
        print(f"no recordings of {eegset.DATASET} under {data}")
        return out
    nights, known = (leave_one_out(samples), []) if train_anew else committed(samples)
    for title, some in (("", nights), (" IN-SAMPLE", known)):
        if some:
            s = summary(some) | {"in_sample": bool(title)}
            show(eegset.DATASET + title, s)
            out.setdefault(eegset.DATASET, s)
            if title:
                out["in_sample"] = s
    return out
