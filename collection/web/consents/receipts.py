"""The receipt of somebody's answers, in the structure of ISO/IEC TS 27560:2023 and the Data Privacy Vocabulary.

It is for the person who answered: what they were told (by hash), what they said and when, and what stands. It names
nobody, so that it may be kept or shown anywhere. It is no claim of conformance.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils import timezone

from collection.consent import today
from collection.documents.consents import CONTEXT
from collection.documents.jsonld import compact
from collection.documents.jsonld import date as day
from collection.documents.policy import PURPOSES
from collection.register import EventState
from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents import answers
from collection.web.consents.models import Party

PERSONAL_DATA = ("pd:Voice", "pd:Accent", "pd:Age", "pd:Gender", "pd:Language")
"""What is recorded; unlike a release, a school also knows whose it is."""
PROCESSING = ("dpv:Record", "dpv:Store", "dpv:Pseudonymise", "dpv:Use")


def receipt(party: Party, on: date | None = None) -> dict[str, Any]:
    """Return the receipt of one person: header, processing, parties, and every event of theirs, as JSON-LD."""
    learner = answers.with_answers(Learner.objects.filter(consent=party.consent_id)).get()
    consent, asked = learner.consent, learner.consent.notice
    record = answers.record_of(learner)
    found = answers.decisions_on(record, on)
    assert record is not None  # noqa: S101
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{party.pk}",
        "@type": "dpv:ConsentReceipt",
        "dct:source": "after ISO/IEC TS 27560:2023; no claim of conformance",
        "dct:identifier": record.record_id,
        "dct:created": timezone.localtime().replace(microsecond=0).isoformat(),
        "dpv:hasDataSubject": {"@id": f"urn:uuid:{record.learner_id}", "@type": "dpv:DataSubject"},
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "dpv:hasName": asked.controller,
            "dpv:hasContact": asked.contact,
        },
        "dpv:hasRecipient": list(asked.recipients),
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasLegalBasis": {"@id": "dpv:Consent"},
            "dpv:hasPurpose": [
                {
                    "@id": compact(PURPOSES[purpose]),
                    "dpv:hasConsentStatus": {
                        "@id": "dpv:ConsentGiven" if found[purpose].keep else "dpv:ConsentInvalid"
                    },
                    "dct:description": found[purpose].reason.value,
                    **({"dct:valid": f"/{found[purpose].expires}"} if found[purpose].expires else {}),
                }
                for purpose in map(Purpose, asked.purposes)
            ],
            "dpv:hasPersonalData": [{"@id": name} for name in PERSONAL_DATA],
            "dpv:hasProcessing": [{"@id": name} for name in PROCESSING],
            "dpv:hasStorageCondition": {
                "@type": "dpv:StorageDuration",
                "dct:valid": day(consent.retention_until.isoformat()),
            },
        },
        "dpv:hasConsentStatus": _events(party),
        "dpv:hasConsentControl": "dpv:WithdrawConsent",
        "dct:date": day((on or today()).isoformat()),
    }


def _events(party: Party) -> list[dict[str, Any]]:
    """Return what one person said, in order: answers with the notice that was read, and withdrawals."""
    signed = [
        (
            one.created_at,
            {
                "@type": "dpv:ConsentGiven" if any(one.answers.values()) else "dpv:ConsentRefused",
                "dct:date": day(one.signed_on.isoformat()),
                "dpv:isIndicatedBy": party.role,
                "dpv:hasIndicationMethod": one.channel,
                "parlure:answers": dict(one.answers),
                "dpv:hasNotice": {
                    "dct:identifier": one.notice.name,
                    "dct:hasVersion": one.notice.version,
                    "dct:language": one.notice.language,
                    "parlure:form": one.notice.form,
                    "parlure:sha256": one.notice.sha256,
                },
            },
        )
        for one in party.signature_set.select_related("notice")
    ]
    ended = [
        (
            one.at,
            {
                "@type": "dpv:ConsentWithdrawn",
                "dct:date": day(timezone.localdate(one.at).isoformat()),
                "dpv:isIndicatedBy": party.role,
                "parlure:purposes": one.purposes or "all",
            },
        )
        for one in party.consent.events.filter(state=EventState.WITHDRAWN, entity=str(party.pk))
    ]
    return [event for _, event in sorted((*signed, *ended), key=lambda pair: pair[0])]
