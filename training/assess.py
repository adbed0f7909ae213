"""Waveform + text -> Assessment: the one inference path that verbs, evaluation and applications share.

    python -m training.assess model=runs/my-model audio=reading.m4a text="the cat sat"

Prints coloured feedback; ``json=result.json`` also writes it as data. A text with commas, quotes or apostrophes is
easier to give as ``text_file=reading.txt``. Scores are log probabilities of the model, not grades: they have not been
calibrated against human ratings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from omegaconf import MISSING

from collection.cli import console, existing, run_verb
from collection.manifest import atomic_write
from collection.phones import Lexicon, PhoneError, normalise
from collection.schema import SAMPLE_RATE
from training import align, gop
from training.assessment import Assessment, PhoneScore, Verdict, WordScore
from training.checkpoints import open_model
from training.errors import AlignmentError, AssessmentError, Misfit
from training.posteriors import PosteriorModel
from training.readings import choose_reading

LOG_FLOOR = -100.0
"""Log posteriors are raised to this, so that a model's exact zeros never make an infinite score."""

SCORE_LIMIT = 1e6
"""Scores end here on both sides; only a model with a single phone, which has no rival, ever gets there."""

SCORES = ("gop_sf", "rival_ratio", "gop_lp", "gop_lpr")
"""The scores of a ``PhoneScore``, by the names of its fields."""

Canonical = Sequence[tuple[str, int]]
"""The phones to score: (symbol, index of its word), in order."""


@dataclass
class AssessSettings:
    """How sound and text are taken in before they are scored."""

    min_seconds: float = 0.1
    """s; a shorter recording gets the verdict too_short."""
    max_seconds: float = 30.0
    """s; a longer recording gets the verdict too_long (a Whisper encoder hears 30 s, memory ends somewhere for all)."""
    silence_dbfs: float = -60.0
    """dBFS of the highest sample, mean removed; below it the verdict is silent."""
    max_readings: int = 64
    """Pronunciations of a whole text compared at once; beyond, words are decided one by one, left to right."""
    reach: float = align.REACH
    """s; how far a phone's time may grow into the blank frames beside it."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One utterance that can be scored: its place in the batch, posteriors, phones and their words."""

    place: int
    log_probs: torch.Tensor
    canonical: tuple[tuple[str, int], ...]
    targets: list[int]
    words: tuple[str, ...]


