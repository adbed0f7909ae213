"""The whole measure: a made-up reading counted by hand, and every bad sound there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collection.phones import PhoneError
from tests.factories import clipped, noise, silence, tone, vowel
from tests.training.prosodic.test_pauses import Said, said
from training.advice.assessment import PhoneScore, WordScore
from training.errors import AssessmentError
from training.prosodic.pauses import PauseKind
from training.prosodic.prosody import FLUENCY_FEATURES, Prosody, ProsodySettings, fluency_features, measure
from training.prosodic.stress import StressVerdict


@dataclass(frozen=True)
class Word:
    text: str


def reading() -> tuple[np.ndarray, list[Word], list[Said], str]:
    """Return sound, words, alignment and text of a banana that waits for its comma.

    A steady 200 Hz voice in a quiet room, ten phones of 0.1 s: banana from 0.3 s with a loud second vowel, "we" from
    1.3 s, "go" from 2.0 s.
    """
    room = noise(2.6, 1e-3)
    starts = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.3, 1.4, 2.0, 2.1]
    symbols = ["B", "AH", "N", "AE", "N", "AH", "W", "IY", "G", "OW"]
    index = [0] * 6 + [1, 1, 2, 2]
    phones = [Said(s, i, t, t + 0.1) for s, i, t in zip(symbols, index, starts, strict=True)]
    sound = room.copy()
    loud = {"AE": 0.5}
    harmonics = sum(tone(2.6, 200.0 * k, 0.3 / k) for k in range(1, 8))
    for phone in phones:
        span = slice(round(phone.start * 16_000), round(phone.end * 16_000))
        sound[span] += np.asarray(harmonics)[span] * loud.get(phone.symbol, 0.15)
    return sound.astype(np.float32), [Word("banana"), Word("we"), Word("go")], phones, "Banana, we go."


def test_a_reading_is_measured_with_its_evidence() -> None:
    sound, words, phones, text = reading()
    found = measure(sound, words, phones, text, "en-US")
    assert found.pauses is not None
    assert [(pause.kind, pause.after_word) for pause in found.pauses] == [
        (PauseKind.EXPECTED, 0),
        (PauseKind.UNEXPECTED, 1),
    ]
    assert [pause.silence for pause in found.pauses] == pytest.approx([0.4, 0.5], abs=0.03)
    assert found.pace is not None
    assert (found.pace.phones, found.pace.syllables) == (10, 5)
    assert (found.pace.start, found.pace.end) == pytest.approx((0.3, 2.2))
    assert found.pace.speech_rate == pytest.approx(5 / 1.9)
    assert found.pace.articulation_rate == pytest.approx(5 / 1.0, rel=0.05)
    assert found.pace.phonation_share == pytest.approx(1.0 / 1.9, abs=0.03)
    assert found.pace.mean_run == pytest.approx(5 / 3)
    assert found.pitch is not None
    assert found.pitch.median_hz == pytest.approx(200, rel=0.01)
    assert found.pitch.monotone is True
    assert found.stress is not None
    (word,) = found.stress
    assert (word.text, word.realised, word.verdict) == ("banana", 1, StressVerdict.EXPECTED)
    # 20 log10(0.5 / 0.15) = 10.46 dB above the others, two thirds of it above the mean of the three.
    assert word.vowels[1].level_db == pytest.approx(10.46 * 2 / 3, abs=0.3)
    assert word.vowels[1].semitones == pytest.approx(0, abs=0.1)
    # Seven harmonics of amplitude 0.15 / k have -17.7 dB, the quietest frames a little less than the room, -60 dB.
    assert found.contrast_db == pytest.approx(42.7, abs=0.6)


def test_a_pause_behind_a_word_counts_in_its_stress() -> None:
    sound, words, phones, text = reading()
    with_pause = measure(sound, words, phones, text, "en-US")
    heedless = ProsodySettings()
    heedless.stress.before_pause = 0.0
    without = measure(sound, words, phones, text, "en-US", heedless)
    assert with_pause.stress is not None
    assert without.stress is not None
    assert with_pause.stress[0].vowels[2].probability > without.stress[0].vowels[2].probability


def test_other_languages_have_no_stress() -> None:
    sound, words, phones, text = reading()
    french = measure(sound, words, phones, text, "fr-FR")
    assert french.stress is None
    assert french.pauses is not None
    assert french.pitch is not None


def test_the_records_of_an_assessment_fit() -> None:
    sound, words, phones, text = reading()
    scores = {"gop_sf": -0.1, "rival_ratio": 1.0, "gop_lp": -0.1, "gop_lpr": 1.0, "rival": "T"}
    assessed = [PhoneScore(p.symbol, p.word_index, p.start, p.end, **scores) for p in phones]  # type: ignore[arg-type]
    named = [WordScore(word.text, 0.0, 1.0, -0.1) for word in words]
    assert measure(sound, named, assessed, text, "en-US") == measure(sound, words, phones, text, "en-US")


@settings(max_examples=20)
@given(power=st.integers(-6, 3), offset=st.sampled_from([0.0, 0.25]))
def test_neither_level_nor_offset_matters(power: int, offset: float) -> None:
    sound, words, phones, text = reading()
    plain = measure(sound, words, phones, text, "en-US")
    changed = measure(sound.astype(np.float64) * 2.0**power + offset, words, phones, text, "en-US")
    assert [p.kind for p in changed.pauses or ()] == [p.kind for p in plain.pauses or ()]
    assert fluency_features(changed) == pytest.approx(fluency_features(plain), abs=0.02)


def test_pitch_outside_the_reading_and_in_its_silences_is_not_the_readers() -> None:
    sound, words, phones, text = reading()
    hum = np.concatenate([sound, tone(1.0, 450, 0.3)])
    other = measure(hum, words, phones, text, "en-US")
    assert other.pitch is not None
    assert other.pitch.high_hz < 210
    hummed = sound + np.pad(tone(0.4, 320, 0.002), (round(1.5 * 16_000), len(sound) - round(1.9 * 16_000)))
    quiet = measure(hummed, words, phones, text, "en-US")
    assert quiet.pitch is not None
    assert quiet.pitch.high_hz < 210


NOTHING = Prosody()


@pytest.mark.parametrize(
    "sound",
    [
        silence(0),
        np.full(1, 0.5, np.float32),
        silence(2),
        np.full(32_000, 0.5, np.float32),
        np.full(32_000, np.nan, np.float32),
        np.append(tone(2), np.inf).astype(np.float32),
        tone(2, amplitude=0.0009),
    ],
)
def test_sound_without_speech_tells_nothing(sound: np.ndarray) -> None:
    _, words, phones, text = reading()
    assert measure(sound, words, phones, text, "en-US") == NOTHING


def test_speech_without_an_alignment_tells_nothing() -> None:
    sound, words, _, text = reading()
    assert measure(sound, words, [], text, "en-US") == NOTHING
    assert measure(sound, [], [], "", "en-US") == NOTHING


def test_unchanging_and_clipped_sound_has_pace_and_pitch_and_no_pauses() -> None:
    _, words, phones, text = reading()
    for sound in (tone(2.6, 100), clipped(2.6)):
        found = measure(sound, words, phones, text, "en-US")
        assert (found.pauses, found.contrast_db) == (None, None)
        assert found.pace is not None
        assert (found.pace.articulation_rate, found.pace.phonation_share) == (None, None)
        assert found.pitch is not None
        assert found.pitch.median_hz == pytest.approx(100, rel=0.02)
        assert found.stress is not None
        assert found.stress[0].verdict is StressVerdict.UNSURE


def test_two_samples_are_a_defined_answer() -> None:
    sound = np.array([0.5, -0.5], np.float32)
    found = measure(sound, [Word("a")], said(("AH", 0, 0.0, 0.0001)), "a", "en-US")
    assert (found.pauses, found.pitch, found.stress) == (None, None, ())
    assert found.pace is not None


def test_wrong_calls_are_refused() -> None:
    sound, words, phones, text = reading()
    with pytest.raises(AssessmentError, match="mono"):
        measure(sound[None], words, phones, text, "en-US")
    with pytest.raises(AssessmentError, match="word 2, but there are 2 words"):
        measure(sound, words[:2], phones, text, "en-US")
    for wrong in (phones[::-1], [replace(phones[0], start=0.5)], [replace(phones[0], end=np.nan)]):
        with pytest.raises(AssessmentError, match="in the order of the text"):
            measure(sound, words, wrong, text, "en-US")
    with pytest.raises(PhoneError, match="no phone inventory"):
        measure(sound, words, phones, text, "xx")


def test_features_have_names_and_masks() -> None:
    neutral = fluency_features(NOTHING)
    assert neutral.shape == (len(FLUENCY_FEATURES),)
    assert neutral.dtype == np.float32
    known = [name for name in FLUENCY_FEATURES if name.endswith("_known")]
    assert known == ["pace_known", "pauses_known", "pitch_known", "stress_known"]
    assert not any(neutral[FLUENCY_FEATURES.index(name)] for name in known)
    sound, words, phones, text = reading()
    found = dict(zip(FLUENCY_FEATURES, fluency_features(measure(sound, words, phones, text, "en-US")), strict=True))
    assert all(found[name] == 1 for name in known)
    assert found["speech_rate"] == pytest.approx(np.log(5 / 1.9))
    assert found["pauses_a_second"] == pytest.approx(2 / 1.9)
    assert found["unexpected_a_second"] == pytest.approx(1 / 1.9)
    assert found["longest_pause"] == pytest.approx(0.5, abs=0.03)
    assert (found["broken_words"], found["missing_pauses"], found["monotone"]) == (0, 0, 1)
    assert found["voiced_share"] == pytest.approx(1.0 / 1.9, abs=0.1)
    # 10.46 dB make 3.03 of log-odds, the last vowel before a pause has 0.70: 1 / (1 + exp(-3.03) + exp(-2.33)).
    assert found["stress_expected"] == pytest.approx(0.873, abs=0.02)
    assert found["stress_elsewhere"] == 0


PIECES = st.sampled_from(["tone", "vowel", "noise", "silence", "clipped", "tiny"])


def piece(kind: str, seconds: float) -> np.ndarray:
    made = {
        "tone": lambda: tone(seconds, 150),
        "vowel": lambda: vowel(seconds),
        "noise": lambda: noise(seconds, 0.3),
        "silence": lambda: silence(seconds),
        "clipped": lambda: clipped(seconds),
        "tiny": lambda: noise(seconds, 1e-6),
    }
    return made[kind]()


@st.composite
def readings(draw: st.DrawFn) -> tuple[np.ndarray, Sequence[Word], Sequence[Said], str]:
    pieces = draw(st.lists(st.tuples(PIECES, st.floats(0, 0.6)), max_size=5))
    sound = np.concatenate([np.zeros(0, np.float32), *(piece(*each) for each in pieces)])
    count = draw(st.integers(0, 12))
    bounds = sorted(draw(st.lists(st.floats(0, 4), min_size=2 * count, max_size=2 * count)))
    symbols = draw(st.lists(st.sampled_from(["AH", "AE", "B", "N", "S"]), min_size=count, max_size=count))
    index = sorted(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    phones = [Said(*each) for each in zip(symbols, index, bounds[::2], bounds[1::2], strict=True)]
    text = draw(st.sampled_from(["banana. record, is", "banana record is", "banana - record! is.", "?"]))
    return sound, [Word("banana"), Word("record"), Word("is")], phones, text


@settings(max_examples=150)
@given(given=readings(), language=st.sampled_from(["en-US", "fr-FR"]))
def test_whatever_is_heard_the_answer_is_strict_json_and_finite(
    given: tuple[np.ndarray, Sequence[Word], Sequence[Said], str], language: str
) -> None:
    sound, words, phones, text = given
    found = measure(sound, words, phones, text, language)
    record = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert set(record) == {field.name for field in fields(Prosody)}
    assert np.isfinite(fluency_features(found)).all()
    for pause in found.pauses or ():
        assert 0 <= pause.start <= pause.end
        assert pause.kind is PauseKind.MISSING or pause.end - pause.start >= 0.249
    if found.pace is not None and found.pace.phonation_share is not None:
        assert 0 <= found.pace.phonation_share <= 1
    for word in found.stress or ():
        assert sum(each.probability for each in word.vowels) == pytest.approx(1)
