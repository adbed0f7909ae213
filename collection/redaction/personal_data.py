"""Where personal data stand in a text: spans with their kind and the evidence for them, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise


class Kind(StrEnum):
    """What a span would give away; its value is the placeholder that replaces it."""

    NAME = "name"
    SCHOOL = "school"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    BIRTH_DATE = "birth_date"
    HANDLE = "handle"
    URL = "url"


class Evidence(StrEnum):
    """What found a span."""

    ROSTER = "roster"
    PHONETIC = "phonetic"
    CUE = "cue"
    ENTITY = "entity"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` up to ``end`` of a text."""

    start: int
    end: int
    kind: Kind
    evidence: Evidence


_BETWEEN_NAMES = re.compile(r"[\s\-'’.]*")


def merge(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the spans in order and apart: overlapping ones become one, as do names side by side."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        last = merged[-1] if merged else None
        if last is not None and span.start < last.end:
            longest = max(last, span, key=lambda one: one.end - one.start)
            merged[-1] = replace(longest, start=last.start, end=max(last.end, span.end))
        elif last is not None and last.kind is span.kind is Kind.NAME and _side_by_side(text, last, span):
            merged[-1] = replace(last, end=span.end)
        else:
            merged.append(span)
    return tuple(merged)


def _side_by_side(text: str, first: Span, second: Span) -> bool:
    return _BETWEEN_NAMES.fullmatch(text, first.end, second.start) is not None


def redact_text(text: str, spans: Sequence[Span]) -> str:
    """Return the text with a placeholder such as ``[name]`` in the place of each span.

    ``spans`` are in order and apart, as ``merge`` returns them; others are a ValueError.
    """
    if any(first.end > second.start for first, second in pairwise(spans)):
        raise ValueError("spans overlap or are out of order: merge them first")
    for span in reversed(spans):
        text = f"{text[: span.start]}{placeholder(span.kind)}{text[span.end :]}"
    return text


def placeholder(kind: Kind) -> str:
    """Return what stands in the place of personal data of a kind."""
    return f"[{kind}]"