class Assessor:
    """Scores readings with one model. Bad recordings get a verdict; only wrong calls and broken models raise."""

    def __init__(self, model: PosteriorModel, settings: AssessSettings | None = None) -> None:
        self.model = model
        self.settings = settings or AssessSettings()
        self.inventory = tuple(model.config.inventory)
        self.language = model.config.language
        self.frame_seconds = model.frame_seconds
        self._index = {symbol: index for index, symbol in enumerate(self.inventory, start=1)}

    @classmethod
    def from_pretrained(
        cls, folder_or_name: str | Path, device: str | None = None, settings: AssessSettings | None = None
    ) -> Assessor:
        """Load a checkpoint or an exported model; see ``training.checkpoints.open_model``."""
        return cls(open_model(folder_or_name, device), settings)

    def assess(self, waveform: np.ndarray, text: str) -> Assessment:
        """Assess one reading of ``text``: float32 mono samples (N,) at 16 kHz."""
        return self.assess_batch([waveform], [text])[0]

    def assess_batch(
        self,
        waveforms: Sequence[np.ndarray],
        texts: Sequence[str] | None = None,
        canonicals: Sequence[Canonical] | None = None,
    ) -> list[Assessment]:
        """Assess several readings in one pass of the model; the result has one assessment a waveform, in order.

        Give ``texts`` to look pronunciations up (the likeliest accepted one of each word is scored), or ``canonicals``
        to score exactly these phones, with ``texts`` then only naming the words. Raises ``AssessmentError`` for lists
        of different lengths and for phones outside the model's inventory.
        """
        for name, given in (("texts", texts), ("canonicals", canonicals)):
            if given is not None and len(given) != len(waveforms):
                raise AssessmentError(f"{len(waveforms)} waveforms but {len(given)} {name}: give one for each.")
        if texts is None and canonicals is None:
            raise AssessmentError("Give texts or canonicals: an assessment needs to know what should have been read.")
        for phones in canonicals or ():
            self._encode(symbol for symbol, _ in phones)
        clean = [np.asarray(waveform, dtype=np.float32) for waveform in waveforms]
        verdicts = [judge_sound(waveform, self.settings) for waveform in clean]
        heard = [place for place, verdict in enumerate(verdicts) if verdict is Verdict.OK]
        tables = self._posteriors([clean[place] for place in heard])
        results = [
            Assessment(verdict, duration=waveform.size / SAMPLE_RATE)
            for verdict, waveform in zip(verdicts, clean, strict=True)
        ]
        tasks = []
        for place, table in zip(heard, tables, strict=True):
            text = "" if texts is None else texts[place]
            canonical = None if canonicals is None else canonicals[place]
            task = self._prepare(place, table, text, canonical)
            decoded = tuple(self.inventory[index - 1] for index in align.greedy(table))
            results[place] = replace(results[place], decoded=decoded, frames=len(table))
            if isinstance(task, Verdict):
                results[place] = replace(results[place], verdict=task)
            else:
                tasks.append(task)
        exact = gop.exact_batch([task.log_probs for task in tasks], [task.targets for task in tasks])
        for task, scores in zip(tasks, exact, strict=True):
            results[task.place] = self._score(results[task.place], task, scores)
        return results

    def _encode(self, symbols: Iterable[str]) -> list[int]:
        indices = []
        for symbol in symbols:
            if symbol not in self._index:
                raise AssessmentError(
                    f"Phone {symbol!r} is not in this model's inventory ({self.language}: "
                    f"{' '.join(self.inventory)}). Use a model trained for the language of the text."
                )
            indices.append(self._index[symbol])
        return indices

    def _posteriors(self, waveforms: list[np.ndarray]) -> list[torch.Tensor]:
        if not waveforms:
            return []
        tables = self.model.log_probs(waveforms)
        if any(bool(torch.isnan(table).any()) for table in tables):
            raise AssessmentError("The model gave NaN: its weights are damaged, or it ran in too low a precision.")
        # Apple's GPUs have no float64, which exact scores need.
        return [(table.cpu() if table.device.type == "mps" else table).clamp(min=LOG_FLOOR) for table in tables]

    def _prepare(self, place: int, table: torch.Tensor, text: str, canonical: Canonical | None) -> _Task | Verdict:
        """Choose the phones to score; a verdict instead where there is nothing to score or no room for it."""
        indexed = canonical
        if indexed is None:
            lexicon = Lexicon(self.language)
            try:
                spoken = lexicon.transcribe(normalise(text, self.language))
            except PhoneError:
                return Verdict.UNREADABLE
            words = tuple(word.text for word in spoken)
            variants = [[tuple(self._encode(variant)) for variant in word.variants] for word in spoken]
            chosen = choose_reading(table, variants, self.settings.max_readings)
            indexed = [(self.inventory[target - 1], index) for index, word in enumerate(chosen) for target in word]
        else:
            count = max((index for _, index in indexed), default=-1) + 1
            named = text.split()
            words = tuple(named) if len(named) >= count else ("",) * count
        targets = self._encode(symbol for symbol, _ in indexed)
        try:
            align.check(table, targets)
        except AlignmentError as error:
            return Verdict.NO_TEXT if error.reason is Misfit.NO_PHONES else Verdict.TOO_SHORT
        return _Task(place, table, tuple(indexed), targets, words)

    def _score(self, result: Assessment, task: _Task, exact: gop.ExactGop) -> Assessment:
        spans = align.force(task.log_probs, task.targets)
        aligned = gop.aligned(task.log_probs, task.targets, spans)
        times = align.phone_times(spans, len(task.log_probs), self.frame_seconds, self.settings.reach)
        times = [align.Times(min(time.start, result.duration), min(time.end, result.duration)) for time in times]
        competitors = exact.competitors(task.targets).tolist()
        rivals = [self.inventory[index - 1] if index else "" for index in competitors]
        rows = range(len(task.targets))
        columns = (exact.gop, exact.ratios[rows, competitors], aligned.log_posterior, aligned.ratio)
        scores = torch.stack([column.cpu() for column in columns], 1).clamp(-SCORE_LIMIT, SCORE_LIMIT).tolist()
        phones = tuple(
            PhoneScore(*phone, time.start, time.end, **dict(zip(SCORES, row, strict=True)), rival=rival)
            for phone, time, row, rival in zip(task.canonical, times, scores, rivals, strict=True)
        )
        index = [word for _, word in task.canonical]
        word_times = align.word_times(times, index, len(task.words))
        words = []
        for number, (text, time) in enumerate(zip(task.words, word_times, strict=True)):
            own = [phone.gop_sf for phone in phones if phone.word_index == number]
            mean = sum(own) / len(own) if own else None
            start, end = (None, None) if time is None else (time.start, time.end)
            words.append(WordScore(text, start, end, mean))
        verdict = Verdict.OK if result.decoded else Verdict.NOTHING_HEARD
        return replace(result, verdict=verdict, phones=phones, words=tuple(words))


