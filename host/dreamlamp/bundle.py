"""A shared dream as one file: canonical JSON, signed with a key that no other bundle has.

The consent stands inside and is part of what is signed. Nothing in it tells when, where, by whom
or with which program it was made. Whoever reads one takes it for hostile: `read` refuses all that
is not exactly what `sign` writes. Knows no journal and no page.
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from .errors import DreamlampError

DREAM = "dreamlamp dream 1"
WITHDRAWAL = "dreamlamp withdrawal 1"
SIZE_MAX = 256 * 1024  # bytes of a file
TEXT_MAX = 50_000  # characters
TAGS_MAX, TAG_MAX = 20, 60
STEP_MIN = 15  # of the night's curve
BINS_MAX = 24 * 60 // STEP_MIN
LICENCES = {
    "CC0-1.0": "No rights kept: anybody may do anything with it.",
    "CC-BY-4.0": "Anybody may use and change it, saying where it comes from.",
    "CC-BY-SA-4.0": "The same, and what is made of it has to be as free.",
    "CC-BY-NC-4.0": "The same as CC-BY-4.0, but not for money.",
}
CONSENT = (
    "I dreamt this, and I am an adult. I have seen everything that is in this file. I give it "
    "away to anybody under the licence named here. I know that I can withdraw it, and that "
    "copies made before cannot be called back. I have cut what would tell who I am or who "
    "others in it are, as far as I want it cut; my way of writing may still give me away."
)
SCALES = {"mood": (1, 5), "vividness": (0, 4), "lucidity": (0, 4)}
CURVE = {"heart_bpm": (-60, 60), "score": (0, 260)}
STAGES = ("wake", "light", "deep", "rem", "unknown")
JOINERS = "\u200c\u200d"  # of Persian words, Indic letters and emoji: they may stay
HEX = {"key": re.compile(r"[0-9a-f]{64}"), "signature": re.compile(r"[0-9a-f]{128}")}


class BundleRefused(DreamlampError):
    """This is no bundle, or not one to be shown; the text says why."""


@dataclass(frozen=True)
class Bundle:
    """A dream that was signed: `name` is the SHA-256 of its file, `key` that of its signature."""

    name: str
    key: str
    licence: str
    dream: dict
    night: dict | None


@dataclass(frozen=True)
class Withdrawal:
    """Whoever signed bundle `name` with `key` takes it back."""

    name: str
    key: str


def clean(text: str) -> str:
    """`text` without what nobody sees: control and format characters, other forms of letters."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (c for c in text if c in "\n" + JOINERS or unicodedata.category(c)[0] != "C")
    return "\n".join(line.rstrip() for line in "".join(kept).split("\n")).strip()


def fresh_key() -> bytes:
    """The secret half of a new key, 32 bytes: one for each bundle."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def sign(content: dict, secret: bytes) -> bytes:
    """The file of `content` (without key and signature), signed with `secret`."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    whole = {**content, "key": key.public_key().public_bytes_raw().hex()}
    return canonical({**whole, "signature": key.sign(canonical(whole)).hex()})


def dream(dream: dict, licence: str, night: dict | None = None) -> dict:
    """What a bundle says, before it is signed: also what its dreamer is shown."""
    content = {
        "format": DREAM,
        "consent": {"licence": licence, "words": CONSENT},
        "dream": dream,
    }
    return {**content, "night": night} if night else content


def withdrawal(name: str) -> dict:
    """What takes bundle `name` back, before it is signed with that bundle's key."""
    return {"format": WITHDRAWAL, "bundle": name}


