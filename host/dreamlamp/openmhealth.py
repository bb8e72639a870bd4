"""A night as data points of IEEE 1752.1 and Open mHealth: what other health software reads.

Bodies are those of the schemas `sleep-episode`, `sleep-stage-summary`, `total-sleep-time`,
`time-in-bed` (ieee, 1.0) and `heart-rate` (omh, 2.0). Every one needs a clock; nothing is said
of who slept. Knows no file.
"""

from datetime import datetime, timedelta
from itertools import groupby
from uuid import NAMESPACE_OID, uuid5

from lamp import wire

from .errors import DreamlampError
from .nights import Night
from .sleepstats import SLEEP

STATES = {"W": "Awake", "N1": "Light_sleep", "N2": "Light_sleep", "N3": "Deep_sleep",
          "R": "REM_sleep", "unscored": "Unknown_sleep"}  # fmt: skip
KIND = {"N1": "light", "N2": "light", "N3": "deep", "R": "rem"}


def points(night: Night, facts: dict) -> list[dict]:
    """The data points of a night; `facts` are `summary.summarise` of it."""
    if not facts["began"]:
        raise DreamlampError(
            f"night {facts['night']}: its clock is unknown, and Open mHealth has no night without"
        )
    began = datetime.fromisoformat(facts["began"])
    whole = _between(began, 0, night.length_s)
    found = facts["statistics"]
    tst = {"total_sleep_time": _minutes(found["tst"])}
    bodies: dict[tuple[str, str, str], dict] = {
        ("ieee", "time-in-bed", "1.0"): {"time_in_bed": _minutes(found["tib"]), **whole},
        ("ieee", "total-sleep-time", "1.0"): {**tst, **whole},
        ("ieee", "sleep-stage-summary", "1.0"): {
            "sleep_stage_summary": {**tst, **_summary(night, found)},
            "sleep_stage_episodes": _episodes(night, began),
            **whole,
        },
    }
    if found["tst"]:
        bodies["ieee", "sleep-episode", "1.0"] = _episode(night, found, began)
    if facts["heart"]["mean_bpm"] is not None:
        bodies["omh", "heart-rate", "2.0"] = {
            "heart_rate": {"value": round(facts["heart"]["mean_bpm"], 1), "unit": "beats/min"},
            "descriptive_statistic": "average",
            **whole,
        }
    return [{"header": _header(night, key, facts), "body": body} for key, body in bodies.items()]


def _header(night: Night, key: tuple[str, str, str], facts: dict) -> dict:
    """The same night gives the same identifiers, so that nobody counts it twice."""
    namespace, name, version = key
    origin = f"{night.note.get('sha256')} {facts['began']} {':'.join(key)}"
    return {
        "uuid": str(uuid5(NAMESPACE_OID, origin)),
        "schema_id": {"namespace": namespace, "name": name, "version": version},
        "source_creation_date_time": facts["ended"],
        "modality": "sensed",
        "external_datasheets": [
            {
                "datasheet_type": "software",
                "datasheet_reference": f"urn:x-dreamlamp:{facts['firmware']}",
            }
        ],
    }


def _summary(night: Night, found: dict) -> dict:
    """The statistics of the whole night, as its schema names them."""
    runs = [kind for kind, _ in groupby(KIND.get(stage) for stage in night.stages)]
    light = found["n1"] + found["n2"]
    times = {"light": light, "deep": found["n3"], "rem": found["rem"]}
    said: dict = {"number_of_awakenings": _awakenings(night.stages)}
    for kind, minutes in times.items():
        said[f"{kind}_sleep_duration"] = _minutes(minutes)
        said[f"{kind}_sleep_episode_count"] = runs.count(kind)
        if found["tst"]:
            said[f"{kind}_sleep_percentage"] = _percent(100 * minutes / found["tst"])
    said["awake_duration"] = _minutes(found["waso"])
    if found["sol"] is not None:
        said["latency_to_sleep_onset"] = _minutes(found["sol"])
        said["sleep_efficiency_percentage"] = _percent(found["se"])
    return said


def _episode(night: Night, found: dict, began: datetime) -> dict:
    """From the first sleep to the last."""
    asleep = [i for i, stage in enumerate(night.stages) if stage in SLEEP]
    first, last = night.seconds[asleep[0]], night.seconds[asleep[-1]] + wire.EPOCH_S
    return {
        **_between(began, float(first), float(last)),
        "total_sleep_time": _minutes(found["tst"]),
        "light_sleep_duration": _minutes(found["n1"] + found["n2"]),
        "deep_sleep_duration": _minutes(found["n3"]),
        "rem_sleep_duration": _minutes(found["rem"]),
        "wake_after_sleep_onset": _minutes(found["waso"]),
        "latency_to_sleep_onset": _minutes(found["sol"]),
        "latency_to_arising": _minutes((night.length_s - last) / 60),
        "number_of_awakenings": _awakenings(night.stages),
        "sleep_efficiency_percentage": _percent(found["se"]),
        "is_main_sleep": night.length_s > 3 * 3600,
    }


def _episodes(night: Night, began: datetime) -> list[dict]:
    """Every run of one stage that no hole interrupts."""

    def run(i: int):
        return STATES[night.stages[i]], round(night.seconds[i] - i * wire.EPOCH_S)

    found = []
    for (state, _), members in groupby(range(len(night)), run):
        held = list(members)
        frame = _between(began, night.seconds[held[0]], night.seconds[held[-1]] + wire.EPOCH_S)
        found.append(
            {"sleep_stage_state": state, "sleep_stage_time_frame": frame["effective_time_frame"]}
        )
    return found


def _awakenings(stages: list[str]) -> int:
    """Runs of wake with sleep before and behind them."""
    runs = [stage for stage, _ in groupby(stages)]
    asleep = [i for i, stage in enumerate(runs) if stage in SLEEP]
    return runs[asleep[0] : asleep[-1]].count("W") if asleep else 0


def _between(began: datetime, start_s: float, end_s: float) -> dict:
    start, end = (began + timedelta(seconds=float(s)) for s in (start_s, end_s))
    interval = {"start_date_time": start.isoformat(), "end_date_time": end.isoformat()}
    return {"effective_time_frame": {"time_interval": interval}}


def _minutes(value: float) -> dict:
    return {"value": value, "unit": "min"}


def _percent(value: float) -> dict:
    return {"value": round(value, 2), "unit": "%"}
