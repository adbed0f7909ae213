"""Pauses, pace and punctuation: tones with silences of known length, counted by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.phones import normalise
from tests.factories import noise, silence, tone
from training.prosodic.pauses import (
    FLOOR_DB,
    Pause,
    PauseKind,
    PauseSettings,
    contrast,
    find_pauses,
    is_vowel,
    levels,
    measure_pace,
    silent_runs,
    syllable_starts,
)
from training.prosodic.punctuation import Mark, punctuation

SETTINGS = PauseSettings()


@dataclass(frozen=True)
class Said:
    """A phone of a made-up alignment."""

    symbol: str
    word_index: int
    start: float
    end: float


def said(*phones: tuple[str, int, float, float]) -> list[Said]:
    return [Said(*phone) for phone in phones]


def two_words(gap: float) -> tuple[np.ndarray, list[Said]]:
    """A second of tone, a gap, a second of tone, 0.3 s of quiet; a phone at each end of both tones."""
    sound = np.concatenate([tone(1, 200), silence(gap), tone(1, 200), silence(0.3)]) + noise(2.3 + gap, 1e-3)
    second = 1 + gap
    spans = (
        ("M", 0, 0.0, 0.1),
        ("IY", 0, 0.8, 1.0),
        ("N", 1, second, second + 0.2),
        ("OW", 1, second + 0.8, second + 1),
    )
    return sound, said(*spans)


def pauses_of(sound: np.ndarray, phones: list[Said], *marks: Mark) -> tuple[Pause, ...]:
    level = levels(sound)
    heard = contrast(level, phones, SETTINGS)
    assert heard is not None
    return find_pauses(level, heard[1], phones, marks, SETTINGS)


def test_levels_are_decibels_of_full_scale() -> None:
    # Two periods of 100 Hz fit a frame of 20 ms: the power of a sine of amplitude 0.5 is 1/8, or -9.03 dB.
    assert levels(tone(0.1, 100)) == pytest.approx(np.full(9, -9.0309), abs=1e-3)
    assert levels(np.full(1600, 0.3)) == pytest.approx(np.full(9, FLOOR_DB))
    assert levels(tone(0.1, 100) + 0.3) == pytest.approx(levels(tone(0.1, 100)), abs=1e-3)
    assert [len(levels(np.zeros(size))) for size in (0, 1, 319, 320, 480)] == [0, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("gap", "mark", "kinds"),
    [
        (0.2, Mark.NONE, []),
        (0.3, Mark.NONE, [PauseKind.BRIEF]),
        (0.6, Mark.NONE, [PauseKind.UNEXPECTED]),
        (0.6, Mark.PHRASE, [PauseKind.EXPECTED]),
        (0.6, Mark.SENTENCE, [PauseKind.EXPECTED]),
        (0.0, Mark.SENTENCE, [PauseKind.MISSING]),
        (0.0, Mark.PHRASE, []),
        (0.15, Mark.SENTENCE, []),
    ],
)
def test_a_silence_is_told_by_its_length_and_the_punctuation(gap: float, mark: Mark, kinds: list[PauseKind]) -> None:
    sound, phones = two_words(gap)
    found = pauses_of(sound, phones, mark, Mark.SENTENCE)
    assert [pause.kind for pause in found] == kinds
    for pause in found:
        assert (pause.after_word, pause.inside_word) == (0, False)
        if pause.kind is PauseKind.MISSING:
            assert (pause.start, pause.end, pause.silence) == pytest.approx((0.9, 1.1, 0.0))
        else:
            # Frames of 20 ms that straddle an edge are loud: at most one step is lost at either end.
            assert (pause.start, pause.end) == pytest.approx((1.0, 1.0 + gap), abs=0.0151)
            assert pause.silence == pytest.approx(pause.end - pause.start)


def test_a_missing_pause_needs_phones_close_together() -> None:
    sound, phones = two_words(0.0)
    wide = [*phones[:2], replace(phones[2], start=1.1, end=1.4), phones[3]]
    assert pauses_of(sound, phones, Mark.SENTENCE, Mark.NONE)
    assert not pauses_of(sound, wide, Mark.SENTENCE, Mark.NONE)


def test_a_pause_within_a_word_breaks_it_whatever_stands_behind_the_word() -> None:
    sound, phones = two_words(0.6)
    broken = [replace(phone, word_index=0) for phone in phones]
    (pause,) = pauses_of(sound, broken, Mark.SENTENCE)
    assert (pause.kind, pause.inside_word, pause.after_word) == (PauseKind.UNEXPECTED, True, 0)


def test_the_strongest_mark_of_unread_words_counts() -> None:
    sound, phones = two_words(0.6)
    phones = [replace(phone, word_index=2 * phone.word_index) for phone in phones]
    assert pauses_of(sound, phones, Mark.NONE, Mark.PHRASE, Mark.NONE)[0].kind is PauseKind.EXPECTED


@pytest.mark.parametrize("snr_db", [30, 20, 15])
def test_noise_hides_no_pause(snr_db: float) -> None:
    sound, phones = two_words(0.6)
    noisy = sound + noise(2.9, 0.5 / np.sqrt(2) * 10 ** (-snr_db / 20), seed=3)
    (pause,) = pauses_of(noisy, phones, Mark.NONE, Mark.NONE)
    assert (pause.start, pause.end) == pytest.approx((1.0, 1.6), abs=0.02)


def test_a_phone_is_speech_however_weak_it_is() -> None:
    sound, phones = two_words(0.6)
    weak = [*phones[:2], Said("F", 1, 1.25, 1.35), *phones[2:]]
    found = pauses_of(sound, weak, Mark.NONE, Mark.NONE)
    assert [(pause.start, pause.end) for pause in found] == [
        (pytest.approx(1.0, abs=0.02), pytest.approx(1.27, abs=0.011)),
        (pytest.approx(1.33, abs=0.011), pytest.approx(1.6, abs=0.02)),
    ]
    assert [pause.kind for pause in found] == [PauseKind.BRIEF, PauseKind.BRIEF]


def test_a_click_does_not_end_a_silence_and_a_cough_does() -> None:
    for length, pauses in ((0.01, 1), (0.1, 2)):
        sound, phones = two_words(0.8)
        begin = int(1.35 * 16_000)
        sound[begin : begin + int(length * 16_000)] += tone(length, 500)
        assert len(pauses_of(sound, phones, Mark.NONE, Mark.NONE)) == pauses


def test_without_contrast_nothing_is_said_of_pauses() -> None:
    _, phones = two_words(0.0)
    assert contrast(levels(tone(2, 200)), phones, SETTINGS) is None
    assert contrast(levels(noise(2, 0.1)), phones, SETTINGS) is None
    assert contrast(levels(silence(2)), phones, SETTINGS) is None
    assert contrast(levels(tone(2, 200)), said(("M", 0, 5.0, 6.0)), SETTINGS) is None
    assert contrast(levels(silence(0)), phones, SETTINGS) is None


def test_a_mute_is_silence_within_a_reading_and_tells_nothing_around_it() -> None:
    _, phones = two_words(0.6)
    muted = np.concatenate([tone(1, 200), silence(0.6), tone(1, 200)])
    heard = contrast(levels(muted), phones, SETTINGS)
    assert heard is not None
    # A 200 Hz sine of amplitude 0.5 has -9.03 dB; 45 dB of range, a third of which is still silent.
    assert heard == pytest.approx((45.0, -9.03 - 30.0), abs=0.01)
    around = np.concatenate([silence(0.5), tone(2, 200) + noise(2, 0.2), silence(0.01)])
    later = [replace(phone, start=phone.start + 0.5, end=phone.end + 0.5) for phone in two_words(0.0)[1]]
    assert contrast(levels(around), later, SETTINGS) is None


def test_runs_are_joined_over_clicks() -> None:
    mask = np.array([1, 1, 0, 1, 0, 0, 1], bool)
    assert silent_runs(mask, 0) == [(0, 2), (3, 4), (6, 7)]
    assert silent_runs(mask, 1) == [(0, 4), (6, 7)]
    assert silent_runs(mask, 2) == [(0, 7)]
    assert silent_runs(np.zeros(3, bool), 1) == []


def pause(kind: PauseKind, start: float, end: float, inside: bool = False) -> Pause:
    return Pause(kind, start, end, 0, inside, end - start)


def test_pace_is_counted_by_hand() -> None:
    phones = said(
        ("HH", 0, 0.5, 0.7), ("AH", 0, 0.7, 0.9), ("L", 0, 0.9, 1.0), ("OW", 0, 1.0, 1.5),
        ("M", 1, 2.0, 2.1), ("IY", 1, 2.1, 2.5),
    )  # fmt: skip
    pace = measure_pace(phones, [pause(PauseKind.UNEXPECTED, 1.5, 2.0), pause(PauseKind.MISSING, 1.0, 1.1)])
    assert pace is not None
    assert (pace.start, pace.end, pace.phones, pace.syllables) == (0.5, 2.5, 6, 3)
    assert (pace.speech_rate, pace.phone_rate) == pytest.approx((3 / 2, 6 / 2))
    assert (pace.articulation_rate, pace.phonation_share) == pytest.approx((3 / 1.5, 0.75))
    assert pace.mean_run == pytest.approx(3 / 2)
    assert pace.unplaced_share == pytest.approx(0.25)
    unheard = measure_pace(phones, None)
    assert unheard is not None
    assert (unheard.articulation_rate, unheard.phonation_share, unheard.mean_run) == (None, None, None)
    assert unheard.speech_rate == pace.speech_rate


def test_no_pace_without_time() -> None:
    assert measure_pace([], []) is None
    assert measure_pace(said(("AH", 0, 1.0, 1.0)), []) is None


def test_syllables_of_every_inventory() -> None:
    assert all(is_vowel(symbol) for symbol in ("AA", "ER", "ɛ̃", "aː", "y"))
    assert not any(is_vowel(symbol) for symbol in ("W", "Y", "HH", "j", "w", "ɥ", "ʁ", ""))
    german = said(("ɔ", 0, 0, 1), ("ʏ", 0, 1, 2), ("t", 0, 2, 3), ("ə", 0, 3, 4), ("a", 1, 4, 5), ("ɪ", 2, 5, 6))
    assert syllable_starts(german) == [True, False, False, True, True, True]
    hiatus = said(("e", 0, 0, 1), ("a", 0, 1, 2))
    assert syllable_starts(hiatus) == [True, True]


N, P, S = Mark.NONE, Mark.PHRASE, Mark.SENTENCE


@pytest.mark.parametrize(
    ("text", "language", "marks"),
    [
        ("WE CALL IT BEAR", "en-US", (N, N, N, N)),
        ("Well, we call it bear. Why?", "en-US", (P, N, N, N, S, S)),
        ("He paid 3.5 at 10:30. Good", "en-US", (N, N, N, N, N, N, N, S, N)),
        ("Dr. Smith saw J. Doe. Yes", "en-US", (P, N, N, P, S, N)),
        ('He said "go." Then (he) went', "en-US", (N, P, S, P, P, N)),
        ("Well... go — now!", "en-US", (P, P, S)),
        ("first line\nsecond line", "en-US", (N, P, N, N)),
        ("a week-end - or two", "en-US", (N, N, P, N, N)),
        ("Ça va ? Oui, l'été", "fr-FR", (N, S, P, N)),
        ("Am 3. Mai kam er. Ja", "de-DE", (N, P, N, N, S, N)),
        ("¿Qué tal? Bien", "es-ES", (N, S, N)),
        ("", "en-US", ()),
        ("...", "en-US", ()),
    ],
)
def test_punctuation(text: str, language: str, marks: tuple[Mark, ...]) -> None:
    words = normalise(text, language)
    assert list(zip(words, punctuation(text, words, language), strict=True)) == list(zip(words, marks, strict=True))


def test_words_of_another_text_have_no_marks() -> None:
    assert punctuation("Yes. No.", ["yes"], "en-US") == (N,)


@given(st.text("aI1.,!? -\"'\n:é", max_size=30), st.sampled_from(["en", "fr", "de", "es"]))
def test_every_word_has_one_mark(text: str, language: str) -> None:
    words = normalise(text, language)
    assert len(punctuation(text, words, language)) == len(words)
