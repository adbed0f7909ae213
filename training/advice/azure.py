"""An assessment in the shape of Azure Speech's pronunciation assessment, so that front-ends written for it work.

The shape is that of the ``detailed`` response with word and phoneme results and spoken phonemes, as in Microsoft's
"Use pronunciation assessment" (JSON result example) and "Speech to text REST API for short audio" (response
properties, values of RecognitionStatus), read in the versions of 2023 in the repository MicrosoftDocs/azure-docs.

What is ours in it:

- Scores come from the scorer, put on 0-100: a phone's accuracy (0-2) times 50, those of words and utterances (0-10)
  times 10. Without a scorer they are left out, never made up: no AccuracyScore, no ErrorType but Omission, no object
  that would be empty.
- ErrorType follows the diagnosis, not Azure's bound of 60 points. Omission: every phone of the word was left out (its
  likeliest rival is nothing, where there is no scorer); such a word has a place, Duration 0 and no Phonemes.
  Mispronunciation: at least one phone is flagged, a missing one too, or a sound was more likely than not put in between
  its phones. Insertion is never used: words beside the text are not looked for.
- Phonemes have the names of the model's inventory, English ones in lower case: ARPAbet, which is Azure's default
  alphabet (SAPI) except that it writes ``hh`` for ``h`` and ``ah`` for the schwa ``ax``. IPA elsewhere.
- A Score of NBestPhonemes is a posterior in percent, over everything that may be said there, and the Phoneme of an
  omission is the empty string: put together, the first of each phone spell what was heard.
- Confidence is the geometric mean of the phones' posteriors (``gop_sf``). Display is the text that was given, Lexical
  its words as read aloud; ITN and MaskedITN repeat Lexical. Nothing is masked.
- A verdict other than ok has a status and no scores; Azure knows fewer reasons, ``STATUS`` says which stands for which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from collection.phones import ARPABET
from collection.schema import Seconds
from training.advice.assessment import Assessment, Fault, PhoneScore, Verdict, WordScore

TICKS = 10_000_000
"""Ticks of 100 ns in a second, the unit of Offset and Duration."""

STATUS: Mapping[Verdict, str] = {
    Verdict.OK: "Success",
    Verdict.NOTHING_HEARD: "BabbleTimeout",  # only noise
    Verdict.SILENT: "InitialSilenceTimeout",
    Verdict.TOO_SHORT: "NoMatch",
    Verdict.UNRELATED: "NoMatch",
    # Azure refuses such requests before it listens; to those who only read RecognitionStatus that is an error.
    Verdict.TOO_LONG: "Error",
    Verdict.CLIPPED: "Error",
    Verdict.DAMAGED: "Error",
    Verdict.NO_TEXT: "Error",
    Verdict.UNREADABLE: "Error",
}
"""RecognitionStatus of every verdict."""

LIKELY = 0.5
"""Confidence above which an inserted sound makes a word mispronounced."""

_Json = dict[str, Any]


def to_azure(assessment: Assessment, text: str) -> _Json:
    """Return the assessment of a reading of ``text`` as the object that Azure would answer, ready for strict JSON.

    Offset and Duration are whole ticks of 100 ns. Without success only they and RecognitionStatus are there: the Offset
    is the end of the recording, as far as was listened, the Duration 0.
    """
    status = {"RecognitionStatus": STATUS[assessment.verdict]}
    if assessment.verdict is not Verdict.OK:
        return {**status, "Offset": _ticks(assessment.duration), "Duration": 0}
    start = min((phone.start for phone in assessment.phones), default=0.0)
    end = max((phone.end for phone in assessment.phones), default=0.0)
    lexical = " ".join(word.text for word in assessment.words)
    best = {
        "Confidence": round(math.exp(fmean([phone.gop_sf for phone in assessment.phones] or [-math.inf])), 4),
        "Lexical": lexical,
        "ITN": lexical,
        "MaskedITN": lexical,
        "Display": text,
        **_assessed(_utterance_scores(assessment)),
        "Words": [_word(assessment, index, word) for index, word in enumerate(assessment.words)],
    }
    return {**status, **_span(start, end), "DisplayText": text, "NBest": [best]}


def _utterance_scores(assessment: Assessment) -> _Json:
    scores = assessment.scores
    if scores is None:
        return {}
    return {
        "AccuracyScore": _hundred(scores.accuracy, 10),
        "FluencyScore": _hundred(scores.fluency, 10),
        "ProsodyScore": _hundred(scores.prosody, 10),
        "CompletenessScore": _hundred(scores.completeness, 10),
        "PronScore": _hundred(scores.total, 10),
    }


def _word(assessment: Assessment, index: int, word: WordScore) -> _Json:
    numbered = [(place, phone) for place, phone in enumerate(assessment.phones) if phone.word_index == index]
    phones = [phone for _, phone in numbered]
    if word.start is None or word.end is None or not phones:
        return {"Word": word.text}
    inside = range(numbered[0][0] + 1, numbered[-1][0] + 1)
    added = any(extra.before in inside and extra.confidence > LIKELY for extra in assessment.insertions)
    error = _error_type(phones, added)
    omitted = error == "Omission"
    return {
        "Word": word.text,
        **_span(word.start, word.start if omitted else word.end),
        **_assessed({"AccuracyScore": _hundred(word.accuracy, 10), "ErrorType": error}),
        "Phonemes": [] if omitted else [_phoneme(phone) for phone in phones],
    }


def _error_type(phones: Sequence[PhoneScore], added: bool) -> str | None:
    if all(_omitted(phone) for phone in phones):
        return "Omission"
    if all(phone.flagged is None for phone in phones):
        return None
    return "Mispronunciation" if added or any(phone.flagged for phone in phones) else "None"


def _omitted(phone: PhoneScore) -> bool:
    if phone.flagged is None:
        return phone.heard == ""
    return phone.flagged and phone.diagnosis is not None and phone.diagnosis.fault is Fault.OMISSION


def _phoneme(phone: PhoneScore) -> _Json:
    heard = [
        {"Phoneme": _name(alternative.symbol), "Score": _hundred(alternative.confidence, 100)}
        for alternative in phone.alternatives
    ]
    judged = {"AccuracyScore": _hundred(phone.accuracy, 50), "NBestPhonemes": heard or None}
    return {"Phoneme": _name(phone.symbol), **_span(phone.start, phone.end), **_assessed(judged)}


def _name(symbol: str) -> str:
    return symbol.lower() if symbol in ARPABET.symbols else symbol


def _assessed(judged: _Json) -> _Json:
    """Return the fields that are known as a PronunciationAssessment, nothing where none is."""
    known = {name: value for name, value in judged.items() if value is not None}
    return {"PronunciationAssessment": known} if known else {}


def _hundred(score: float | None, times: float) -> float | None:
    return None if score is None else round(min(max(score * times, 0.0), 100.0), 1)


def _ticks(seconds: Seconds) -> int:
    return round(seconds * TICKS)


def _span(start: Seconds, end: Seconds) -> _Json:
    return {"Offset": _ticks(start), "Duration": _ticks(end) - _ticks(start)}
