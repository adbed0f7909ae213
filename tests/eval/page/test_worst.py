"""Voices on a page: only disguised or public ones, only of learners who agreed to sharing, never too many."""

from __future__ import annotations

import base64
import dataclasses
import io
from datetime import date
from pathlib import Path

import pytest
import soundfile

from collection import manifest
from collection.release import Release
from collection.schema import SAMPLE_RATE, ConsentGrant, Split
from eval.errors import ReportError
from eval.page.worst import Worst, why_no_sound, with_release
from tests.releases import utterance, write_release

TODAY = date(2026, 11, 22)
SHARED = ConsentGrant("rec_0", ("evaluation", "sharing-with-partner"), "2099-01-01")
KEPT = ConsentGrant("rec_1", ("evaluation",), "2099-01-01")
ENDED = ConsentGrant("rec_2", ("evaluation", "sharing-with-partner"), "2026-11-01")
FOUND = [Worst(f"utt_000{number}", 1.0, 3, (("AA", 0.0, 2.0),)) for number in range(4)]


def release(folder: Path, **facts: str) -> Release:
    """Return three utterances with sharing, one without, and one whose consent has ended; the fourth is not there."""
    consents = (SHARED, KEPT, ENDED)
    rows = [dataclasses.replace(utterance(number, "spk_0"), consent=one) for number, one in enumerate(consents)]
    made = write_release(folder, {Split.TEST: rows})
    return dataclasses.replace(made, manifest={**made.manifest, **facts})


def run_on(made: Release) -> dict:
    return {
        "data": {"manifest_sha256": manifest.file_sha256(made.path / manifest.NAME)},
        "protocol": {"split": "test"},
        "model": {"name": "m"},
    }


def test_consent_to_sharing_is_asked_of_every_row(tmp_path: Path):
    made = release(tmp_path, tier="T2")
    shared, kept, ended, gone = with_release(FOUND, made, run_on(made), TODAY, 5.0)
    assert shared.sound is not None and shared.silent is None and shared.text == "tones"
    head, _, coded = shared.sound.partition(",")
    assert head == "data:audio/mpeg;base64"
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(coded)))
    assert rate == SAMPLE_RATE
    assert len(heard) / rate == pytest.approx(utterance(0, "spk_0").duration, abs=0.2)
    assert (kept.sound, kept.silent, kept.text) == (None, "no consent to sharing", "tones")
    assert (
        (ended.text, ended.silent)
        == (gone.text, gone.silent)
        == (None, "its learner withdrew, or the consent has ended")
    )


def test_own_voices_of_learners_are_never_played(tmp_path: Path):
    made = release(tmp_path)
    assert "learners' own voices" in str(why_no_sound(made))
    told = with_release(FOUND[:1], made, run_on(made), TODAY, 5.0)
    assert (told[0].sound, told[0].text) == (None, "tones")
    assert "learners' own voices" in str(told[0].silent)
    public = dataclasses.replace(made, manifest={**made.manifest, "licence": {"name": "public"}})
    assert why_no_sound(public) is None


def test_no_sound_unless_asked_for_and_no_more_than_the_page_may_hold(tmp_path: Path):
    made = release(tmp_path, tier="T2")
    assert with_release(FOUND[:1], made, run_on(made), TODAY, 0.0)[0].silent == "no sound was asked for"
    assert (
        with_release(FOUND[:1], made, run_on(made), TODAY, 0.0001)[0].silent == "the page would pass 0.0001 MB of sound"
    )


def test_another_release_is_refused(tmp_path: Path):
    made = release(tmp_path / "a", tier="T2")
    other = {**run_on(made), "data": {"manifest_sha256": "0"}}
    with pytest.raises(ReportError, match="is not the one m was scored on"):
        with_release(FOUND, made, other, TODAY, 5.0)
