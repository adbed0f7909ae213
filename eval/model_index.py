"""Figures for a model card of the Hugging Face Hub: the ``model-index``, so that the Hub shows what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from eval.text import plain

TASK = "automatic-speech-recognition"
"""The Hub's nearest task: it has none for pronunciation."""


def model_index(runs: Sequence[dict[str, Any]]) -> str:
    """Return the YAML header of a card for the first model, with the figures of every run that could be computed.

    A figure's interval and the split stand in its name, because the Hub shows nothing else.
    """
    name = str(runs[0]["model"]["name"])
    results = [
        EvalResult(
            task_type=TASK,
            dataset_type=str(run["data"]["name"]),
            dataset_name=str(run["data"]["name"]),
            dataset_split=str(run["protocol"]["split"]),
            dataset_revision=str(run["data"]["manifest_sha256"]),
            metric_type=figure["name"],
            metric_value=round(float(figure["value"]), 4),
            metric_name=_named(figure, run),
        )
        for run in runs
        for figure in run["figures"]
        if figure["value"] is not None
    ]
    card = ModelCardData(
        model_name=name,
        language=str(runs[0]["model"]["language"]).split("-")[0],
        eval_results=results,
        tags=["parlure"],
    )
    return f"---\n{card.to_yaml()}\n---\n"


def _named(figure: dict[str, Any], run: dict[str, Any]) -> str:
    speakers = run["counts"]["speakers"]
    if figure["low"] is None:
        return f"{figure['title']} ({speakers} speakers, no interval: {plain(str(figure['interval_reason']))})"
    level = 100 * run["protocol"]["bootstrap"]["level"]
    return (
        f"{figure['title']} ({level:.0f} % interval {figure['low']:.3f} to {figure['high']:.3f}, {speakers} speakers)"
    )
