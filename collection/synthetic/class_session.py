"""A made-up class hour of real voices, with the exact truth of who spoke when and which prompt was read.

A phone on a desk hears pupils take turns at a reading list: those who consent and those who do not, and a teacher. They
pause, hesitate and begin again, skip, read in another's place, chat and talk over each other, in a room with echo and
noise. Pure: utterances in, samples and truth out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

from collection.schema import SAMPLE_RATE, Seconds

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A speaker with utterances to draw from: texts, and samples (n,) at 16 kHz that begin and end with speech."""

    speaker_id: str
    utterances: tuple[tuple[str, Samples], ...]


@dataclass
class SessionConfig:
    """What a class hour is like; shares are between 0 and 1. Treat as read-only."""

    rounds: int = 5
    """How often each pupil's turn comes; a turn is one prompt."""
    enrolment_seconds: float = 10.0
    """Seconds of speech a consenting pupil enrols with, at least."""
    snr_db: float = 20.0
    """Speech over room noise in dB."""
    echo_seconds: float = 0.5
    """Reverberation time RT60 of the room."""
    direct_db: tuple[float, float] = (0.0, 8.0)
    """Direct sound over echo in dB, least and most: seats lie near to the phone or far."""
    pause: tuple[float, float] = (0.1, 1.6)
    """Seconds between two utterances, least and most; under 0.3 no silence is heard between the two."""
    taken_over: float = 0.15
    """Share of consenting pupils' turns that somebody who does not consent reads in their place."""
    swapped: float = 0.03
    """Share of consenting pupils' turns that another consenting pupil reads."""
    skipped: float = 0.04
    """Share of turns in which nobody reads."""
    restarted: float = 0.08
    """Share of readings that break off and begin again."""
    chatter: float = 0.25
    """Utterances on no list for each turn; half of them by the teacher, the rest by anyone."""
    overlapped: float = 0.05
    """Share of readings that another voice talks over, for half of their length or more."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one person said: seconds of the recording, the prompt read (``None``: chatter), and whether in full."""

    speaker_id: str
    start: Seconds
    end: Seconds
    prompt: int | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A recording (n,) at 16 kHz, its reading list (``readers[i]`` is to read ``prompts[i]``) and its truth."""

    samples: Samples
    prompts: tuple[str, ...]
    readers: tuple[str, ...]
    spoken: tuple[Spoken, ...]
    enrolments: dict[str, Samples] = field(repr=False)
    """Speech of each consenting pupil into the phone in their hand, in the same room, by speaker."""


def room_response(rng: np.random.Generator, echo_seconds: float, direct_db: float) -> Samples:
    """Return an impulse response at 16 kHz: direct sound, then noise that fades by 60 dB in ``echo_seconds``."""
    time = np.arange(round(echo_seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / echo_seconds)
    # The first wall is some metres away: 3 ms of nothing.
    tail[: round(0.003 * SAMPLE_RATE)] = 0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail.astype(np.float32)


def make_session(
    consenting: Sequence[Voice], others: Sequence[Voice], teacher: Voice, config: SessionConfig, seed: int
) -> Session:
    """Return a class hour; consenting pupils are enrolled, ``others`` and the teacher are not.

    Each voice needs as many utterances as the longest part asks for; they are drawn without repetition, enrolment
    first, and one who has run out stays silent. The same seed gives the same session.
    """
    return _Class(consenting, others, teacher, config, np.random.default_rng(seed)).session()


class _Class:
    """Plays one session: keeps what each voice has left to say and where the recording has got to."""

    def __init__(
        self,
        consenting: Sequence[Voice],
        others: Sequence[Voice],
        teacher: Voice,
        config: SessionConfig,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.rng = config, rng
        self.consenting = [voice.speaker_id for voice in consenting]
        self.others = [voice.speaker_id for voice in others]
        self.teacher = teacher.speaker_id
        voices = (*consenting, *others, teacher)
        self.left = {
            voice.speaker_id: [voice.utterances[at] for at in rng.permutation(len(voice.utterances))]
            for voice in voices
        }
        self.rooms = {
            name: room_response(rng, config.echo_seconds, rng.uniform(*config.direct_db)) for name in self.left
        }
        self.pieces: list[tuple[int, Samples]] = []
        self.spoken: list[Spoken] = []
        self.now = SAMPLE_RATE

    def session(self) -> Session:
        enrolments = {name: self._enrol(name) for name in self.consenting}
        prompts: list[str] = []
        readers: list[str] = []
        order = self.rng.permutation([*self.consenting, *self.others]).tolist()
        for owner in order * self.config.rounds:
            reader = self._reader(owner)
            if not self.left[reader]:
                continue
            text, samples = self.left[reader].pop()
            prompts.append(text)
            readers.append(owner)
            if self.rng.random() >= self.config.skipped:
                self._read(reader, samples, len(prompts) - 1)
            if self.rng.random() < self.config.chatter:
                self._chat()
        return Session(self._mixed(), tuple(prompts), tuple(readers), tuple(self.spoken), enrolments)

    def _reader(self, owner: str) -> str:
        """Return who reads in this turn: mostly its owner."""
        chance = self.rng.random()
        if owner in self.consenting and chance < self.config.taken_over:
            return self._someone([*self.others, self.teacher])
        if owner in self.consenting and chance < self.config.taken_over + self.config.swapped:
            return self._someone([name for name in self.consenting if name != owner])
        return owner

    def _someone(self, names: Sequence[str]) -> str:
        return str(names[int(self.rng.integers(len(names)))])

    def _enrol(self, name: str) -> Samples:
        """Return enough speech, near the phone: little echo, the same room noise."""
        taken: list[Samples] = []
        while self.left[name] and sum(map(len, taken)) < self.config.enrolment_seconds * SAMPLE_RATE:
            taken.append(self.left[name].pop()[1])
        near = room_response(self.rng, self.config.echo_seconds, 12.0)
        heard = np.concatenate([_in_room(samples, near) for samples in taken])
        return (heard + _noise(self.rng, len(heard), _power(heard), self.config.snr_db + 5)).astype(np.float32)

    def _read(self, reader: str, samples: Samples, prompt: int) -> None:
        if self.rng.random() < self.config.restarted:
            broken = samples[: int(len(samples) * self.rng.uniform(0.4, 0.7))]
            self._say(reader, broken, prompt, complete=False)
        start = self._say(reader, samples, prompt)
        if self.rng.random() < self.config.overlapped:
            name = self._someone([name for name in self.left if name != reader])
            if self.left[name]:
                over = self.left[name].pop()[1]
                self._put(name, over, start + int(self.rng.uniform(0, 0.5) * len(samples)), None)

    def _chat(self) -> None:
        name = self.teacher if self.rng.random() < 0.5 else self._someone(list(self.left))
        if self.left[name]:
            self._say(name, self.left[name].pop()[1], None)

    def _say(self, name: str, samples: Samples, prompt: int | None, complete: bool = True) -> int:
        """Say something after everyone has fallen silent; return the sample it begins at."""
        start = self.now + round(self.rng.uniform(*self.config.pause) * SAMPLE_RATE)
        self._put(name, samples, start, prompt, complete)
        return start

    def _put(self, name: str, samples: Samples, start: int, prompt: int | None, complete: bool = True) -> None:
        end = start + len(samples)
        self.pieces.append((start, _in_room(samples, self.rooms[name])))
        self.spoken.append(Spoken(name, start / SAMPLE_RATE, end / SAMPLE_RATE, prompt, complete))
        self.now = max(self.now, end)

    def _mixed(self) -> Samples:
        length = self.now + SAMPLE_RATE
        heard = np.zeros(length, np.float32)
        for start, samples in self.pieces:
            end = min(start + len(samples), length)
            heard[start:end] += samples[: end - start]
        power = float(np.mean([_power(samples) for _, samples in self.pieces])) if self.pieces else 1e-6
        heard += _noise(self.rng, length, power, self.config.snr_db)
        peak = float(np.abs(heard).max())
        return heard * np.float32(min(1.0, 0.99 / peak)) if peak else heard


def seconds_within(spoken: Iterable[Spoken], start: Seconds, end: Seconds) -> Seconds:
    """Return how long anyone of ``spoken`` talks between two times; two at once count once."""
    reached = start
    total = 0.0
    for each in sorted(spoken, key=lambda one: one.start):
        total += max(0.0, min(each.end, end) - max(each.start, reached))
        reached = max(reached, min(each.end, end))
    return total


def _in_room(samples: Samples, response: Samples) -> Samples:
    """Return the sound with its echo, at the level that everyone is heard at on average (RMS 0.05)."""
    heard = fftconvolve(samples, response)[: len(samples) + len(response) // 2]
    levelled: Samples = (heard * (0.05 / max(np.sqrt(_power(heard[: len(samples)])), 1e-6))).astype(np.float32)
    return levelled


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def _noise(rng: np.random.Generator, length: int, power: float, snr_db: float) -> Samples:
    """Return low-pass room noise of a level below a speech power."""
    noise = lfilter([1.0], [1.0, -0.9], rng.standard_normal(length))
    scaled: Samples = (noise * np.sqrt(power / _power(noise) * 10 ** (-snr_db / 10))).astype(np.float32)
    return scaled
