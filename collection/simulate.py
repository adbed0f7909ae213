"""A synthetic class: an intake folder as a school would hand it in, and beside it the truth of what is in it.

    python -m collection.simulate out=runs/class
    python -m collection.simulate out=runs/class learners=24 prompts=12 seed=3

Writes ``OUT/intake/`` (roster, recordings, ratings, consents, audio in several formats, some of it unusable),
``OUT/truth.jsonl`` (``collection.synthetic.truth``) and ``OUT/manifest.json`` last. The learners do not exist.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import lfilter

from collection import manifest
from collection.cli import console, progress, run_verb
from collection.consent import write_register
from collection.errors import ConfigError, IntakeError
from collection.intake import REGISTER, Annotation, Intake, Recording, write_intake
from collection.phones import Lexicon, normalise
from collection.schema import Phone
from collection.synthetic.misreading import SaidPhone, misread, score
from collection.synthetic.pupils import Fate, Pupil, make_class
from collection.synthetic.sentences import SENTENCES
from collection.synthetic.sound_files import WORK_RATE, Fault, FileFormat, write, write_bad
from collection.synthetic.truth import TRUTH, Reading, Truth, read_truth, write_truth
from collection.synthetic.voices import Speech, Synthesiser

LANGUAGE = "en-US"
INTAKE = "intake"
_DEVICES = {"phone": -58.0, "tablet": -62.0, "laptop": -54.0, "headset": -68.0}
"""Room noise in dBFS by device; speech lies near -22 dBFS."""
_UNSTRESSED_WORDS = "a an and are at for from her his in is it of on or that the to was were you your"


@dataclass
class SimulateConfig:
    """What class to make up."""

    out: str
    """Folder to write; it must be new, empty or hold the same class."""
    learners: int = 24
    """Learners, at least one of them with live consent; four in five are minors."""
    prompts: int = 12
    """Sentences each learner reads, 1 to 60."""
    refusing: int = 2
    """Minors without consent: the first refused by a guardian, the second by the learner, and so on in turn."""
    withdrawn: int = 1
    """Minors whose consent was given and taken back."""
    expired: int = 1
    """Minors whose consent is over."""
    skipping: int = 1
    """Consenting learners who leave one prompt out, so that readings and prompts do not match."""
    faults: list[str] = field(default_factory=lambda: [fault.value for fault in Fault])
    """Unusable files to add, each under a consenting learner: empty, truncated, text_renamed, too_short, silence."""
    raters: int = 3
    """Simulated experts a reading, at least 1."""
    on: str | None = None
    """ISO date of the class; consents were signed 30 days before. Default today, so that they are live."""
    seed: int = 0
    """The same seed, date and settings give the same class, byte for byte in WAV and FLAC."""


def simulate(
    folder: Path, config: SimulateConfig, on_progress: Callable[[int, int], None] | None = None
) -> list[Truth]:
    """Write a synthetic class into ``folder`` and return its truth; a class that is already there is only read.

    ``on_progress`` is called with learners done and learners in all. Raises ConfigError for impossible settings and
    IntakeError when the folder holds something else.
    """
    settings = _settings(config)
    done = manifest.read(folder)
    if done is not None and done.get("settings") == settings:
        return read_truth(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ".simulating").exists():
        raise IntakeError(f"{folder} holds something else than this class: give another out=…, or empty the folder.")
    on = date.fromisoformat(settings["on"])
    pupils = make_class(config.learners, config.refusing, config.withdrawn, config.expired, on, config.seed)
    audio = folder / INTAKE / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    (folder / ".simulating").touch()
    truths: list[Truth] = []
    recordings: list[Recording] = []
    annotations: dict[tuple[str, int], Annotation] = {}
    with Synthesiser(config.seed) as synthesiser, _Writers() as writers:
        for recording, truth, rated in _record(pupils, audio, synthesiser, writers, config, on):
            recordings.append(recording)
            truths.append(truth)
            annotations.update({(each.recording_id, each.prompt_index): each for each in rated})
            if on_progress and truth.fault is None:
                on_progress(len(recordings), len(pupils))
    roster = {pupil.learner.learner_id: pupil.learner for pupil in pupils}
    write_intake(folder / INTAKE, Intake("synthetic-class", roster, tuple(recordings), annotations))
    write_register(folder / INTAKE / REGISTER, [pupil.consent for pupil in pupils])
    write_truth(folder, truths)
    (folder / ".simulating").unlink()
    manifest.write(folder, {"kind": "synthetic-class", "settings": settings, "recordings": len(recordings)})
    return truths


def _settings(config: SimulateConfig) -> dict[str, Any]:
    settings = asdict(config)
    del settings["out"]
    settings["on"] = config.on or datetime.now(UTC).date().isoformat()
    try:
        date.fromisoformat(settings["on"])
        list(map(Fault, config.faults))
    except ValueError as error:
        raise ConfigError(f"{error}; faults are {', '.join(Fault)}, on is a date like 2026-09-01.") from None
    limits = {"prompts": (1, len(SENTENCES)), "raters": (1, 9), "learners": (1, 400)}
    for name, (least, most) in limits.items():
        if not least <= getattr(config, name) <= most:
            raise ConfigError(f"{name}={getattr(config, name)} is impossible: give {least} to {most}.")
    return settings


class _Writers:
    """Threads that encode files while the next learner reads; a few recordings at most wait in memory."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._collect(0)

    def submit(self, work: Callable[..., None], *arguments: object) -> None:
        """Encode soon; raises what an earlier encoding raised."""
        self._waiting.append(self._pool.submit(work, *arguments))
        self._collect(4)

    def _collect(self, allowed: int) -> None:
        while len(self._waiting) > allowed:
            self._waiting.popleft().result()


