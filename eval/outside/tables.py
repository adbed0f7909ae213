"""Answers of another system beside the rows of a release -> the prediction tables of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from collection.release import Release
from collection.schema import Split, WordScores
from eval import predictions
from eval.errors import PredictionsError
from eval.outside.answers import Answer
from eval.outside.fit import MATCHED, decoded, fit, verdict
from eval.outside.scale import to_human
from eval.outside.symbols import Symbols
from eval.predict import COLUMNS, Selection, raters_of, utterance_of
from eval.predictions import PhonePrediction, Predictions, RaterScores, UtterancePrediction, WordPrediction


def build(
    release: Release,
    selections: Sequence[Selection],
    answers: Mapping[str, Answer],
    symbols: Symbols,
    name: str,
    calibration: str,
    counts: Counter[str],
) -> Predictions:
    """Return the tables of all selections; ``counts`` grows by what became of each phone.

    Raises ``PredictionsError`` for phones that no inventory knows, for predictions without any score of a phone, and
    where only some utterances have a free decoding.
    """
    phones: list[PhonePrediction] = []
    words: list[WordPrediction] = []
    utterances: list[UtterancePrediction] = []
    raters: list[RaterScores] = []
    for selection in selections:
        wanted = frozenset(selection.utterances)
        for row in release.rows(Split(selection.split), columns=COLUMNS):
            if (utterance := row["utterance_id"]) not in wanted:
                continue
            answer = answers[utterance]
            own, scored = _phones(row, answer, selection.split, symbols, counts)
            phones += own
            words += scored
            said = decoded(answer, symbols)
            utterances.append(utterance_of(row, selection.split, said, verdict(answer), answer.scores))
            raters += raters_of(row, selection.split)
    symbols.check()
    if not counts[MATCHED]:
        raise PredictionsError(
            "The predictions hold no score of any phone: ask the system for them (Azure: Granularity=Phoneme)."
        )
    without = [one.utterance_id for one in utterances if one.decoded is None]
    if 0 < len(without) < len(utterances):
        raise PredictionsError(
            f"{len(without)} of {len(utterances)} utterances have no free decoding ({', '.join(without[:5])}), the "
            "others have: give decoded for all (an empty list where nothing was heard), or for none."
        )
    known = calibration if len({selection.split for selection in selections}) > 1 else ""
    tables = predictions.to_predictions(
        phones, to_human(utterances, known), f"score of {name}", to_human(words, known), raters
    )
    return predictions.join([tables])


def _phones(
    row: dict[str, Any], answer: Answer, split: str, symbols: Symbols, counts: Counter[str]
) -> tuple[list[PhonePrediction], list[WordPrediction]]:
    keys = (row["utterance_id"], row["speaker_id"], split)
    slots, words = fit(
        answer, row["utterance_id"], [word["text"] for word in row["words"]], row["phones"], symbols, counts
    )
    phones = [
        PhonePrediction(
            *keys,
            slot=number,
            word_index=phone["word_index"],
            canonical=phone["canonical"],
            heard=slot.heard,
            gop=slot.score,
            start=slot.start,
            end=slot.end,
            accuracy=phone["accuracy"],
            realised=phone["realised"],
            reference_start=phone["start"],
            reference_end=phone["end"],
        )
        for number, (phone, slot) in enumerate(zip(row["phones"], slots, strict=True))
    ]
    scored = [
        WordPrediction(
            *keys,
            index,
            WordScores(word["accuracy"], word["stress"], word["total"]),
            WordScores() if found is None else found.scores,
        )
        for index, (word, found) in enumerate(zip(row["words"], words, strict=True))
    ]
    return phones, scored
