"""What in a dream's text might tell who somebody is, found by rules; and cutting it.

Rules, because every recogniser of names that was looked at wants a model fetched first. They
suggest too much rather than too little and know no language: in German every noun is suggested.
The dreamer decides about each; nothing is cut here unseen. Knows no dialogue.
"""

import re
from dataclasses import dataclass

CUT = "[…]"
CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
WORD = re.compile(rf"[^\W\d_](?:[\w'{CURLY}-]*\w)?")
PATTERNS = (
    ("address of e-mail", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("address on the web", re.compile(r"(?:https?://|www\.)\S*[\w/]")),
    ("account", re.compile(r"(?<![\w@])@\w{2,}")),
    ("date", re.compile(r"(?<![\w+])\d{1,4}([./-])\d{1,2}(?:\1\d{1,4})?\b(?![\s/-]?\d)")),
    ("telephone", re.compile(r"(?<!\w)\+?\d(?:[\s()/.-]{0,2}\d){6,}")),
    ("number", re.compile(r"\b\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?\b")),
)
PLACE = frozenset(("in", "at", "from", "to", "near", "towards", "through", "into", "of"))
OPENS = re.compile(r"[.!?…\n][^\w.!?…,;:-]*$")  # a sentence ends before this
# words that begin sentences and name nobody
USUAL = """
i i'm i'd i've i'll a about above across after again against all almost along already also
although always am among an and another any anyone anything are around as at away back be
because been before behind being below beneath beside between both but by can could did do does
down during each either else even ever every everybody everyone everything except far few
finally first for from god had half has have he he's her here hers herself him himself his how
however if in inside instead into is it it's its itself just last later least less like little
many maybe me meanwhile mine more most mother much my myself near neither never next no nobody
none nor not nothing now of off often oh ok on once one only or other our ours out outside over
people perhaps please quite rather really same several she she's should since so some somebody
somehow someone something sometimes somewhere soon still such suddenly that that's the their
theirs them themselves then there there's these they they're this those though three through
till to today together tomorrow tonight too toward towards two under until up upon us very was
we we're well were what what's whatever when whenever where wherever which while who whoever
whom whose why will with within without would yes yesterday yet you you're your yours dad father
mom mum grandma grandfather grandmother grandpa
"""
COMMON = frozenset(USUAL.split())


@dataclass(frozen=True)
class Suggestion:
    """`text` as it stands in the dream, and `why` it might tell something."""

    text: str
    why: str


def suggestions(text: str) -> list[Suggestion]:
    """What might be cut, each once, in the order of its first place."""
    found: dict[str, tuple[int, str]] = {}
    covered: list[tuple[int, int]] = []
    for why, pattern in PATTERNS:
        for hit in pattern.finditer(text):
            if not any(a < hit.end() and hit.start() < b for a, b in covered):
                covered.append(hit.span())
                found.setdefault(hit.group(), (hit.start(), why))
    for a, b in covered:
        text = text[:a] + "." * (b - a) + text[b:]
    for start, words, why in _names(text):
        found.setdefault(words, (start, why))
    return [Suggestion(t, why) for t, (_, why) in sorted(found.items(), key=lambda f: f[1][0])]


def _names(text: str) -> list[tuple[int, str, str]]:
    """(place, words, why) of runs of capitalised words that are not usual ones."""
    lower = {w.group() for w in WORD.finditer(text) if w.group()[0].islower()}
    made: list[tuple[int, str, str]] = []
    before, ended, end = "", 0, -2
    for hit in WORD.finditer(text):
        start, plain = hit.start(), re.sub(rf"['{CURLY}]s$", "", hit.group())
        small = plain.casefold().replace(CURLY, "'")
        opens = OPENS.search(text[max(0, start - 8) : start]) or not start
        usual = small in COMMON or (opens and small in lower)
        if plain[0].isupper() and not usual:
            if made and start == end + 1 and text[end] in " -":
                first, _, why = made[-1]
                made[-1] = (first, text[first : start + len(plain)], why)
            else:
                place = before in PLACE and text[ended:start].isspace()
                made.append((start, plain, "place" if place else "name"))
            end = start + len(plain)
        before, ended = small, hit.end()
    return made


def cut(text: str, words: list[str]) -> str:
    """`text` with `CUT` wherever one of `words` stands, in whatever case, as whole words."""
    for word in sorted(set(words), key=len, reverse=True):
        if word.strip():
            pieces = r"\s+".join(map(re.escape, word.split()))
            text = re.sub(rf"(?<!\w){pieces}(?!\w)", CUT, text, flags=re.IGNORECASE)
    return re.sub(rf"{re.escape(CUT)}(?:\s+{re.escape(CUT)})+", CUT, text)