def _record(
    pupils: list[Pupil],
    audio: Path,
    synthesiser: Synthesiser,
    writers: _Writers,
    config: SimulateConfig,
    on: date,
) -> Iterator[tuple[Recording, Truth, list[Annotation]]]:
    willing = [number for number, pupil in enumerate(pupils) if pupil.fate is Fate.GRANTED]
    skipping = set(willing[-config.skipping :]) if config.skipping else set()
    for number, pupil in enumerate(pupils):
        rng = np.random.default_rng([config.seed, 1, number])
        texts = [SENTENCES[index] for index in rng.permutation(len(SENTENCES))[: config.prompts]]
        skipped = (int(rng.integers(len(texts))),) if number in skipping and len(texts) > 1 else ()
        device = list(_DEVICES)[int(rng.integers(len(_DEVICES)))]
        file_format = list(FileFormat)[number % len(FileFormat)]
        recording = _recording(pupil, number, texts, device, f"r{number:03d}.{file_format}", on, rng)
        samples, readings, rated = _read_aloud(recording, skipped, pupil, synthesiser, config, rng)
        writers.submit(write, audio / recording.path.name, samples, file_format, pupil.learner.name or "")
        yield recording, _truth(recording, pupil, skipped=skipped, readings=tuple(readings)), rated
    for number, name in enumerate(config.faults):
        fault, pupil = Fault(name), pupils[willing[number % len(willing)]]
        rng = np.random.default_rng([config.seed, 2, number])
        suffix = "flac" if fault is Fault.TRUNCATED else "wav"
        recording = _recording(pupil, 900 + number, list(SENTENCES[:2]), "phone", f"bad-{fault}.{suffix}", on, rng)
        samples, _, _ = _read_aloud(recording, (), pupil, synthesiser, config, rng)
        writers.submit(write_bad, audio / recording.path.name, fault, samples, rng)
        yield recording, _truth(recording, pupil, fault=fault.value), []


def _recording(
    pupil: Pupil, number: int, texts: list[str], device: str, name: str, on: date, rng: np.random.Generator
) -> Recording:
    day = on - timedelta(days=7 + number % 2)
    identity = f"recording-{rng.bytes(5).hex()}"
    session = f"class-{'AB'[number % 2]}-{day.isoformat()}"
    path = Path("audio") / name
    return Recording(identity, pupil.learner.learner_id, session, path, day, LANGUAGE, tuple(texts), device)


def _truth(recording: Recording, pupil: Pupil, **known: Any) -> Truth:
    name, path = pupil.learner.name or "", recording.path.as_posix()
    return Truth(recording.recording_id, recording.learner_id, name, path, pupil.fate.value, pupil.voice, **known)


