"""Giving a dream away: what leaves is composed from the dreamer's own answers, and shown first.

Each bundle gets a key of its own, kept in the library so that it can be withdrawn; a night's curve
leaves in one bundle only, because two that bear the same one could be linked. Decides nothing for
the dreamer: an answer that is missing is an error. Knows no terminal.
"""

import json
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from lamp import wire

from . import bundle, redact, sealed
from .errors import DreamlampError
from .journal import Entry
from .nights import Night
from .summary import GOOD

AGREED = "I agree"
KIND = ".shared"
HEART_STEP_BPM, SCORE_STEP = 2, 10
STAGE = {"W": "wake", "N1": "light", "N2": "light", "N3": "deep", "R": "rem"}
LONG_AGO = 315_532_800  # 1980, the time of every bundle's file


class NotShared(DreamlampError):
    """Nothing left this computer; the text says what is missing."""


@dataclass(frozen=True)
class Answers:
    """What the dreamer decided. Every suggestion of redact.py stands in `cut` or in `keep`."""

    cut: tuple[str, ...]
    keep: tuple[str, ...]
    licence: str
    tags: bool
    feelings: bool  # mood, vividness, lucidity
    curve: bool
    consent: str  # AGREED, after reading bundle.CONSENT


def answers_in(path: Path) -> Answers:
    """The answers of a TOML file; NotShared if one is missing or none of ours."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        see = "see `dreamlamp share --help`"
        raise NotShared(f"{path} holds no answers ({error}): {see}") from None
    kinds = {"cut": list, "keep": list, "licence": str, "consent": str}
    for name in (f.name for f in fields(Answers)):
        if not isinstance(said.get(name), kinds.get(name, bool)):
            kind = kinds.get(name, bool).__name__
            raise NotShared(f"{path} does not answer {name!r} with a {kind}: add it")
    strange = set(said) - {f.name for f in fields(Answers)}
    if strange:
        raise NotShared(f"{path} answers what nobody asked: {', '.join(sorted(strange))}")
    if not all(isinstance(w, str) for w in (*said["cut"], *said["keep"])):
        raise NotShared(f"{path}: what to cut and to keep are words in quotes")
    return Answers(**{**said, "cut": tuple(said["cut"]), "keep": tuple(said["keep"])})


def undecided(entry: Entry, answers: Answers) -> list[redact.Suggestion]:
    """Suggestions about which the dreamer has said nothing."""
    left = redact.cut(bundle.clean(entry.text), list(answers.cut))
    kept = {word.casefold() for word in answers.keep}
    return [s for s in redact.suggestions(left) if s.text.casefold() not in kept]


def compose(entry: Entry, answers: Answers, night: Night | None = None) -> dict:
    """Exactly what would leave, as bundle.py writes it; NotShared if an answer is missing."""
    if open_ := undecided(entry, answers):
        words = ", ".join(f"{s.text!r} ({s.why})" for s in open_)
        raise NotShared(f"say whether to cut or to keep: {words}")
    if answers.licence not in bundle.LICENCES:
        raise NotShared(f"choose a licence: {', '.join(bundle.LICENCES)}")
    cut = list(answers.cut)
    dream: dict = {"text": redact.cut(bundle.clean(entry.text), cut)}
    if not any(map(str.isalnum, dream["text"])):
        raise NotShared("nothing is left of the dream: cut less")
    if len(dream["text"]) > bundle.TEXT_MAX:
        raise NotShared(f"a shared dream has at most {bundle.TEXT_MAX} characters: shorten it")
    if answers.tags:
        tags = [bundle.clean(t)[: bundle.TAG_MAX] for t in entry.tags if redact.cut(t, cut) == t]
        if kept := sorted(t for t in tags if t)[: bundle.TAGS_MAX]:
            dream["tags"] = kept
    if answers.feelings:
        said = ((name, getattr(entry, name)) for name in bundle.SCALES)
        dream |= {name: value for name, value in said if value is not None}
    if answers.curve and night is None:
        raise NotShared("the night of this dream is not in the library: share it without curve")
    return bundle.dream(dream, answers.licence, curve(night) if answers.curve and night else None)


def curve(night: Night) -> dict:
    """The night in steps of 15 minutes, without clock: the heart relative to the night's own
    median in steps of 2 bpm, the commonest stage, the highest score in steps of 10."""
    columns, step = night.epochs, bundle.STEP_MIN * 60
    stages = np.array([STAGE.get(s, "unknown") for s in night.stages])
    good = (columns["quality"] >= GOOD) & (columns["hr_bpm_x10"] > 0)
    good &= (columns["flags"] & wire.F_WORN) > 0
    middle = float(np.median(columns["hr_bpm_x10"][good])) / 10 if good.any() else 0.0
    made: dict = {"step_min": bundle.STEP_MIN, "heart_bpm": [], "stage": [], "score": []}
    for k in range(min(max(1, int(night.length_s // step)), bundle.BINS_MAX)):
        here = night.seconds // step == k
        names, counts = np.unique(stages[here], return_counts=True)
        made["stage"].append(str(names[counts.argmax()]) if names.size else "unknown")
        rates, scores = columns["hr_bpm_x10"][here & good] / 10, columns["score"][here]
        heart = _rounded(float(rates.mean()) - middle, HEART_STEP_BPM) if rates.size else None
        made["heart_bpm"].append(heart if heart is None else max(-60, min(heart, 60)))
        made["score"].append(_rounded(int(scores.max()), SCORE_STEP) if scores.size else None)
    return made


def _rounded(value: float, step: int) -> int:
    return round(value / step) * step


class Shared:
    """What this library has given away: each bundle's key, its dream, its night if that left."""

    def __init__(self, folder: Path):
        self.folder = folder

    def all(self) -> list[dict]:
        return [json.loads(sealed.read(path)) for path in sorted(self.folder.glob(f"*{KIND}"))]

    def give(self, content: dict, answers: Answers, entry: Entry, folder: Path) -> Path:
        """Sign `content` with a new key, keep the key, write the bundle into `folder`."""
        if answers.consent != AGREED:
            raise NotShared(f'to share it, read the consent and answer it with "{AGREED}"')
        if "night" in content and any(s["night"] == entry.night for s in self.all() if s["night"]):
            raise NotShared(
                "this night's curve has left with another dream, and two bundles with the same "
                "curve could be linked: share this one without it"
            )
        secret = bundle.fresh_key()
        data = bundle.sign(content, secret)
        made = bundle.read(data)  # it passes what everybody else will ask of it
        note: dict = {"bundle": bundle.name_of(data), "secret": secret.hex(), "entry": entry.id}
        note |= {"night": entry.night if "night" in content else "", "withdrawn": False}
        self._keep(note)
        assert isinstance(made, bundle.Bundle)
        return _write(folder / f"{made.name[:16]}.dream", data)

    def withdraw(self, wanted: str, folder: Path) -> Path:
        """Write the withdrawal of a bundle, `wanted`: its file, the start of its name, or a part
        of the dream's id."""
        name = wanted
        if Path(wanted).is_file():
            name = bundle.name_of(Path(wanted).read_bytes())
        found = [s for s in self.all() if s["bundle"].startswith(name) or name in s["entry"]]
        if len(found) != 1:
            many = "several such dreams" if found else "no such dream"
            raise NotShared(f"{many} left this library: `dreamlamp share --list` shows them")
        (note,) = found
        content = bundle.withdrawal(note["bundle"])
        self._keep({**note, "withdrawn": True})
        data = bundle.sign(content, bytes.fromhex(note["secret"]))
        return _write(folder / f"{note['bundle'][:16]}.withdrawal", data)

    def _keep(self, note: dict) -> None:
        path = self.folder / f"{note['bundle'][:16]}{KIND}"
        sealed.write(path, json.dumps(note).encode())


def _write(path: Path, data: bytes) -> Path:
    """A file that says nothing of when it was written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (LONG_AGO, LONG_AGO))
    except OSError as error:
        raise NotShared(
            f"{path} cannot be written ({error.strerror}): name another --to"
        ) from None
    return path
