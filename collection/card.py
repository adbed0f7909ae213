"""The dataset card of a release: what is in it, what became of every column, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from huggingface_hub import DatasetCardData

from collection.columns import RELEASE
from collection.intake import Licence
from collection.schema import SCHEMA_VERSION, Split

USAGE = "parlure-usage-1"
"""Identifier of the policy printed below; rows carry it in ``usage``."""

POLICY = """\
- Use it for the purposes in each row's `consent.purposes` only, and not from the day in `consent.expires` on.
- Do not try to find out who a speaker is, do not link releases, and do not clone or imitate a voice.
- Do not infer emotions, health or character. A score advises a teacher; it does not grade a learner.
- When a learner withdraws, delete their rows, copies of them, and models trained on them, as the controller asks."""

GATE = (
    "These are voices of learners, most of them minors. They are pseudonymised, not anonymous: a voice identifies its "
    f"speaker. By asking for access you accept the usage policy {USAGE} printed on this card."
)
FIELDS = {"Organisation": "text", "Purpose": "text", "I accept the usage policy": "checkbox"}
BODY = """\
# {name}

Read-aloud speech of language learners, built by Parlure from the source `{source}`. One row is one prompt read by one
learner: FLAC, 16 kHz, mono. Schema {schema}.

## What is in it

{splits}

Splits share no speaker and are stratified by age band and gender; speakers keep theirs in later releases.
Readings left out, by reason: {reasons}.

## Reading it

```python
from datasets import load_dataset

rows = load_dataset("PATH OF THIS FOLDER", split="train")
rows[0]["audio"]["bytes"]  # a FLAC file, not decoded: soundfile reads it
```

Times are seconds from the start of the utterance, levels dBFS, phone accuracy 0-2, other scores 0-10. What nobody rated
is null, never 0. `phones.realised` is what was said where that is known, empty for a deletion.

## Privacy

Pseudonymised is not anonymous: a voice identifies its speaker. Identifiers are HMAC-SHA256 under a sub-key of this
release, so two releases cannot be joined by them. Demographics are generalised, and suppressed where fewer than {k}
speakers share a combination.

{columns}

## Usage policy `{usage}`

{basis} Purposes of this release: {purposes}.

{policy}
"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(facts: Mapping[str, Any], licence: Licence | None) -> str:
    """Return the card (Markdown with YAML front matter) for the facts of a manifest."""
    return f"---\n{_front_matter(facts, licence)}\n---\n\n{_body(facts, licence)}"


def _front_matter(facts: Mapping[str, Any], licence: Licence | None) -> str:
    rows = sum(part["rows"] for part in facts["splits"].values())
    files = [{"split": split, "path": f"data/{split}-*"} for split, _ in _items(facts)]
    data = DatasetCardData(
        pretty_name=facts["name"],
        language=sorted({language.split("-")[0] for language in facts["inventory"]}),
        license="other",
        license_name=licence.name if licence else facts["usage"],
        task_categories=["automatic-speech-recognition", "audio-classification"],
        tags=["audio", "pronunciation-assessment", "language-learning"],
        size_categories=[next((label for limit, label in _SIZES if rows < limit), "1M<n<10M")],
        configs=[{"config_name": "default", "data_files": files}],
        extra_gated_prompt=GATE,
        extra_gated_fields=FIELDS,
    )
    return str(data.to_yaml()).strip()


def _body(facts: Mapping[str, Any], licence: Licence | None) -> str:
    splits = ((split, part["speakers"], part["rows"], f"{part['seconds'] / 3600:.2f}") for split, part in _items(facts))
    return BODY.format(
        name=facts["name"],
        source=facts["source"],
        schema=SCHEMA_VERSION,
        splits=_table(("split", "speakers", "utterances", "hours"), splits),
        reasons=", ".join(f"{reason} {count}" for reason, count in facts["dropped"].items()) or "none",
        k=facts["config"]["k"],
        columns=_table(("column", "fate", "how"), ((f"`{one.name}`", one.fate.value, one.how) for one in RELEASE)),
        usage=facts["usage"],
        basis=licence.statement if licence else "Each row names its consent: a record's pseudonym, purposes and end.",
        purposes=", ".join(facts["purposes"]),
        policy=POLICY,
    )


def _items(facts: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return [(split.value, facts["splits"][split.value]) for split in Split if split.value in facts["splits"]]


def _table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
