"""The speechocean762 corpus in its own layout: learners' English scored by five experts, phone by phone.

Zhang et al., "speechocean762: An Open-Source Non-native English Speech Corpus for Pronunciation Assessment",
Interspeech 2021. Layout: ``{train,test}/{wav.scp,text,utt2spk,spk2age,spk2gender}``, ``resource/scores.json`` and, when
it is there, ``resource/scores-detail.json``. Sound paths in ``wav.scp`` are relative to the corpus folder, any format.

The test half keeps its split; the train half has none, so that a release can hold speakers out of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from collection.errors import IntakeError
from collection.importers.corpus_folder import refuse_intakes
from collection.intake import Annotation, Intake, Learner, Licence, Recording
from collection.schema import Phone, Purpose, Rating, Scores, Split, Word, WordScores
from collection.sound import paths

SOURCE = "speechocean762"
LANGUAGE = "en-US"
FIRST_LANGUAGE = "zh"
LICENCE = Licence(
    name="speechocean762",
    purposes=(Purpose.RESEARCH, Purpose.TRAINING, Purpose.EVALUATION, Purpose.SHARING),
    statement="Free for commercial and non-commercial use (Zhang et al., Interspeech 2021, openslr.org/101).",
)
HALVES: tuple[tuple[str, Split | None], ...] = (("train", None), ("test", Split.TEST))

DELETED = "<DEL>"
"""Mark in ``pronounced-phone``: the phone was left out. ``<unk>`` and ``X*`` (near X) name no phone."""
_PHONE = re.compile(r"[A-Za-z]+[012]?")


def read(folder: Path) -> Intake:
    """Return the corpus as an intake under its public licence.

    Phones lose their stress digit; their accuracy is 0-2, word and utterance scores are 0-10. Utterances without scores
    are imported without any. Raises ``IntakeError`` when a file is missing or disagrees with another, when a sound file
    lies outside the folder or behind a link, and when the folder is an intake: learners' consents have no licence.
    """
    root = folder.resolve()
    refuse_intakes((root, *root.parents))
    scores = _json(folder / "resource" / "scores.json")
    detail_path = folder / "resource" / "scores-detail.json"
    details = _json(detail_path) if detail_path.exists() else {}
    halves = [(folder / name, split) for name, split in HALVES if (folder / name).is_dir()]
    if not halves:
        raise IntakeError(f"no train or test folder in {folder}: give the folder that holds WAVE, resource and train.")
    learners: dict[str, Learner] = {}
    recordings: list[Recording] = []
    for half, split in halves:
        learners.update(_learners(half))
        recordings += _recordings(folder, half, split, learners)
    paths.check_distinct((f"utterance {one.recording_id}", one.path) for one in recordings)
    refuse_intakes({above for one in recordings for above in one.path.parents if above.is_relative_to(root)})
    annotations = {
        (recording.recording_id, 0): _annotation(recording, scores[recording.recording_id], details)
        for recording in recordings
        if recording.recording_id in scores
    }
    return Intake(SOURCE, learners, tuple(recordings), annotations, LICENCE)


def parse_marks(spoken: str) -> list[float]:
    """Return one rater's phone accuracies from the corpus notation: ``B`` is 2, ``{B}`` 1, ``(B)`` 0.

    An inserted phone, ``[B]``, has no canonical phone to score and is left out.
    """
    tokens = [token for token in spoken.split() if not token.startswith("[")]
    return [{"{": 1.0, "(": 0.0}.get(token[0], 2.0) for token in tokens]


def _learners(half: Path) -> Iterator[tuple[str, Learner]]:
    genders = _table(half / "spk2gender")
    for speaker, age in _table(half / "spk2age").items():
        learner = Learner(speaker, age=int(age), gender=genders.get(speaker), first_language=FIRST_LANGUAGE)
        yield speaker, learner


def _recordings(folder: Path, half: Path, split: Split | None, learners: dict[str, Learner]) -> Iterator[Recording]:
    texts, speakers = _table(half / "text"), _table(half / "utt2spk")
    for utterance, path in _table(half / "wav.scp").items():
        if utterance not in texts or utterance not in speakers:
            raise IntakeError(f"utterance {utterance} of {half.name}/wav.scp is not in both text and utt2spk.")
        speaker = speakers[utterance]
        learners.setdefault(speaker, Learner(speaker, first_language=FIRST_LANGUAGE))
        yield Recording(
            recording_id=utterance,
            learner_id=speaker,
            session_id=speaker,
            path=paths.inside(folder, Path(path), f"utterance {utterance} of {half.name}/wav.scp"),
            recorded_on=None,
            language=LANGUAGE,
            prompts=(texts[utterance],),
            segmented=True,
            split=split,
        )


def _annotation(recording: Recording, score: dict[str, Any], details: dict[str, Any]) -> Annotation:
    utterance = recording.recording_id
    words: list[Word] = []
    phones: list[Phone] = []
    for index, word in enumerate(score["words"]):
        words.append(Word(word["text"], accuracy=word["accuracy"], stress=word["stress"], total=word["total"]))
        phones += _phones(utterance, index, word)
    if [word.text for word in words] != recording.prompts[0].split():
        raise IntakeError(f"utterance {utterance}: the words of scores.json are not those of text.")
    lengths = [sum(phone.word_index == index for phone in phones) for index in range(len(words))]
    raters = _raters(details[utterance], lengths) if utterance in details else ()
    return Annotation(utterance, 0, tuple(words), tuple(phones), _scores(score), raters)


def _phones(utterance: str, index: int, word: dict[str, Any]) -> Iterator[Phone]:
    symbols, accuracies = _symbols(word["phones"]), word["phones-accuracy"]
    if len(symbols) != len(accuracies):
        raise IntakeError(f"utterance {utterance}, word {index}: {len(symbols)} phones, {len(accuracies)} accuracies.")
    said: dict[int, str] = {}
    for error in word.get("mispronunciations", ()):
        pronounced = error["pronounced-phone"]
        if pronounced == DELETED or _PHONE.fullmatch(pronounced):
            said[error["index"]] = "" if pronounced == DELETED else _stripped(pronounced)
    for position, (symbol, accuracy) in enumerate(zip(symbols, accuracies, strict=True)):
        yield Phone(symbol, index, accuracy=accuracy, realised=said.get(position))


def _raters(detail: dict[str, Any], lengths: list[int]) -> tuple[Rating, ...]:
    """Return one rating a rater; ``lengths`` is the number of phones a word."""
    ratings = []
    for rater in range(len(detail["accuracy"])):
        words = tuple(
            WordScores(word["accuracy"][rater], word["stress"][rater], word["total"][rater]) for word in detail["words"]
        )
        marks = [parse_marks(word["phones"][rater]) for word in detail["words"] if "phones" in word]
        # A rater who heard another number of phones than the canon has scored other phones than it.
        phones = tuple(chain.from_iterable(marks)) if [len(word) for word in marks] == lengths else ()
        ratings.append(Rating(str(rater + 1), _scores(detail, rater), words, phones))
    return tuple(ratings)


def _scores(score: dict[str, Any], rater: int | None = None) -> Scores:
    def value(name: str) -> float | None:
        found = score.get(name)
        return found if found is None or rater is None else found[rater]

    return Scores(value("accuracy"), value("fluency"), value("completeness"), value("prosodic"), value("total"))


def _symbols(phones: str | list[str]) -> list[str]:
    return [_stripped(symbol) for symbol in (phones.split() if isinstance(phones, str) else phones)]


def _stripped(symbol: str) -> str:
    return symbol.rstrip("012").upper()


def _table(path: Path) -> dict[str, str]:
    """Return a Kaldi table: a key, white space, the rest of the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise IntakeError(f"{path.parent.name}/{path.name} is missing: is the corpus complete?") from None
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {pair[0]: pair[1].strip() if len(pair) > 1 else "" for pair in pairs}


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise IntakeError(f"{path.parent.name}/{path.name} is missing: is the corpus complete?") from None
    except ValueError as error:
        raise IntakeError(f"{path.parent.name}/{path.name} is not JSON: {error}.") from None
