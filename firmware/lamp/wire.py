"""Every byte the lamp and its host share: identifiers, codes and record layouts.

Both ends import this file, so a fact two ends share is written once. Little-endian, fixed
width. A field is never reused; a new one is a new record type. WIRE.md is the text,
tests/golden the bytes, and one test compares all three. Knows no radio and no flash.
"""

import struct
from array import array

from .compat import const

PROTOCOL = 1  # the host reads it first; it refuses a lamp whose protocol it does not know

# --- UUIDs from one base -------------------------------------------------------------------

BASE_UUID = "5e1f%04x-8d2a-4b6e-9c47-6c616d702121"
SERVICE_UUID = BASE_UUID % 0x0001
CONTROL_UUID = BASE_UUID % 0x0002  # host writes a request, lamp notifies its answer
DATA_UUID = BASE_UUID % 0x0003  # lamp notifies the bytes of a night
DEVICE_INFORMATION = const(0x180A)
SOFTWARE_REVISION = const(0x2A28)
CURRENT_TIME_SERVICE = const(0x1805)
CURRENT_TIME = const(0x2A2B)
HEART_RATE_SERVICE = const(0x180D)
HEART_RATE_MEASUREMENT = const(0x2A37)

# --- requests and answers -------------------------------------------------------------------
# request: opcode u8, tag u8, body          answer: opcode | 0x80, tag, status u8, body
# A request with tag 0 is done and not answered.

HELLO = const(
    0x01
)  # -> protocol u8, firmware 3 x u8, kit u8, state u8, mode u8, boot u16, now_s u32
SET_TIME = const(0x02)  # unix_s u32, utc_offset_min i16
NIGHTS = const(0x03)  # first u8 -> total u8, then entries of NIGHT_ENTRY
READ = const(0x04)  # night u16, offset u32, credit u32: grants that many bytes on `data`
DIGEST = const(0x05)  # night u16 -> length u32, sha256 of those bytes
SYNCED = const(0x06)  # night u16, sha256: the host holds the night, fsynced and verified
DELETE = const(0x07)  # night u16, sha256
STATUS = const(0x08)  # -> the last whole epoch: see STATUS_LAYOUT
GET = const(0x09)  # key u8 -> value
SET = const(0x0A)  # key u8, value
STOP = const(0x0B)  # forget the running READ
LAMP_OFF = const(0x0C)  # dark now, for the rest of the night
BONDS = const(0x0D)  # -> entries of BOND_ENTRY
UNBOND = const(0x0E)  # BOND_ENTRY: forget that peer
CHECKUP = const(0x0F)  # part u8 -> what the lamp knows of its own health: CHECK_*

ANSWER = const(0x80)

OK = const(0)
BAD_REQUEST = const(1)
NOT_FOUND = const(2)
REFUSED = const(3)  # the link is not encrypted, or the peer is not bonded
BUSY = const(4)
MISMATCH = const(5)  # the hash is not this night's
FAULT = const(6)
TOO_FAST = const(7)
LATER = const(8)  # begun and not yet done: ask again
WILL_NOT = const(0x40)  # | WHY_*: understood, and the lamp's own limits forbid it

# `data` carries: offset u32, then bytes of the night from there on.
DATA_HEADER = "<I"
DATA_HEADER_SIZE = const(4)

# id, bytes, epochs, flags, boot and second (since that boot) of its first frame
NIGHT_ENTRY = "<HIHBHI"
NIGHT_ENTRY_SIZE = const(15)
ENTRY_OPEN = const(1)  # still being written
ENTRY_SYNCED = const(2)  # some host holds it
ENTRY_RAW = const(4)  # and there are raw samples of it: the bytes of `night | RAW`
RAW = const(0x4000)
RAW_SECTOR = const(4096)  # of those bytes

# slot, address type and address of a bonded peer
BOND_ENTRY = "<B7s"
BOND_OURS = const(0x80)  # in the slot: it is the peer that asks

HELLO_LAYOUT = "<BBBBBBBHI"

# state, mode, stage, confidence, hr_bpm_x10, score, light (L*), quality, night id, epoch index
STATUS_LAYOUT = "<BBBBHBBBHH"

