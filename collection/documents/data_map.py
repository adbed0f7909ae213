"""data_map.json: every field of intake and release, where it comes from, what becomes of it, and who sees it."""

from __future__ import annotations

from collection.documents.jsonld import render
from collection.documents.record import ReleaseRecord
from collection.pseudonyms.columns import INTAKE, RELEASE
from collection.voice import Tier

INTAKE_SIDE = "the school and whoever runs the build"
RECIPIENTS = {
    Tier.PSEUDONYMISED: "recipients under contract, for the purposes of the release",
    Tier.DISGUISED: "recipients who accepted the usage offer, for the purposes of the release",
}
TABLES = {"roster": "school", "recordings": "teacher's upload, or the corpus", "register": "consent form"}
"""Where the tables of the intake side come from."""
ORIGINS = {
    "utterance_id": "recordings.recording_id",
    "speaker_id": "recordings.learner_id",
    "session_id": "recordings.session_id",
    "audio": "the recording",
    "duration": "measured on the recording",
    "quality": "measured on the recording",
    "language": "recordings.language",
    "text": "recordings.prompts",
    "words": "recordings.prompts, and experts' ratings",
    "phones": "pronunciation dictionaries, and experts' ratings",
    "scores": "experts' ratings",
    "raters": "experts' ratings",
    "speaker": "roster",
    "device": "recordings.device",
    "consent": "register",
    "usage": "settings of the build",
    "source": "settings of the build",
}
"""Where the columns of a release come from, by the column's first name."""


def data_map(record: ReleaseRecord) -> str:
    """Return the map, intake side first; generated from the declarations that a build enforces."""
    intake = [
        {
            "field": column.name,
            "comes_from": TABLES.get(column.name.split(".")[0], "intake side"),
            "fate": column.fate.value,
            "how": column.how,
            "seen_by": INTAKE_SIDE,
        }
        for column in INTAKE
    ]
    release = [
        {
            "field": column.name,
            "comes_from": ORIGINS.get(column.name.split(".")[0], "the build"),
            "fate": column.fate.value,
            "how": column.how,
            "seen_by": RECIPIENTS[record.tier],
        }
        for column in RELEASE
    ]
    return render({"release": record.name, "tier": record.tier.value, "intake": intake, "columns": release})
