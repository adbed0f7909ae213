"""A release of disguised voices: the recording is measured, the disguise is published, and the card says so."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pytest

from collection.audio import AudioLimits
from collection.build import build
from collection.building import work
from collection.building.pipeline import Context, Task, process
from collection.config import BuildConfig
from collection.documents import privacy_figures
from collection.errors import ConfigError, ReleaseError
from collection.intake import Recording
from collection.keys import Key
from collection.prompts import MatchConfig
from collection.pseudonyms.naming import naming
from collection.quality import QualityPolicy
from collection.release import read_release
from collection.schema import ConsentGrant, Purpose, Split, Utterance
from collection.segment import SegmentConfig
from collection.voice import VoiceConfig
from tests.intakes import ON, Class, make_class

MCADAMS = VoiceConfig("mcadams")


def config(made: Class, out: Path, **changes: object) -> BuildConfig:
    given = {"name": "autumn", "on": ON, "workers": 0, "voice": MCADAMS, **changes}
    return BuildConfig(importer="folder", intake=str(made.folder), out=str(out), key=str(made.key), **given)


def rows(out: Path) -> dict[str, dict]:
    release = read_release(out)
    return {row["utterance_id"]: row for split in Split for row in release.rows(split)}


def measured(voice: VoiceConfig) -> dict[str, object]:
    """Return a measurement in which the informed attacker errs in one of four cases."""
    sizes = {"speakers": 9, "targets": 18, "nontargets": 144, "false_rejects": 4, "false_accepts": 36}
    figure = {**sizes, "eer": 0.25, "low": 0.2, "high": 0.31, "reason": None}
    hidden = {**dict.fromkeys(figure), "reason": "fewer than 5 speakers"}
    cost = {"speakers": 9, "utterances": 18, "phones": 99, "low": None, "high": None, "reason": None}
    return {
        "privacy_version": privacy_figures.VERSION,
        "voice": asdict(voice),
        "encoder": "an encoder",
        "measured_on": {"name": "spring"},
        "figures": [
            {"group": "all", "attacker": "informed", **figure},
            {"group": "children", "attacker": "informed", **hidden},
        ],
        "costs": [
            {"group": "all", "figure": "per", "original": 0.261, "disguised": 0.428, "change": 0.167, **cost},
            {"group": "all", "figure": "pcc", "original": 0.627, "disguised": 0.399, "change": -0.228, **cost},
        ],
    }


def context(voice: VoiceConfig, release: str = "autumn") -> Context:
    return Context(
        naming=naming(Key("id", b"\x01" * 32), release, "class"),
        purposes=(Purpose.TRAINING,),
        on=date(2095, 1, 15),
        usage="policy",
        limits=AudioLimits(),
        segment=SegmentConfig(),
        match=MatchConfig(),
        quality=QualityPolicy(),
        voice=voice,
    )


def only_row(made: Class, used: Context, recording: int = 0, learner: str = "pupil-0") -> Utterance:
    found = made.intake.recordings[recording]
    recorded = replace(found, path=made.folder / found.path, learner_id=learner)
    grant = ConsentGrant("con_1", ("training",), "2099-01-01")
    return process(Task(recorded, grant, {}), used).rows[0]


def test_a_disguised_release_differs_in_sound_and_tier_alone(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    plain, disguised = tmp_path / "plain", tmp_path / "disguised"
    build(config(made, plain, voice=VoiceConfig()))
    # The same name: pseudonyms are the same, so that rows can be compared. A copy of the key knows no release yet.
    key = tmp_path / "copy.key"
    key.write_bytes(made.key.read_bytes())
    key.chmod(0o600)
    made.key = key
    build(config(made, disguised))
    before, after = rows(plain), rows(disguised)
    assert before.keys() == after.keys()
    for utterance_id, row in after.items():
        assert row["audio"]["bytes"] != before[utterance_id]["audio"]["bytes"]
        assert {**row, "audio": None} == {**before[utterance_id], "audio": None}
    facts = read_release(disguised).manifest
    assert (facts["tier"], facts["config"]["voice"]["transform"]) == ("T2", "mcadams")
    assert (read_release(plain).manifest["tier"], facts["privacy"]) == ("T1", None)
    assert "draw" not in json.dumps(facts)
    card = " ".join((disguised / "README.md").read_text("utf-8").split())
    assert "Voices are disguised (`mcadams`): tier T2. This is a disguise, not anonymity" in card
    assert "was not measured" in card
    assert "Voices are as they were recorded: tier T1." in (plain / "README.md").read_text("utf-8")


def test_a_speaker_sounds_the_same_in_a_release_and_different_in_the_next(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    first = only_row(made, context(MCADAMS))
    assert only_row(made, context(MCADAMS)).audio == first.audio
    assert only_row(made, context(MCADAMS), learner="pupil-1").audio != first.audio
    assert only_row(made, context(MCADAMS, "winter")).audio != first.audio
    original = only_row(made, context(VoiceConfig()))
    assert (first.quality, first.duration) == (original.quality, original.duration)


def test_work_done_under_another_disguise_is_done_again() -> None:
    path = Path("tape.wav")
    recording = Recording("tape", "pupil", "monday", path, None, "en-US", ("see it",), None, True)
    task = Task(recording, ConsentGrant(None, (), None), {})
    voices = [VoiceConfig(), MCADAMS, VoiceConfig("world"), replace(MCADAMS, mcadams_low=0.6)]
    assert len({work.fingerprint(task, context(voice), "digest") for voice in voices}) == 4


def test_figures_of_the_same_disguise_enter_manifest_and_card(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    file = tmp_path / "privacy.json"
    file.write_text(json.dumps(measured(MCADAMS)))
    out = tmp_path / "out"
    build(config(made, out, privacy=str(file)))
    assert read_release(out).manifest["privacy"] == measured(MCADAMS)
    card = (out / "README.md").read_text("utf-8")
    assert "| EER, knows the transform, not the key | 25.0 % (20.0–31.0) | – |" in card
    assert "| EER, chance | 50.0 % | 50.0 % |" in card
    assert "| phone error rate, original → disguised | 26.1 % → 42.8 % | – |" in card
    assert "| phone PCC, original → disguised | 0.627 → 0.399 | – |" in card
    assert not build(config(made, out, privacy=str(file))).made
    with pytest.raises(ReleaseError, match="built with other privacy"):
        build(config(made, out))
    with pytest.raises(ReleaseError, match="built with other tier, privacy, config"):
        build(config(made, out, voice=VoiceConfig(), privacy=None))


def test_figures_of_another_disguise_or_no_figures_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "privacy.json"
    file.write_text(json.dumps(measured(replace(MCADAMS, mcadams_low=0.8))))
    with pytest.raises(ConfigError, match="measured with other voice settings"):
        privacy_figures.read(file, MCADAMS)
    file.write_text(json.dumps({**measured(MCADAMS), "privacy_version": "2.0.0"}))
    with pytest.raises(ConfigError, match=r"format 2\.0\.0, this Parlure reads 1"):
        privacy_figures.read(file, MCADAMS)
    for text in ("{}", "[]", "no json"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"is no privacy\.json of eval\.privacy"):
            privacy_figures.read(file, MCADAMS)
    with pytest.raises(ConfigError, match="cannot be read"):
        privacy_figures.read(tmp_path / "absent.json", MCADAMS)


def test_a_disguise_that_does_not_exist_stops_the_build_before_anything_is_written(tmp_path: Path) -> None:
    made = make_class(tmp_path, learners=2, each=1)
    with pytest.raises(ConfigError, match="none, mcadams, world"):
        build(config(made, tmp_path / "out", voice=VoiceConfig("robot")))
    assert not (tmp_path / "out.work").exists()
