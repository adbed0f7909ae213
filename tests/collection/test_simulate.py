"""The synthetic class holds what its truth says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from collection.consent import ConsentPolicy, age_on, decide, read_register
from collection.errors import ConfigError, IntakeError
from collection.intake import Intake, read_intake
from collection.phones import ARPABET, Lexicon, normalise, transcribe
from collection.prompts import Doubt, match
from collection.schema import Purpose
from collection.simulate import SimulateConfig, simulate
from collection.synthetic.misreading import CONFUSIONS, SaidPhone, misread, score
from collection.synthetic.pupils import Fate, make_class
from collection.synthetic.sentences import SENTENCES
from collection.synthetic.sound_files import Fault
from collection.synthetic.truth import Truth, read_truth
from collection.synthetic.voices import MNEMONICS, Synthesiser, Voice, mnemonic

ON = date(2026, 9, 14)
CONFIG = SimulateConfig(out="", learners=10, prompts=3, on=ON.isoformat(), seed=5)
VOICE = Voice("f2", 60, 50, 150, 1.15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    simulate(folder, CONFIG)
    return folder


@pytest.fixture(scope="module")
def truths(folder: Path) -> list[Truth]:
    return read_truth(folder)


@pytest.fixture(scope="module")
def intake(folder: Path) -> Intake:
    return read_intake(folder / "intake")


def decoded(path: Path, rate: int = 16_000) -> np.ndarray:
    """Samples of a file, mono; written here so that the code under test is not its own judge."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


class TestVoices:
    def test_every_phone_has_one_mnemonic_of_its_own(self) -> None:
        assert set(MNEMONICS) == set(ARPABET.symbols)
        assert len(set(MNEMONICS.values())) == 39
        assert [mnemonic(phone) for phone in ("AH0", "AH1", "AH", "ER0", "EY2", "TH")] == [
            "@",
            "'V",
            "V",
            "3",
            ",eI",
            "T",
        ]

    def test_every_phone_is_heard_once_with_a_time(self) -> None:
        words = [Lexicon().stressed(word) for text in SENTENCES for word in normalise(text)]
        known = [word for word in words if word]
        assert {phone.rstrip("012") for word in known for phone in word} == set(ARPABET.symbols)
        with Synthesiser() as synthesiser:
            for first in range(0, len(known), 8):
                speech = synthesiser.speak(VOICE, known[first : first + 8])
                assert speech.times is not None
                assert len(speech.times) == sum(map(len, known[first : first + 8]))
                starts = [start for start, _ in speech.times]
                assert starts == sorted(starts)
                assert 0 <= starts[0] < speech.times[-1][1] <= len(speech.samples) / speech.rate

    def test_the_same_seed_gives_the_same_samples_in_a_new_session(self) -> None:
        takes = []
        for _ in range(2):
            with Synthesiser(3) as synthesiser:
                takes.append([synthesiser.speak(VOICE, [("DH", "AH0"), ("Z", "UW1")]).samples for _ in range(2)])
        assert all(np.array_equal(one, two) for one, two in zip(*takes, strict=True))

    def test_a_child_has_higher_formants_at_the_same_pace(self) -> None:
        with Synthesiser() as synthesiser:
            child = synthesiser.speak(VOICE, [("AA1",)])
            adult = synthesiser.speak(replace(VOICE, formants=1.0), [("AA1",)])
        assert child.rate == round(1.15 * adult.rate)
        assert len(child.samples) / child.rate == pytest.approx(len(adult.samples) / adult.rate, rel=0.2)


