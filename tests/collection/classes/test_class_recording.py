"""A class recording on its way into a release: what consenting, enrolled learners read, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from collection.build import Report, build
from collection.building.admission import Admission
from collection.building.class_pipeline import who_is_enrolled
from collection.classes import class_recording, voiceprints
from collection.classes.class_recording import ClassConfig
from collection.classes.voiceprints import Voiceprint
from collection.config import BuildConfig
from collection.consent import ConsentPolicy
from collection.errors import IntakeError, KeyFileError, ReleaseError
from collection.hearing.listening import Posteriors, spell
from collection.intake import CLASS, read_intake, write_intake
from collection.keys import create_key, read_key
from collection.phones import transcribe
from collection.schema import ConsentGrant, Purpose
from collection.segment import Interval
from collection.synthetic.voices import Synthesiser, Voice
from tests.collection.class_listener import PEAKS, joined, posteriors
from tests.factories import noise
from tests.intakes import ON, Class, files, make_class

RATE = 16_000
PROMPTS = tuple(PEAKS)
READERS = ("pupil-0", "pupil-1", "pupil-2", None)
DIRECTIONS = np.eye(256, dtype=np.float32)


def class_of(tmp_path: Path, recorded_on: date | None = date(2094, 10, 6)) -> Class:
    """Return an intake of three learners, the last refusing, whose only recording is that of their class."""
    made = make_class(tmp_path, learners=3, each=1, refusing=(2,))
    pieces = [noise(1.0, rms=0.0003)]
    with Synthesiser() as synthesiser:
        for prompt, peak in PEAKS.items():
            words = [word.canonical for word in transcribe(prompt, "en-US")]
            speech = synthesiser.speak(Voice("f2", 60, 40, 150, 1.1), words)
            spoken = soxr.resample(speech.samples, speech.rate, RATE)
            pieces += [spoken * (peak / np.abs(spoken).max()), noise(1.5, rms=0.0003)]
    soundfile.write(made.folder / "audio" / "class.wav", np.concatenate(pieces), RATE, subtype="PCM_16")
    template = made.intake.recordings[0]
    recording = replace(
        template,
        recording_id="class-monday",
        learner_id=CLASS,
        path=Path("audio/class.wav"),
        prompts=PROMPTS,
        readers=READERS,
        recorded_on=recorded_on,
        segmented=False,
    )
    made.intake = replace(made.intake, recordings=(recording,))
    write_intake(made.folder, made.intake)
    return made


def enrol(made: Class, *learners: str) -> None:
    for number, learner in enumerate(learners):
        record = made.records[learner].record_id
        print_ = Voiceprint(DIRECTIONS[number], 10.0, record, f"sound-{number}")
        voiceprints.store(made.folder, read_key(made.key), learner, print_)


def built(made: Class, tmp_path: Path, threshold: float) -> Report:
    classes = ClassConfig(listener="tests.collection.class_listener:listener")
    classes.attribution.threshold = threshold
    classes.attribution.change = -1.0
    config = BuildConfig(
        importer="folder",
        intake=str(made.folder),
        out=str(tmp_path / "release"),
        key=str(made.key),
        name="class",
        on=ON,
        k=1,
        workers=0,
        classes=classes,
    )
    config.quality.drop_speech_share = 0.0
    return build(config)


def listened(
    prints: dict[str, np.ndarray], threshold: float, children: Collection[str] = ()
) -> list[class_recording.Heard]:
    """Return what is heard of two readings by two voices, of which the networks hear exactly who speaks."""
    sound = np.concatenate([np.full(30 * 1600, value, np.float32) for value in (0.1, 0.0, 0.2)])

    def embed(cuts: list[np.ndarray]) -> np.ndarray:
        return np.stack([DIRECTIONS[round(10 * float(np.median(cut)))] for cut in cuts])

    def listen(samples: np.ndarray, intervals: list[Interval], language: str) -> Posteriors:
        return joined([posteriors(*each) for each in zip(spell(said, language), intervals, strict=True)])

    said = ("one two three four", "five six seven")
    config = ClassConfig()
    config.attribution.threshold = threshold
    return class_recording.listen(
        sound,
        [Interval(0.0, 3.0), Interval(6.0, 9.0)],
        said,
        ("anna", "ben"),
        "en-US",
        prints,
        embed,
        listen,
        config,
        children,
    )


def test_each_reading_is_judged_by_its_own_readers_voice() -> None:
    right = listened({"anna": DIRECTIONS[1], "ben": DIRECTIONS[2]}, 0.3)
    assert [(each.prompt, each.interval, each.reason) for each in right] == [
        (0, Interval(0.0, 3.0), None),
        (1, Interval(6.0, 9.0), None),
    ]
    exchanged = listened({"anna": DIRECTIONS[2], "ben": DIRECTIONS[1]}, 0.3)
    assert {each.reason for each in exchanged} == {"voice_of_another_learner"}


def test_more_is_asked_of_whoever_is_not_known_to_be_a_child() -> None:
    prints = {"anna": DIRECTIONS[1], "ben": DIRECTIONS[2]}
    grown, mixed = listened(prints, 0.3), listened(prints, 0.3, {"ben", "nobody here"})
    assert mixed[0] == grown[0]
    assert mixed[1].evidence == pytest.approx(grown[1].evidence + 0.1)


@pytest.mark.parametrize(
    ("born", "child"), [(date(2078, 10, 7), True), (date(2078, 10, 6), False), (date(2050, 1, 1), False), (None, False)]
)
def test_a_child_is_who_the_register_says_was_under_16(tmp_path: Path, born: date | None, child: bool) -> None:
    made = class_of(tmp_path, recorded_on=date(2094, 10, 6))
    enrol(made, "pupil-0")
    (recording,) = made.intake.recordings
    register = {"pupil-0": replace(made.records["pupil-0"], birth_date=born)}
    admission = Admission({"pupil-0": ConsentGrant("con_1", ("training",), "2095-06-01")}, {})
    given = recording, admission, register, (Purpose.TRAINING,), ConsentPolicy(), made.folder, read_key(made.key)
    enrolled, _ = who_is_enrolled(*given)
    assert enrolled["pupil-0"].child is child


def test_whoever_is_not_enrolled_is_not_even_judged() -> None:
    assert [each.prompt for each in listened({"anna": DIRECTIONS[1]}, 0.3)] == [0]
    assert listened({}, 0.3) == []


def test_rows_are_of_consenting_enrolled_learners_only(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    enrol(made, "pupil-0", "pupil-1")
    report = built(made, tmp_path, threshold=-3.0)
    assert report.release.manifest["kept"]["rows"] == 2
    assert report.release.manifest["kept"]["speakers"] == 2
    assert report.dropped == {"learner_refused": 1}
    everything = b"".join(files(tmp_path / "release").values())
    assert b"pupil-" not in everything
    assert b"see the cat" in everything
    assert b"the sun" not in everything


def test_nobodys_voice_is_left_to_a_person_and_never_written(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    enrol(made, "pupil-0", "pupil-1")
    with pytest.raises(ReleaseError, match="voice_of_another_learner 1, voice_unsure 1"):
        built(made, tmp_path, threshold=2.0)
    assert not list(tmp_path.glob("release*/**/*.arrow"))


def test_a_learner_without_a_voiceprint_is_counted_and_the_others_stay(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    enrol(made, "pupil-1")
    assert built(made, tmp_path, threshold=-3.0).dropped == {"learner_refused": 1, "no_voiceprint": 1}


def test_a_class_with_no_enrolled_voice_is_dropped_whole_and_not_opened(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    (made.folder / "audio" / "class.wav").write_bytes(b"not sound")
    with pytest.raises(ReleaseError, match="no_enrolled_voice 2"):
        built(made, tmp_path, threshold=-3.0)


def test_a_print_of_an_earlier_consent_does_not_count(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    stale = Voiceprint(DIRECTIONS[0], 10.0, "an earlier record", "sound")
    voiceprints.store(made.folder, read_key(made.key), "pupil-0", stale)
    with pytest.raises(ReleaseError, match="no_enrolled_voice 2"):
        built(made, tmp_path, threshold=-3.0)


def test_a_consent_given_after_the_recording_does_not_reach_back(tmp_path: Path) -> None:
    made = class_of(tmp_path, recorded_on=date(2094, 8, 31))  # signed the day after
    enrol(made, "pupil-0", "pupil-1")
    with pytest.raises(ReleaseError, match="recorded_before_consent 2"):
        built(made, tmp_path, threshold=-3.0)


def test_a_vault_of_another_key_stops_the_build(tmp_path: Path) -> None:
    made = class_of(tmp_path)
    enrol(made, "pupil-0")
    made.key = tmp_path / "other.key"
    create_key(made.key)
    with pytest.raises(KeyFileError, match="made with key"):
        built(made, tmp_path, threshold=-3.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"readers": ("pupil-0", "pupil-1", "pupil-9", None)}, "is not in roster"),
        ({"readers": ("pupil-0",)}, "one reader a prompt"),
        ({"readers": ()}, "learner_id"),
        ({"learner_id": "pupil-0"}, "learner_id"),
        ({"recorded_on": None}, "recorded_on"),
    ],
)
def test_a_class_that_does_not_add_up_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    made = class_of(tmp_path)
    recording = replace(made.intake.recordings[0], **change)  # type: ignore[arg-type]
    write_intake(made.folder, replace(made.intake, recordings=(recording,)))
    with pytest.raises(IntakeError, match=message):
        read_intake(made.folder)
