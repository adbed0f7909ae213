"""One recording to rows: doors in order, every reading accounted for, and nothing personal in a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import soundfile

from collection.audio import AudioLimits, decode_flac
from collection.building.pipeline import Context, Task, process
from collection.building.work import fingerprint
from collection.errors import ParlureError
from collection.importers import speechocean762
from collection.intake import Annotation, Recording, read_intake
from collection.keys import Key
from collection.phones import normalise
from collection.prompts import MatchConfig
from collection.pseudonyms.naming import naming
from collection.quality import QualityPolicy
from collection.redact import RedactionConfig
from collection.schema import ConsentGrant, Phone, Purpose, Rating, Scores, Speaker, Word
from collection.segment import SegmentConfig
from collection.simulate import SimulateConfig, simulate
from collection.voice import VoiceConfig
from tests.factories import noise
from tests.intakes import voice

NAMES = naming(Key("id", b"\x01" * 32), "autumn", "class")
GRANT = ConsentGrant("con_1", ("evaluation", "training"), "2026-06-01")


@pytest.fixture
def context() -> Context:
    return Context(
        naming=NAMES,
        purposes=(Purpose.TRAINING, Purpose.EVALUATION),
        on=date(2026, 1, 15),
        usage="policy",
        limits=AudioLimits(),
        segment=SegmentConfig(),
        match=MatchConfig(),
        quality=QualityPolicy(),
        voice=VoiceConfig(),
    )


def task(path: Path, grant: ConsentGrant = GRANT, **changes: object) -> Task:
    recording = Recording("tape", "pupil", "monday", path, None, "en-US", ("see it",), "Zoé's iPad", True)
    return Task(replace(recording, **changes), grant, {})


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "élève.wav"
    soundfile.write(path, voice(1), 16_000, subtype="PCM_16")
    return path


def test_a_segmented_recording_is_one_row(sound: Path, context: Context) -> None:
    result = process(task(sound), context)
    (row,) = result.rows
    assert not result.drops
    assert not result.review
    assert row.utterance_id == NAMES.utterance("tape", 0)
    assert row.speaker == Speaker()
    assert row.consent == replace(GRANT, expires=None)  # unusable until the release settles its end
    assert row.device == "tablet"
    assert [phone.canonical for phone in row.phones] == ["S", "IY", "IH", "T"]
    assert [phone.word_index for phone in row.phones] == [0, 0, 1, 1]
    assert row.scores == Scores()
    assert len(decode_flac(row.audio)) == round(row.duration * 16_000) == len(voice(1))
    assert "Zoé" not in repr(row)


@pytest.mark.parametrize(
    "grant",
    [
        replace(GRANT, expires="2026-01-15"),
        replace(GRANT, expires=None),
        replace(GRANT, purposes=("training",)),
        replace(GRANT, purposes=()),
    ],
)
def test_without_live_consent_for_all_purposes_the_file_is_not_even_looked_for(
    tmp_path: Path, context: Context, grant: ConsentGrant
) -> None:
    result = process(task(tmp_path / "absent.wav", grant), context)
    assert result.drops == {"consent_no_longer_held": 1}


def test_a_bad_file_is_a_reason_for_each_of_its_readings(tmp_path: Path, context: Context) -> None:
    result = process(task(tmp_path / "absent.wav", prompts=("a", "b", "c"), segmented=False), context)
    assert result.drops == {"audio_missing_file": 3}
    assert not result.rows


def test_a_text_that_nobody_can_read_aloud_is_a_reason(sound: Path, context: Context) -> None:
    assert process(task(sound, prompts=("!!!",)), context).drops == {"no_pronunciation": 1}
    assert process(task(sound, prompts=("日本",)), context).drops == {"no_pronunciation": 1}
    assert process(task(sound, language="xx"), context).drops == {"no_pronunciation": 1}


def test_poor_sound_is_dropped_for_what_is_past_a_drop_threshold(sound: Path, context: Context) -> None:
    # 60 dB below the voice, it is too quiet to keep; that it is noisy as well is only odd.
    soundfile.write(sound, 1e-4 * voice(1) + noise(0.9, 2e-5), 16_000, subtype="PCM_24")
    assert process(task(sound), context).drops == {"too_quiet": 1}
    strict = replace(context, quality=QualityPolicy(flag_level_dbfs=0.0, flag_snr_db=80.0))
    soundfile.write(sound, voice(1), 16_000, subtype="PCM_16")
    kept = process(task(sound), strict)
    assert len(kept.rows) == 1
    assert kept.flags["too_quiet"] == 1


def test_experts_are_believed_under_a_pseudonym(sound: Path, context: Context) -> None:
    rating = Rating("Mme Dupont", Scores(total=4.0), (), (2.0,))
    said = Annotation(
        "tape", 0, (Word("see", accuracy=3.0),), (Phone("S", 0, accuracy=0.0, realised="SH"),), Scores(), (rating,)
    )
    row = process(replace(task(sound), annotations={0: said}), context).rows[0]
    assert row.words == said.words
    assert row.phones == said.phones
    assert row.raters == (replace(rating, rater=NAMES.rater("Mme Dupont")),)
    assert "Dupont" not in repr(row)
    other = replace(said, phones=(Phone("ʁ", 0),))
    assert process(replace(task(sound), annotations={0: other}), context).drops == {"no_pronunciation": 1}


def test_errors_of_ours_are_not_hidden_as_reasons(sound: Path, context: Context) -> None:
    with pytest.raises(ParlureError):
        process(task(sound, segmented=False), replace(context, segment=SegmentConfig(threshold=7.0)))


def test_a_class_is_cut_and_matched_as_it_was_simulated(tmp_path: Path, context: Context) -> None:
    settings = SimulateConfig(
        out=str(tmp_path),
        learners=3,
        prompts=4,
        refusing=0,
        withdrawn=0,
        expired=0,
        skipping=1,
        faults=[],
        on="2026-01-10",
    )
    truth = {each.recording_id: each for each in simulate(tmp_path, settings)}
    intake = read_intake(tmp_path / "intake")
    assert len(intake.recordings) == 3
    reviewed = 0
    for recording in intake.recordings:
        said = {key[1]: value for key, value in intake.annotations.items() if key[0] == recording.recording_id}
        result = process(Task(recording, GRANT, said), context)
        assert len(result.rows) + result.drops.total() == len(recording.prompts)
        readings = truth[recording.recording_id].readings
        if len(readings) < len(recording.prompts):
            assert result.review == {NAMES.recording(recording.recording_id): "fewer_readings_than_prompts"}
            reviewed += 1
            continue
        assert [row.text for row in result.rows] == [recording.prompts[reading.prompt_index] for reading in readings]
        for row, reading in zip(result.rows, readings, strict=True):
            # Cut with 0.2 s of padding on both sides, give or take the detector's frames.
            assert row.duration == pytest.approx(reading.end - reading.start + 0.4, abs=0.35)
            assert [word.text for word in row.words] == normalise(row.text)
            assert np.abs(decode_flac(row.audio)).max() > 0.05
    assert reviewed == 1


@pytest.mark.shared
def test_a_real_reading(shared: Path, context: Context) -> None:
    intake = speechocean762.read(shared / "corpora" / "speechocean762")
    recording = next(recording for recording in intake.recordings if recording.recording_id == "000010011")
    licensed = ConsentGrant(None, GRANT.purposes, None)
    result = process(Task(recording, licensed, {0: intake.annotations["000010011", 0]}), context)
    (row,) = result.rows
    assert row.text == "WE CALL IT BEAR"
    assert "".join(phone.canonical for phone in row.phones) == "WIYKAOLIHTBEHR"
    assert row.consent == licensed
    assert 2.0 < row.duration < 4.0
    assert row.quality.speech_share > 0.2


def annotated(text: str, times: tuple[tuple[float, float] | None, ...]) -> Annotation:
    words = [Word(word, *(time or (None, None)), accuracy=9.0) for word, time in zip(text.split(), times, strict=True)]
    return Annotation("tape", 0, tuple(words), (Phone("S", 0), Phone("Z", 1), Phone("OW", 1)), Scores(total=8.0), ())


def test_a_reading_whose_text_names_somebody_is_dropped(sound: Path, context: Context) -> None:
    named = replace(context, names=("Zoé Martin", "Hugo Petit"))
    result = process(task(sound, prompts=("I see Zoe",)), named)
    assert result.drops == {"personal_data_in_text": 1}
    assert not result.rows
    assert not result.flags
    assert process(task(sound, prompts=("call 07700 900123",)), context).drops == {"personal_data_in_text": 1}
    assert len(process(task(sound, prompts=("I see it",)), named).rows) == 1
    off = replace(named, redaction=RedactionConfig(enabled=False))
    assert process(task(sound, prompts=("I see Zoe",)), off).rows[0].text == "I see Zoe"


def test_words_with_known_times_are_silenced_and_replaced(sound: Path, context: Context) -> None:
    named = replace(context, names=("Zoé Martin",))
    said = annotated("see Zoé", ((0.1, 0.3), (0.35, 0.6)))
    given = replace(task(sound, prompts=("see Zoé",)), annotations={0: said})
    result = process(given, named)
    (row,) = result.rows
    assert row.text == "see [name]"
    assert [word.text for word in row.words] == ["see", "[name]"]
    assert row.phones == (Phone("S", 0),)
    assert row.scores == Scores(total=8.0)
    assert result.flags["personal_data_silenced"] == 1
    assert "Zo" not in repr(row)
    samples = decode_flac(row.audio)
    assert not samples[round(0.35 * 16_000) : round(0.6 * 16_000)].any()
    assert np.abs(samples[round(0.22 * 16_000) : round(0.28 * 16_000)]).max() > 0.01
    # In a recording that we cut ourselves, nobody knows from where those times count.
    untimed = annotated("see Zoé", ((0.1, 0.3), None))
    assert process(replace(given, annotations={0: untimed}), named).drops == {"personal_data_in_text": 1}


def test_times_of_a_recording_that_is_cut_are_not_believed(sound: Path, context: Context) -> None:
    named = replace(context, names=("Zoé Martin",))
    said = annotated("see Zoé", ((0.1, 0.3), (0.35, 0.6)))
    given = replace(task(sound, prompts=("see Zoé",), segmented=False), annotations={0: said})
    assert process(given, replace(named, names=())).rows
    assert process(given, named).drops == {"personal_data_in_text": 1}

    hears = RedactionConfig(listener="tests.collection.class_listener:told", model="see Zoé")
    (aligned,) = process(given, replace(named, redaction=hears)).rows
    assert aligned.text == "see [name]"
    # Of four phones, heard evenly, the first two are those of "see".
    samples = decode_flac(aligned.audio)
    length = len(samples)
    assert not samples[round(0.45 * length) :].any()
    assert samples[: round(0.2 * length)].any()
    other = replace(hears, model="we saw nobody there today")
    assert process(given, replace(named, redaction=other)).drops == {"personal_data_in_text": 1}


def test_a_roster_makes_other_work_files_and_is_shown_nowhere(sound: Path, context: Context) -> None:
    given = task(sound)
    named = replace(context, names=("Zoé Martin",))
    prints = {
        fingerprint(given, one, "digest")
        for one in (context, named, replace(context, redaction=RedactionConfig(entities=False)))
    }
    assert len(prints) == 3
    assert "Martin" not in repr(named)
