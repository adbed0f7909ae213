"""consents.jsonl: the consents behind the rows, in the terms of ISO/IEC TS 27560:2023 and the Data Privacy Vocabulary.

One JSON-LD record a line, after the W3C community guide to 27560 with DPV. It says what the rows say and no more: who
signed when, the notice's language, the lawful basis and the birth date stay in the register, because a rare value
would undo k-anonymity. So each line is an excerpt of the record that the controller keeps, and claims no conformance.
"""

from __future__ import annotations

import json
from typing import Any

from collection.documents.jsonld import PREFIXES, compact, date
from collection.documents.policy import PURPOSES
from collection.documents.record import ReleaseRecord
from collection.schema import ConsentGrant, Purpose

CONTEXT = {
    **{prefix: PREFIXES[prefix] for prefix in ("dct", "dpv", "xsd", "parlure")},
    "pd": "https://w3id.org/dpv/pd#",
}
PERSONAL_DATA = ("dpv:PseudonymisedData", "pd:Accent", "pd:AgeRange", "pd:Gender", "pd:Language")
PROCESSING = ("dpv:Collect", "dpv:Pseudonymise", "dpv:Use")


def consents(record: ReleaseRecord) -> str | None:
    """Return one line a consent, by speaker; ``None`` for a public corpus, whose licence stands in the card."""
    lines = (json.dumps(_consent(record, speaker, grant)) for speaker, grant in record.consents.items())
    return "".join(line + "\n" for line in lines) or None


def _consent(record: ReleaseRecord, speaker: str, grant: ConsentGrant) -> dict[str, Any]:
    """Return one excerpt: header, processing, parties and the one event that matters, consent given and held."""
    return {
        "@context": CONTEXT,
        "@id": f"{record.iri}#{grant.record}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": grant.record,
        "dct:source": "ISO/IEC TS 27560:2023, generalised excerpt",
        "dpv:hasDataSubject": {"@id": f"{record.iri}#{speaker}", "@type": "dpv:DataSubject", "dct:identifier": speaker},
        "dpv:hasDataController": {"@id": record.controller_iri},
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasPurpose": [{"@id": compact(PURPOSES[Purpose(purpose)])} for purpose in grant.purposes],
            "dpv:hasPersonalData": [{"@id": name} for name in PERSONAL_DATA],
            "dpv:hasProcessing": [{"@id": name} for name in PROCESSING],
        },
        "dpv:hasConsentStatus": {"@id": "dpv:ConsentGiven"},
        "dct:date": date(record.on),
        "dct:valid": f"{record.on}/{grant.expires}",
    }