class TestMisreading:
    words = (("TH", "IH1", "NG", "K"), ("V", "AE1", "N"))

    def test_no_errors_at_rate_zero(self) -> None:
        assert not any(each.wrong for each in misread(self.words, "fr", 0.0, np.random.default_rng(0)))

    def test_every_open_phone_goes_wrong_at_rate_one_and_keeps_its_stress(self) -> None:
        said = misread(self.words, "zh", 1.0, np.random.default_rng(0))
        assert [each.realised for each in said[:3]] == ["S", "IY1", "NG"]
        assert [each.realised for each in said[4:6]] == ["W", "EH1"]
        assert [each.word_index for each in said] == [0, 0, 0, 0, 1, 1, 1]

    def test_confusions_name_phones_only(self) -> None:
        for confusions in CONFUSIONS.values():
            assert set(confusions) <= set(ARPABET.symbols)
            assert set(confusions.values()) <= {*ARPABET.symbols, ""}
            assert all(said != meant for meant, said in confusions.items())

    def test_scores_follow_the_errors_and_stay_on_their_scales(self) -> None:
        rng = np.random.default_rng(1)
        said = [SaidPhone("AE1", "AE1", 0), SaidPhone("T", "", 0), SaidPhone("TH", "S", 1), SaidPhone("IH1", "IH1", 1)]
        right, missing, replaced = [], [], []
        for _ in range(200):
            words, phones, scores, ratings = score(["at", "thi"], said, "B1", ["a", "b", "c"], rng)
            values = [phone.accuracy or 0.0 for phone in phones]
            right += [values[0], values[3]]
            missing.append(values[1])
            replaced.append(values[2])
            assert [phone.realised for phone in phones] == ["AE", "", "S", "IH"]
            for rating in ratings:
                assert all(0 <= (word.accuracy or 0) <= 10 for word in rating.words)
            mean = np.mean([rating.phones for rating in ratings], axis=0)
            assert values == pytest.approx(list(np.round(mean, 2)))
            assert words[0].accuracy == np.median([rating.words[0].accuracy for rating in ratings])
            assert 0 <= (scores.total or 0) <= 10
        assert 1.7 <= np.mean(right) <= 2.0
        assert 0.2 <= np.mean(replaced) <= 0.8
        assert np.mean(missing) <= 0.15


