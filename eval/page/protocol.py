"""Metrics -> what a reader must know of how they came about: the protocol table and the warnings of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eval.decoding import NOT_DECODED
from eval.text import NONE, figure_text, plain

Run = dict[str, Any]
Lines = list[str]


def protocol_rows(runs: Sequence[Run]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return (part, rows); each row a point with one list of lines a run."""
    return [
        (part, [{"point": point, "cells": [lines(run) for run in runs]} for point, lines in points.items()])
        for part, points in PARTS.items()
    ]


def warnings(runs: Sequence[Run], names: Sequence[str]) -> Lines:
    """Return what may mislead a reader of these runs."""
    found: Lines = []
    bases = {(run["data"]["manifest_sha256"], run["protocol"]["split"], run["counts"]["utterances"]) for run in runs}
    if len(bases) > 1:
        found.append("The models were not scored on the same utterances: do not compare their columns.")
    for run, name in zip(runs, names, strict=True):
        speakers, counts = run["protocol"]["speakers"], run["counts"]
        if run["model"].get("outside"):
            found += _of_another_system(run, name)
        elif speakers["shared_with_training"] is None:
            found.append(
                f"{name} learned from other releases than this one, whose pseudonyms cannot be joined: that its "
                "evaluated speakers are new to it is not verified."
            )
        elif speakers["shared_with_training"]:
            found.append(
                f"{name}: training chose epoch and thresholds on these very speakers. Good for trying ideas, no "
                "figure to show."
            )
        elif speakers["other_releases_learned_from"]:
            found.append(
                f"{name} also learned from {', '.join(speakers['other_releases_learned_from'])}: that the evaluated "
                "speakers are in none of them cannot be verified by id."
            )
        if alike := (speakers.get("by_voice") or {}).get("alike"):
            found.append(
                f"{name}: {len(alike)} time(s) an evaluated voice is more like one it learned from than any two of "
                "those are like each other. It may be one person under two ids: listen before you believe."
            )
        if speakers["shared_with_calibration"]:
            found.append(
                f"{name}: {speakers['shared_with_calibration']} evaluated speaker(s) also served for calibration."
            )
        looks = run["protocol"].get("readings")
        if looks and looks["models"] > 1:
            found.append(
                f"{name}: the test split had been read for {looks['models'] - 1} other model(s) before. Whoever chose "
                "between them by these figures has tuned on the test."
            )
        unknown = sum(
            reasons.get("phone_outside_the_models_inventory", 0) for reasons in run["protocol"]["left_out"].values()
        )
        if unknown:
            found.append(
                f"{name} does not know a phone of {unknown} utterance(s), left out: its figures are of the others."
            )
        if any("beyond_limit" in reasons for reasons in run["protocol"]["left_out"].values()):
            found.append(f"{name} was tried on part of the data only (limit=…).")
        if counts["phones_rated_without_gop"]:
            found.append(
                f"{name}: {counts['phones_rated_without_gop']} of {counts['phones_rated']} rated phones have no GOP; "
                "correlation, AUC and detection leave them out, the error rate counts them."
            )
    return found


def _of_another_system(run: Run, name: str) -> Lines:
    outside, left = run["model"]["outside"], run["protocol"]["left_out"].values()
    missing = sum(reasons.get("no_prediction", 0) for reasons in left)
    filled = outside.get("phones_given_the_mean_of_their_word", 0)
    return [
        f"{name} is another system: whom it learned from is unknown, so nobody can say that the evaluated speakers are "
        "new to it.",
        *([f"{name} gave no prediction for {missing} utterance(s): its figures are of the others."] if missing else []),
        *(
            [f"{name} has no score of its own for {filled} phone(s): they got the mean of their word."]
            if filled
            else []
        ),
    ]


def _edits(edits: dict[str, int] | None) -> Lines:
    if edits is None:
        return [NOT_DECODED]
    parts = ", ".join(f"{edits[name]:,} {name}" for name in ("substitutions", "deletions", "insertions"))
    return [f"{edits['reference']:,} phones in the reference", parts]


def _without_listening(counts: dict[str, Any]) -> Lines:
    said = counts["edits_said"]
    if said is None:
        return [f"{counts['edits_prompt_against_said']:,} edits"]
    rate = counts["edits_prompt_against_said"] / said["reference"] if said["reference"] else None
    return [f"{figure_text(rate, True)} error rate without listening"]


def _left_out(run: Run) -> Lines:
    lines = [
        f"{split}: {count:,} utterance(s), {plain(reason)}"
        for split, reasons in run["protocol"]["left_out"].items()
        for reason, count in reasons.items()
    ]
    return lines or ["none"]


def _learned_from(run: Run) -> Lines:
    if outside := run["model"].get("outside"):
        told = {plain(key): value for key, value in outside.items() if isinstance(value, int) and value}
        return [str(outside["lineage"]), *(f"{key}: {value:,}" for key, value in told.items())]
    return [
        f"{one['name']}: {', '.join(one['splits'])}, {one['speakers']} speakers, manifest {one['manifest_sha256'][:12]}"
        for one in run["model"]["learned_from"]
    ] or ["no release"]


