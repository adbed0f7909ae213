"""Publishing: consent asked again, the manifest last, nothing sent twice, and a list of who has what."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from huggingface_hub.hf_api import RepoFile

from collection import manifest
from collection.build import build
from collection.errors import ConfigError, IntakeError, KeyFileError, ParlureError, ReleaseError
from collection.intake import REGISTER
from collection.keys import create_key, read_key
from collection.publish import PublishConfig, Report, main, missing, publish
from collection.register import write_register
from collection.release import finish
from collection.releases import publications
from collection.releases.publications import Publication, State
from collection.releases.targets import Files, hub_operation, open_target, same_on_hub
from collection.schema import ConsentGrant, Purpose, Split
from collection.withdrawal import tombstones
from tests import buckets
from tests.collection.test_build import config as build_config
from tests.intakes import Class, files, make_class
from tests.releases import utterance, write_release

SHARED = (Purpose.TRAINING, Purpose.EVALUATION, Purpose.SHARING)


def allow_sharing(made: Class) -> None:
    """Let everybody say yes to sharing too."""
    for learner_id, record in made.records.items():
        signed = tuple(replace(one, answers=dict.fromkeys(SHARED, True)) for one in record.signatures)
        made.records[learner_id] = replace(record, purposes=SHARED, signatures=signed)
    write_register(made.folder / REGISTER, made.records.values())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Class]:
    root = tmp_path_factory.mktemp("publish")
    made = make_class(root, learners=4, each=1)
    allow_sharing(made)
    build(build_config(made, root / "out", purposes=[purpose.value for purpose in SHARED], shard_bytes=25_000))
    return root, made


@pytest.fixture
def place(template: tuple[Path, Class], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A copy of class, key and release; the release is ``out`` beside the key."""
    root, made = template
    shutil.copytree(root, tmp_path / "side")
    monkeypatch.setattr("collection.consent.today", lambda: date(2095, 2, 1))
    side = tmp_path / "side"
    return Class(side / "intake", side / made.key.name, made.intake, dict(made.records))


def settings(made: Class, to: str, **changes: Any) -> PublishConfig:
    given = {"release": str(made.key.with_name("out")), "key": str(made.key), "intake": str(made.folder), **changes}
    return PublishConfig(to=to, **given)


def log(made: Class) -> list[Publication]:
    return list(publications.read(publications.beside(made.key)))


def released(made: Class) -> dict[str, bytes]:
    return files(made.key.with_name("out"))


def test_who_withdraws_while_a_release_is_sent_stops_it(place: Class, tmp_path: Path) -> None:
    key = read_key(place.key)

    def withdraw_in_between(done: int, total: int) -> None:
        if done == 1:
            gone = tombstones.subject(key, "class", "pupil-1")
            tombstones.append(
                tombstones.beside(place.key), key, tombstones.Kind.WITHDRAWN, gone, datetime(2095, 2, 1, tzinfo=UTC)
            )

    with pytest.raises(ReleaseError, match="withdrew while"):
        publish(settings(place, (tmp_path / "there").as_uri()), withdraw_in_between)
    assert len(list((tmp_path / "there").rglob("*"))) < len(files(place.key.with_name("out")))
    assert not (tmp_path / "there" / manifest.NAME).exists()
    assert [line.state for line in log(place)] == [State.STARTED]


def test_everybody_is_asked_again_before_the_manifest(place: Class, tmp_path: Path) -> None:
    def refuse_at_the_end(done: int, total: int) -> None:
        if done == total - 1:
            place.sign("pupil-1", yes=False)

    with pytest.raises(ReleaseError, match="consent does not cover 1"):
        publish(settings(place, (tmp_path / "there").as_uri()), refuse_at_the_end)
    assert not (tmp_path / "there" / manifest.NAME).exists()


