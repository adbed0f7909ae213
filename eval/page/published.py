"""What others printed for a public corpus, to stand beside our figures, with what keeps the two from being compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.text import NONE, figure_text

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Printed:
    """A published system: name, where it was printed, and its figures by their name in ``metrics.json``."""

    name: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the published figures of a corpus are of, and the systems."""

    what: str
    systems: tuple[Printed, ...]


COLUMNS = {
    "phone_mse": "phone MSE",
    "phone_pcc": "phone PCC",
    "word_accuracy_pcc": "word accuracy",
    "word_stress_pcc": "word stress",
    "word_total_pcc": "word total",
    "utterance_accuracy_pcc": "utterance accuracy",
    "utterance_fluency_pcc": "fluency",
    "utterance_prosody_pcc": "prosody",
    "utterance_total_pcc": "utterance total",
    "detection_f1": "detection F1",
}
"""Figures that papers on this task print, and their headings; all but the first and the last are correlations."""


def _of(*values: float | None) -> dict[str, float]:
    return {name: value for name, value in zip(COLUMNS, values, strict=True) if value is not None}


_PHONES_ONLY = (None,) * 8
CORPORA = {
    "speechocean762": Corpus(
        "the official test half (2,500 utterances, 125 speakers), of systems that learned from all the training half",
        (
            Printed("Kaldi GOP regression", "Zhang et al., Interspeech 2021", _of(0.16, 0.45, *_PHONES_ONLY)),
            Printed(
                "GOPT", "Gong et al., ICASSP 2022, arXiv 2205.03432",
                _of(0.085, 0.612, 0.533, 0.291, 0.549, 0.714, 0.753, 0.760, 0.742, None),
            ),
            Printed("segmentation-free GOP + GOPT", "arXiv 2507.16838", _of(None, 0.648, *_PHONES_ONLY)),
            Printed(
                "3M", "Chao et al., APSIPA 2022, arXiv 2208.09110",
                _of(0.078, 0.656, 0.598, 0.289, 0.617, 0.760, 0.828, 0.827, 0.796, None),
            ),
            Printed(
                "JCAPT", "Yang et al., 2025, arXiv 2506.19315",
                _of(0.066, 0.720, 0.699, 0.270, 0.711, 0.783, 0.834, 0.824, 0.806, 0.511),
            ),
            Printed(
                "MuFFIN", "Yan et al., 2025, arXiv 2510.04956",
                _of(0.063, 0.742, 0.705, 0.315, 0.714, 0.807, 0.841, 0.832, 0.830, 0.680),
            ),
        ),
    )
}  # fmt: skip
"""By the ``source`` of a release."""


def published(runs: Sequence[Run], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the table of our runs and the published systems of their corpus; ``None`` where none is known."""
    sources = {run["data"].get("source") for run in runs}
    known = [CORPORA[source] for source in sorted(sources & CORPORA.keys())]
    if not known:
        return None
    rows = [
        {
            "name": name,
            "source": f"{run['counts']['speakers']} speakers, {run['protocol']['split']} split",
            "cells": _own(run),
        }
        for run, name in zip(runs, names, strict=True)
        if run["data"].get("source") in CORPORA
    ]
    rows += [
        {
            "name": one.name,
            "source": one.source,
            "cells": [{"value": figure_text(one.figures.get(name), name == "detection_f1")} for name in COLUMNS],
        }
        for corpus in known
        for one in corpus.systems
    ]
    return {"columns": list(COLUMNS.values()), "rows": rows, "what": "; ".join(corpus.what for corpus in known)}


def printed(runs: Sequence[Run], name: str) -> str:
    """Return the range of what others printed of a figure on the corpus of these runs, "" where nobody did."""
    sources = {run["data"].get("source") for run in runs}
    told = [
        one.figures[name]
        for source in sources & CORPORA.keys()
        for one in CORPORA[source].systems
        if name in one.figures
    ]
    percent = name == "detection_f1"
    ends = dict.fromkeys(figure_text(value, percent) for value in (min(told), max(told))) if told else {}
    return " to ".join(ends)


def _own(run: Run) -> list[dict[str, str]]:
    figures = {figure["name"]: figure for figure in run["figures"]}
    found = [figures.get(name, {"value": None}) for name in COLUMNS]
    return [
        {"value": NONE if figure["value"] is None else figure_text(figure["value"], figure["percent"])}
        for figure in found
    ]
