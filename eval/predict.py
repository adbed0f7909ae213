"""A release through a model to prediction tables: consent asked again, batches by duration, resumable by window.

Rows are streamed in the order of the release and cut into windows; a window is sorted by duration, batched, and stored
once it is done, so that a stopped run goes on where it was and memory does not grow with the release.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from collection.audio import decode_flac
from collection.release import Release
from collection.schema import Phone, Scores, Split, WordScores
from eval import groups, predictions
from eval.errors import ScoreError
from eval.predictions import PhonePrediction, Predictions, RaterScores, UtterancePrediction, WordPrediction
from eval.voices.speakers import why_left_out
from training.advice.assessment import Assessment, PhoneScore, WordScore
from training.assess import Assessor

WINDOW = 256
"""Utterances that are held, sorted by duration and stored together."""
COLUMNS = (
    *("utterance_id", "speaker_id", "duration", "words", "phones", "scores", "raters"),
    *("speaker", "device", "quality", "consent"),
)
GOP_KINDS = ("gop_sf", "rival_ratio", "gop_lp", "gop_lpr")
"""Fields of ``training.advice.assessment.PhoneScore`` that may serve as the GOP."""
AUTO, ACCURACY = "auto", "accuracy"
JUDGED = (AUTO, ACCURACY, *GOP_KINDS)
"""What may be judged: the accuracy that a scorer predicts, a GOP, or ``auto``: the first where there is a scorer."""
BESIDE = ("gop_sf", "gop_lp", "mispronounced", "flagged")
"""Fields of a ``PhoneScore`` that are stored beside what is judged."""


def judged(wanted: str, assessor: Assessor) -> str:
    """Return the field of a ``PhoneScore`` that is judged; raise where the model cannot give what is wanted."""
    scorer = getattr(assessor.model.config, "scorer", None)
    if wanted == ACCURACY and not scorer:
        raise ScoreError(
            f"gop={ACCURACY} needs a model with a scorer, and this one has none. Train one (python -m training.train "
            f"stage=score …), or choose one of: {', '.join(GOP_KINDS)}."
        )
    return (ACCURACY if scorer else GOP_KINDS[0]) if wanted == AUTO else wanted


@dataclass(frozen=True, slots=True)
class Selection:
    """The utterances of one split that may and can be scored; ``left_out`` counts the others by reason."""

    split: str
    utterances: tuple[str, ...]
    speakers: frozenset[str]
    left_out: dict[str, int]


def select(release: Release, split: str, on: date, inventory: Container[str], limit: int | None = None) -> Selection:
    """Ask each row of a split again whether it may be used for evaluation on this day, and whether it can be."""
    kept: list[str] = []
    speakers: set[str] = set()
    gone = release.count_withdrawn(split)
    left: Counter[str] = Counter({"withdrawn": gone} if gone else {})
    for row in release.rows(Split(split), columns=["utterance_id", "speaker_id", "phones", "consent"]):
        if reason := why_left_out(row, on, inventory):
            left[reason] += 1
        elif limit is not None and len(kept) >= limit:
            left["beyond_limit"] += 1
        else:
            kept.append(row["utterance_id"])
            speakers.add(row["speaker_id"])
    if len(set(kept)) < len(kept):
        name = next(name for name, count in Counter(kept).items() if count > 1)
        raise ScoreError(
            f"Utterance {name} stands twice in split {split} of release {release.name}: it would count twice. Build or "
            "copy the release again."
        )
    return Selection(split, tuple(kept), frozenset(speakers), dict(sorted(left.items())))


def predict(
    assessor: Assessor,
    release: Release,
    selections: Sequence[Selection],
    gop_kind: str,
    batch_seconds: float,
    parts: Path,
    on_progress: Callable[[int], None],
    window: int = WINDOW,
) -> Predictions:
    """Return the predictions of all selections.

    ``parts`` is a folder of finished windows that belongs to this very model, release and selection.
    """
    done: list[Predictions] = []
    for selection in selections:
        for number, rows in enumerate(_windows(release, selection, window)):
            folder = parts / f"{selection.split}-{number:06d}"
            if not folder.is_dir():
                _store(_score(assessor, rows, selection.split, gop_kind, batch_seconds), folder)
            done.append(predictions.read(folder))
            on_progress(len(rows))
    return predictions.join(done)


def batches(rows: Sequence[dict[str, Any]], seconds: float) -> Iterator[list[dict[str, Any]]]:
    """Cut rows, longest first, into batches of at most ``seconds`` of sound after padding; one row may exceed it."""
    batch: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (-row["duration"], row["utterance_id"])):
        if batch and (len(batch) + 1) * batch[0]["duration"] > seconds:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _windows(release: Release, selection: Selection, size: int) -> Iterator[list[dict[str, Any]]]:
    wanted = frozenset(selection.utterances)
    rows = release.rows(Split(selection.split), columns=[*COLUMNS, "audio"])
    chosen = (row for row in rows if row["utterance_id"] in wanted)
    while found := list(islice(chosen, size)):
        yield found


def _score(
    assessor: Assessor, rows: Sequence[dict[str, Any]], split: str, gop_kind: str, batch_seconds: float
) -> Predictions:
    phones: list[PhonePrediction] = []
    utterances: list[UtterancePrediction] = []
    words: list[WordPrediction] = []
    for batch in batches(rows, batch_seconds):
        waveforms = [decode_flac(row["audio"]["bytes"]) for row in batch]
        canonicals = [[(phone["canonical"], phone["word_index"]) for phone in row["phones"]] for row in batch]
        for row, assessment in zip(batch, assessor.assess_batch(waveforms, canonicals=canonicals), strict=True):
            found, utterance = _rows(row, assessment, split, gop_kind)
            phones += found
            words += _words(row, assessment, split)
            utterances.append(utterance)
    raters = [rating for row in rows for rating in raters_of(row, split)]
    return predictions.to_predictions(phones, utterances, gop_kind, words, raters)


def _rows(
    row: dict[str, Any], assessment: Assessment, split: str, gop_kind: str
) -> tuple[list[PhonePrediction], UtterancePrediction]:
    """Join one row with its assessment; where the model gave no scores, phones have no GOP and no times."""
    canonical = [Phone(**phone) for phone in row["phones"]]
    scores: Sequence[PhoneScore | None] = assessment.phones or [None] * len(canonical)
    phones = predictions.phone_predictions(
        row["utterance_id"],
        row["speaker_id"],
        split,
        canonical,
        assessment.decoded,
        [None if score is None else float(getattr(score, gop_kind)) for score in scores],
        [(None, None) if score is None else (score.start, score.end) for score in scores],
        [{} if score is None else {name: getattr(score, name) for name in BESIDE} for score in scores],
    )
    predicted = assessment.scores or Scores()
    return phones, utterance_of(row, split, assessment.decoded, str(assessment.verdict), predicted)


def utterance_of(
    row: dict[str, Any], split: str, decoded: tuple[str, ...] | None, verdict: str, predicted: Scores
) -> UtterancePrediction:
    """Join one row with what was heard and scored of the whole utterance."""
    canonical = [Phone(**phone) for phone in row["phones"]]
    return UtterancePrediction(
        row["utterance_id"],
        row["speaker_id"],
        split,
        row["duration"],
        tuple(phone.canonical for phone in canonical),
        predictions.spoken_phones(canonical),
        decoded,
        verdict,
        device=row["device"],
        snr_band=groups.snr_band((row["quality"] or {}).get("snr_db")),
        human=Scores(**(row["scores"] or {})),
        predicted=predicted,
        **{name: row["speaker"][name] for name in predictions.SPEAKER_SLICES},
    )


def _words(row: dict[str, Any], assessment: Assessment, split: str) -> list[WordPrediction]:
    """Join the words of one row with their scores; words after the last one with a phone have none."""
    missing = [None] * (len(row["words"]) - len(assessment.words))
    scores: list[WordScore | None] = [*assessment.words, *missing]
    return [
        WordPrediction(
            row["utterance_id"],
            row["speaker_id"],
            split,
            index,
            WordScores(word["accuracy"], word["stress"], word["total"]),
            WordScores() if score is None else WordScores(score.accuracy, score.stress, score.total),
        )
        for index, (word, score) in enumerate(zip(row["words"], scores, strict=False))
    ]


def raters_of(row: dict[str, Any], split: str) -> list[RaterScores]:
    """Return what each human gave one row."""
    return [
        RaterScores(
            row["utterance_id"],
            row["speaker_id"],
            split,
            rating["rater"],
            Scores(**rating["scores"]),
            tuple(WordScores(**word) for word in rating["words"]),
            tuple(rating["phones"]),
        )
        for rating in row["raters"] or ()
    ]


def _store(part: Predictions, folder: Path) -> None:
    """Write a finished window so that its folder is whole or absent."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    predictions.write(partial, part)
    partial.rename(folder)
