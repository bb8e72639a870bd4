"""Sleep statistics of a hypnogram, as YASA and the AASM define them. Minutes and percent.

TIB is the whole hypnogram, SPT from the first to the last epoch of sleep, WASO the wake within
it, TST the sleep within it (unscored epochs are no sleep), SE = TST / TIB, SME = TST / SPT.
Latencies count from the start of the hypnogram; REM latency in the AASM's sense, from sleep
onset, is `lat_rem - sol`. What cannot be said is None. Knows nothing but stages.
"""

from collections.abc import Sequence

SLEEP = ("N1", "N2", "N3", "R")


def statistics(stages: Sequence[str], epoch_s: int = 30) -> dict[str, float | None]:
    """The statistics of `stages` ("W", "N1", "N2", "N3", "R", anything else unscored)."""
    minutes = epoch_s / 60
    asleep = [i for i, stage in enumerate(stages) if stage in SLEEP]
    count = {stage: sum(s == stage for s in stages) * minutes for stage in ("W", *SLEEP)}
    period = stages[asleep[0] : asleep[-1] + 1] if asleep else ()
    tib, spt, tst = (len(part) * minutes for part in (stages, period, asleep))
    found: dict[str, float | None] = {
        "tib": tib,
        "spt": spt,
        "waso": sum(s == "W" for s in period) * minutes,
        "tst": tst,
        "unscored": sum(s not in count for s in stages) * minutes,
        "sol": asleep[0] * minutes if asleep else None,
    }
    for stage in ("N1", "N2", "N3", "R"):
        key = "rem" if stage == "R" else stage.lower()
        found[key] = count[stage]
        found[f"{key}_percent"] = _share(count[stage], tst)
        found[f"lat_{key}"] = stages.index(stage) * minutes if stage in stages else None
    found["se"] = _share(tst, tib)
    found["sme"] = _share(tst, spt)
    return found


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None