def _separation(run: Run) -> Lines:
    speakers = run["protocol"]["speakers"]
    if run["model"].get("outside"):
        return [f"not verified, {run['model']['outside']['lineage']}"]
    if speakers["shared_with_training"] is None:
        return ["not verified: the model learned from other releases"]
    heard = speakers["learned_from_in_this_release"]
    if shared := speakers["shared_with_training"]:
        return [f"no: {shared} of {speakers['evaluated']} chose its epoch and thresholds"]
    by_id = f"verified by id: none of the {speakers['evaluated']} is among the {heard} learned from in this release"
    return [by_id, _voices(speakers.get("by_voice"))]


def _voices(told: dict[str, Any] | None) -> str:
    if told is None:
        return "not compared by voice"
    if told["alike"] is None:
        return f"not compared by voice: {told['reason']}"
    alike = len({one["evaluated"] for one in told["alike"]})
    finds = f"{100 * told['finds']:.0f} % of people with two ids"
    limit = f"likeness above {told['threshold']:.2f}, which would find {finds}"
    return f"by voice: {alike} of {told['evaluated']} like one of the {told['known']} ({limit})"


def _calibration(run: Run) -> Lines:
    calibration = run["calibration"]
    size = f"{calibration['split']}: {calibration['phones_used']:,} rated phones of {calibration['speakers']} speakers"
    if calibration["reason"]:
        return [size, str(calibration["reason"])]
    return [
        size,
        f"threshold {figure_text(calibration['threshold'])}, mean accuracy {figure_text(calibration['mean_accuracy'])}",
    ]


def _own_threshold(run: Run) -> Lines:
    threshold = run["model"].get("threshold")
    if threshold is None:
        return ["none: it flags nothing by itself; the threshold of detection is that of the calibration"]
    return [f"a probability of {figure_text(threshold)}, chosen on its development speakers and stored with it"]


def _rated(run: Run) -> Lines:
    counts = run["counts"]
    return [
        f"{counts['phones_rated']:,} of {counts['phones']:,} phones rated, {counts['phones_used']:,} used",
        f"{counts['phones_mispronounced']:,} of them mispronounced",
    ]


def _above_phones(run: Run) -> Lines:
    counts = run["counts"]
    if not counts.get("words_used") and not counts.get("utterances_used"):
        return ["none"]
    return [
        f"{counts['words_used']:,} of {counts['words']:,} words",
        f"{counts['utterances_used']:,} of {counts['utterances']:,} utterances",
    ]


def _looks(run: Run) -> Lines:
    looks = run["protocol"].get("readings")
    if looks is None:
        return ["not counted: this is no test split, or an older run"]
    return [f"look number {looks['number']}, at model number {looks['models']}", f"first on {looks['first_on']}"]


def _judged(run: Run) -> Lines:
    if run["calibration"].get("scale") == "as_predicted":
        return ["phone accuracy as the scorer predicts it, on the human scale without a mapping"]
    return [run["protocol"]["gop"], "mapped to the human scale by isotonic regression on the calibration split"]


def _verdicts(run: Run) -> Lines:
    verdicts = run["protocol"]["not_scored_by_verdict"]
    return [f"{count:,} {plain(verdict)} (kept in the error rate)" for verdict, count in verdicts.items()] or ["none"]


PARTS: dict[str, dict[str, Callable[[Run], Lines]]] = {
    "Data": {
        "Release": lambda run: [run["data"]["name"], f"manifest {run['data']['manifest_sha256'][:12]}"],
        "Evaluated": lambda run: [
            f"{run['protocol']['split']} split, {run['counts']['seconds'] / 60:.1f} minutes",
            f"{run['counts']['speakers']:,} speakers, {run['counts']['utterances']:,} utterances",
        ],
        "Human scores": _rated,
        "Words and utterances scored by humans and model": _above_phones,
        "Utterances left out, and why": _left_out,
        "Verdicts other than ok": _verdicts,
        "Consent for evaluation asked on": lambda run: [run["protocol"]["consent_asked_on"]],
    },
    "Counts behind the error rates": {
        "Against what was said": lambda run: _edits(run["counts"]["edits_said"]),
        "Against the prompt": lambda run: _edits(run["counts"]["edits_prompt"]),
        "The prompt itself against what was said": lambda run: _without_listening(run["counts"]),
    },
    "Choices": {
        "What is judged": _judged,
        "Calibration": _calibration,
        "Threshold of the model's own flag": _own_threshold,
        "Evaluated speakers new to the model": _separation,
        "Looks at the test split": _looks,
        "Intervals": lambda run: [
            "{resamples:,} resamples of speakers, seed {seed}".format_map(run["protocol"]["bootstrap"])
        ],
    },
    "Model": {
        "Encoder": lambda run: [run["model"]["encoder"] or NONE],
        "Language and inventory": lambda run: [f"{run['model']['language']}, {len(run['model']['inventory'])} phones"],
        "Learned from": _learned_from,
        "Code": lambda run: [
            f"trained with {run['model']['code_version']}",
            f"scored with {run['protocol']['code_version']}",
        ],
    },
}
