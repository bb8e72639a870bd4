"""The stager: abstention, the desk, no allocation, and the same labels on every build."""

import watched
from lamp import forest, stagemodel, staging, wire

EPOCHS = 240
# of the committed model; `python tests/both/test_staging.py` prints them
GOLDEN = (465476, 256302)


def synthetic(epoch, index, worn=True, motion=False):
    """A night from integers alone: rate and restlessness swing with a 90-minute cycle."""
    epoch.clear(index)
    if not worn:
        return
    epoch.flags = wire.F_WORN
    phase = index % 180
    restless = 4 if index < 20 else 3 if phase > 140 else 0 if 40 < phase < 90 else 1
    for i in range(wire.BINS):
        noise = (index * 7919 + i * 104729 + (index * index) % 1013) % 211 - 105
        epoch.hr_x10[i] = 640 - min(index, 120) // 2 + restless * 20 + noise * (1 + restless) // 4
    epoch.quality = 100
    if motion:
        epoch.motion = 900 if restless == 4 and index % 3 == 0 else 0


def labels(motion=False):
    stager, epoch, said = staging.Stager(), wire.Epoch(), []
    for index in range(EPOCHS):
        synthetic(epoch, index, True, motion)
        stager.feed(epoch)
        said.append((epoch.stage, epoch.confidence, epoch.p_w, epoch.p_n3, epoch.p_r))
    return said


def checksum(rows):
    total = 1
    for row in rows:
        for value in row:
            total = (total * 31 + value) % 1000003
    return total


def test_the_first_epochs_and_none_later_are_unscored_on_a_clean_night():
    stages = [row[0] for row in labels()]
    first = forest.HISTORY - 1
    assert stages[:first] == [wire.UNSCORED] * first
    assert wire.UNSCORED not in stages[first:]
    assert len(set(stages)) > 2


def test_an_unworn_epoch_is_unscored_at_once_and_says_nothing():
    stager, epoch = staging.Stager(), wire.Epoch()
    for index in range(60):
        synthetic(epoch, index)
        stager.feed(epoch)
    assert epoch.stage != wire.UNSCORED and epoch.confidence > 0
    synthetic(epoch, 60, worn=False)
    stager.feed(epoch)
    assert (epoch.stage, epoch.confidence, epoch.p_r) == (wire.UNSCORED, 0, 0)


def test_a_short_loss_of_signal_is_bridged_and_a_long_one_is_not():
    stager, epoch, said = staging.Stager(), wire.Epoch(), []
    for index in range(60 + forest.BLIND + 1):
        synthetic(epoch, index)
        if index >= 60:
            for i in range(wire.BINS):
                epoch.hr_x10[i] = 0
        stager.feed(epoch)
        said.append(epoch.stage)
    assert wire.UNSCORED not in said[60:-1]
    assert said[-1] == wire.UNSCORED


def test_a_still_hour_on_the_desk_is_not_sleep():
    for rate in (0, 620):  # no light comes back; or a hum that looks like a steady pulse
        stager, epoch, slept = staging.Stager(), wire.Epoch(), 0
        for index in range(120):
            epoch.clear(index)
            epoch.flags = wire.F_WORN
            epoch.motion = 0
            for i in range(wire.BINS):
                epoch.hr_x10[i] = rate
            stager.feed(epoch)
            slept += index > staging.STILL // 6 + 3 and epoch.stage != wire.UNSCORED
        assert slept == 0, (rate, slept)


def test_motion_is_heard_where_it_is_measured():
    assert [row[2] for row in labels()] != [row[2] for row in labels(motion=True)]


def test_the_largest_intermediates_stay_below_31_bit_small_integers():
    worst = 127 * (stagemodel.TABLES[0][1] + stagemodel.TABLES[1][1])  # every leaf at its limit
    assert (2 * worst + 2048) * max(stagemodel.TEMPER) < 1 << 30
    for i in range(4):
        assert sum(stagemodel.CHAIN[4 * i : 4 * i + 4]) <= (1 << 14) + 2
    assert (1 << 14) * max(stagemodel.WEIGHT) < 1 << 30
    assert max(staging.Stager()._exp2) == 1 << 14


def test_the_tables_fit_8_kb():
    trees = 37 * (stagemodel.TABLES[0][1] + stagemodel.TABLES[1][1])
    assert trees + len(stagemodel.EXP2) + len(stagemodel.CONFIDENCE) + 2 * 37 <= 8192


def test_the_golden_night_has_its_labels_on_every_build():
    assert checksum(labels()) == GOLDEN[0]
    assert checksum(labels(motion=True)) == GOLDEN[1]


def test_an_epoch_allocates_nothing():
    stager, epoch = staging.Stager(), wire.Epoch()
    for index in range(80):
        synthetic(epoch, index, True, True)
        stager.feed(epoch)
    assert watched.allocated(stager.feed, epoch) == 0


if __name__ == "__main__":
    print((checksum(labels()), checksum(labels(motion=True))))
