"""One night, lights out to wake.

`Night.feed` is the whole story: samples become beats; every 30 s the beats become an epoch; the
epoch gets a stage, a loop score and a decision about the light, and is on flash before the
next one begins. `run` is the few lines of tasks around it. Knows no pin, no radio, no chip: the
board is handed in, and time comes with the samples.
"""

import asyncio
from array import array

from . import wire
from .asked import FRESH_S, Asked
from .compat import const
from .mind import DEFAULTS, FRESH, Mind, own
from .server import Server

_EPOCH_MS = const(30_000)
_WEAR_EPOCHS = const(20)  # ten minutes of wear begin a night without the button
_UNWORN_EPOCHS = const(120)  # an hour without a finger ends it
_NIGHT_EPOCHS = const(240)  # two hours: less teaches nothing and earns no right to act
_POWER_ON = const(1)  # reset cause: nobody knows for how long the lamp was off
_RETURN_EPOCHS = const(2)  # whose night was cut has the finger on when power comes back
_POLL_MS = const(100)  # the FIFO holds 640 ms; what other tasks do at a time comes on top
_TICKS = const(0x3FFFFFFF)


class Night(Asked):
    """Idle, or recording a night.

    `settings` has get(key, default) and set(key, value); `boot` counts power-ups, `cause` is the
    chip's reset cause. A night that was open when the power went is gone on with; a `safe` lamp
    records none.
    """

    def __init__(self, log, settings, rate_hz, boot, cause, safe=False):
        if boot == 1 and not log.newest:
            for key in FRESH:
                if settings.get(key) is None:  # `flash` may have been there before
                    settings.set(key, FRESH[key])
        self.log = log
        self.settings = settings
        self.rate_hz = rate_hz
        self.boot = boot
        self.cause = cause
        self.kit = settings.get("kit", wire.KIT_HEART)
        self.plugged = False  # electrodes are glued on, and USB is in
        parts = own(self.kit)
        self.heart = parts.ear(rate_hz)
        self.diary = parts.diary(log)
        self.epoch = wire.Epoch()
        # stage, confidence, bpm x10, score, quality and index of the last whole epoch
        self.last = array("H", (wire.UNSCORED, 0, 0, 0, 0, 0))
        self.dawn = None  # dawn.Dawn, once there is a plan
        self.mind = Mind(settings, 0, self.kit)
        self.state = wire.SAFE if safe else wire.IDLE  # or wire.RECORDING
        self.now_s = 0
        self.resumed = 0  # the night that a power-up found open
        self.told = None  # since this power-up: when it was told the time, and which
        self.due_s = wire.EPOCH_S  # when the epoch that is being filled ends
        self.worn_epochs = 0  # in a row
        self.unworn_epochs = 0
        self.lost = 0  # samples missing from this epoch
        self.examine = None  # the board's checkup, for the server
        self.ended_s = -FRESH_S if cause == _POWER_ON else 0  # a reset is no new evening
        self.lit_s = self.ended_s  # when light was last asked for while no night was recorded
        self.rested = True  # the finger was off since the button ended a night
        self.given_up = 0  # unsynced nights that had to make room
        self.faults = 0  # of the flash
        self.doubted = False  # whether the night that is gone on with is tonight's
        self.seen = 0  # the hour of Unix time that was noted last
        self.hour = self.past_s = 0  # Unix time of second 0 since boot; in one it is no small int
        self._plan_dawn()
        if log.resume() and not safe:
            self._stretch(wire.BOOT)
            self.doubted = cause == _POWER_ON
            self.resumed = log.open_id

    # --- what the sensor brings -------------------------------------------------------------

    def feed(self, buf, n, marks, lost, now_s):
        """Take `n` samples of `buf` (IR counts); the last was read at second `now_s` since boot.

        `marks` (wire.M_*) and `lost` say what happened before the first of them.
        """
        self.now_s = now_s
        if self.state == wire.RECORDING:
            self.diary.keep(self.epoch.index, buf, n, marks, lost)
        self.heart.feed(buf, n, marks, lost)
        self.lost += lost
        if marks & wire.M_FAULT:
            self.epoch.flags |= wire.F_FAULT
        if now_s < self.due_s:
            self.log.prepare()  # no epoch is to be closed: the harmless moment for an erase
        while now_s >= self.due_s:
            self._close_epoch()

    def _close_epoch(self):
        """Judge the epoch that just ended, write it down, make room for the next."""
        epoch = self.epoch
        if self.lost:
            epoch.flags |= wire.F_LOST
        self.diary.fit(self.heart.beats)
        self.heart.close(epoch, _EPOCH_MS)
        self.mind.wake.mark(epoch)
        self._count_wear(epoch.flags & wire.F_WORN)
        if self.state == wire.RECORDING:
            event = self.mind.feed(epoch, self.due_s)
            self._keep_account()  # for good and before any light: a reset forgets nothing
            self.diary.epoch(epoch)
            if event:
                self._event(event, self.mind.wake.a, self.mind.wake.b, self.mind.wake.c)
            self._note_trouble()
        else:
            self.mind.wake.feed(epoch, 0, self.due_s)  # light that somebody asked for
            self._keep_account()
        dawn = self.dawn
        if dawn:
            event = dawn.feed(epoch, self.due_s)
            if event:
                self._event(event, dawn.a, dawn.b, dawn.c)
        self._remember(epoch)
        self.heart.next_epoch(_EPOCH_MS)
        epoch.clear((epoch.index + 1) & 0xFFFF)
        self.due_s += wire.EPOCH_S  # before `begin`, which sets it anew
        self.lost = 0
        if self.log.full and self.state == wire.RECORDING:
            self.end(wire.END_FULL)
        elif self.unworn_epochs >= _UNWORN_EPOCHS and self.state == wire.RECORDING:
            self.end(wire.END_UNWORN)
        elif self.worn_epochs >= _WEAR_EPOCHS and self.rested and self.state == wire.IDLE:
            self.begin()
        elif self.doubted and self.unworn_epochs >= _RETURN_EPOCHS:
            self.end(wire.END_LOST)
        self._note_hour()

    def _remember(self, epoch):
        """Keep what a host may ask for while the next epoch is measured."""
        last = self.last
        last[0], last[1], last[2] = epoch.stage, epoch.confidence, epoch.hr_bpm_x10
        last[3], last[4], last[5] = epoch.score, epoch.quality, epoch.index

    def _count_wear(self, worn):
        self.rested = self.rested or not worn
        self.doubted = self.doubted and not worn
        self.worn_epochs = self.worn_epochs + 1 if worn else 0
        self.unworn_epochs = 0 if worn else self.unworn_epochs + 1

    def _note_trouble(self):
        """Write down why an epoch may be empty: the report will say so."""
        if self.unworn_epochs == 1 or self.worn_epochs == 1:
            self._event(wire.UNWORN if self.unworn_epochs else wire.WORN)
        if self.lost:
            self._event(wire.SAMPLES_LOST, min(self.lost, 32767))
        if self.epoch.flags & wire.F_FAULT:
            self._event(wire.SENSOR_FAULT)
        if self.given_up != self.log.given_up:
            self.given_up = self.log.given_up
            self._event(wire.LOG_FULL, self.given_up)
        if self.faults != self.log.faults:
            self.faults = self.log.faults
            self._event(wire.FLASH_FAULT, min(self.faults, 32767))

    def _event(self, code, a=0, b=0, c=0):
        if self.state == wire.RECORDING:
            second = self.now_s - self.due_s + wire.EPOCH_S
            self.diary.event(code, self.epoch.index, second, a, b, c)

    # --- how a night begins and ends --------------------------------------------------------

    def button(self):
        """A short press: dark at once if the lamp shines, else begin or end the night."""
        if self.mind.wake.active():
            self.press()
        elif self.doubted:
            self.end(wire.END_LOST)
            self.begin()
        elif self.state == wire.RECORDING:
            self._event(wire.BUTTON)
            self.end(wire.END_BUTTON)
        elif self.state == wire.IDLE:
            self.begin()

    def begin(self):
        """Open a night; its first epoch starts at this second."""
        self._freshen()
        if self.plugged or not self.log.open_night():
            return  # or the ids are used up, after 16382 nights
        self._stretch(wire.NIGHT)
        self.diary.begin_minute()

    def _freshen(self, light=True):
        """Whatever night this is, it is another evening's: with rescues and (`light`) light of its
        own, and to be learned from once."""
        if self.now_s - self.ended_s >= FRESH_S:
            for key in ("rescues", "learned", "spent")[: 2 + light]:
                if self.settings.get(key, DEFAULTS.get(key, 1)):
                    self.settings.set(key, 0)

    def _stretch(self, kind):
        """Begin a stretch of the night with everything new: heart, mind and epoch."""
        self.state = wire.RECORDING
        self.heart = None  # there is not room for two
        self.heart = own(self.kit).ear(self.rate_hz)
        self._new_mind()
        self.first = self.log.next_epoch  # what came before it, this mind did not see
        self.epoch.clear(self.first)
        self.worn_epochs = self.unworn_epochs = self.lost = self.seen = 0
        self.diary.end_minute()
        self.due_s = self.now_s + wire.EPOCH_S
        self.diary.boot(
            kind,
            self.mind.born,
            self.boot,
            self.cause,
            self.now_s,
            self.rate_hz,
            self.epoch.index,
        )
        if self.told:
            self.diary.clock(self.boot, *self.told)
        if self.dawn:
            self.dawn.told = False
        if self.mind.wake.active():  # a dawn, or light that was asked for and that goes
            self._event(wire.LIGHT_ASKED, self.level // 100, c=1)

    def _new_mind(self):
        """Judge anew, as the settings now say; light that was asked for goes softly."""
        ramp = self.mind.wake.ramp
        self.mind = None  # there is not room for two
        self.mind = Mind(self.settings, self.log.open_id, self.kit)
        ramp.fade()
        self.mind.wake.ramp, self.mind.wake.person = ramp, self.dawn

    def end(self, reason):
        """Learn from the night and close it: in this order, for the mind dies with the power."""
        self.mind.wake.cut()
        self._learn()
        if self.dawn and reason == wire.END_BUTTON:
            self.dawn.off()  # who presses it is up
            self._keep_dawn()
        self.diary.end(reason)
        self.doubted = False
        self.state = wire.IDLE
        self.worn_epochs = self.unworn_epochs = 0
        self.rested = reason in (wire.END_UNWORN, wire.END_LOST, wire.END_USB)
        self.ended_s = self.now_s

    def _learn(self):
        """Once an evening. A cut between the writes may cost a night's count, never add one."""
        settings = self.settings
        long_enough = self.epoch.index - self.first >= _NIGHT_EPOCHS
        if long_enough and not settings.get("learned", 1):
            settings.set("baseline", self.mind.learn())
            if settings.set("learned", 1):
                settings.set("nights", min(self.mind.born["nights"] + 1, 255))

    def plug(self, usb):
        """USB is in, or out again; True if that changed what an EEG kit may do.

        Nobody's head is wired to a mains supply: while it is in nothing is measured, no night
        begins, and one that runs is over.
        """
        if not self.kit & wire.KIT_EEG or usb == self.plugged:
            return False
        self.plugged = usb
        if usb and self.state == wire.RECORDING:
            self._event(wire.USB_IN)
            self.end(wire.END_USB)
        return True


async def run(board):
    """Keep watch for ever on the parts of `board` (DESIGN.md, Faces)."""
    settings, sensor, clock = board.settings, board.sensor, board.clock
    boot = (settings.get("boot", 0) + 1) & 0xFFFF
    if boot > 1:  # a first start that is cut short is a first start again
        settings.set("boot", boot)
    parts = own(settings.get("kit", wire.KIT_HEART))
    log = parts.log(board.flash, settings.get("raw", 0))
    night = Night(log, settings, sensor.rate_hz, boot, board.reset_cause, board.safe)
    if boot == 1:
        settings.set("boot", boot)
    unix_s = clock.unix_s()
    if unix_s:  # it outlived a reset, not the power
        night.now_s = clock.now_s()
        night.clock_set(unix_s, settings.get("utc_min", 0))
    board.darken = night.darken
    night.examine = board.examine
    server = Server(log, night, settings, clock)
    board.spawn(board.link.serve, server)
    board.spawn(board.cable.serve, server)
    board.spawn(shine, board, night)
    buf = array("i", [0] * 32)
    sensor.wake()
    while True:
        read_ms = clock.now_ms()
        if night.kit & wire.KIT_EEG and night.plug(board.power.usb_present()):
            if night.plugged:
                sensor.sleep()
            else:
                sensor.wake()
        n = sensor.read_into(buf)
        night.epoch.led, night.epoch.temp_c = sensor.led, sensor.temp_c
        night.feed(buf, n, sensor.marks, sensor.lost, clock.now_s())
        board.link.notify_heart(night.heart.beats)
        held = board.button.held()
        if held:
            board.link.open_window(held > 1)
            if held > 1:
                night.withdraw(True)
        elif board.button.kept():
            night.withdraw()
        elif board.button.taken():
            night.button()
        board.watchdog.feed()
        spent_ms = clock.now_ms() - read_ms & _TICKS
        await asyncio.sleep_ms(max(0, _POLL_MS - spent_ms))


async def shine(board, night):
    """Move the light, every 50 ms while it shines; the button ends it in the same breath."""
    night.darken()  # begun again after a fault, it must not leap to where it was
    while True:
        wake = night.mind.wake
        if wake.active() and board.button.strike():
            night.press()
        board.light.set(wake.tick(board.clock.now_ms()))
        await asyncio.sleep_ms(50 if wake.active() else 500)
