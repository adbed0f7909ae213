"""odrl.jsonld: what may be done with a release, as an ODRL 2.2 offer that a data-space connector can negotiate.

Source: W3C, ODRL Information Model 2.2. What ODRL has no action for is defined in the document itself.
"""

from __future__ import annotations

from typing import Any

from collection.documents.jsonld import PREFIXES, compact, date, define, render
from collection.documents.policy import DELETION, PROHIBITIONS, PURPOSES
from collection.documents.record import ReleaseRecord
from collection.schema import Purpose


def odrl(record: ReleaseRecord) -> str:
    """Return the offer: use for the purposes of the release until the last consent ends, and what is prohibited."""
    purposes = [PURPOSES[purpose] for purpose in record.purposes if purpose is not Purpose.SHARING]
    target = {"@id": record.iri}
    banned: list[Any] = [{"@id": compact(term)} for term in PROHIBITIONS]
    if record.licence is None:
        # The families named whom the release may reach; what is public already can be had from its source.
        banned.append({"@id": "odrl:distribute"})
    permissions = [
        {
            "@type": "odrl:Permission",
            "odrl:target": target,
            "odrl:action": {"@id": "odrl:use"},
            "odrl:constraint": [
                _constraint("odrl:purpose", "odrl:eq", {"@id": compact(purpose)}),
                *([_constraint("odrl:dateTime", "odrl:lt", date(record.ends[-1]))] if record.ends else []),
            ],
        }
        for purpose in purposes
    ]
    prohibitions = [{"@type": "odrl:Prohibition", "odrl:target": target, "odrl:action": action} for action in banned]
    duty = {
        "@type": "odrl:Duty",
        "odrl:target": target,
        "odrl:action": {"@id": "odrl:delete"},
        "odrl:constraint": [_constraint("odrl:event", "odrl:eq", {"@id": compact(DELETION)})],
    }
    offer = {
        "@id": record.policy_iri,
        "@type": ["odrl:Policy", "odrl:Offer"],
        "odrl:uid": {"@id": record.policy_iri},
        "dct:identifier": record.usage,
        "dct:description": "Each row's own consent may be narrower and end earlier; the narrower one binds.",
        "odrl:assigner": {"@id": record.controller_iri, "@type": "odrl:Party", "foaf:name": record.controller},
        "odrl:permission": permissions,
        "odrl:prohibition": prohibitions,
        "odrl:obligation": [duty],
    }
    terms = [
        *(define(term, "skos:Concept") for term in purposes),
        *(define(term, "odrl:Action", **{"odrl:includedIn": {"@id": "odrl:use"}}) for term in PROHIBITIONS),
        define(DELETION, "skos:Concept"),
    ]
    return render({"@context": PREFIXES, "@graph": [offer, *terms]})


def _constraint(left: str, operator: str, right: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "odrl:Constraint",
        "odrl:leftOperand": {"@id": left},
        "odrl:operator": {"@id": operator},
        "odrl:rightOperand": right,
    }
