"""Releases: shards that any reader opens, a card, a manifest that comes last, and nothing undeclared."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from collection import manifest, release, schema
from collection.audio import decode_flac
from collection.build import build
from collection.building.assemble import People, settle
from collection.errors import ReleaseError
from collection.pseudonyms.columns import check_columns
from collection.release import check_schema, plan_shards, read_release
from collection.schema import FEATURES, SCHEMA_VERSION, ConsentGrant, Speaker, Split
from tests.collection.test_build import config
from tests.intakes import make_class


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> release.Release:
    root = tmp_path_factory.mktemp("built")
    made = make_class(root, learners=6, each=3)
    # A row of audio is some 20 kB, so that a shard holds two.
    return build(config(made, root / "out", shard_bytes=45_000)).release


def test_datasets_opens_it_whole_and_streaming(built: release.Release, tmp_path: Path) -> None:
    whole = datasets.load_dataset(str(built.path), cache_dir=str(tmp_path))
    assert whole.keys() == {split.value for split in Split}
    assert whole["train"].features == FEATURES
    assert sum(part.num_rows for part in whole.values()) == 18
    row = whole["train"][0]
    assert decode_flac(row["audio"]["bytes"]).shape == (round(row["duration"] * 16_000),)
    stream = datasets.load_dataset(str(built.path), split="train", streaming=True)
    assert next(iter(stream)) == row


def test_rows_are_ordered_and_shards_are_small(built: release.Release) -> None:
    for split in Split:
        ids = [(row["speaker_id"], row["utterance_id"]) for row in built.rows(split)]
        assert ids == sorted(ids)
        assert len(ids) == built.count(split)
        for path in built.files[split]:
            sizes = [len(row["audio"]["bytes"]) for row in pq.read_table(path).to_pylist()]
            assert sum(sizes) <= 45_000
    names = [path.name for path in built.files[Split.TRAIN]]
    assert len(names) > 1
    assert names[0] == f"train-00000-of-{len(names):05d}.parquet"


def test_columns_can_be_chosen(built: release.Release) -> None:
    assert next(built.rows("train", ["text", "duration"])).keys() == {"text", "duration"}
    with pytest.raises(ReleaseError, match="no column txt; columns: utterance_id"):
        next(built.rows("train", ["txt"]))
    with pytest.raises(ReleaseError, match="no split 'dev'; splits: train, validation, test"):
        next(built.rows("dev"))


def test_row_groups_hold_sixty_four_rows(tmp_path: Path) -> None:
    row = pa.RecordBatch.from_pylist([{"utterance_id": "utt", "text": "a"}], schema=FEATURES.arrow_schema)
    path = release.write_shards(tmp_path, Split.TEST, range(150), lambda _: 1, lambda _: row, 1000)[0]
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [64, 64, 22]
    audio = next(
        chunk
        for chunk in (file.metadata.row_group(0).column(index) for index in range(file.metadata.num_columns))
        if chunk.path_in_schema == "audio.bytes"
    )
    assert audio.compression == "UNCOMPRESSED"
    assert audio.statistics is None


@given(st.lists(st.integers(0, 50)), st.integers(1, 100))
def test_shards_hold_every_row_once_within_the_limit(sizes: list[int], limit: int) -> None:
    shards = plan_shards(sizes, limit)
    assert [row for shard in shards for row in shard] == list(range(len(sizes)))
    assert all(len(shard) == 1 or sum(sizes[row] for row in shard) <= limit for shard in shards)


def test_the_card_is_one_the_hub_reads(built: release.Release) -> None:
    loaded = DatasetCard.load(built.path / "README.md")
    assert loaded.data.language == ["en"]
    assert loaded.data.license == "other"
    assert [entry["split"] for entry in loaded.data.configs[0]["data_files"]] == ["train", "validation", "test"]
    assert "a voice identifies its" in loaded.data.extra_gated_prompt
    assert "Pseudonymised is not anonymous" in loaded.text
    assert "`speaker.age_band` | generalised" in loaded.text
    assert "| train | 4 | 12 |" in loaded.text


def test_an_unfinished_or_damaged_release_is_refused(built: release.Release, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with pytest.raises(ReleaseError, match="is not a finished release"):
        read_release(copy)
    for path in sorted(built.path.rglob("*")):
        target = copy / path.relative_to(built.path)
        target.mkdir() if path.is_dir() else target.write_bytes(path.read_bytes())
    read_release(copy).verify()
    shard = copy / "data" / built.files[Split.TEST][0].name
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ReleaseError, match="has changed since it was built"):
        read_release(copy).verify()
    shard.write_bytes(content[:-1])
    with pytest.raises(ReleaseError, match="missing or cut short"):
        read_release(copy)


@pytest.mark.parametrize(
    ("version", "said"),
    [("2.0.0", "update Parlure"), ("1.9.0", "update Parlure"), ("0.9.0", "build the release again"), ("?", "again")],
)
def test_another_schema_is_refused_with_advice(version: str, said: str) -> None:
    check_schema(SCHEMA_VERSION, "here")
    check_schema("1.0.7", "here")
    with pytest.raises(ReleaseError, match=said):
        check_schema(version, "here")


def test_a_column_nobody_declared_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_columns(FEATURES)
    more = datasets.Features({**FEATURES, "email": datasets.Value("string")})
    monkeypatch.setattr(schema, "FEATURES", more)
    monkeypatch.setattr("collection.building.assemble.FEATURES", more)
    with pytest.raises(ReleaseError, match="Undeclared columns: email"):
        build(config(make_class(tmp_path, learners=2), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_small_groups_are_suppressed_and_ends_of_consent_shared() -> None:
    speakers = {f"spk_{number}": Speaker("9-11", "female", "fr") for number in range(6)}
    speakers |= {f"spk_{number}": Speaker("15-17", "male", "it") for number in (7, 8, 9)}
    speakers["spk_gone"] = Speaker("9-11", "female", "fr")
    grants = {
        name: ConsentGrant("con", ("training",), f"2026-05-{10 + number}") for number, name in enumerate(speakers)
    }
    present = sorted(speakers.keys() - {"spk_gone"})
    settled = settle(People(speakers, grants), present, 3, date(2026, 1, 1))
    assert settled.speakers == {name: speakers[name] for name in present}
    assert {grant.expires for grant in settled.grants.values()} == {"2026-05-01"}
    # Nobody is counted who is not in the release: with k at 4, the three boys lose what gives them away.
    settled = settle(People(speakers, grants), present, 4, date(2026, 1, 1))
    assert {settled.speakers[name].age_band for name in ("spk_7", "spk_8", "spk_9")} == {None}
    with_licence = {name: ConsentGrant(None, ("training",), None) for name in speakers}
    assert settle(People(speakers, with_licence), present, 3, date(2026, 1, 1)).grants["spk_0"].expires is None


def test_the_manifest_is_written_after_everything_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.parquet").write_bytes(b"x")
    release.finish(tmp_path, {"name": "n", "splits": {}})
    facts = manifest.read(tmp_path)
    assert facts is not None
    assert facts["files"] == {
        "data/x.parquet": {"bytes": 1, "sha256": manifest.file_sha256(tmp_path / "data/x.parquet")}
    }
    assert facts["schema_version"] == SCHEMA_VERSION
