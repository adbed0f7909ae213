"""One record of a release, from which every document beside its rows is written: no fact is gathered twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from collection.documents import privacy_figures
from collection.intake import Licence
from collection.pseudonymise import QUASI_IDENTIFIERS
from collection.schema import ConsentGrant, Purpose, Speaker, Split
from collection.voice import Tier

NOT_SHOWN = "not shown"
"""What a table of speakers says of those whose attribute is suppressed or unknown."""
UNNAMED = "Controller of this release"
"""What the documents call a publisher that the build was not told."""


@dataclass
class Publisher:
    """Who answers for a release, as its documents say it: an organisation, never a person."""

    name: str | None = None
    """Name of the organisation; not given, the documents say only that there is a controller."""
    url: str | None = None
    """Its web page, which also identifies it in the usage offer."""
    contact: str | None = None
    """Mail address of a function, such as data@school.example, for questions and notices of deletion."""


@dataclass(frozen=True, slots=True)
class Part:
    """One split: rows, speakers and seconds of sound."""

    split: Split
    rows: int
    speakers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class File:
    """One shard by its path inside the release, with its size in bytes and SHA-256 (hex)."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """Everything the documents of a release say; ``speakers`` count each value of each shown attribute.

    ``transform`` names how voices were disguised, ``voices`` says what that is worth (Markdown).
    ``consents`` maps speakers to grants, both pseudonymised and generalised as in the rows; it is empty for a public
    corpus under its ``licence``.
    """

    name: str
    key_id: str
    source: str
    on: str
    purposes: tuple[Purpose, ...]
    usage: str
    k: int
    tier: Tier
    transform: str
    voices: str
    publisher: Publisher
    licence: Licence | None
    languages: tuple[str, ...]
    parts: tuple[Part, ...]
    files: tuple[File, ...]
    dropped: Mapping[str, int]
    speakers: Mapping[str, Mapping[str, int]]
    consents: Mapping[str, ConsentGrant]

    @property
    def iri(self) -> str:
        """Identifier of the release in linked data: the same for the same name under the same key."""
        return uuid5(NAMESPACE_URL, f"parlure release {self.key_id} {self.name}").urn

    @property
    def controller(self) -> str:
        """Name of who answers for the release."""
        return self.publisher.name or UNNAMED

    @property
    def controller_iri(self) -> str:
        """Identifier of who answers for the release."""
        return self.publisher.url or f"{self.iri}#controller"

    @property
    def policy_iri(self) -> str:
        """Identifier of the usage offer of the release."""
        return f"{self.iri}#offer"

    @property
    def rows(self) -> int:
        """Number of utterances."""
        return sum(part.rows for part in self.parts)

    @property
    def speaker_count(self) -> int:
        """Number of speakers; splits share none."""
        return sum(part.speakers for part in self.parts)

    @property
    def description(self) -> str:
        """What the release is, in two sentences."""
        hours = sum(part.seconds for part in self.parts) / 3600
        return (
            f"Read-aloud speech of language learners from the source {self.source}: {self.rows} utterances of "
            f"{self.speaker_count} speakers, {hours:.2f} hours, pseudonymised. A voice identifies its speaker, so "
            "this is personal data."
        )

    @property
    def ends(self) -> tuple[str, ...]:
        """Days on which consents end, earliest first, as the rows give them."""
        return tuple(sorted({grant.expires for grant in self.consents.values() if grant.expires}))


def gather(
    facts: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    speakers: Mapping[str, Speaker],
    grants: Mapping[str, ConsentGrant],
) -> ReleaseRecord:
    """Return the record of a release.

    ``facts`` are those of its manifest, ``files`` its shards with ``sha256`` and ``bytes``; ``speakers`` and ``grants``
    are what the rows say of everyone in it, by pseudonym.
    """
    config, licence = facts["config"], facts["licence"]
    return ReleaseRecord(
        name=facts["name"],
        key_id=facts["key_id"],
        source=facts["source"],
        on=facts["on"],
        purposes=tuple(Purpose(purpose) for purpose in facts["purposes"]),
        usage=facts["usage"],
        k=config["k"],
        tier=Tier(facts["tier"]),
        transform=config["voice"]["transform"],
        voices=privacy_figures.section(facts),
        publisher=Publisher(**config["publisher"]),
        licence=licence and Licence(**{**licence, "purposes": tuple(licence["purposes"])}),
        languages=tuple(sorted(facts["inventory"])),
        parts=tuple(
            Part(split, part["rows"], part["speakers"], part["seconds"])
            for split in Split
            if (part := facts["splits"].get(split.value)) is not None
        ),
        files=tuple(File(name, entry["bytes"], entry["sha256"]) for name, entry in sorted(files.items())),
        dropped=dict(facts["dropped"]),
        speakers={name: _count(getattr(speaker, name) for speaker in speakers.values()) for name in QUASI_IDENTIFIERS},
        consents={speaker: grant for speaker, grant in sorted(grants.items()) if grant.record is not None},
    )


def _count(values: Any) -> dict[str, int]:
    counts = Counter(value or NOT_SHOWN for value in values)
    return dict(sorted(counts.items(), key=lambda pair: (pair[0] == NOT_SHOWN, pair[0])))
