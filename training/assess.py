"""Waveform + text -> Assessment: the one inference path that verbs, evaluation and applications share.

    python -m training.assess model=runs/my-model audio=reading.m4a text="the cat sat"

Prints coloured feedback; ``json=result.json`` also writes it as data. A text with commas, quotes or apostrophes is
easier to give as ``text_file=reading.txt``. Scores are log probabilities of the model, not grades: they have not been
calibrated against human ratings.
"""

from __future__ import annotations

import json
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
from training.advice import diagnosis
from training.advice.assessment import Assessment, PhoneScore, Verdict, WordScore
from training.advice.judgement import Judgement, judgements
from training.advice.reading_task import Task, gop_of, scored
from training.advice.sound_check import AssessSettings, judge_reading, judge_sound
from training.alignment import align, gop
from training.alignment.readings import choose_reading
from training.errors import AlignmentError, AssessmentError, Misfit
from training.network.checkpoints import open_model
from training.network.posteriors import Heard, PosteriorModel
from training.prosodic.prosody import measure

SCORE_LIMIT = 1e6
"""Scores end here on both sides; only a model with a single phone, which has no rival, ever gets there."""

SCORES = ("gop_sf", "rival_ratio", "gop_lp", "gop_lpr")
"""The scores of a ``PhoneScore``, by the names of its fields."""

Canonical = Sequence[tuple[str, int]]
"""The phones to score: (symbol, index of its word), in order."""


