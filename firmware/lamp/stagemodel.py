"""Tables of the stager, written by `make train`; do not edit.

Seed 1, LightGBM 4.7.0, sha256 of features and labels
069795c4111da1cba27046309993aaf7eb8c14fcae0c48607ec2ce16d917a1bb. 8100 bytes of tables.
First made at commit 095f938d0e.
Kappa of wake, NREM and REM, subjects held out (4 folds, tuned on these nights):
    heart alone: slpdb 0.239, walch2019 0.444; with motion: walch2019 0.497
The bench's are stricter: one subject held out, everything nested.
Trained on Walch 2019 sleep-accel 1.0.0 and MIT-BIH slpdb 1.0.0 (PhysioNet, ODC-By 1.0):
    slpdb/slp01a slpdb/slp01b slpdb/slp02a slpdb/slp02b slpdb/slp03 slpdb/slp04 slpdb/slp32
    slpdb/slp48 slpdb/slp59 slpdb/slp60 slpdb/slp61 slpdb/slp67x walch2019/1066528
    walch2019/1360686 walch2019/1449548 walch2019/1818471 walch2019/2598705 walch2019/4018081
    walch2019/4314139 walch2019/4426783 walch2019/46343 walch2019/5132496 walch2019/5383425
    walch2019/6220552 walch2019/759667 walch2019/8000685 walch2019/8173033 walch2019/8530312
    walch2019/8692923 walch2019/9106476 walch2019/9618981
"""

BIAS = (-498, -158, -512, -437)
PRIOR = (-498, -158, -512, -437)
START = (13107, 2621, 328, 328)
CHAIN = (13766, 2512, 10, 96, 557, 15300, 263, 264, 157, 905, 15316, 5, 246, 589, 4, 15545)
TEMPER = (203, 203)
GATE = (222, 243)
WEIGHT = (2392, 4096, 882, 1251, 4096, 2712, 519, 494)
EXP2 = (
    b"\x00\x40\x50\x3f\xa1\x3e\xf4\x3d\x49\x3d\xa0\x3c\xf9\x3b\x54\x3b\xb0\x3a\x0e\x3a\x6e\x39"
    b"\xd0\x38\x33\x38\x98\x37\xff\x36\x67\x36\xd1\x35\x3d\x35\xaa\x34\x19\x34\x89\x33\xfb\x32"
    b"\x6e\x32\xe3\x31\x5a\x31\xd2\x30\x4b\x30\xc6\x2f\x42\x2f\xc0\x2e\x3f\x2e\xbf\x2d\x41\x2d"
    b"\xc4\x2c\x49\x2c\xcf\x2b\x56\x2b\xdf\x2a\x68\x2a\xf3\x29\x80\x29\x0d\x29\x9c\x28\x2c\x28"
    b"\xbd\x27\x50\x27\xe3\x26\x78\x26\x0e\x26\xa5\x25\x3d\x25\xd7\x24\x71\x24\x0c\x24\xa9\x23"
    b"\x47\x23\xe5\x22\x85\x22\x26\x22\xc8\x21\x6b\x21\x0f\x21\xb3\x20\x59\x20"
)
CONFIDENCE = (
    b"\x03\x09\x10\x16\x1a\x1b\x1e\x21\x29\x29\x29\x29\x2a\x2d\x34\x47\x03\x09\x29\x32\x38\x3b"
    b"\x3b\x3b\x3d\x3e\x40\x40\x45\x49\x4d\x51\x03\x09\x10\x16\x1c\x22\x29\x2f\x35\x3b\x3c\x3d"
    b"\x3d\x3d\x3d\x43\x03\x09\x10\x16\x1c\x22\x27\x2f\x35\x3d\x3d\x3d\x3d\x3d\x3d\x45\x03\x10"
    b"\x15\x17\x1f\x1f\x1f\x1f\x22\x22\x22\x2d\x36\x36\x44\x5b\x03\x09\x33\x33\x33\x35\x38\x3e"
    b"\x3e\x3e\x3f\x45\x45\x47\x4d\x51\x03\x09\x10\x16\x1c\x22\x29\x2f\x35\x39\x40\x48\x48\x48"
    b"\x48\x48\x03\x09\x10\x16\x1c\x22\x29\x2f\x37\x3d\x3f\x47\x47\x47\x47\x4b"
)
TABLES = ((0, 152), (152, 60))

# walked once in 30 s, and too large for the lamp's memory
TREES = open(__file__.rsplit("/", 1)[0] + "/stagetrees.bin", "rb")  # noqa: SIM115
