"""Run tests/both under MicroPython: python tests/run_upy.py 32|64 [FILE ...]

Each file in a process of its own, so that one file's heap is not another's, with little more than
the ESP32's 96 kB, for the sources are compiled in it (twice that on 64 bits, whose words are twice
as long). A test is a plain function
`test_*` without arguments; a file may raise SkipTest with a reason. Prints one line a file and
exits 1 if anything failed.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tools import micropython  # noqa: E402

HEAP_KB = {32: 112, 64: 224}
RUNNER = """
import sys, gc
sys.path[:0] = [%(tests)r, %(firmware)r]
gc.threshold(8192)  # as the lamp does while it loads, or the heap ends up in pieces
failed = 0
name = %(name)r
try:
    module = __import__(name)
    tests = [k for k in dir(module) if k.startswith('test_')]
except Exception as error:
    if type(error).__name__ != 'SkipTest':
        sys.print_exception(error)
        sys.exit(1)
    print('SKIPPED', error)
    sys.exit(0)
done = 0
for key in tests:
    gc.collect()
    try:
        getattr(module, key)()
        done += 1
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        if type(error).__name__ == 'SkipTest':
            print('SKIPPED', key, error)
            continue
        failed += 1
        print('FAILED', name, key)
        sys.print_exception(error)
gc.collect()
print(done, 'passed,', failed, 'failed;', gc.mem_alloc() >> 10, 'kB of heap held')
sys.exit(1 if failed else 0)
"""


def run(bits: int, file: Path, timeout_s: int = 300) -> tuple[int, str]:
    """Run one test file; return its exit status and what it printed."""
    code = RUNNER % {
        "tests": str(file.parent),
        "firmware": str(ROOT / "firmware"),
        "name": file.stem,
    }
    command = [*micropython.find(bits), "-X", f"heapsize={HEAP_KB[bits]}k", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT, check=False
    )
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    bits = int(sys.argv[1])
    files = [Path(a).resolve() for a in sys.argv[2:]] or sorted(
        (ROOT / "tests/both").glob("test_*.py")
    )
    bad = 0
    for file in files:
        status, said = run(bits, file)
        print(f"{bits}-bit {file.name}: {said.strip()}")
        bad += status != 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