# parts of CHECKUP
CHECK_SYSTEM = const(0)
CHECK_SENSOR = const(1)  # takes a second; only while no night is recorded
CHECK_FLASH = const(2)
CHECK_CRASH = const(3)  # and up: the end of that crash's traceback, the newest first
# firmware, MicroPython 3 x u8 each; reset cause, strikes, mark of the update, kit u8; boot u16;
# uptime, told at, told unix_s, heap free, its low-water mark, IDF's free and low-water mark u32;
# supply mV, crashes u16
CHECK_SYSTEM_LAYOUT = "<3B3BBBBBHIIIIIIIHH"
# SDA, SCL, INT idle, INT once its status was read: u8; part i16, devices on the bus u8, faults
# u16, errno i16, led u8, die C i8, too hot u8; mean counts dark, red, infrared u32
CHECK_SENSOR_LAYOUT = "<BBBBhBHhBbBIII"
# since boot: programs, bytes, erases u32, faults, nights evicted, lost, rot, torn u16; sectors,
# nights, unsynced nights u16; bytes of the file system, of it free u32; sectors that take no more
# data, nights since it was made u16
CHECK_FLASH_LAYOUT = "<IIIHHHHHHHHIIHH"

KEY_MODE = const(1)  # u8
KEY_CONSENT = const(2)  # policy version u8, unix_s u32; all zero withdraws
KEY_LIVE = const(3)  # u8: 1 lets Heart Rate be notified live
KEY_LIGHT = const(4)  # level u8 (L*): light now, within the night's limits; 0 fades it
# level u8 (L*), window u8 (min), then deadlines unix_s u32, ascending; empty: none
KEY_DAWN = const(5)
KEY_WIND_DOWN = const(6)  # level u8 (L*), minutes u8 (3 to 60): as LIGHT, going dark over these
KEY_RESCUES = const(7)  # u8: rescues allowed a night, 1 to 3
KEY_FULL_LUX = const(8)  # u16: lux at the pillow at L* 100, measured once
KEY_SHIFT = const(9)  # i8: percent the morning's answers move the loop threshold, -20 to 50
# slot u8 alone: that bond is the owner's own; with rights u8 and unix_s u32 it is a companion's,
# who may so much until then. Read: such entries of all companions' bonds
KEY_PERMIT = const(10)
KEY_CEILING = const(11)  # u8: highest light, L* 1 to 100; the wake's own limits hold as well
KEY_BOARD = const(12)  # u8: whose pins; BOARD_*
KEY_KIT = const(13)  # u8: KIT_*, from the next start on
KEY_RAW = const(14)  # u8: RAW_OFF, RAW_NIGHT, RAW_FINE; of the EEG kit, from the next start on
PERMIT_LAYOUT = "<BBI"
MAY_WATCH = const(1)  # STATUS, and the heart live
MAY_LIGHT = const(2)  # LIGHT

# What the sleeper consents to (dreamlamp/consent.py has the words). A new policy asks again.
POLICY = const(2)
POLICY_THIRD = const(0x80)  # with it: a random third of the rescues may stay dark

IDLE = const(0)  # states
RECORDING = const(1)
SAFE = const(2)

OFF = const(0)  # modes
OBSERVE = const(1)
ACT = const(2)

BOARD_DEVKITC = const(1)

RAW_OFF = const(0)
RAW_NIGHT = const(1)  # steps of 1.5 uV
RAW_FINE = const(2)  # of 0.4 uV

KIT_HEART = const(1)
KIT_EEG = const(2)
KIT_BOTH = const(3)  # no board has both yet: the mind alone knows it

# --- stages (EDF's codes) ---------------------------------------------------------------------

W = const(0)
N1 = const(1)
N2 = const(2)  # the heart kit cannot tell N1 from N2 and says N2 for both ("light")
N3 = const(3)
R = const(5)
UNSCORED = const(9)

# --- a night, frame by frame --------------------------------------------------------------------
# frame: type u8, length u8, payload, crc32 u32 over type..payload, seeded with the night's id.
# The bytes of a night are its frames end to end, as they lie on flash.

EPOCH_S = const(30)  # AASM scoring epoch
BIN_S = const(5)
BINS = const(6)  # heart-rate bins of an epoch

FRAME_OVERHEAD = const(6)
FRAME_MAX = const(255 + 6)