def test_a_folder_receives_the_release_and_a_second_run_does_nothing(place: Class, tmp_path: Path) -> None:
    to = f"file://{tmp_path}/given"
    first = publish(settings(place, to))
    assert files(tmp_path / "given") == released(place)
    assert first.sent[-1] == manifest.NAME
    assert set(first.sent) == released(place).keys()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "given").rglob("*")}
    again = publish(settings(place, to))
    assert (again.sent, set(again.skipped)) == ((), released(place).keys())
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "given").rglob("*")}
    started, finished = log(place)
    assert (started.state, finished.state) == (State.STARTED, State.FINISHED)
    assert {one.target for one in (started, finished)} == {to}
    assert started.manifest == manifest.file_sha256(place.key.with_name("out") / manifest.NAME)
    assert publications.holders(log(place), "autumn") == (to,)
    assert publications.holders(log(place), "winter") == ()
    assert stat.S_IMODE(publications.beside(place.key).stat().st_mode) == 0o600


def test_a_cut_publication_goes_on_and_was_noted_before(
    place: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, sent = Files.put, []

    def cut(self: Files, name: str, path: Path) -> None:
        if len(sent) == 3:
            raise OSError("the line is dead")
        put(self, name, path)
        sent.append(name)

    config = settings(place, f"file://{tmp_path}/given")
    with monkeypatch.context() as patch:
        patch.setattr(Files, "put", cut)
        with pytest.raises(ReleaseError, match=r"OSError: the line is dead.*goes on from here"):
            publish(config)
    assert [one.state for one in log(place)] == [State.STARTED]
    assert not (tmp_path / "given" / manifest.NAME).exists()
    half = tmp_path / "given" / sent[0]
    half.write_bytes(half.read_bytes()[:-5])
    # As long as the right one, and another: only its content tells.
    other = tmp_path / "given" / sent[1]
    other.write_bytes(bytes(len(other.read_bytes())))
    report = publish(config)
    assert set(report.skipped) == {sent[2]}
    assert files(tmp_path / "given") == released(place)
    assert [one.state for one in log(place)] == [State.STARTED, State.STARTED, State.FINISHED]


def test_a_place_of_something_else_is_refused(place: Class, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "holiday.jpg").write_bytes(b"x")
    config = settings(place, f"file://{tmp_path}/given")
    with pytest.raises(ReleaseError, match=r"no part of this release \(holiday.jpg\)"):
        publish(config)
    (tmp_path / "given" / "holiday.jpg").unlink()
    (tmp_path / "given" / manifest.NAME).write_bytes(b"{}")
    with pytest.raises(ReleaseError, match="holds another release"):
        publish(config)
    assert log(place) == []


def test_consent_is_asked_again_today(place: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(place, f"file://{tmp_path}/given")
    record = place.records["pupil-2"]
    only = tuple(replace(one, answers={**one.answers, Purpose.SHARING: False}) for one in record.signatures)
    write_register(place.folder / REGISTER, {**place.records, "pupil-2": replace(record, signatures=only)}.values())
    with pytest.raises(ReleaseError, match=r"does not cover 1 of its speakers today \(learner_refused 1\)") as caught:
        publish(config)
    assert "pupil-2" not in str(caught.value)
    write_register(place.folder / REGISTER, [one for name, one in place.records.items() if name != "pupil-2"])
    with pytest.raises(ReleaseError, match=r"\(no_record 1\)"):
        publish(config)
    write_register(place.folder / REGISTER, place.records.values())
    monkeypatch.setattr("collection.consent.today", lambda: date(2095, 9, 1))
    with pytest.raises(ReleaseError, match=r"4 of its speakers today \(expired 4\)"):
        publish(config)
    monkeypatch.setattr("collection.consent.today", lambda: date(2095, 8, 31))
    assert publish(config).sent


def test_whoever_is_in_the_ledger_of_withdrawals_is_not_shared(place: Class, tmp_path: Path) -> None:
    """An old backup of the intake says yes; the ledger beside the key knows better."""
    key = read_key(place.key)
    gone = tombstones.subject(key, "class", "pupil-1")
    moment = datetime(2095, 1, 20, tzinfo=UTC)
    tombstones.append(tombstones.beside(place.key), key, tombstones.Kind.WITHDRAWN, gone, moment)
    with pytest.raises(ReleaseError, match=r"1 of its speakers today \(no_record 1\)"):
        publish(settings(place, f"file://{tmp_path}/given"))


def test_without_the_intake_nobody_can_be_asked(place: Class, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give intake=FOLDER"):
        publish(settings(place, f"file://{tmp_path}/given", intake=None))


def refinish(release: Path, **changes: Any) -> None:
    """Write a release's manifest anew with other facts."""
    facts = json.loads((release / manifest.NAME).read_text())
    finish(release, {**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tier": "T0"}, "of tier T0: only T1 and T2"),
        ({"purposes": ["training"]}, "nobody in it was asked for sharing-with-partner"),
        ({"source": "other"}, "built from other, the intake is class"),
    ],
)
def test_what_was_not_made_for_sharing_is_refused(
    place: Class, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    refinish(place.key.with_name("out"), **changes)
    with pytest.raises(ParlureError, match=said):
        publish(settings(place, f"file://{tmp_path}/given"))
    assert not (tmp_path / "given").exists()


def test_a_superseded_or_changed_release_or_another_key_is_refused(place: Class, tmp_path: Path) -> None:
    out, config = place.key.with_name("out"), settings(place, f"file://{tmp_path}/given")
    create_key(tmp_path / "other.key")
    with pytest.raises(KeyFileError, match="was made with key"):
        publish(settings(place, config.to, key=str(tmp_path / "other.key")))
    marker = {"schema": "parlure-withdrawn-1", "status": "superseded", "date": "2095-01-20", "speakers": [], "count": 0}
    (out / "withdrawn.json").write_text(json.dumps(marker))
    with pytest.raises(ReleaseError, match="superseded: a learner in it withdrew"):
        publish(config)
    (out / "withdrawn.json").unlink()
    card = out / "README.md"
    card.write_bytes(card.read_bytes().replace(b"T1", b"T9"))
    with pytest.raises(ReleaseError, match=r"README\.md of release autumn has changed"):
        publish(config)
    assert log(place) == []


def test_an_open_dataset_needs_a_reason_and_the_reason_is_kept(place: Class, tmp_path: Path) -> None:
    to = f"file://{tmp_path}/given"
    for switch in ({"private": False}, {"gated": False}, {"gated": False, "open_because": "  "}):
        with pytest.raises(ConfigError, match="say why with open_because"):
            publish(settings(place, to, **switch))
    publish(settings(place, to, gated=False, open_because="adults only, agreed on 3 May"))
    assert {(one.private, one.gated, one.open_because) for one in log(place)} == {
        (True, False, "adults only, agreed on 3 May")
    }


def test_a_public_corpus_asks_its_licence(tmp_path: Path) -> None:
    create_key(tmp_path / "parlure.key")
    row = replace(utterance(0, "spk_0"), consent=ConsentGrant(None, ("sharing-with-partner",), None))
    out = tmp_path / "out"
    write_release(out, {Split.TRAIN: [row]})
    refinish(out, key_id=read_key(tmp_path / "parlure.key").id, purposes=["sharing-with-partner"])
    to = f"file://{tmp_path}/given"
    config = PublishConfig(release=str(out), to=to, key=str(tmp_path / "parlure.key"))
    assert publish(config).sent[-1] == manifest.NAME
    refinish(out, purposes=["sharing-with-partner", "research"])
    with pytest.raises(ReleaseError, match="expired 1"):
        publish(config)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server of moto on this machine, with one bucket."""
    with buckets.s3(monkeypatch) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("voices")
        yield "s3://voices/autumn"
        fsspec.filesystem("s3").clear_instance_cache()


def test_s3_receives_the_release_and_resumes(place: Class, bucket: str, tmp_path: Path) -> None:
    first = publish(settings(place, bucket))
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    there = {path.removeprefix("voices/autumn/"): fs.cat_file(path) for path in fs.find("voices/autumn")}
    assert there == released(place)
    fs.rm(f"voices/autumn/{manifest.NAME}")
    fs.pipe_file("voices/autumn/README.md", b"half")
    assert publish(settings(place, bucket)).sent == ("README.md", manifest.NAME)
    assert publish(settings(place, bucket)) == Report(first.release, (), first.skipped + first.sent)
    with pytest.raises(ReleaseError, match=r"could not be sent to s3://no-such-bucket"):
        publish(settings(place, "s3://no-such-bucket/autumn"))


@pytest.mark.parametrize(
    "to", ["/somewhere", "hf://models/a/b", "hf://datasets/name", "hf://datasets//name", "odd://x"]
)
def test_an_address_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(ConfigError, match="hf://datasets/ORGANISATION/NAME"):
        open_target(to, private=True, gated=True)


def test_the_hub_plan_of_a_release(place: Class, tmp_path: Path) -> None:
    """Nothing is sent: the operations and the Hub's own records of files are made here."""
    out = place.key.with_name("out")
    target = open_target("hf://datasets/academy/voices", private=True, gated=True)
    assert (target.repo_id, target.private, target.gated) == ("academy/voices", True, True)
    shard = next(name for name in released(place) if name.endswith(".parquet"))
    for name in (shard, "README.md"):
        made = hub_operation(name, out / name)
        content = released(place)[name]
        assert (made.path_in_repo, made.upload_info.sha256) == (name, hashlib.sha256(content).digest())
    content = released(place)[shard]
    pointer = {"size": len(content), "oid": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
    assert same_on_hub(RepoFile(path=shard, size=len(content), oid="0" * 40, lfs=pointer), out / shard)
    wrong = {**pointer, "oid": "0" * 64}
    assert not same_on_hub(RepoFile(path=shard, size=len(content), oid="0" * 40, lfs=wrong), out / shard)
    # git hash-object of a file that holds "hello\n"
    (tmp_path / "hello").write_bytes(b"hello\n")
    oid = "ce013625030ba8dba906f756967f9e9ca394464a"
    assert same_on_hub(RepoFile(path="hello", size=6, oid=oid), tmp_path / "hello")
    assert not same_on_hub(RepoFile(path="hello", size=6, oid="0" * 40), tmp_path / "hello")
    assert not same_on_hub(RepoFile(path="hello", size=7, oid=oid), tmp_path / "hello")


def test_the_manifest_is_planned_last(tmp_path: Path) -> None:
    here = {}
    for name in ("manifest.json", "zebra.json", "data/a.parquet"):
        here[name] = tmp_path / "from" / name
        here[name].parent.mkdir(parents=True, exist_ok=True)
        here[name].write_bytes(name.encode())
    target = Files(f"file://{tmp_path}/to")
    target.prepare()
    assert missing(target, here) == ("data/a.parquet", "zebra.json", "manifest.json")
    target.put("zebra.json", here["zebra.json"])
    assert missing(target, here) == ("data/a.parquet", "manifest.json")


def test_a_damaged_list_of_publications_is_never_read_as_nobody(tmp_path: Path) -> None:
    path = tmp_path / "key.publications.jsonl"
    assert publications.read(path) == ()
    moment = datetime(2095, 1, 20, tzinfo=UTC)
    one = Publication("autumn", "ab" * 32, "s3://a/b", State.STARTED, moment, True, True)
    publications.append(path, one)
    publications.append(path, replace(one, state=State.FINISHED))
    assert publications.read(path) == (one, replace(one, state=State.FINISHED))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(IntakeError, match="line 2 is damaged"):
        publications.read(path)


def test_the_verb_prints_what_was_sent(
    place: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"release={place.key.with_name('out')}", f"to=file://{tmp_path}/given", f"key={place.key}"]
    monkeypatch.setattr("sys.argv", ["publish", *given, f"intake={place.folder}"])
    main()
    said = capsys.readouterr().out
    assert "manifest.json" in said
    assert "Release autumn (tier T1)" in said
    main()
    assert "Nothing to do" in capsys.readouterr().out
    assert not any(word in said for word in ("Martin", "pupil-"))
