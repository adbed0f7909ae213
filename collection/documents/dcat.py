"""dcat.jsonld: the release for catalogues, in DCAT-AP 3 (SEMIC; W3C DCAT 3).

Every value is typed where it stands, so that a catalogue can check it without looking anything up. A catalogue of its
own is not described: that belongs to whoever hosts the release.
"""

from __future__ import annotations

from typing import Any

from collection.documents import wording
from collection.documents.jsonld import PREFIXES, date, render
from collection.documents.record import File, ReleaseRecord

CONTEXT = {
    **PREFIXES,
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "eu": "http://publications.europa.eu/resource/authority/",
}
_LANGUAGES = {"de": "DEU", "en": "ENG", "es": "SPA", "fr": "FRA", "it": "ITA", "nl": "NLD", "pt": "POR"}
"""Codes of the EU's list of languages by primary language; another language is left out."""
PARQUET = "https://www.iana.org/assignments/media-types/application/vnd.apache.parquet"


def dcat(record: ReleaseRecord) -> str:
    """Return the document: a dataset with its distributions, one a shard."""
    dataset: dict[str, Any] = {
        "@context": CONTEXT,
        "@id": record.iri,
        "@type": "dcat:Dataset",
        "dct:title": _english(record.name),
        "dct:description": _english(record.description),
        "dct:identifier": record.iri,
        "dct:issued": date(record.on),
        "dcat:version": "1.0.0",
        "dcat:keyword": [_english(word) for word in ("speech", "pronunciation", "language learning")],
        "dcat:theme": {
            "@id": "eu:data-theme/EDUC",
            "@type": "skos:Concept",
            "skos:prefLabel": _english("Education, culture and sport"),
        },
        "dct:language": [
            {"@id": f"eu:language/{_LANGUAGES[primary]}", "@type": "dct:LinguisticSystem"}
            for primary in sorted({language.split("-")[0] for language in record.languages})
            if primary in _LANGUAGES
        ],
        "dct:accessRights": {"@id": "eu:access-right/RESTRICTED", "@type": "dct:RightsStatement"},
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": _english(f"{wording.COLLECTION} {wording.basis(record)}"),
        },
        "adms:versionNotes": _english(wording.MAINTENANCE),
        "foaf:page": {"@id": "README.md", "@type": "foaf:Document"},
        "odrl:hasPolicy": {"@id": record.policy_iri},
        "dct:publisher": {"@id": record.controller_iri, "@type": "foaf:Agent", "foaf:name": record.controller},
        "dcat:distribution": [_distribution(record, file) for file in record.files],
    }
    if record.publisher.contact:
        dataset["dcat:contactPoint"] = {
            "@type": "vcard:Kind",
            "vcard:fn": record.controller,
            "vcard:hasEmail": {"@id": f"mailto:{record.publisher.contact}"},
        }
    return render(dataset)


def _distribution(record: ReleaseRecord, file: File) -> dict[str, Any]:
    where = {"@id": file.name, "@type": "rdfs:Resource"}
    name = record.licence.statement if record.licence else f"Usage policy {record.usage}"
    return {
        "@id": f"{record.iri}#{file.name}",
        "@type": "dcat:Distribution",
        "dct:title": _english(file.name),
        "dct:description": _english("One shard of the rows, in Apache Parquet; sound is FLAC inside."),
        "dcat:accessURL": where,
        "dcat:downloadURL": where,
        "dcat:mediaType": {"@id": PARQUET, "@type": "dct:MediaType"},
        "dcat:byteSize": {"@value": str(file.bytes), "@type": "xsd:nonNegativeInteger"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256", "@type": "spdx:ChecksumAlgorithm"},
            "spdx:checksumValue": {"@value": file.sha256, "@type": "xsd:hexBinary"},
        },
        "dct:license": {"@type": "dct:LicenseDocument", "rdfs:label": _english(name)},
        "dct:rights": {"@type": "dct:RightsStatement", "rdfs:label": _english(wording.TIERS[record.tier])},
        "odrl:hasPolicy": {"@id": record.policy_iri, "@type": "odrl:Policy"},
    }


def _english(text: str) -> dict[str, str]:
    return {"@value": text, "@language": "en"}
