"""Files at rest: the owner's alone, whole or not at all, and sealed if their folder is locked.

Sealing is age's (age-encryption.org/v1, by `pyrage`), nothing of our own. A locked folder holds
`library.pub`, to which every file is sealed: writing asks for nothing, so an unattended sync goes
on. `library.key` is the other half, itself sealed with the passphrase: reading asks for that, once
a process. A sealed file keeps its name and shows by its first bytes what it is; so a conversion
that was broken off leaves a mixture that reads as before, and is gone on with. `age` itself opens
all of it. Knows no night and no journal; notes (`.json`) stay readable, for a sync must know
without the passphrase what it has.
"""

import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import DreamlampError

KEY, PUBLIC = "library.key", "library.pub"
KINDS = ("*.night", "*.raw", "*.journal", "*.shared")  # what `lock` seals of a folder
MAGIC = b"age-encryption.org/v1\n"
PASSPHRASE, PASSPHRASE_FD = "DREAMLAMP_PASSPHRASE", "DREAMLAMP_PASSPHRASE_FD"

_opened: dict[bytes, object] = {}  # bytes of a key file -> what it opens, None: refused once
_said: list[str] = []  # the passphrase that came over a file descriptor, which is read once


class Locked(DreamlampError):
    """The passphrase is needed and not to be had, or is another."""


class Damaged(DreamlampError):
    """Sealed bytes that were cut short or changed."""


def read(path: Path) -> bytes:
    """The bytes of `path`, sealed or not. `Locked`, `Damaged`, or what the system says."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        return data
    import pyrage

    try:
        return pyrage.decrypt(data, [_identity(path.parent)])
    except pyrage.DecryptError:
        raise Damaged(
            f"{path}: sealed with another key, cut short or changed: take it from a backup, or "
            "remove it and sync again while the lamp still holds that night"
        ) from None


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`: durable, owner-only, whole or not at all; sealed if its folder is."""
    put(path, seal(path.parent, data))


def seal(folder: Path, data: bytes) -> bytes:
    """`data` as it is to lie in `folder`."""
    try:
        recipient = (folder / PUBLIC).read_text().strip()
    except FileNotFoundError:
        return data
    import pyrage

    try:
        return pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)])
    except pyrage.RecipientError:
        raise Damaged(
            f"{folder / PUBLIC} is damaged: run `dreamlamp library lock` again to mend it"
        ) from None


def locked(folder: Path) -> bool:
    """Whether what is written to `folder` is sealed."""
    return (folder / PUBLIC).exists()


def readable(path: Path) -> bool:
    """Whether `read` would ask nobody for a passphrase."""
    key = path.parent / KEY
    return not is_sealed(path) or (key.exists() and _opened.get(key.read_bytes()) is not None)


# --- the passphrase -----------------------------------------------------------------------------


def passphrase(twice: bool = False) -> str:
    """From $DREAMLAMP_PASSPHRASE, the file descriptor $DREAMLAMP_PASSPHRASE_FD, or a prompt."""
    if given := os.environ.get(PASSPHRASE):
        return given
    if number := os.environ.get(PASSPHRASE_FD):
        if not _said:
            try:
                with open(int(number), closefd=False) as file:
                    _said.append(file.readline().rstrip("\n"))
            except (ValueError, OSError) as error:
                raise Locked(f"{PASSPHRASE_FD}={number} cannot be read: {error}") from None
        return _said[0]
    if not sys.stdin.isatty():
        raise Locked(
            f"the library is locked: run this in a terminal, or set {PASSPHRASE} (the words) or "
            f"{PASSPHRASE_FD} (a file descriptor to read them from)"
        )
    said = getpass.getpass("Passphrase of the library: ")
    if twice and said != getpass.getpass("Once more: "):
        raise Locked("these were two different passphrases: nothing was done")
    return said


def _identity(folder: Path, said: str | None = None):
    """What opens the sealed files of `folder`."""
    try:
        key = (folder / KEY).read_bytes()
    except FileNotFoundError:
        raise Locked(
            f"{folder} holds sealed files and no {KEY}: put it back from a backup"
        ) from None
    if key not in _opened or said is not None:
        found = _open(key, passphrase() if said is None else said)
        _opened[key] = found or _opened.get(key)
    else:
        found = _opened[key]
    if found is None:
        raise Locked(
            f"that passphrase does not open {folder / KEY}: try again; if you are sure of "
            "it, the file is damaged: put it back from a backup"
        )
    return found