def judge_sound(waveform: np.ndarray, settings: AssessSettings) -> Verdict:
    """Return whether samples (N,) can be scored at all, before any model hears them."""
    if waveform.ndim != 1:
        raise AssessmentError(
            f"A waveform is one row of samples (N,), this one has shape {waveform.shape}: mix to mono."
        )
    if not np.isfinite(waveform).all():
        return Verdict.DAMAGED
    if waveform.size < max(1, settings.min_seconds * SAMPLE_RATE):
        return Verdict.TOO_SHORT
    if waveform.size > settings.max_seconds * SAMPLE_RATE:
        return Verdict.TOO_LONG
    peak = float(np.abs(waveform - waveform.mean()).max())
    return Verdict.SILENT if peak < 10 ** (settings.silence_dbfs / 20) else Verdict.OK


@dataclass
class AssessConfig:
    """Configuration of ``python -m training.assess``."""

    model: str = MISSING
    """Folder (or Hub name) of a trained checkpoint."""
    audio: str = MISSING
    """The sound file of one reading; any format that ``collection.audio`` accepts."""
    text: str | None = None
    """What was to be read, in the language of the model."""
    text_file: str | None = None
    """A UTF-8 file that holds the text, in place of ``text``."""
    device: str | None = None
    """torch device; by default the GPU if there is one."""
    json: str | None = None
    """Where to write the assessment as JSON; nothing is written by default."""
    settings: AssessSettings = field(default_factory=AssessSettings)
    """Limits on the sound and on the search for the pronunciation."""


def work(config: AssessConfig) -> None:
    """Assess one file and print the feedback; raise ``AssessmentError`` with advice where it cannot be scored."""
    from collection.audio import decode
    from training.feedback import ADVICE, render

    if (config.text is None) == (config.text_file is None):
        raise AssessmentError("Give what was to be read: either text=… or text_file=….")
    text = config.text or ""
    if config.text_file is not None:
        text = existing(config.text_file, "Text file").read_text("utf-8")
    sound = decode(existing(config.audio, "Sound file"))
    assessor = Assessor.from_pretrained(config.model, config.device, config.settings)
    assessment = assessor.assess(sound.samples, text)
    if config.json:
        atomic_write(Path(config.json), assessment.to_json() + "\n")
    if assessment.verdict is not Verdict.OK:
        raise AssessmentError(f"{config.audio}: {ADVICE[assessment.verdict]}")
    console.print(render(assessment))


def main() -> None:
    """Run the verb."""
    run_verb("assess", AssessConfig, work)


if __name__ == "__main__":
    main()
