"""Configuration of ``collection.build``, each field with its unit and effect; treat it as read-only."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from collection.audio import AudioLimits
from collection.classes.class_recording import ClassConfig
from collection.consent import ConsentPolicy
from collection.documents.policy import USAGE
from collection.documents.record import Publisher
from collection.prompts import MatchConfig
from collection.quality import QualityPolicy
from collection.redact import RedactionConfig
from collection.runner import Runner
from collection.segment import SegmentConfig
from collection.voice import VoiceConfig


@dataclass
class Fractions:
    """Shares of speakers in each split; together 1."""

    train: float = 0.7
    """Share that models learn from."""
    validation: float = 0.1
    """Share for choosing settings and thresholds."""
    test: float = 0.2
    """Share that is looked at once, at the end; 0 when a corpus brings its official test speakers."""


@dataclass
class BuildConfig:
    """Configuration of the verb."""

    importer: str = MISSING
    """What reads the input: set by ``source=folder`` or ``source=`` a corpus."""
    intake: str | None = None
    """``source=folder``: folder with roster, recordings list, consent register and sound files."""
    corpus: str | None = None
    """``source=`` a corpus: its folder, in the corpus's own layout."""
    out: str = MISSING
    """Folder of the release, new or unfinished; ``<out>.work`` beside it holds unfinished work."""
    key: str = MISSING
    """Pseudonymisation key file (python -m collection.keys), outside the data."""
    name: str = MISSING
    """Name of the release, its own: pseudonyms are derived from it, so another name makes other identifiers."""
    purposes: list[str] = field(default_factory=lambda: ["training", "evaluation"])
    """What the release is for; a learner enters when every one of these purposes is granted."""
    on: str | None = None
    """ISO date on which consents are judged, when it is later than today; a past one counts as today."""
    schools: list[str] = field(default_factory=list)
    """Schools whose learners enter, as the roster names them; empty is everybody. No document names them."""
    languages: list[str] = field(default_factory=list)
    """Languages (as recordings name them) that enter; empty is all."""
    usage: str = USAGE
    """Identifier of the usage policy that rows carry."""
    publisher: Publisher = field(default_factory=Publisher)
    """Who answers for the release, as its documents name them."""
    k: int = 5
    """Speakers that must share a combination of demographics; smaller groups are suppressed. Higher hides more."""
    splits: Fractions = field(default_factory=Fractions)
    """Shares of speakers."""
    split_ledger: str | None = None
    """File that remembers each speaker's split across releases; ``<key>.splits.jsonl`` when not given."""
    shard_bytes: int = 500_000_000
    """Audio bytes of a parquet shard at most."""
    workers: int | None = None
    """Processes that work on recordings; 0 is this one alone, not given is one a core."""
    runner: Runner = Runner.local
    """``local``: processes of this machine; ``ray``: tasks of Ray, here or on the cluster that RAY_ADDRESS names."""
    audio: AudioLimits = field(default_factory=AudioLimits)
    """What sound files are accepted."""
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings are cut into utterances."""
    match: MatchConfig = field(default_factory=MatchConfig)
    """When an utterance is believed to be the reading of a prompt."""
    classes: ClassConfig = field(default_factory=ClassConfig)
    """How recordings of a whole class are read, and whose voice is believed."""
    quality: QualityPolicy = field(default_factory=QualityPolicy)
    """When sound is too poor, or odd."""
    redaction: RedactionConfig = field(default_factory=RedactionConfig)
    """What personal data are looked for in the texts that were read."""
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    """How voices are disguised; a disguise makes the release tier T2."""
    privacy: str | None = None
    """privacy.json of eval.privacy, measured with these voice settings: its figures go into the card."""
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    """What the controller asks of a consent."""
