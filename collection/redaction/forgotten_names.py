"""Names of learners who withdrew, looked for in texts without being kept: only keyed digests of them are.

A digest says whether a word is the name, is said like it, or is one letter away from it (the words left when one letter
is taken out of either meet, as in SymSpell); it says nothing to whoever lacks the key. Whoever has the key can try
names, as they can try learner ids: docs/adr/0010-withdrawal.md weighs that.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

LEAST_LETTERS = 5
"""Shorter words are no misspelling of a name: one letter away from them lie too many others."""


def digest(secret: bytes, kind: str, *said: str) -> str:
    """Return the digest (64 bits, hex) of a word, of two halves of a name, or of phones."""
    return hmac.digest(secret, "\0".join((kind, *said)).encode(), sha256).hex()[:16]


def marks(
    secret: bytes, parts: Iterable[str], halves: Iterable[frozenset[str]], sounds: Iterable[tuple[str, Sequence[str]]]
) -> frozenset[str]:
    """Return the digests of a name: of its parts, of neighbouring ones, and of what is said (language, phones)."""
    given = list(parts)
    return frozenset(
        {digest(secret, "word", part) for part in given}
        | {digest(secret, "halves", *sorted(pair)) for pair in halves}
        | {digest(secret, "near", less) for part in given for less in _less(part)}
        | {digest(secret, "said", language, *phones) for language, phones in sounds}
    )


@dataclass(frozen=True, slots=True)
class ForgottenNames:
    """What tells whether a word is a name that nobody here knows any more; words come without case and accents."""

    secret: bytes = field(repr=False)
    marks: frozenset[str] = field(repr=False)

    def is_part(self, word: str) -> bool:
        """Tell whether a word is a part of such a name."""
        return digest(self.secret, "word", word) in self.marks

    def are_halves(self, one: str, other: str) -> bool:
        """Tell whether two words stand side by side in such a name."""
        return digest(self.secret, "halves", *sorted({one, other})) in self.marks

    def is_near(self, word: str) -> bool:
        """Tell whether a word is such a part but for one letter that is another, too many or missing."""
        return any(digest(self.secret, "near", less) in self.marks for less in _less(word))

    def is_said(self, language: str, sounds: Iterable[Sequence[str]]) -> bool:
        """Tell whether one of a word's pronunciations is that of such a part."""
        return any(digest(self.secret, "said", language, *phones) in self.marks for phones in sounds)


def _less(word: str) -> list[str]:
    """Return a word and what is left of it without any one of its letters; nothing of a short one."""
    if len(word) < LEAST_LETTERS:
        return []
    return [word, *(word[:place] + word[place + 1 :] for place in range(len(word)))]
