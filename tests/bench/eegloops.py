"""make bench BENCH=eegloops: false alarms of real nights of EEG, injected bursts, peers.

As `loops`, on the band powers of Sleep-EDF: nobody has labelled loops, what is injected is made
up, and false alarms are counted on nights as they are. Twelve nights of six people are enough to
find fault and far too few to claim anything. With TRAIN=1 stage model and thresholds come from
other people's nights than the one scored, and those of all nights are printed for committing.
TRAIN=0 scores the committed ones; nights they were chosen on are IN-SAMPLE.
"""

import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from lamp import eegloops, eegmodel
from rich.console import Console
from rich.table import Table

from . import _eegloopset as es
from ._eeglooppeers import PEERS
from ._eeglooprun import simulate
from ._looprun import Trace
from ._loopscore import Limits, Try, alarms, false_alarms, latencies, latency_s
from .loops import matched, median_min, share, state_bytes

TARGET = 0.05  # false alarms a night
LIMITS = range(50, 600)
MARGIN = 1.1  # over what the training nights need for no alarm at all,
HOLD_MARGIN = 2.0  # and of the plateau, where one night alone sets it
STAGE = {4: "R", 2: "N2", 3: "N3"}


# --- models and thresholds -------------------------------------------------------------------


def gates(data: Path, people: list[str]) -> dict[str, object]:
    """Stage model of each person: fitted without them."""
    from dreamlamp import eegset, traineeg  # here, so that TRAIN=0 needs no LightGBM

    known = [traineeg.sample(n) for n in eegset.nights(data)]
    out = {}
    for person in people:
        rest = [s for s in known if s.night.subject != person]
        out[person] = SimpleNamespace(**traineeg.integers(traineeg.fit(rest)))
    return out


def chosen_on() -> set[str]:
    """set/record of every night that the stage model, and so the thresholds, were made on."""
    from dreamlamp import eegset

    file = Path(eegset.__file__).with_name("eegtwin.json")
    return set(json.loads(file.read_text())["records"])


def choose(traces: list[Trace], kept: set[int]) -> Limits:
    """The lowest limits without an alarm on the nights `kept`, and a margin. REM and other sleep
    share one: each further choice would be fitted to twelve nights."""
    n, _, hold = eegloops.EegLoops.limits

    def lowest(committed: int, score_at) -> float:
        shares = (limit / committed for limit in LIMITS)
        silent = (g for g in shares if not any(alarms(score_at(traces[i], g)) for i in kept))
        return next(silent, LIMITS[-1] / committed)

    cycle = lowest(n, lambda t, g: t.score(g, g, math.inf)) * MARGIN
    return Limits(
        cycle, cycle, lowest(hold, lambda t, g: t.score(math.inf, math.inf, g)) * HOLD_MARGIN
    )


# --- figures ------------------------------------------------------------------------------------


def peers_matched(traces, tries, own: dict) -> dict:
    """Each peer at the threshold that gives it our false alarms or the target, the larger."""
    out = {}
    for name in PEERS:
        scores = [t.peers[name] for t in traces]
        limit, spent = matched(scores, max(own["per_night"], TARGET) * len(scores))
        row: dict = {"false_alarms_per_night": spent, "sensitivity": {}}
        for db in es.AMPLITUDES:
            got = [
                latency_s(t, t.trace.peers[name], scores[t.site.night], limit)
                for t in tries
                if (t.loop.arm, t.loop.db) == ("cycle", db)
            ]
            row["sensitivity"][str(db)] = share(got)
        out[name] = row
    return out


def curve(traces, tries, limits) -> list[dict]:
    """The whole trade: everything times `f`."""
    rows = []
    for f in (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5):
        scaled = [Limits(m.cycle_n * f, m.cycle_r * f, m.hold * f) for m in limits]
        fired = [len(alarms(m.score(t))) for t, m in zip(traces, scaled)]
        row = {"threshold": f, "per_night": sum(fired) / len(fired)}
        for db in es.AMPLITUDES:
            row[str(db)] = share(latencies(tries, traces, scaled, "cycle", db))
        rows.append(row)
    return rows


def measure(nights, traces, tries, limits) -> dict:
    """Every figure of one channel, from traces and one set of limits per night."""

    def arm(name, db, some=tries, **how):
        return latencies(some, traces, limits, name, db, **how)

    def rows(keep, name="cycle"):
        some = [t for t in tries if keep(t)]
        return {str(db): share(arm(name, db, some)) for db in es.AMPLITUDES}

    counts = [len(alarms(m.score(t))) for m, t in zip(limits, traces)]
    own = false_alarms(nights, counts, traces)
    peers = peers_matched(traces, tries, own)
    sensitivity = rows(lambda t: True)
    over = {}
    for db in ("6", "9"):
        best = max(p["sensitivity"][db] or 0 for p in peers.values())
        over[db] = sensitivity[db] / best if best and sensitivity[db] is not None else None
    strong = [x for db in (6, 9) for x in arm("cycle", db)]
    loose = [x for db in (6, 9) for x in arm("uniform", db)]
    return {
        "false_alarms": own,
        "sensitivity": sensitivity,
        "sensitivity_by_stage": {
            name: rows(lambda t, s=stage: t.site.stage == s) for stage, name in STAGE.items()
        },
        "sensitivity_by_shape": {
            shape: rows(lambda t, s=shape: t.loop.shape == s) for shape in es.SHAPES
        },
        "sensitivity_by_gap": {
            f"{low}-{high} s": rows(lambda t, a=low, b=high: a <= t.loop.gap_s < b)
            for low, high in ((90, 150), (150, 220), (220, 300))
        },
        "plateau": rows(lambda t: True, "plateau"),
        "out_of_band": {name: share(arm(name, 9)) for name in es.OUT_OF_BAND},
        "sensitivity_over_best_peer": over,
        "latency_min_median": median_min(arm("cycle", 9)),
        "latency_min_median_of_hits": median_min([x for x in strong if math.isfinite(x)]),
        "shuffled_ratio": share(loose) / share(strong) if share(strong) else None,
        "peers": peers,
        "curve": curve(traces, tries, limits),
        "sites": len({(t.site.night, t.site.epoch) for t in tries}),
    }


