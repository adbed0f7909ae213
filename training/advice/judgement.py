"""What a scorer says of one reading, and how an assessment tells it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from collection.schema import Scores, WordScores
from training.advice.assessment import Assessment, PhoneScore
from training.advice.diagnosis import diagnose
from training.network.phone_features import PhoneFeatures
from training.network.scorer import UTTERANCE_SCORES, WORD_SCORES, ScorerOutput


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores of one reading on the human scales: ``accuracy`` and ``mispronounced`` a phone, ``words`` a word.

    ``threshold`` is the probability of a mispronunciation from which a phone is flagged.
    """

    accuracy: list[float]
    mispronounced: list[float]
    words: list[WordScores]
    utterance: Scores
    threshold: float

    def complete(self, assessment: Assessment, surest: float, language: str) -> Assessment:
        """Return the assessment with these scores; flagged phones get a diagnosis of at least this confidence."""
        phones = tuple(
            self._phone(phone, accuracy, mispronounced, surest, language)
            for phone, accuracy, mispronounced in zip(assessment.phones, self.accuracy, self.mispronounced, strict=True)
        )
        spoken = {phone.word_index for phone in phones}
        words = tuple(
            replace(word, **asdict(self.words[index])) if index in spoken else word
            for index, word in enumerate(assessment.words)
        )
        return replace(assessment, phones=phones, words=words, scores=self.utterance)

    def _phone(
        self, phone: PhoneScore, accuracy: float, mispronounced: float, surest: float, language: str
    ) -> PhoneScore:
        flagged = mispronounced >= self.threshold
        why = diagnose(phone.symbol, phone.alternatives, surest, language) if flagged else None
        return replace(phone, accuracy=accuracy, mispronounced=mispronounced, flagged=flagged, diagnosis=why)


def judgements(
    output: ScorerOutput, features: Sequence[PhoneFeatures], threshold: float, untold: Collection[str] = ()
) -> list[Judgement]:
    """Return the scores of each reading out of a padded batch; those of ``untold`` (``ScorerShape``) are ``None``."""
    accuracy, bad = output.accuracy.cpu(), torch.sigmoid(output.bad.double()).cpu()
    found = []
    for row, each in enumerate(features):
        phones, words = len(each.targets), int(each.words.max()) + 1
        found.append(
            Judgement(
                accuracy[row, :phones].tolist(),
                bad[row, :phones].tolist(),
                [
                    WordScores(**_named("word", WORD_SCORES, scores, untold))
                    for scores in output.words[row, :words].tolist()
                ],
                Scores(**_named("utterance", UTTERANCE_SCORES, output.utterance[row].tolist(), untold)),
                threshold,
            )
        )
    return found


def _named(
    level: str, names: Sequence[str], values: Sequence[float], untold: Collection[str]
) -> dict[str, float | None]:
    return {name: None if f"{level}.{name}" in untold else value for name, value in zip(names, values, strict=True)}
