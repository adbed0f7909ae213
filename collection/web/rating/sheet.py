"""What the page of one reading shows: the scales of the sentence, then each word with its sounds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from collection.web.rating.canon import ipa
from collection.web.rating.models import Item, Level, Round
from collection.web.rating.scales import UNJUDGED, Cell, Marks, cells, scales_of


def sheet(item: Item, found: Round, marks: Marks, missing: Collection[str]) -> dict[str, Any]:
    """Return the groups of radio buttons of a reading with what was given so far, and what its scales mean."""
    sentence: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = [{"word": word, "phones": [], "scores": []} for word in item.words]
    for cell in cells(item.words, found.levels):
        asked = _group(cell, marks, missing)
        if cell.word is None:
            sentence.append(asked)
        elif cell.phone is None:
            words[cell.word]["scores"].append(asked)
        else:
            words[cell.word]["phones"].append({**asked, **_phone(item, cell.word, cell.phone, found.language)})
    return {
        "sentence": sentence,
        "words": [word for word in words if word["phones"] or word["scores"]],
        "scales": [scale for scale in scales_of(found.levels) if scale.level != Level.SENTENCE],
    }


def _group(cell: Cell, marks: Marks, missing: Collection[str]) -> dict[str, Any]:
    given = marks.get(cell.name)
    choices = [(str(value), str(value), given == value) for value in cell.scale.values]
    return {
        "name": cell.name,
        "scale": cell.scale,
        "label": cell.scale.label,
        "choices": [*choices, (UNJUDGED, "?", given == UNJUDGED)],
        "given": given,
        "missing": cell.name in missing,
    }


def _phone(item: Item, word: int, phone: int, language: str) -> dict[str, Any]:
    symbol = item.words[word]["phones"][phone]
    stressed = item.words[word]["stressed"] == phone and item.words[word]["syllables"] > 1
    shown = ipa(symbol, language, stressed)
    return {
        "ipa": shown,
        "symbol": "" if shown == symbol else symbol,
        "label": _("Son %(n)s") % {"n": phone + 1},
    }
