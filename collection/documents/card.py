"""The dataset card (README.md): what is in a release, where it comes from, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable

from huggingface_hub import DatasetCardData

from collection.documents import wording
from collection.documents.policy import DELETION, GATE, GATE_FIELDS, PROHIBITIONS, PURPOSES
from collection.documents.record import ReleaseRecord
from collection.pseudonyms.columns import RELEASE
from collection.schema import SCHEMA_VERSION

BODY = """\
# {name}

{description} Built by Parlure; one row is one prompt read by one learner: FLAC, 16 kHz, mono. Schema {schema}.

{voices}

Tier {tier} means {tier_means}.

## What is in it

{splits}

Splits share no speaker and are stratified by age band and gender; speakers keep theirs in later releases.
Languages: {languages}. Readings left out, by reason: {reasons}.

{groups}

## Reading it

```python
from datasets import load_dataset

rows = load_dataset("PATH OF THIS FOLDER", split="train")
rows[0]["audio"]["bytes"]  # a FLAC file, not decoded: soundfile reads it
```

Times are seconds from the start of the utterance, levels dBFS, phone accuracy 0-2, other scores 0-10. What nobody rated
is null, never 0. `phones.realised` is what was said where that is known, empty for a deletion.

For machines: `croissant.json` (Croissant), `dcat.jsonld` (DCAT-AP), `odrl.jsonld` (usage offer), `consents.jsonl`
(consent records, where learners gave them), `data_map.json` (every field, its origin and fate).

## How it was made

{collection} {raw}

{preparation}
- {annotation}

## Known biases and limits

{biases}

## Privacy

Pseudonymised is not anonymous: a voice identifies its speaker. Identifiers are HMAC-SHA256 under a sub-key of this
release, so two releases cannot be joined by them. Demographics are generalised, and suppressed where fewer than {k}
speakers share a combination.

{columns}

{maintenance}

## Consent

{basis} Purposes of this release: {purposes}.

## Usage policy `{usage}`

- Use it for the purposes in each row's `consent.purposes` only, and not from the day in `consent.expires` on.
{prohibitions}
- A score advises a teacher; it does not grade a learner.
- {deletion}
{contact}"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(record: ReleaseRecord) -> str:
    """Return the card: Markdown with the YAML front matter that the Hugging Face Hub reads."""
    return f"---\n{_front_matter(record)}\n---\n\n{_body(record)}"


def _front_matter(record: ReleaseRecord) -> str:
    files = [{"split": part.split.value, "path": f"data/{part.split.value}-*"} for part in record.parts]
    data = DatasetCardData(
        pretty_name=record.name,
        language=sorted({language.split("-")[0] for language in record.languages}),
        license="other",
        license_name=record.licence.name if record.licence else record.usage,
        task_categories=["automatic-speech-recognition", "audio-classification"],
        tags=["audio", "pronunciation-assessment", "language-learning"],
        size_categories=[next((label for limit, label in _SIZES if record.rows < limit), "1M<n<10M")],
        configs=[{"config_name": "default", "data_files": files}],
        extra_gated_prompt=GATE,
        extra_gated_fields=GATE_FIELDS,
    )
    return str(data.to_yaml()).strip()


def _body(record: ReleaseRecord) -> str:
    splits = ((part.split.value, part.speakers, part.rows, f"{part.seconds / 3600:.2f}") for part in record.parts)
    groups = (
        (name.replace("_", " "), value, count)
        for name, counts in record.speakers.items()
        for value, count in counts.items()
    )
    contact = record.publisher.contact
    return BODY.format(
        name=record.name,
        description=record.description,
        schema=SCHEMA_VERSION,
        voices=record.voices,
        tier=record.tier.value,
        tier_means=wording.TIERS[record.tier],
        splits=_table(("split", "speakers", "utterances", "hours"), splits),
        languages=", ".join(record.languages),
        reasons=", ".join(f"{reason} {count}" for reason, count in record.dropped.items()) or "none",
        groups=_table(("of the speakers", "value", "speakers"), groups),
        collection=wording.COLLECTION,
        raw=wording.RAW_DATA,
        preparation=_list(wording.preparation(record)),
        annotation=wording.ANNOTATION,
        biases=_list([*wording.BIASES, *wording.LIMITATIONS]),
        k=record.k,
        columns=_table(("column", "fate", "how"), ((f"`{one.name}`", one.fate.value, one.how) for one in RELEASE)),
        maintenance=wording.MAINTENANCE,
        basis=wording.basis(record),
        purposes=", ".join(PURPOSES[purpose].label for purpose in record.purposes),
        usage=record.usage,
        prohibitions=_list(f"No {term.label}: do not {_lower(term.definition)}" for term in PROHIBITIONS),
        deletion=DELETION.definition,
        contact=f"- Questions and notices: {contact}\n" if contact else "",
    )


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