def _read_aloud(
    recording: Recording,
    skipped: tuple[int, ...],
    pupil: Pupil,
    synthesiser: Synthesiser,
    config: SimulateConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], list[Reading], list[Annotation]]:
    """Return a recording's samples (float32, ``WORK_RATE``), its readings and their ratings."""
    pieces = [_silence(rng.uniform(0.5, 1.2))]
    readings, rated = [], []
    raters = [f"rater-{number + 1}" for number in range(config.raters)]
    for index, text in enumerate(recording.prompts):
        if index in skipped:
            continue
        words = normalise(text, LANGUAGE)
        said = misread([_stressed(word) for word in words], pupil.learner.first_language or "", pupil.error_rate, rng)
        spoken = [
            [each.realised for each in said if each.word_index == at and each.realised] for at in range(len(words))
        ]
        speech = synthesiser.speak(pupil.voice, spoken)
        samples = soxr.resample(speech.samples, speech.rate, WORK_RATE)
        start = sum(map(len, pieces)) / WORK_RATE
        pieces += [samples, _silence(rng.uniform(0.8, 1.5))]
        readings.append(_reading(index, text, start, len(samples) / WORK_RATE, said, speech))
        rated.append(
            Annotation(recording.recording_id, index, *score(words, said, pupil.learner.level or "A1", raters, rng))
        )
    return _in_a_room(np.concatenate(pieces), recording.device or "phone", rng), readings, rated


def _stressed(word: str) -> tuple[str, ...]:
    phones = Lexicon(LANGUAGE).stressed(word)
    if phones is None:
        raise ConfigError(f"the word {word!r} is not in the CMU dictionary: a synthetic voice needs its stress.")
    return tuple(phone.replace("1", "0") for phone in phones) if word in _UNSTRESSED_WORDS.split() else phones


def _reading(index: int, text: str, start: float, length: float, said: list[SaidPhone], speech: Speech) -> Reading:
    times = iter(speech.times or ())
    phones = []
    for each in said:
        begin, end = next(times, (None, None)) if each.realised else (None, None)
        canonical, realised = each.canonical.rstrip("012"), each.realised.rstrip("012")
        phones.append(Phone(canonical, each.word_index, _at(start, begin), _at(start, end), realised=realised))
    return Reading(index, text, round(start, 4), round(start + length, 4), tuple(phones))


def _at(start: float, offset: float | None) -> float | None:
    return None if offset is None else round(start + offset, 4)


def _silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * WORK_RATE), np.float32)


def _in_a_room(samples: NDArray[np.float32], device: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the recording at a level near -22 dBFS of speech, with low-pass room noise under it."""
    speech = samples[samples != 0]
    gain = 10 ** (rng.uniform(-25, -19) / 20) / max(float(np.sqrt(np.mean(speech**2))), 1e-6)
    noise = lfilter([1.0], [1.0, -0.9], rng.standard_normal(len(samples)))
    noise *= 10 ** (_DEVICES[device] / 20) / float(np.sqrt(np.mean(noise**2)))
    mixed: NDArray[np.float32] = np.clip(gain * samples + noise, -0.99, 0.99).astype(np.float32)
    return mixed


def _work(config: SimulateConfig) -> None:
    folder = Path(config.out).expanduser()
    with progress() as bar:
        task = bar.add_task("Learners read aloud", total=config.learners)
        truths = simulate(folder, config, lambda done, total: bar.update(task, completed=done, total=total))
        bar.update(task, completed=config.learners)
    size = sum(path.stat().st_size for path in (folder / INTAKE / "audio").iterdir())
    refused = sum(truth.fate != Fate.GRANTED for truth in truths)
    console.print(
        f"{len(truths)} recordings ({size / 2**20:.0f} MiB) of {config.learners} learners in {folder / INTAKE}: "
        f"{refused} without live consent, {sum(truth.fault is not None for truth in truths)} unusable. "
        f"Truth: {folder / TRUTH}",
        soft_wrap=True,
    )


def main() -> None:
    """Run the verb."""
    run_verb("simulate", SimulateConfig, _work)


if __name__ == "__main__":
    main()
