"""Find the MicroPython interpreters the tests and the virtual lamp run on.

    python tools/micropython.py           prints both command lines
    python tools/micropython.py --fetch   installs what is missing into .cache/

64-bit: $MICROPYTHON, then `micropython` on PATH, then the pinned PyPI wheel (requirements in
tools/micropython.txt, with its hash). 32-bit, for the ESP32's 31-bit small ints and 4-byte words:
$MICROPYTHON32, then Debian trixie's i386 package, unpacked with its own C library by apt's own
download command into .cache/micropython32 and started through its own dynamic loader, so that
the system stays untouched. The mirror is the one this machine's apt already uses.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "micropython32"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITE = "trixie"
X64 = "2"  # MicroPython's number of the architecture that native code is compiled for
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")


class Missing(Exception):
    """An interpreter is not to be had here; the text says why and what to do."""


@cache
def find64() -> list[str]:
    """The command line of the 64-bit interpreter, if it can run viper code."""
    found = _find64()
    probe = [*found, "-c", "import sys; print(sys.implementation._mpy >> 10)"]
    said = subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip()
    if said != X64:
        raise Missing(
            f"{found[0]} cannot run code that is compiled for x86-64, as on Apple's chips: the "
            "virtual lamp is not to be had here; all that talks to a real one works"
        )
    return found


def _find64() -> list[str]:
    given = os.environ.get("MICROPYTHON")
    if given:
        if shutil.which(given) is None:
            raise Missing(f"MICROPYTHON is set to {given!r}, which is not a program")
        return [given]
    wheel = Path(sys.executable).with_name("micropython")
    on_path = shutil.which("micropython")
    if on_path and Path(on_path) != wheel:
        return [on_path]
    if wheel.exists():
        return [str(wheel)]
    raise Missing("no micropython: run `make setup`, or set $MICROPYTHON to a unix-port build")


def find32() -> list[str]:
    """The command line of the 32-bit interpreter."""
    given = os.environ.get("MICROPYTHON32")
    if given:
        return given.split()
    usr = CACHE / "usr"
    binary = usr / "bin" / "micropython"
    if not binary.exists():
        raise Missing(
            "no 32-bit micropython: run `make setup` on Debian or Ubuntu (its apt fetches "
            "the i386 package into .cache/), or set $MICROPYTHON32"
        )
    return [
        str(usr / "lib" / "ld-linux.so.2"),
        "--library-path",
        str(usr / "lib" / "i386-linux-gnu"),
        str(binary),
    ]


def find(bits: int) -> list[str]:
    return find32() if bits == 32 else find64()


def fetch32() -> None:
    """Fetch and unpack the i386 build; Missing where there is no apt or no Debian mirror."""
    if (CACHE / "usr" / "bin" / "micropython").exists():
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing("no apt-get here, so no 32-bit MicroPython: its tests are skipped")
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = [line.split(maxsplit=1) for line in listing.splitlines()]
    mirrors = [row[0] for row in rows if row[1:] == ["Debian"]]  # not "Debian Backports"
    if not mirrors:
        raise Missing(
            "apt knows no Debian mirror yet (run `apt-get update` once), "
            "so no 32-bit MicroPython: its tests are skipped"
        )
    work = CACHE.with_name("micropython32.apt")
    for name in ("lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "sources.list").write_text(
        f"deb [arch=i386 signed-by={KEYRING}] {mirrors[0]} {SUITE} main\n"
    )
    settings = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Architecture": "i386",
        "APT::Architectures": "i386",
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "-qq"]
    for key, value in settings.items():
        apt += ["-o", f"{key}={value}"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", *PACKAGES], check=True, cwd=work / "debs")
    unpacked = work / "root"
    for deb in sorted((work / "debs").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", deb, unpacked], check=True)
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    unpacked.rename(CACHE)
    shutil.rmtree(work)


def main() -> int:
    if "--fetch" in sys.argv:
        try:
            fetch32()
        except (Missing, subprocess.CalledProcessError, OSError) as error:
            print(f"32-BIT MICROPYTHON MISSING: {error}", file=sys.stderr)
    for bits in (64, 32):
        try:
            print(f"{bits}-bit:", " ".join(find(bits)))
        except Missing as error:
            print(f"{bits}-bit: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