def canonical(value: dict) -> bytes:
    """The one way to write `value`: sorted keys, no spaces, UTF-8, as RFC 8785 for whole numbers
    and keys in ASCII."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Bundle | Withdrawal:
    """What these bytes of a file are, if every one of them is as signed; else BundleRefused."""
    said = _parsed(data)
    kind = said.get("format")
    if kind == WITHDRAWAL:
        _verify(said)
        _only(said, {"format", "bundle", "key", "signature"})
        _expect(bool(HEX["key"].fullmatch(str(said.get("bundle")))), "it withdraws no bundle")
        return Withdrawal(said["bundle"], said["key"])
    _expect(kind == DREAM, "it is no shared dream, or one of a newer program")
    licence = _consent(said.get("consent"))
    _verify(said)
    _only(said, {"format", "consent", "dream", "night", "key", "signature"})
    _dream(said.get("dream"))
    if "night" in said:
        _night(said["night"])
    return Bundle(name_of(data), said["key"], licence, said["dream"], said.get("night"))


def _parsed(data: bytes) -> dict:
    _expect(len(data) <= SIZE_MAX, f"it is larger than {SIZE_MAX // 1024} kB")
    try:
        said = json.loads(data.decode())
        same = isinstance(said, dict) and canonical(said) == data
    except (ValueError, RecursionError):  # UnicodeError is one; so are NaN and huge numbers
        same = False
    _expect(same, "it is damaged, or was changed after it was signed")
    return said


def _consent(consent) -> str:
    """The licence consented to."""
    _expect(
        isinstance(consent, dict) and consent.get("words") == CONSENT,
        "there is no consent in it, or to other words than those known here",
    )
    _only(consent, {"words", "licence"})
    licence = consent.get("licence")
    known = isinstance(licence, str) and licence in LICENCES
    _expect(known, f"its licence is none of {', '.join(LICENCES)}")
    return licence


def _verify(said: dict) -> None:
    for name, form in HEX.items():
        value = said.get(name)
        _expect(isinstance(value, str) and bool(form.fullmatch(value)), f"it bears no {name}")
    signed = canonical({k: v for k, v in said.items() if k != "signature"})
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["key"]))
        key.verify(bytes.fromhex(said["signature"]), signed)
    except (InvalidSignature, ValueError):
        raise BundleRefused(
            "its signature does not fit: it was changed after it was signed"
        ) from None


def _dream(dream) -> None:
    _expect(isinstance(dream, dict), "it holds no dream")
    _only(dream, {"text", "tags", *SCALES})
    _text(dream.get("text"), TEXT_MAX, "text")
    tags = dream.get("tags", [])
    _expect(isinstance(tags, list) and len(tags) <= TAGS_MAX, "its tags are none or too many")
    for tag in tags:
        _text(tag, TAG_MAX, "tag")
    for name, (low, high) in SCALES.items():
        if name in dream:
            _expect(_whole(dream[name], low, high), f"its {name} is out of range")


def _text(text, longest: int, what: str) -> None:
    _expect(isinstance(text, str) and 0 < len(text) <= longest, f"its {what} is empty or too long")
    _expect(text == clean(text), f"its {what} hides characters that nobody sees")


def _night(night) -> None:
    _expect(isinstance(night, dict), "its night is no curve")
    _only(night, {"step_min", "stage", *CURVE})
    _expect(night.get("step_min") == STEP_MIN, f"its curve is not in steps of {STEP_MIN} min")
    lists = [night.get(name) for name in ("stage", *CURVE)]
    fits = all(isinstance(x, list) and 0 < len(x) <= BINS_MAX for x in lists)
    _expect(fits and len({len(x) for x in lists}) == 1, "the parts of its curve do not fit")
    _expect(all(s in STAGES for s in night["stage"]), "its curve has stages that are unknown here")
    for name, (low, high) in CURVE.items():
        good = all(v is None or _whole(v, low, high) for v in night[name])
        _expect(good, f"its curve's {name} is out of range")


def _whole(value, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _only(said: dict, known: set[str]) -> None:
    _expect(set(said) <= known, "it holds more than a shared dream may")


def _expect(true: bool, why: str) -> None:
    if not true:
        raise BundleRefused(why)
