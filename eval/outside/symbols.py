"""Names of phones in other alphabets -> the phones of our inventories.

English: ARPAbet in either case, with stress digits or without, with the letters that TIMIT and Microsoft's SAPI phone
set add, and IPA. Other languages: IPA, folded as ``collection.pronunciation.gruut_words`` folds gruut's. A phone that
the inventory splits or merges is split or merged here; one that nobody knows is an error that names it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collection.phones import IPA_TO_ARPABET, Inventory, primary_subtag
from collection.pronunciation import gruut_words
from eval.errors import PredictionsError

_MARKS = "ˈˌːˑ.‿͜͡˞"
"""IPA signs that English needs no phone for: stress, length, syllables, ties, and the hook of ɚ written apart."""
_MORE_ARPABET = {
    "AX": "AH", "AXR": "ER", "AX R": "ER", "ER R": "ER", "AX-H": "AH", "DX": "T", "EL": "AH L", "EM": "AH M",
    "EN": "AH N", "ENG": "AH NG", "H": "HH", "HV": "HH", "HW": "W", "IX": "IH", "NX": "N", "UX": "UW", "WH": "W",
}  # fmt: skip
"""Letters beside the 39 of the CMU dictionary: schwas, syllabic consonants, flaps and SAPI's ``h``."""
_MORE_IPA = {
    "ɒ": "AA", "ɐ": "AH", "e": "EH", "ɜ": "ER", "ɝ": "ER", "ɜɹ": "ER", "əɹ": "ER", "əʊ": "OW", "o": "OW", "r": "R",
    "ɻ": "R", "ɾ": "T", "ʔ": "T", "ɫ": "L", "l̩": "AH L", "m̩": "AH M", "n̩": "AH N", "ʍ": "W", "ɹ̩": "ER", "ɪə": "IH R",
    "eə": "EH R", "ʊə": "UH R", "ju": "Y UW",
}  # fmt: skip
"""Signs beside gruut's: other transcriptions of General American, and the centring diphthongs of British English."""
_SHOWN = 12


def _bare(symbol: str) -> str:
    plain = unicodedata.normalize("NFC", "".join(sign for sign in symbol if sign not in _MARKS))
    return plain.replace("g", "ɡ")


_FROM_IPA = {_bare(ipa): ours for ipa, ours in {**_MORE_IPA, **IPA_TO_ARPABET}.items()}


@dataclass(slots=True)
class Symbols:
    """Translates into one inventory; ``own`` are a user's translations (several phones parted by spaces, "" for none).

    What cannot be translated is remembered with the number of times it came, for ``check``.
    """

    inventory: Inventory
    own: Mapping[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self, symbol: str) -> tuple[str, ...]:
        """Return the phones that a symbol stands for: usually one, none for one that is unknown."""
        if symbol not in self._known:
            found = self._translate(symbol)
            if found is None:
                self.unknown[symbol] = self.unknown.get(symbol, 0) + 1
                return ()
            self._known[symbol] = found
        return self._known[symbol]

    def all(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Return the phones of a sequence."""
        return tuple(phone for symbol in symbols for phone in self(symbol))

    def check(self) -> None:
        """Raise with every unknown symbol, once all have been seen."""
        if not self.unknown:
            return
        by_count = sorted(self.unknown.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{symbol!r} ({count} times)" for symbol, count in by_count[:_SHOWN])
        raise PredictionsError(
            f"{len(by_count)} symbol(s) name no phone of {self.inventory.language}: {listed}. Its phones are "
            f"{' '.join(self.inventory.symbols)}. Say what they are (symbols={{{by_count[0][0]}: PHONE}}), or check "
            "that the predictions are of this language."
        )

    def _translate(self, symbol: str) -> tuple[str, ...] | None:
        if symbol in self.own:
            found: list[str] = self.own[symbol].split()
        elif primary_subtag(self.inventory.language) == "en":
            found = _english(symbol)
        else:
            plain = unicodedata.normalize("NFC", symbol)
            known = plain in self.inventory.symbols
            found = [plain] if known else list(gruut_words.fold([plain], primary_subtag(self.inventory.language)))
        given = symbol in self.own or bool(found)
        return tuple(found) if given and all(phone in self.inventory.symbols for phone in found) else None


def _english(symbol: str) -> list[str]:
    """Return the ARPAbet of a symbol in any of the alphabets; they have no sign in common that means two phones.

    SAPI's vowels before R are two symbols in one, so a symbol of several parts is translated part by part.
    """
    letters = " ".join(part.rstrip("012") for part in symbol.upper().split())
    if letters in _MORE_ARPABET:
        return _MORE_ARPABET[letters].split()
    if symbol.isascii() and len(letters) > 1:
        return [phone for part in letters.split() for phone in _MORE_ARPABET.get(part, part).split()]
    bare = _bare(symbol.strip())
    return _FROM_IPA[bare].split() if bare in _FROM_IPA else letters.split()
