"""The documents of a release, one module each, all written from one ``ReleaseRecord``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from collection.documents import card, consents, croissant, data_map, dcat, odrl
from collection.documents.record import ReleaseRecord
from collection.manifest import atomic_write

DOCUMENTS: Mapping[str, Callable[[ReleaseRecord], str | None]] = {
    "README.md": card.card,
    "croissant.json": croissant.croissant,
    "dcat.jsonld": dcat.dcat,
    "odrl.jsonld": odrl.odrl,
    "consents.jsonl": consents.consents,
    "data_map.json": data_map.data_map,
}
"""File name of each document and what writes it; ``None`` where a release has no such document."""


def write(folder: Path, record: ReleaseRecord) -> None:
    """Write every document beside the rows; the same record gives the same bytes."""
    for name, make in DOCUMENTS.items():
        if (text := make(record)) is not None:
            atomic_write(folder / name, text)
