"""Sleep statistics are those of YASA, to the last digit: its own code is run beside ours."""

import math

import pytest
from dreamlamp.sleepstats import statistics
from hypothesis import given, settings
from hypothesis import strategies as st
from references import yasa_hypno

NAMES = {"W": "WAKE", "N1": "N1", "N2": "N2", "N3": "N3", "R": "REM", "unscored": "UNS"}
THEIRS = {
    "TIB": "tib", "SPT": "spt", "WASO": "waso", "TST": "tst", "SE": "se", "SME": "sme",
    "SOL": "sol", "Lat_REM": "lat_rem", "N1": "n1", "N2": "n2", "N3": "n3", "REM": "rem",
    "%N1": "n1_percent", "%N2": "n2_percent", "%N3": "n3_percent", "%REM": "rem_percent",
}  # fmt: skip
CLOSE = 1e-9
runs = st.lists(
    st.tuples(st.sampled_from(list(NAMES)), st.integers(1, 60)), min_size=1, max_size=40
)


@settings(max_examples=150, deadline=None)
@given(runs)
def test_every_statistic_equals_yasas(found):
    stages = [stage for stage, length in found for _ in range(length)]
    hypno = yasa_hypno()
    rounded, hypno.np.round = hypno.np.round, lambda value, digits: value  # it prints 4 digits
    try:
        theirs = hypno.Hypnogram([NAMES[s] for s in stages]).sleep_statistics()
    finally:
        hypno.np.round = rounded
    ours = statistics(stages)
    for key, name in THEIRS.items():
        if math.isnan(theirs[key]):
            assert not ours[name], f"{key}: {ours[name]} where YASA says nothing"
        else:
            assert ours[name] == pytest.approx(theirs[key], abs=CLOSE, rel=0), key


def test_rem_latency_of_the_aasm_counts_from_sleep_onset():
    found = statistics(["W"] * 10 + ["N2"] * 100 + ["R"] * 10)
    assert found["lat_rem"] - found["sol"] == 50
