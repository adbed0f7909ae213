"""The metrics of one or several runs -> the page of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eval.page import plots
from eval.page.drawing import Drawing, inline
from eval.page.protocol import protocol_rows, warnings
from eval.page.published import published
from eval.page.scorer import alone_rows, bias_rows, gap_texts, risk_texts
from eval.page.tables import (
    PARTS,
    bin_rows,
    figure_rows,
    group_rows,
    headline_rows,
    not_stated,
    phone_rows,
    raters_rows,
    top_confusions,
)
from eval.text import plain

Run = dict[str, Any]
DRAWN = ("violins", "mapped", "confusions", "phones", "groups", "rejections", "reliability", "coverage")
"""Names of the drawings of a run."""


def render(
    runs: Sequence[Run], title: str, compared: Sequence[Run] = (), worst: Mapping[str, Any] | None = None
) -> str:
    """Return the page for the metrics of one or several runs; everything but our own SVG is escaped.

    ``compared`` holds, for each run but the first, its ``rows`` of differences to the first, or ``reason`` why none;
    ``worst`` the ``rows`` of ``eval.page.worst`` for the first.
    """
    names = column_names(runs)
    groups, nobody_stated = not_stated(group_rows(runs))
    environment = Environment(
        loader=PackageLoader("eval"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    level = f"{100 * runs[0]['protocol']['bootstrap']['level']:.0f} %"
    return environment.get_template("report.html.j2").render(
        title=title,
        lead=_lead(runs, names),
        level=level,
        warnings=warnings(runs, names),
        runs=[_run(run, name, f"r{place}") for place, (run, name) in enumerate(zip(runs, names, strict=True))],
        figures={part: figure_rows(runs, part) for part in PARTS},
        headline=headline_rows(runs),
        published=published(runs, names),
        alone=[alone_rows(run) for run in runs],
        raters=raters_rows(runs[0]),
        bias=bias_rows(runs),
        compared=[{**one, "name": name} for one, name in zip(compared, names[1:], strict=False)],
        per_phone=[phone_rows(run) for run in runs],
        bins=[bin_rows(run) for run in runs],
        worst=worst,
        groups=groups,
        nobody_stated=nobody_stated,
        groups_note=_groups_note(runs),
        gaps=[gap_texts(run) for run in runs],
        protocol=protocol_rows(runs),
    )


def column_names(runs: Sequence[Run]) -> list[str]:
    """Return the models' names, numbered where two are the same."""
    names = [str(run["model"]["name"]) for run in runs]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, start=1)]


def drawings(run: Run) -> dict[str, Drawing]:
    """Return what the page draws of a run, by name; what cannot be drawn is left out."""
    labels, probability = run["score_by_label"], run.get("probability")
    predicted = run["calibration"].get("scale") == "as_predicted"
    empty = not_stated(group_rows([run]))[1]
    groups = [row for row in run["groups"] if plain(row["by"]) not in empty]
    overall = {figure["name"]: figure["value"] for figure in run["figures"]}
    found = {
        "violins": labels and plots.score_against_human(labels, "predicted accuracy" if predicted else "GOP"),
        "mapped": labels and plots.mapped_against_human(labels),
        "confusions": plots.confusion_map(run["confusions"]),
        "phones": plots.f1_by_phone(run.get("per_phone", ())),
        "groups": plots.rate_by_group(groups, overall.get("per"), "per", ("low", "high"), "phone error rate"),
        "rejections": plots.rate_by_group(
            groups, overall.get("detection_frr"), "frr", ("frr_low", "frr_high"), "correct phones flagged"
        ),
        "reliability": probability and plots.reliability(probability["reliability"]),
        "coverage": probability and plots.coverage_risk(probability["coverage_risk"]),
    }
    return {name: drawn for name, drawn in found.items() if drawn}


def _run(run: Run, name: str, prefix: str) -> dict[str, Any]:
    probability = run.get("probability")
    return {
        "name": name,
        "gop": run["protocol"]["gop"],
        "predicted": run["calibration"].get("scale") == "as_predicted",
        "probability": probability and {**probability, "coverage_risk": risk_texts(probability["coverage_risk"])},
        # Matplotlib escapes the text it writes, so its SVG is markup already.
        "plots": dict.fromkeys(DRAWN)
        | {key: Markup(inline(drawn, f"{prefix}-{key}")) for key, drawn in drawings(run).items()},  # noqa: S704
        "confusions": top_confusions(run["confusions"]),
        "decoded": run["counts"].get("edits_said") is not None,
    }


def _lead(runs: Sequence[Run], names: Sequence[str]) -> str:
    run = runs[0]
    counts, seconds = run["counts"], run["counts"]["seconds"]
    on = f"the {run['protocol']['split']} split of {run['data']['name']}"
    size = f"{counts['speakers']:,} speakers, {counts['utterances']:,} utterances, {seconds / 60:.1f} minutes"
    return (
        f"{', '.join(names)} on {on}: {size}." if len(runs) == 1 else f"{len(runs)} models; the first on {on}: {size}."
    )


def _groups_note(runs: Sequence[Run]) -> str:
    fewest = runs[0]["protocol"]["fewest_speakers"]
    return (
        f"Against what was said. Groups of fewer than {fewest} speakers are hidden. Groups that read other texts, or "
        "live with other noise, differ for more reasons than the one in their name."
    )