class TestClass:
    def test_fates_are_as_asked_and_the_register_decides_them(self, truths: list[Truth], folder: Path) -> None:
        register = read_register(folder / "intake" / "consents.jsonl")
        fates = {truth.learner_id: truth.fate for truth in truths}
        assert len(fates) == len(register) == 10
        assert sorted(fate for fate in fates.values() if fate != "granted") == [
            "expired", "guardian_refused", "learner_refused", "withdrawn",
        ]  # fmt: skip
        for learner_id, fate in fates.items():
            for purpose in (Purpose.TRAINING, Purpose.EVALUATION, Purpose.RESEARCH):
                decision = decide(register[learner_id], purpose, ON, ConsentPolicy())
                assert (decision.keep, decision.reason.value) == (fate == "granted", fate)
            assert not decide(register[learner_id], Purpose.SHARING, ON, ConsentPolicy()).keep

    def test_most_are_minors_and_all_without_consent_are(self) -> None:
        pupils = make_class(40, 3, 2, 2, ON, 1)
        ages = [age_on(pupil.learner.birth_date or ON, ON) for pupil in pupils]
        assert all(6 <= age <= 40 for age in ages)
        assert sum(age < 18 for age in ages) == 32
        assert all(age < 18 for age, pupil in zip(ages, pupils, strict=True) if pupil.fate is not Fate.GRANTED)
        assert len({pupil.voice for pupil in pupils}) == len({pupil.learner.name for pupil in pupils}) == 40

    def test_intake_and_truth_agree(self, truths: list[Truth], intake: Intake, folder: Path) -> None:
        recordings = {recording.recording_id: recording for recording in intake.recordings}
        assert list(recordings) == [truth.recording_id for truth in truths]
        for truth in truths:
            recording = recordings[truth.recording_id]
            assert recording.learner_id == truth.learner_id
            assert recording.path == (folder / "intake" / truth.path).resolve()
            assert recording.path.is_file()
            assert intake.learners[truth.learner_id].name == truth.name
            for reading in truth.readings:
                assert recording.prompts[reading.prompt_index] == reading.text
                annotation = intake.annotations[truth.recording_id, reading.prompt_index]
                assert [(phone.canonical, phone.realised) for phone in annotation.phones] == [
                    (phone.canonical, phone.realised) for phone in reading.phones
                ]

    def test_canonical_phones_are_those_of_the_lexicon(self, truths: list[Truth]) -> None:
        for reading in (reading for truth in truths for reading in truth.readings):
            expected = [phone for word in transcribe(reading.text) for phone in word.canonical]
            assert [phone.canonical for phone in reading.phones] == expected

    def test_phones_that_were_said_have_times_in_order_and_missing_ones_have_none(self, truths: list[Truth]) -> None:
        readings = [reading for truth in truths for reading in truth.readings]
        assert any(phone.realised == "" for reading in readings for phone in reading.phones)
        for reading in readings:
            times: list[float] = []
            for phone in reading.phones:
                if phone.realised:
                    assert phone.start is not None
                    assert phone.end is not None
                    times += [phone.start, phone.end]
                else:
                    assert (phone.start, phone.end) == (None, None)
            assert times == sorted(times)
            assert reading.start <= times[0]
            assert times[-1] <= reading.end

    def test_speech_is_where_the_truth_says_and_pauses_are_quiet(self, truths: list[Truth], folder: Path) -> None:
        formats = set()
        for truth in (truth for truth in truths if truth.fault is None):
            samples = decoded(folder / "intake" / truth.path)
            formats.add(Path(truth.path).suffix)
            quiet = [0.0, *(reading.end + 0.1 for reading in truth.readings)]
            for reading, before in zip(truth.readings, quiet, strict=False):
                speech = samples[int(reading.start * 16_000) : int(reading.end * 16_000)]
                pause = samples[int(before * 16_000) : int((reading.start - 0.05) * 16_000)]
                level = 20 * np.log10(np.sqrt(np.mean(speech**2)))
                assert -32 < level < -15
                assert 20 * np.log10(np.sqrt(np.mean(pause**2)) + 1e-9) < level - 20
                assert 0.5 < reading.end - reading.start < 6
        assert formats == {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm"}

    def test_a_learner_who_skips_a_prompt_is_flagged_by_the_matcher(self, truths: list[Truth], intake: Intake) -> None:
        skipping = [truth for truth in truths if truth.skipped]
        assert len(skipping) == 1
        prompts = next(each.prompts for each in intake.recordings if each.recording_id == skipping[0].recording_id)
        assert match(skipping[0].readings, prompts).flagged is Doubt.FEWER_READINGS_THAN_PROMPTS
        for truth in truths:
            if not truth.skipped and truth.fault is None:
                prompts = next(each.prompts for each in intake.recordings if each.recording_id == truth.recording_id)
                assert len(match(truth.readings, prompts).assignments) == 3

    def test_names_travel_in_the_metadata(self, truths: list[Truth], folder: Path) -> None:
        for truth in (truth for truth in truths if truth.fault is None):
            with av.open(str(folder / "intake" / truth.path)) as container:
                tags = {**container.metadata, **container.streams.audio[0].metadata}
            assert truth.name in {value for key, value in tags.items() if key.lower() == "title"}

    def test_each_fault_is_there_once_under_a_consenting_learner(self, truths: list[Truth], folder: Path) -> None:
        bad = {truth.fault: folder / "intake" / truth.path for truth in truths if truth.fault}
        assert set(bad) == set(Fault)
        assert all(truth.fate == "granted" for truth in truths if truth.fault)
        assert bad["empty"].stat().st_size == 0
        assert bad["text_renamed"].read_text("utf-8").isprintable() is False
        assert soundfile.info(bad["too_short"]).duration == pytest.approx(0.05, abs=0.001)
        silence, _ = soundfile.read(bad["silence"])
        assert np.abs(silence).max() < 1e-3
        with pytest.raises(soundfile.LibsndfileError):
            soundfile.read(bad["truncated"])


class TestFolder:
    def test_the_same_seed_gives_the_same_bytes(self, folder: Path, tmp_path: Path) -> None:
        simulate(tmp_path, CONFIG)
        names = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
        assert names == sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        stable = [name for name in names if name.suffix in {".wav", ".flac", ".jsonl", ".json"}]
        assert len(stable) >= 12
        for name in stable:
            assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name

    def test_another_seed_gives_other_learners(self, tmp_path: Path, truths: list[Truth]) -> None:
        other = simulate(tmp_path, replace(CONFIG, seed=6, learners=5, refusing=1, withdrawn=0, expired=0, prompts=1))
        assert not {truth.learner_id for truth in other} & {truth.learner_id for truth in truths}

    def test_a_second_run_reads_what_is_there(self, folder: Path, truths: list[Truth]) -> None:
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        assert simulate(folder, CONFIG) == truths
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    def test_another_class_does_not_overwrite(self, folder: Path) -> None:
        with pytest.raises(IntakeError, match="another out="):
            simulate(folder, replace(CONFIG, seed=6))

    def test_a_stopped_run_is_begun_again(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / ".simulating").touch()
        (tmp_path / "intake").mkdir()
        assert simulate(tmp_path, CONFIG) == read_truth(folder)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"prompts": 61}, "prompts=61 is impossible: give 1 to 60"),
            ({"learners": 4}, "raise learners"),
            ({"faults": ["melted"]}, "faults are empty, truncated"),
            ({"on": "tomorrow"}, "on is a date like"),
        ],
    )
    def test_impossible_settings_are_refused_before_anything_is_written(
        self, tmp_path: Path, change: dict[str, object], message: str
    ) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            simulate(tmp_path / "new", replace(CONFIG, **change))  # type: ignore[arg-type]
        assert not (tmp_path / "new").exists()

    def test_truth_is_one_json_object_a_line(self, folder: Path, truths: list[Truth]) -> None:
        lines = (folder / "truth.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["learner_id"] for line in lines] == [truth.learner_id for truth in truths]
