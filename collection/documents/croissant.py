"""croissant.json: the release in Croissant 1.1 with the responsible-AI properties of Croissant RAI 1.0.

Specifications: mlcommons.org/croissant/1.1 and mlcommons.org/croissant/RAI/1.0. Columns of lists inside lists
(``raters.words``) are left out: Croissant has no path for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import datasets

from collection.documents import wording
from collection.documents.jsonld import render
from collection.documents.policy import PURPOSES
from collection.documents.record import ReleaseRecord
from collection.pseudonyms.columns import RELEASE
from collection.schema import FEATURES, Split

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
PARQUET = "application/x-parquet"
"""The media type by which Croissant's reader knows parquet; its registered name is another."""
SHARDS, ROWS, SPLITS = "shards", "rows", "splits"

_OWN = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject fileProperty "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path readLines recordSet references "
    "regex repeated replace samplingRate sdVersion separator source subField transform unArchive value"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _OWN.split()},
}
_TYPES = {"string": "sc:Text", "float32": "sc:Float", "int32": "sc:Integer"}
_SPLIT_TERMS = {Split.TRAIN: "Training", Split.VALIDATION: "Validation", Split.TEST: "Test"}


def croissant(record: ReleaseRecord) -> str:
    """Return the document."""
    organisation = {"@type": "sc:Organization", "name": record.controller, "url": record.controller_iri}
    document = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": record.name,
        "conformsTo": CONFORMS_TO,
        "description": record.description,
        "license": record.licence.statement if record.licence else f"Usage policy {record.usage}, in README.md",
        "url": record.iri,
        "version": "1.0.0",
        "datePublished": record.on,
        "inLanguage": list(record.languages),
        "keywords": ["speech", "pronunciation", "language learning"],
        "citeAs": f"{record.name}, a Parlure release, {record.on}, {record.iri}",
        "creator": organisation,
        "publisher": organisation,
        "usageInfo": {"@id": record.policy_iri},
        **_responsible_ai(record),
        "distribution": [*_files(record)],
        "recordSet": [_splits(record), _rows(record)],
    }
    return render(document)


def _responsible_ai(record: ReleaseRecord) -> dict[str, Any]:
    return {
        "rai:dataCollection": wording.COLLECTION,
        "rai:dataCollectionType": ["Direct measurement"],
        "rai:dataCollectionMissingData": wording.MISSING_DATA,
        "rai:dataCollectionRawData": wording.RAW_DATA,
        "rai:dataPreprocessingProtocol": wording.preparation(record),
        "rai:dataAnnotationProtocol": [wording.ANNOTATION],
        "rai:dataUseCases": [PURPOSES[purpose].definition for purpose in record.purposes],
        "rai:dataBiases": wording.biases(record),
        "rai:dataLimitations": list(wording.LIMITATIONS),
        "rai:dataSocialImpact": wording.SOCIAL_IMPACT,
        "rai:personalSensitiveInformation": [*wording.SENSITIVE, wording.basis(record)],
        "rai:dataReleaseMaintenancePlan": wording.MAINTENANCE,
    }


def _files(record: ReleaseRecord) -> Iterator[dict[str, Any]]:
    yield {
        "@type": "cr:FileSet",
        "@id": SHARDS,
        "name": SHARDS,
        "description": "All shards.",
        "encodingFormat": PARQUET,
        "includes": "data/*.parquet",
    }
    for file in record.files:
        yield {
            "@type": "cr:FileObject",
            "@id": file.name,
            "name": file.name,
            "contentUrl": file.name,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": PARQUET,
            "sha256": file.sha256,
        }


def _splits(record: ReleaseRecord) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": SPLITS,
        "name": SPLITS,
        "dataType": "cr:Split",
        "key": {"@id": f"{SPLITS}/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"{SPLITS}/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": f"{SPLITS}/url", "name": "url", "dataType": "sc:URL"},
        ],
        "data": [
            {f"{SPLITS}/name": part.split.value, f"{SPLITS}/url": f"cr:{_SPLIT_TERMS[part.split]}Split"}
            for part in record.parts
        ],
    }


def _rows(record: ReleaseRecord) -> dict[str, Any]:
    path = {"fileProperty": "fullpath"}
    # mlcroissant applies it again to what it found, because the field refers to another.
    pattern = f".*?({'|'.join(part.split.value for part in record.parts)})(?:-[0-9]+-of-[0-9]+\\.parquet)?$"
    split = {
        "@type": "cr:Field",
        "@id": f"{ROWS}/split",
        "name": "split",
        "description": "speaker-disjoint part of the release",
        "dataType": "sc:Text",
        "source": {"fileSet": {"@id": SHARDS}, "extract": path, "transform": {"regex": pattern}},
        "references": {"field": {"@id": f"{SPLITS}/name"}},
    }
    meanings = {column.name: column.how for column in RELEASE}
    return {
        "@type": "cr:RecordSet",
        "@id": ROWS,
        "name": ROWS,
        "description": "One row is one prompt read by one learner.",
        "key": {"@id": f"{ROWS}/utterance_id"},
        "field": [split, *(_field((name,), feature, meanings) for name, feature in FEATURES.items())],
    }


def _field(path: tuple[str, ...], feature: Any, meanings: Mapping[str, str]) -> dict[str, Any]:
    """Return the Croissant field of a column or of a part of one."""
    repeated = isinstance(feature, datasets.List)
    inner = feature.feature if repeated else feature
    field: dict[str, Any] = {"@type": "cr:Field", "@id": "/".join((ROWS, *path)), "name": path[-1]}
    if meaning := meanings.get(".".join(path)):
        field["description"] = meaning
    if repeated:
        field["repeated"] = True
    if isinstance(inner, Mapping):
        parts = {name: part for name, part in inner.items() if not (repeated and _holds_records(part))}
        return {**field, "subField": [_field((*path, name), part, meanings) for name, part in parts.items()]}
    audio = isinstance(inner, datasets.Audio)
    steps = (*path[1:], *(("bytes",) if audio else ()))
    source: dict[str, Any] = {"fileSet": {"@id": SHARDS}, "extract": {"column": path[0]}}
    if steps:
        source["transform"] = {"jsonPath": ".".join(steps)}
    return {**field, "dataType": "sc:AudioObject" if audio else _TYPES[inner.dtype], "source": source}


def _holds_records(feature: Any) -> bool:
    return isinstance(feature, datasets.List) and isinstance(feature.feature, Mapping)
