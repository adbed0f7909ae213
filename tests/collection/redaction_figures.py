"""Recall and precision of redaction on made-up classroom sentences, and false alarms on sentences that people read.

    python -m tests.collection.redaction_figures

``redaction_sentences.jsonl`` holds one sentence a line: half, language, text, spans [[start, end, what]]. Rules and
threshold were chosen on the ``tune`` half; the ``report`` half was written before them and is only counted. Each
sentence is read twice, as written and without capitals.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from collection.redact import RedactionConfig, Redactor
from collection.redaction.forgotten_names import ForgottenNames
from collection.redaction.known_names import KnownNames
from collection.synthetic.sentences import SENTENCES

ROSTER = (
    "Zoé Brissaud", "Léa Ternois", "Hugo Escoffre", "Maëlle Quérouil", "Rayan Benhaddou", "Inès Lagardelle",
    "Théo Pomarède", "Chloé Sauvestre", "Anaïs Hautefeuille", "Karim Zerrouki", "Mei Zhao", "May Fontvieille",
    "Will Okafor", "Grace Adeyemi", "Jean-Baptiste Delorme", "Clémence Petit", "Rose Castagnède", "Pierre Vauquelin",
)  # fmt: skip
MARKED = (
    "roster_name", "misspelt_name", "unlisted_name", "phone", "email", "address", "birth_date", "handle", "url",
)  # fmt: skip
"""What the sentences mark."""


@dataclass
class Counts:
    """Counted in sentences of one half: marked spans by what they are, and what was found."""

    marked: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    """Marked spans found to their last letter, whatever they were taken for."""
    found: dict[str, int] = field(default_factory=dict)
    right: dict[str, int] = field(default_factory=dict)
    """Found spans by what they were taken for, and those of them that touch a marked one."""
    clean: int = 0
    alarms: int = 0
    """Sentences without personal data, and those of them in which something was found."""
    personal: int = 0
    kept: int = 0
    """Sentences with personal data, and those of them in which nothing was found: they would be released."""


@cache
def sentences(half: str) -> tuple[dict[str, Any], ...]:
    """Return the sentences of a half."""
    lines = Path(__file__).with_name("redaction_sentences.jsonl").read_text("utf-8").splitlines()
    return tuple(each for each in map(json.loads, lines) if each["half"] == half)


def forgotten(names: Sequence[str], language: str) -> ForgottenNames:
    """Return what is kept of the names of people who withdrew."""
    secret = b"a secret of the tests"
    return ForgottenNames(secret, KnownNames(language, names, (), 1.0).marks(secret))


@cache
def redactor(language: str, entities: bool = True, similarity: float | None = None, digests: bool = False) -> Redactor:
    """Return a redactor that knows the made-up roster, with ``digests`` as if everyone on it had withdrawn."""
    config = RedactionConfig(entities=entities)
    if similarity is not None:
        config.similarity = similarity
    if digests:
        return Redactor(language, config=config, forgotten=forgotten(ROSTER, language))
    return Redactor(language, ROSTER, config=config)


def count(given: Iterable[dict[str, Any]], lower: bool, **settings: Any) -> Counts:
    """Count what is found in sentences, as written or without capitals."""
    counts = Counts()
    for sentence in given:
        text = sentence["text"].lower() if lower else sentence["text"]
        found = redactor(sentence["language"], **settings).find(text)
        hidden = {place for span in found for place in range(span.start, span.end)}
        truth = {place for start, end, _ in sentence["spans"] for place in range(start, end)}
        for start, end, what in sentence["spans"]:
            counts.marked[what] = counts.marked.get(what, 0) + 1
            letters = {place for place in range(start, end) if text[place].isalnum()}
            counts.whole[what] = counts.whole.get(what, 0) + (letters <= hidden)
        for span in found:
            counts.found[span.kind] = counts.found.get(span.kind, 0) + 1
            counts.right[span.kind] = counts.right.get(span.kind, 0) + (
                not truth.isdisjoint(range(span.start, span.end))
            )
        if sentence["spans"]:
            counts.personal += 1
            counts.kept += not found
        else:
            counts.clean += 1
            counts.alarms += bool(found)
    return counts


def alarms(texts: Sequence[str], language: str, names: Sequence[str]) -> list[str]:
    """Return those of the texts in which something is found."""
    finder = Redactor(language, names)
    return [text for text in texts if finder.find(text)]


def show(console: Console, half: str) -> None:
    """Print the table of a half."""
    for language in ("fr", "en"):
        given = [each for each in sentences(half) if each["language"] == language]
        counts = [count(given, lower) for lower in (False, True)]
        table = Table(title=f"{half}, {language}")
        for header in ("", "of", "as written", "lower case"):
            table.add_column(header)
        for what in MARKED:
            table.add_row(f"found: {what}", str(counts[0].marked[what]), *(str(each.whole[what]) for each in counts))
        total = [str(sum(each.whole.values())) for each in counts]
        table.add_row("found: all", str(sum(counts[0].marked.values())), *total)
        for kind in sorted({kind for each in counts for kind in each.found}):
            right = [f"{each.right.get(kind, 0)} of {each.found.get(kind, 0)}" for each in counts]
            table.add_row(f"right: {kind}", "", *right)
        table.add_row("clean sentences with a find", str(counts[0].clean), *(str(each.alarms) for each in counts))
        table.add_row("personal sentences without", str(counts[0].personal), *(str(each.kept) for each in counts))
        digests = [count(given, lower, digests=True).whole for lower in (False, True)]
        for what in ("roster_name", "misspelt_name"):
            table.add_row(f"by digests: {what}", str(counts[0].marked[what]), *(str(each[what]) for each in digests))
        console.print(table)


def main() -> None:
    """Print every table."""
    console = Console()
    show(console, "report")
    console.print(f"synthetic class, roster: {len(alarms(SENTENCES, 'en-US', ROSTER))} of {len(SENTENCES)}")
    shared = Path(os.environ.get("PARLURE_SHARED", "../shared")) / "corpora" / "speechocean762" / "train" / "text"
    if shared.exists():
        texts = [line.split(maxsplit=1)[1] for line in shared.read_text("utf-8").splitlines()]
        for title, names in (("no roster", ()), ("with the made-up roster", ROSTER)):
            console.print(f"speechocean762 train, {title}: {len(alarms(texts, 'en-US', names))} of {len(texts)}")


if __name__ == "__main__":
    main()