class Assessor:
    """Scores readings with one model. Bad recordings get a verdict; only wrong calls and broken models raise."""

    def __init__(self, model: PosteriorModel, settings: AssessSettings | None = None) -> None:
        self.model = model
        self.settings = settings or AssessSettings()
        self.inventory = tuple(model.config.inventory)
        self.language = model.config.language
        self.frame_seconds = model.frame_seconds
        self._layers = tuple(model.config.scorer["state_layers"]) if model.config.scorer else ()
        self._index = {symbol: index for index, symbol in enumerate(self.inventory, start=1)}

    @classmethod
    def from_pretrained(
        cls, folder_or_name: str | Path, device: str | None = None, settings: AssessSettings | None = None
    ) -> Assessor:
        """Load a checkpoint or an exported model; see ``training.network.checkpoints.open_model``."""
        return cls(open_model(folder_or_name, device), settings)

    def assess(self, waveform: np.ndarray, text: str) -> Assessment:
        """Assess one reading of ``text``: float32 mono samples (N,) at 16 kHz."""
        return self.assess_batch([waveform], [text])[0]

    @torch.inference_mode()
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
        found = self._hear([clean[place] for place in heard])
        results = [
            Assessment(verdict, duration=waveform.size / SAMPLE_RATE)
            for verdict, waveform in zip(verdicts, clean, strict=True)
        ]
        tasks = []
        for place, sound in zip(heard, found, strict=True):
            text = "" if texts is None else texts[place]
            canonical = None if canonicals is None else canonicals[place]
            task = self._prepare(place, clean[place], sound, text, canonical)
            decoded = tuple(self.inventory[index - 1] for index in align.greedy(sound.log_probs))
            results[place] = replace(results[place], decoded=decoded, frames=len(sound.log_probs))
            if isinstance(task, Verdict):
                results[place] = replace(results[place], verdict=task)
            else:
                tasks.append(task)
        fits = gop_of(tasks)
        for task, one, judgement in zip(tasks, fits, self._judge(tasks, fits), strict=True):
            results[task.place] = self._result(results[task.place], task, one, judgement)
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

    def _hear(self, waveforms: list[np.ndarray]) -> list[Heard]:
        if not waveforms:
            return []
        found = self.model.hear(waveforms, self._layers)
        if any(bool(torch.isnan(heard.log_probs).any()) for heard in found):
            raise AssessmentError("The model gave NaN: its weights are damaged, or it ran in too low a precision.")
        return [heard.floored() for heard in found]

    def _prepare(
        self, place: int, waveform: np.ndarray, heard: Heard, text: str, canonical: Canonical | None
    ) -> Task | Verdict:
        """Choose the phones to score; a verdict instead where there is nothing to score or no room for it."""
        table, indexed = heard.log_probs, canonical
        if indexed is None:
            lexicon = Lexicon(self.language)
            try:
                spoken = lexicon.transcribe(normalise(text, self.language))
            except PhoneError:
                return Verdict.UNREADABLE
            words = tuple(word.text for word in spoken)
            variants = [[tuple(self._encode(variant)) for variant in word.variants] for word in spoken]
            chosen = choose_reading(table, variants)
            indexed = [(self.inventory[target - 1], index) for index, word in enumerate(chosen) for target in word]
        else:
            count = max((index for _, index in indexed), default=-1) + 1
            named = text.split()
            words = tuple(named) if len(named) >= count else ("",) * count
        targets = self._encode(symbol for symbol, _ in indexed)
        try:
            spans = align.force(table, targets)
        except AlignmentError as error:
            return Verdict.NO_TEXT if error.reason is Misfit.NO_PHONES else Verdict.TOO_SHORT
        times = align.phone_times(spans, len(table), self.frame_seconds, self.settings.reach)
        times = align.within(times, waveform)
        return Task(place, waveform, "" if canonical else text, heard, tuple(indexed), targets, words, spans, times)

    def _judge(self, tasks: Sequence[Task], fits: Sequence[gop.GopFeatures]) -> Sequence[Judgement | None]:
        """Return what the scorer says of each reading, ``None`` without a scorer."""
        threshold = self.model.threshold
        if threshold is None or not tasks:
            return [None] * len(tasks)
        untold = (self.model.config.scorer or {}).get("untold", ())
        output, features = scored(self.model, tasks, fits, self.settings.reach)
        return judgements(output, features, threshold, untold)

    def _result(self, result: Assessment, task: Task, fit: gop.GopFeatures, judgement: Judgement | None) -> Assessment:
        exact, aligned = fit.exact, fit.aligned
        competitors = exact.competitors(task.targets).tolist()
        rivals = [self.inventory[index - 1] if index else "" for index in competitors]
        columns = (exact.gop, exact.ratios[range(len(rivals)), competitors], aligned.log_posterior, aligned.ratio)
        scores = torch.stack([column.cpu() for column in columns], 1).clamp(-SCORE_LIMIT, SCORE_LIMIT).tolist()
        said = diagnosis.alternatives(exact, self.inventory)
        phones = [
            PhoneScore(
                *phone, time.start, time.end, **dict(zip(SCORES, row, strict=True)), rival=rival, alternatives=best
            )
            for phone, time, row, rival, best in zip(task.canonical, task.times, scores, rivals, said, strict=True)
        ]
        words = self._words(task, phones)
        read = [symbol for symbol, _ in task.canonical]
        verdict = judge_reading(result.decoded, read, self.settings)
        found = replace(result, verdict=verdict, phones=tuple(phones), words=tuple(words))
        if self.settings.prosody and task.text:
            told = measure(task.waveform, words, phones, task.text, self.language)
            found = replace(found, prosody=told)
        if judgement is None:
            return found
        added = diagnosis.insertions(exact, self.inventory, self.settings.surest_insertion)
        return judgement.complete(replace(found, insertions=added), self.settings.surest, self.language)

    @staticmethod
    def _words(task: Task, phones: Sequence[PhoneScore]) -> list[WordScore]:
        word_times = align.word_times(task.times, [word for _, word in task.canonical], len(task.words))
        words = []
        for number, (text, time) in enumerate(zip(task.words, word_times, strict=True)):
            own = [phone.gop_sf for phone in phones if phone.word_index == number]
            mean = sum(own) / len(own) if own else None
            start, end = (None, None) if time is None else (time.start, time.end)
            words.append(WordScore(text, start, end, mean))
        return words


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
    azure: str | None = None
    """Where to write it in the shape of Azure's pronunciation assessment, for front-ends that read that."""
    textgrid: str | None = None
    """Where to write words and phones with their times as a Praat TextGrid (extra praat)."""
    settings: AssessSettings = field(default_factory=lambda: AssessSettings(prosody=True))
    """Limits on the sound and on the search for the pronunciation; prosody is measured unless switched off."""


def work(config: AssessConfig) -> None:
    """Assess one file and print the feedback; raise ``AssessmentError`` with advice where it cannot be scored."""
    from collection import textgrid
    from collection.audio import decode
    from training.advice.azure import to_azure
    from training.advice.feedback import ADVICE, render, render_prosody

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
    if config.azure:
        atomic_write(Path(config.azure), json.dumps(to_azure(assessment, text), ensure_ascii=False) + "\n")
    if config.textgrid and assessment.phones:
        tiers = textgrid.of_reading(assessment.words, assessment.phones)
        textgrid.write(Path(config.textgrid), tiers, assessment.duration)
    if assessment.verdict is not Verdict.OK:
        raise AssessmentError(f"{config.audio}: {ADVICE[assessment.verdict]}")
    console.print(render(assessment))
    if assessment.prosody is not None:
        console.print(render_prosody(assessment.prosody))


def main() -> None:
    """Run the verb."""
    run_verb("assess", AssessConfig, work)


if __name__ == "__main__":
    main()