NIGHT = const(0x01)  # first frame of a night: BOOT_LAYOUT
BOOT = const(0x02)  # the lamp came back within the night: BOOT_LAYOUT
EPOCH = const(0x03)  # Epoch, then its beats as codec.pack_beats wrote them
EVENT = const(0x04)  # EVENT_LAYOUT
CLOCK = const(0x05)  # CLOCK_LAYOUT
PPG = const(0x06)  # PPG_LAYOUT, then samples as codec.pack_samples wrote them
END = const(0x07)  # reason u8, epochs u16
BASELINE = const(0x08)  # follows a NIGHT or BOOT: the bytes loops.Loops was born with
BANDS = const(0x09)  # BANDS_LAYOUT, of the EPOCH that follows; the EEG kit alone
# in the sectors of raw samples alone
RAW_FIRST = const(0x0A)  # a stretch of samples begins: RAW_FIRST_LAYOUT
RAW_MORE = const(0x0B)  # RAW_MORE_LAYOUT, then the samples that follow as rice.pack wrote them

# night, boot, reset cause, seconds since boot, protocol, firmware 3 x u8, kit, mode, sample rate
# in Hz x100, rescues so far this night, policy consented to, light ceiling (L*), loop threshold
# shift, nights recorded before, rescues allowed a night, lux at the pillow at full light, light
# spent so far this night (lux s x10), and the index of the first epoch that follows
BOOT_LAYOUT = "<HHBIBBBBBBHBBBbBBHIH"
# code, epoch index, second within it, and three values that WIRE.md names for each code
EVENT_LAYOUT = "<BHBhhh"
# boot, seconds since that boot, unix_s, utc_offset_min
CLOCK_LAYOUT = "<HIIh"
# epoch index, index of the first sample within the recorded minute, number of samples, marks
PPG_LAYOUT = "<HHBB"
# epoch index, then Epoch.eeg: delta theta alpha sigma beta gamma
BANDS_LAYOUT = "<H6B"
# epoch index, number of the sample since that NIGHT or BOOT (lost ones counted), low bits of the
# converter's 24 that are cut off, the sample without them (offset binary)
RAW_FIRST_LAYOUT = "<HIBI"
# low 16 bits of the number of the first sample, how many
RAW_MORE_LAYOUT = "<HH"

# event codes
WORN = const(1)
UNWORN = const(2)
BUTTON = const(3)
SENSOR_FAULT = const(4)
SAMPLES_LOST = const(5)  # a: samples
LOG_FULL = const(6)  # a: nights nobody had fetched that made room, since boot
LOOP = const(7)  # the detector saw a loop. a: score, b: threshold, c: kind
RESCUE = const(8)  # the lamp raised its light. a: score, b: threshold, c: rescue number
REFUSED_RESCUE = const(9)  # a: score, b: threshold, c: reason (WHY_*)
SETTLED = const(10)  # outcomes of a rescue. a: score, b: seconds since it began, c: 1 if lit
WOKE = const(11)
NO_RESPONSE = const(12)
LIGHT_OFF = const(13)  # a: highest level (L*), b: seconds since it rose, c: reason
MODE_SET = const(14)  # a: mode, b: policy consented to
SYNC_BEGAN = const(16)  # a host asked for the bytes of a night
FLASH_FAULT = const(17)  # a: programs and erases that did not stick, since boot
# a: level (L*), b: seconds to the deadline, c: 0; or c WHY_CLOCK: it cannot come; WHY_BUTTON: put
# off for b seconds; WHY_DONE: over, b seconds after it began
DAWN = const(18)
LIGHT_ASKED = const(19)  # somebody asked for light. a: level (L*), b: minutes to dark, 0: an hour
USB_IN = const(20)  # into a kit with electrodes: it records nothing until it is out

# why the light stays dark or goes dark: value c of REFUSED_RESCUE, LIGHT_OFF, DAWN; in WILL_NOT
WHY_MODE = const(1)  # mode off
WHY_OBSERVE = const(2)  # all limits kept: in mode act the light would have risen
WHY_CONSENT = const(3)  # none, or one to another policy
WHY_BASELINE = const(4)  # too few nights of baseline
WHY_OBSERVING = const(5)  # too few nights of observing
WHY_BUTTON = const(6)  # the sleeper said no for this night
WHY_CAP = const(7)  # the night's rescues are used up
WHY_BETWEEN = const(8)  # too soon after the last
WHY_EARLY = const(9)  # too little sleep so far
WHY_DOSE = const(10)  # the night's light is used up
WHY_BLIND = const(11)  # the light itself may have moved the heart
WHY_AWAKE = const(12)  # not asleep
WHY_SIGNAL = const(13)  # no finger, or no trustworthy heart
WHY_THIRD = const(14)  # the dark third: the sleeper agreed to it
WHY_SETTLED = const(15)  # the sleeper settled
WHY_DONE = const(16)  # the profile ran to its end
WHY_CLOCK = const(17)  # the time is not known
WHY_PERMIT = const(18)  # the sleeper has not permitted it, or no longer

