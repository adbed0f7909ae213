"""Answers of vendors' services, a JSON file an utterance: Azure's pronunciation assessment, Speechace's text score.

The shapes are those of Microsoft's "Use pronunciation assessment" and "Speech to text REST API for short audio" (whose
fields lie one level higher) and of Speechace's "Score text" (api-docs.speechace.com). What we write ourselves for
front-ends (``training.advice.azure``) reads back. Only what the bench can score is read; unknown fields are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from collection.schema import Scores, WordScores
from eval.errors import PredictionsError
from eval.outside.answers import OK, Answer, PhoneAnswer, WordAnswer, number, record, records, text

TICKS = 10_000_000
"""Azure's ticks of 100 ns in a second."""
EXTENT = 100
"""Speechace's ``extent`` counts hundredths of a second."""
LOWEST = 0.0
"""The worst score of both services."""
SUCCESS = "Success"
_SCORES = {
    "accuracy": "AccuracyScore",
    "fluency": "FluencyScore",
    "completeness": "CompletenessScore",
    "prosody": "ProsodyScore",
    "total": "PronScore",
}


def read_folder(path: Path, parse: Callable[[dict[str, Any], str], Answer]) -> dict[str, Answer]:
    """Return the answers of every ``<utterance_id>.json`` of a folder, or of that one file."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise PredictionsError(f"{path} holds no .json file: there is nothing to score. One file an utterance.")
    found: dict[str, Answer] = {}
    for file in files:
        if file.stem in found:
            raise PredictionsError(f"{path}: two files answer for utterance {file.stem}. Keep one.")
        try:
            whole = json.loads(file.read_text("utf-8-sig"))
        except ValueError as error:
            raise PredictionsError(f"{file.name} is not JSON, or empty: {error}.") from None
        found[file.stem] = parse(record(whole, file.name), file.stem)
    return found


def azure(whole: dict[str, Any], name: str) -> Answer:
    """Return the answer of one Azure result: its best hypothesis without the words that Azure calls inserted.

    A word called omitted gets the worst score for each of its phones: that is what Azure says of it. Only the first of
    ``NBestPhonemes`` is what was heard; it is bound to the text, so nothing counts as decoded freely.
    """
    if "RecognitionStatus" not in whole and "NBest" not in whole:
        raise PredictionsError(f"{name}: neither RecognitionStatus nor NBest is there: this is no answer of Azure.")
    status = text(whole.get("RecognitionStatus", SUCCESS), f"{name}.RecognitionStatus")
    best = records(whole.get("NBest"), f"{name}.NBest")
    if status != SUCCESS or not best:
        return Answer((), status=status if status != SUCCESS else "no_hypothesis")
    words = [
        _azure_word(word, f"{name}.Words[{place}]")
        for place, word in enumerate(records(best[0].get("Words"), f"{name}.Words"))
        if _assessed(word).get("ErrorType") != "Insertion"
    ]
    told = _assessed(best[0])
    return Answer(
        tuple(words), Scores(**{ours: number(told.get(theirs), f"{name}.{theirs}") for ours, theirs in _SCORES.items()})
    )


def _azure_word(word: dict[str, Any], where: str) -> WordAnswer:
    told = _assessed(word)
    phones = [
        _azure_phone(one, f"{where}.Phonemes[{at}]") for at, one in enumerate(records(word.get("Phonemes"), where))
    ]
    return WordAnswer(
        tuple(phones),
        text=text(word.get("Word"), f"{where}.Word"),
        scores=WordScores(accuracy=number(told.get("AccuracyScore"), f"{where}.AccuracyScore")),
        lowest=LOWEST if told.get("ErrorType") == "Omission" else None,
    )


def _azure_phone(phone: dict[str, Any], where: str) -> PhoneAnswer:
    told = _assessed(phone)
    likeliest = next(iter(records(told.get("NBestPhonemes"), f"{where}.NBestPhonemes")), {}).get("Phoneme")
    start, length = (number(phone.get(name), f"{where}.{name}") for name in ("Offset", "Duration"))
    symbol, score = text(phone.get("Phoneme"), f"{where}.Phoneme"), number(told.get("AccuracyScore"), where)
    if start is None or length is None:
        return PhoneAnswer(symbol, score, likeliest)
    return PhoneAnswer(symbol, score, likeliest, start / TICKS, (start + length) / TICKS)


def _assessed(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return where the scores are: in an object of their own, or beside the other fields."""
    found = told.get("PronunciationAssessment", told)
    return found if isinstance(found, Mapping) else told


def speechace(whole: dict[str, Any], name: str) -> Answer:
    """Return the answer of one Speechace result; what it does not say a phone sounded like stays unknown."""
    if whole.get("status") not in (None, "success"):
        return Answer((), status=str(whole.get("short_message") or whole["status"]))
    told = whole.get("text_score") or whole.get("word_score")
    if told is None:
        raise PredictionsError(f"{name}: neither text_score nor word_score is there: this is no answer of Speechace.")
    score = record(told, f"{name}.text_score")
    words = records(score["word_score_list"], f"{name}.word_score_list") if "word_score_list" in score else [score]
    overall = record(score.get("speechace_score") or {}, f"{name}.speechace_score")
    total = number(score.get("quality_score", overall.get("pronunciation")), f"{name}.quality_score")
    answered = tuple(_speechace_word(word, f"{name}.words[{place}]") for place, word in enumerate(words))
    return Answer(answered, Scores(accuracy=total, total=total), status=OK if answered else "no_words")


def _speechace_word(word: dict[str, Any], where: str) -> WordAnswer:
    quality = number(word.get("quality_score"), f"{where}.quality_score")
    phones = []
    for place, phone in enumerate(records(word.get("phone_score_list"), f"{where}.phone_score_list")):
        here = f"{where}.phones[{place}]"
        extent = phone.get("extent") or (None, None)
        if not isinstance(extent, list | tuple) or len(extent) != 2:
            raise PredictionsError(f"{here}.extent: two numbers were expected, not {extent!r}.")
        start, end = (
            None if one is None else one / EXTENT for one in (number(each, f"{here}.extent") for each in extent)
        )
        score = number(phone.get("quality_score"), f"{here}.quality_score")
        symbol = text(phone.get("phone"), f"{here}.phone")
        phones.append(PhoneAnswer(symbol, score, phone.get("sound_most_like"), start, end))
    return WordAnswer(
        tuple(phones), text=text(word.get("word"), f"{where}.word"), scores=WordScores(accuracy=quality, total=quality)
    )
