"""The usage policy of a release: the one list of what is asked of its users, for readers and for machines."""

from __future__ import annotations

from dataclasses import dataclass

from collection.schema import Purpose

USAGE = "parlure-usage-1"
"""Identifier of the policy below; rows carry it in ``usage``."""
NAMESPACE = "urn:parlure:terms:"
"""Where our own terms live in linked data, for what ODRL and DPV have no word."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of ours: its last part, a label, and a definition in one sentence."""

    name: str
    label: str
    definition: str

    @property
    def iri(self) -> str:
        """The term's identifier in linked data."""
        return NAMESPACE + self.name


PURPOSES = {
    Purpose.RESEARCH: Term("research", "research", "Study how learners speak and how speech technology serves them."),
    Purpose.TRAINING: Term("model-training", "training", "Train speech models that help learners pronounce."),
    Purpose.EVALUATION: Term("model-evaluation", "evaluation", "Measure how well speech models serve learners."),
    Purpose.SHARING: Term(
        "sharing-with-partner", "sharing with a partner", "Hand the release to a partner named to the families."
    ),
}
"""What a family may allow."""

PROHIBITIONS = (
    Term("re-identification", "re-identification", "Find out who a speaker is, or link the speakers of two releases."),
    Term("voice-cloning", "voice cloning", "Clone or imitate the voice of a speaker."),
    Term("biometric-identification", "biometric identification", "Recognise or verify a person by these voices."),
    Term("trait-inference", "inference of traits", "Infer emotions, health or character of a speaker."),
)
"""What nobody may do with a release, whatever its purposes."""

DELETION = Term(
    "deletion-notice",
    "deletion on notice",
    "When a learner withdraws, delete their rows, copies of them, and models trained on them, as the controller asks.",
)
"""The event upon which a user must delete."""

GATE = (
    "These are voices of learners, most of them minors. They are pseudonymised, not anonymous: a voice identifies its "
    f"speaker. By asking for access you accept the usage policy {USAGE} printed on this card."
)
GATE_FIELDS = {"Organisation": "text", "Purpose": "text", "I accept the usage policy": "checkbox"}