# kinds of loop
CYCLE = const(1)  # returns again and again to the same surge
HOLD = const(2)  # held on a plateau that will not come down

# why a night ended
END_BUTTON = const(1)
END_UNWORN = const(2)
END_FULL = const(3)
END_LOST = const(4)  # closed at a later boot
END_USB = const(5)  # a kit with electrodes was plugged into USB

# epoch flags
F_WORN = const(1)
F_SATURATED = const(2)
F_LOST = const(4)  # samples were lost in it
F_FAULT = const(8)  # the sensor failed in it
F_GATE = const(16)  # the loop detector's gate was open
F_LIGHT = const(32)  # the lamp was not dark in it
F_MOTION = const(64)  # `motion` was measured

# beat flags
NN = const(0)  # a normal interval
ARTEFACT = const(1)  # an interval the quality gate rejects
FIRST = const(2)  # first beat after a break: no interval

# marks on a burst of samples
M_LOST = const(1)  # samples were lost before it
M_LED = const(2)  # the LED current changed in it
M_FAULT = const(4)  # the bus failed before it
M_LEADOFF = const(8)  # an electrode was off

EEG_BANDS = const(6)  # delta theta alpha sigma beta gamma


class Epoch:
    """One 30 s epoch: what was measured in it and what was made of it.

    Born once and lent to every pure file in turn; `heart` fills the measures, `staging` the
    stage, `loops` the score, `wake` the light. Attributes are ints; those up to `temp_c` travel
    in the record; `heart.summarise` makes the others again from the beats that follow it.
    """

    LAYOUT = "<HBBBBBBBBBBBBBBb"
    SIZE = const(17)

    def __init__(self):
        self.hr_x10 = array("h", [0] * BINS)  # mean heart rate of each 5 s bin, bpm x10; 0 absent
        self.eeg = bytearray(EEG_BANDS)  # 8 log2(uV^2/Hz) + 80; 0 absent
        self.clear(0)

    def clear(self, index):
        """Make it the empty epoch number `index` (30 s each, since the night's start)."""
        self.index = index
        self.flags = 0
        self.quality = 0  # share of the epoch with trustworthy beats, percent
        self.stage = UNSCORED
        self.confidence = 0  # probability that `stage` is right, percent
        self.p_w = 0  # posterior of wake, deep and REM, 255 = 1; light is the rest
        self.p_n3 = 0
        self.p_r = 0
        self.score = 0  # loop score, 100 = the threshold in force
        self.cycle = 0  # its parts, same scale
        self.hold = 0
        self.lag_s = 0  # of the best recurrence; 0 none; travels in units of 2 s
        self.base_bpm = 0  # the baseline the deviation is taken from
        self.light = 0  # highest level in the epoch, CIE L*
        self.led = 0  # LED current register
        self.temp_c = 0  # of the sensor's die
        self.hr_bpm_x10 = 0  # of the whole epoch
        self.rmssd_ms = 0  # 255 = 255 or more
        self.beats = 0
        self.motion = -1  # counts; -1 not measured
        for i in range(BINS):
            self.hr_x10[i] = 0
        for i in range(EEG_BANDS):
            self.eeg[i] = 0

    def pack_into(self, buf, offset):
        """Write the record's `SIZE` bytes at `offset`."""
        struct.pack_into(
            self.LAYOUT,
            buf,
            offset,
            self.index,
            self.flags,
            self.stage,
            self.quality,
            self.confidence,
            self.p_w,
            self.p_n3,
            self.p_r,
            self.score,
            self.cycle,
            self.hold,
            self.lag_s >> 1,
            self.base_bpm,
            self.light,
            self.led,
            self.temp_c,
        )

    def unpack_from(self, buf, offset):
        """Read the record at `offset`; `hr_x10` and `motion` stay as they are."""
        (
            self.index,
            self.flags,
            self.stage,
            self.quality,
            self.confidence,
            self.p_w,
            self.p_n3,
            self.p_r,
            self.score,
            self.cycle,
            self.hold,
            lag,
            self.base_bpm,
            self.light,
            self.led,
            self.temp_c,
        ) = struct.unpack_from(self.LAYOUT, buf, offset)
        self.lag_s = lag << 1
