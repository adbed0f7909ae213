"""JSON-LD as text, and the namespaces that several documents share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from collection.documents.policy import NAMESPACE, Term

DPV = "https://w3id.org/dpv#"
DCT = "http://purl.org/dc/terms/"
FOAF = "http://xmlns.com/foaf/0.1/"
ODRL = "http://www.w3.org/ns/odrl/2/"
SKOS = "http://www.w3.org/2004/02/skos/core#"
XSD = "http://www.w3.org/2001/XMLSchema#"


def render(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text, in the order given."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def compact(term: Term) -> str:
    """Return the identifier of a term under the prefix ``parlure``."""
    return f"parlure:{term.name}"


def define(term: Term, kind: str, **more: Any) -> dict[str, Any]:
    """Return the node that says what a term of ours means, so that a document needs no other to be read."""
    return {
        "@id": compact(term),
        "@type": kind,
        "skos:prefLabel": term.label,
        "skos:definition": term.definition,
        **more,
    }


def date(day: str) -> dict[str, str]:
    """Return a day as a typed literal."""
    return {"@value": day, "@type": "xsd:date"}


PREFIXES = {"dct": DCT, "dpv": DPV, "foaf": FOAF, "odrl": ODRL, "skos": SKOS, "xsd": XSD, "parlure": NAMESPACE}
