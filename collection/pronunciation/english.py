"""English pronunciations that are right beside the CMU dictionary's American ones: British, syllabic and weak forms.

Pure rules on ARPAbet without stress. They widen what is accepted, never the canonical form. Described in J. C. Wells,
Accents of English (1982): loss of R outside the onset of a syllable, centring diphthongs, the BATH vowel, syllabic
consonants, the merger of weak vowels (both vowels of "rabbit" and "abbot"), and the weak forms of function words.
"""

from __future__ import annotations

from collections.abc import Sequence

VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})

_BEFORE_LOST_R = {
    "AA": ("AA",), "AO": ("AO",), "EH": ("EH", "AH"), "EY": ("EH", "AH"), "IH": ("IH", "AH"), "IY": ("IH", "AH"),
    "UH": ("UH", "AH"), "UW": ("UH", "AH"), "AY": ("AY", "AH"), "AW": ("AW", "AH"), "OW": ("AO",), "AH": ("AH",),
}  # fmt: skip
_BATH = {("S", "T"), ("S", "K"), ("S", "P"), ("F", "T"), ("N", "S"), ("TH", "")}

_WEAK = {
    "a": "AH", "am": "AH M", "an": "AH N", "and": "AH N", "are": "AH", "as": "AH Z", "at": "AH T", "but": "B AH T",
    "can": "K AH N", "could": "K AH D", "do": "D UH", "does": "D AH Z", "for": "F AH", "from": "F R AH M",
    "had": "HH AH D", "has": "HH AH Z", "have": "HH AH V", "he": "HH IH", "her": "HH AH", "him": "HH IH M",
    "his": "HH IH Z", "must": "M AH S T", "my": "M IH", "of": "AH V", "shall": "SH AH L", "she": "SH IH",
    "should": "SH AH D", "some": "S AH M", "than": "DH AH N", "that": "DH AH T", "the": "DH IH", "them": "DH AH M",
    "there": "DH AH", "to": "T UH", "us": "AH S", "was": "W AH Z", "we": "W IH", "were": "W AH", "would": "W AH D",
    "you": "Y UH", "your": "Y AH",
}  # fmt: skip


def plain(stressed: Sequence[str]) -> tuple[str, ...]:
    """Return phones without their stress digits."""
    return tuple(phone.rstrip("012") for phone in stressed)


def also_right(word: str, stressed: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return further accepted forms of a word for its dictionary forms, whose stress digits may be absent."""
    variants = [plain(form) for each in stressed for form in (each, _merged_weak(each))]
    british = [_british(variant) for variant in variants]
    syllabic = [_syllabic(variant) for variant in [*variants, *british]]
    weak = [tuple(_WEAK[word].split())] if word in _WEAK else []
    return [*variants, *british, *syllabic, *weak]


def possessive(base: Sequence[str]) -> tuple[str, ...]:
    """Return a noun's phones with the ending that ``'s`` takes after its last phone."""
    if base[-1] in {"S", "Z", "SH", "ZH", "CH", "JH"}:
        return (*base, "IH", "Z")
    return (*base, "S" if base[-1] in {"P", "T", "K", "F", "TH"} else "Z")


def _british(phones: Sequence[str]) -> tuple[str, ...]:
    said: list[str] = []
    position = 0
    while position < len(phones):
        phone, following = phones[position], (*phones[position + 1 : position + 3], "", "")[:2]
        if following[0] == "R" and phone in _BEFORE_LOST_R and following[1] not in VOWELS:
            said.extend(_BEFORE_LOST_R[phone])
            position += 1
        elif phone == "ER" and not following[0] and VOWELS & set(phones[:position]):
            said.append("AH")
        elif phone == "AE" and following in _BATH:
            said.append("AA")
        elif phone == "ER" and following[0] in VOWELS:
            said.extend(("AH", "R"))
        elif phone == "IY" and following[0] == "AH":
            said.append("IH")
        else:
            said.append(phone)
        position += 1
    return tuple(said)


def _merged_weak(stressed: Sequence[str]) -> tuple[str, ...]:
    """Return the phones with the other weak vowel wherever an unstressed one stands inside the word."""
    other = {"AH0": "IH0", "IH0": "AH0"}
    inner = [other.get(phone, phone) for phone in stressed[1:-1]]
    # Before a closing L or N the vowel stays a schwa: there it can be lost, not raised.
    if len(stressed) > 2 and stressed[-2] == "AH0" and stressed[-1] in {"L", "N"}:
        inner[-1] = "AH0"
    return (*stressed[:1], *inner, *stressed[len(stressed) - 1 :]) if len(stressed) > 2 else tuple(stressed)


def _syllabic(phones: Sequence[str]) -> tuple[str, ...]:
    """Return the phones without a schwa between a consonant and an L or N that closes the word."""
    end = len(phones) - 1 if phones[-1] in {"L", "N"} else len(phones) - 2
    closes = end >= 2 and phones[end] in {"L", "N"} and phones[end - 1] == "AH"
    if closes and phones[end - 2] not in VOWELS and VOWELS & set(phones[: end - 2]):
        return (*phones[: end - 1], *phones[end:])
    return tuple(phones)