def _open(key: bytes, said: str):
    """What a key file holds; None if `said` does not open it."""
    import pyrage

    try:
        text = pyrage.passphrase.decrypt(key, said).decode()
        return pyrage.x25519.Identity.from_str(text)
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
        return None


# --- conversions --------------------------------------------------------------------------------


def lock(folder: Path, said: str, told: Callable[[float], None] = lambda share: None) -> int:
    """Seal what lies in `folder` and all that will be written there; how many files.

    A folder that is locked already only has the rest sealed. No file is replaced before what
    will replace it was opened again in memory.
    """
    import pyrage

    if not said:
        raise Locked("an empty passphrase locks nothing: choose a longer one")
    with alone(folder):
        folder.chmod(0o700)
        if (folder / KEY).exists():
            identity = _identity(folder, said)
        else:
            identity = pyrage.x25519.Identity.generate()
            put(folder / KEY, pyrage.passphrase.encrypt(str(identity).encode(), said))
            identity = _identity(folder, said)  # opened again before anything relies on it
        put(folder / PUBLIC, str(identity.to_public()).encode() + b"\n")
        return _convert(folder, False, lambda path: seal(folder, path.read_bytes()), told)


def unlock(folder: Path, said: str, told: Callable[[float], None] = lambda share: None) -> int:
    """Open all sealed files of `folder` for good; how many. A damaged one stops it, unharmed."""
    with alone(folder):
        if not (folder / KEY).exists():
            return 0
        _identity(folder, said)
        (folder / PUBLIC).unlink(missing_ok=True)  # first: nothing new is sealed any more
        done = _convert(folder, True, read, told)
        (folder / KEY).unlink()  # last: nothing needs it any more
        _flush(folder)
        return done


def _convert(folder: Path, sealed: bool, bytes_of: Callable, told: Callable) -> int:
    """Replace each file that is (or is not) `sealed` by what `bytes_of` it gives."""
    for left in folder.glob("*.new"):  # of a conversion that was broken off
        left.unlink()
    wanted = [path for path in files(folder) if is_sealed(path) is sealed]
    for n, path in enumerate(wanted):
        before = path.stat()
        data = bytes_of(path)
        if not sealed and read_sealed(folder, data) != path.read_bytes():
            raise Damaged(f"{path}: sealing it did not work; it was left as it is")
        put(path, data, (before.st_atime_ns, before.st_mtime_ns))
        told((n + 1) / len(wanted))
    return len(wanted)


def read_sealed(folder: Path, data: bytes) -> bytes:
    """Open sealed bytes that are not on disk yet."""
    import pyrage

    return pyrage.decrypt(data, [_identity(folder)])


def files(folder: Path) -> list[Path]:
    """The files of `folder` that `lock` is about."""
    return sorted(path for kind in KINDS for path in folder.glob(kind))


def is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def status(folder: Path) -> dict:
    """Whether it is locked, how many files are sealed and not, and who else may look."""
    all_of_them = files(folder)
    sealed = sum(map(is_sealed, all_of_them))
    return {
        "locked": locked(folder),
        "sealed": sealed,
        "clear": len(all_of_them) - sealed,
        "pages": len([*folder.glob("*.html")]),  # drawn from nights, and never sealed
        "private": folder.is_dir() and not folder.stat().st_mode & 0o077,
    }


# --- the file system ----------------------------------------------------------------------------


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else syncs into `folder` or converts it meanwhile."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(folder / ".busy", os.O_WRONLY | os.O_CREAT, 0o600), "w") as held:
        try:
            _claim(held.fileno())
        except OSError:
            raise DreamlampError(
                f"another dreamlamp is at work in {folder}: wait until it is done, or end it"
            ) from None
        yield


def _claim(handle: int) -> None:
    """Hold the file for this process until it closes it; `OSError` if another does."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def put(path: Path, data: bytes, times_ns: tuple[int, int] | None = None) -> None:
    """As `write`, but never sealed; with the times of access and change, if given."""
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if times_ns:
        os.utime(half, ns=times_ns)
    half.replace(path)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """Make a rename durable; Windows has no such thing as flushing a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