def of_channel(channel, nights, traces, tries, limits) -> dict:
    """`measure` of the nights of one channel."""
    at = {i: k for k, i in enumerate(i for i, n in enumerate(nights) if n.channel == channel)}
    own = [
        Try(replace(t.site, night=at[t.site.night]), t.loop, t.trace)
        for t in tries
        if t.site.night in at
    ]
    return measure([nights[i] for i in at], [traces[i] for i in at], own, [limits[i] for i in at])


def show(result: dict, how: str) -> None:
    """The table for people."""

    def num(x, digits=2):
        return "-" if x is None else f"{x:.{digits}f}"

    console = Console(width=110)
    console.print(f"eegloops: {how}; {result['state_bytes']} bytes of state\n")
    table = Table(
        "untouched nights", "alarms / nights", "a night [95 % one-sided]", "hours", "open"
    )
    for name, f in result["false_alarms"].items():
        bounds = f"{f['per_night']:.3f} [{f['lower95']:.3f}, {f['upper95']:.3f}]"
        alarmed = (
            f"{f['alarms']} / {f['nights']}, {f['people_with_alarms']} of {f['people']} people"
        )
        table.add_row(name, alarmed, bounds, f"{f['hours']:.0f}", f"{f['open_hours']:.0f}")
    console.print(table)
    worst = max(f["upper95"] for f in result["false_alarms"].values())
    if worst > TARGET:
        console.print(f"Too few nights to claim {TARGET} a night: up to {worst:.2f} fit these.\n")
    for name, r in {es.MAIN: result, **result["other_channel"]}.items():
        table = Table(f"sensitivity, {name}", *(f"{db} dB" for db in es.AMPLITUDES))
        rows = {"all": r["sensitivity"], **r["sensitivity_by_stage"], **r["sensitivity_by_shape"]}
        rows |= r["sensitivity_by_gap"] | {"plateau": r["plateau"]}
        rows |= {f"peer {k}": p["sensitivity"] for k, p in r["peers"].items()}
        for title, row in rows.items():
            table.add_row(title, *(num(row[str(db)]) for db in es.AMPLITUDES))
        console.print(table)
        over = r["sensitivity_over_best_peer"]
        console.print(
            f"{r['sites']} sites; over the best peer at matched false alarms: 6 dB "
            f"{num(over['6'])}, 9 dB {num(over['9'])}\nlatency median "
            f"{num(r['latency_min_median'], 1)} min at 9 dB, misses infinite; of the hits at 6 "
            f"and 9 dB {num(r['latency_min_median_of_hits'], 1)}\nuniform over regular times: "
            f"{num(r['shuffled_ratio'])}; 9 dB out of band: "
            + ", ".join(f"{k} {num(v)}" for k, v in r["out_of_band"].items())
        )
        for row in r["curve"]:
            cells = "".join(f"{num(row[str(db)]):>7}" for db in es.AMPLITUDES)
            console.print(
                f"  threshold x {row['threshold']:4.2f}  {row['per_night']:.3f} a night {cells}"
            )
        console.print()


def run(data: Path, train: bool) -> dict:
    nested = train and not os.environ.get("DATA")  # a folder that is named is scored as it is
    nights = es.load(data)
    if not nights:
        print(f"No nights of {es.SET} under {data}.")
        sys.exit(2)
    people = list(dict.fromkeys(n.person for n in nights))
    models = gates(data, people) if nested else dict.fromkeys(people, eegmodel)
    traces, tries = simulate(nights, models)
    result: dict = {}
    if nested:
        how = "nested, leave one person out"
        of_person = {}
        for person in people:
            kept = {i for i, n in enumerate(nights) if n.person != person}
            of_person[person] = choose(traces, kept)
        limits = [of_person[n.person] for n in nights]
        result["chosen_per_person"] = {p: vars(m) for p, m in of_person.items()}
        final = choose(traces, set(range(len(nights))))
        n, r, hold = eegloops.EegLoops.limits
        chosen = (n * final.cycle_n, r * final.cycle_r, hold * final.hold)
        result["commit"] = [round(x) for x in chosen]
    else:
        limits = [Limits()] * len(nights)
        known = sum(f"{es.SET}/{n.record}" in chosen_on() for n in nights)
        result["in_sample_nights"] = known
        how = "committed model and thresholds; "
        how += f"{known} of {len(nights)} nights of a channel IN-SAMPLE" if known else "all unseen"
    each = {
        channel: of_channel(channel, nights, traces, tries, limits)
        for channel in dict.fromkeys((es.MAIN, *(n.channel for n in nights)))
    }
    main = each.pop(es.MAIN)
    result |= main | {"other_channel": each, "state_bytes": state_bytes("eegloops.EegLoops")}
    result["false_alarms"] = {es.SET: main["false_alarms"]}
    for channel, figures in each.items():
        result["false_alarms"][f"{es.SET}, {channel}"] = figures["false_alarms"]
    show(result, how)
    if nested:
        print("chosen on all nights, to be committed as EegLoops.limits:", result["commit"])
    return result
