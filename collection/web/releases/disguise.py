"""What a release does to the voices, and what that was measured to be worth, in the words of who decides about it.

The card says the same in English, for whoever receives the release (``collection.documents.privacy_figures``); figures
and conditions are the measurement's, only the words are this page's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collection.documents.privacy_figures import ATTACKERS, COSTS
from collection.voice import Transform

NAMES = {Transform.MCADAMS: "McAdams", Transform.WORLD: "WORLD"}
GROUPS = {"all": gettext_lazy("tous"), "adults": gettext_lazy("adultes"), "children": gettext_lazy("enfants")}
LISTENERS = {
    "original": gettext_lazy("Sans déguisement"),
    "original_retrained": gettext_lazy("Sans déguisement, programme entraîné à nouveau"),
    "ignorant": gettext_lazy("Il ne sait pas que les voix sont déguisées"),
    "informed": gettext_lazy("Il connaît le procédé, mais pas le secret du déguisement"),
    "retrained": gettext_lazy("Il s’est entraîné sur des voix déguisées : le plus fort"),
}
"""Who tries to recognise a voice, weakest first, by the name of the condition (``ATTACKERS``)."""
PRICES = {
    "per": gettext_lazy("Sons mal reconnus par le programme d’évaluation, avant → après"),
    "pcc": gettext_lazy("Accord du programme avec les notes des experts, son par son (1 : parfait), avant → après"),
}
"""What a disguise costs, by the name of the figure (``COSTS``)."""
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Worth:
    """Where it was measured, each group's title, and a line of cells per listener and per price, in words.

    ``verdict`` sums up the strongest listener over everybody; empty when that was not measured.
    """

    measured_on: str
    encoder: str
    verdict: str
    groups: list[str]
    lines: list[tuple[str, list[str]]]


def sentences(transform: str) -> list[str]:
    """Return what happens to the voices, in full sentences."""
    if transform == Transform.NONE:
        return [
            _("Les voix sont telles qu’elles ont été enregistrées (T1)."),
            _("Qui connaît un élève peut reconnaître sa voix : c’est le contrat, et non la technique, qui le protège."),
        ]
    return [
        _("Les voix sont déguisées par %(name)s (T2).") % {"name": NAMES.get(Transform(transform), transform)},
        _("Un déguisement ne rend pas anonyme : qui connaît le procédé peut encore reconnaître un élève."),
        _("La prononciation a changé avec la voix : ce jeu vaut moins pour apprendre à l’évaluer."),
    ]


def worth(found: Mapping[str, Any] | None) -> Worth | None:
    """Return a measurement (``privacy`` of a manifest) in words; ``None`` where nothing was measured."""
    if not found:
        return None
    groups = list(dict.fromkeys(row["group"] for row in found["figures"]))
    lines = []
    for attacker in ATTACKERS:
        rows = {row["group"]: row for row in found["figures"] if row["attacker"] == attacker}
        if rows:
            lines.append((str(LISTENERS[attacker]), [_errors(rows.get(group)) for group in groups]))
    lines.append((_("Au hasard, à pile ou face"), [_percent(0.5)] * len(groups)))
    for name in COSTS:
        rows = {row["group"]: row for row in found["costs"] if row["figure"] == name}
        if rows:
            lines.append((str(PRICES[name]), [_change(rows.get(group), name) for group in groups]))
    return Worth(
        measured_on=str(found["measured_on"]["name"]),
        encoder=str(found["encoder"]),
        verdict=_verdict(found["figures"]),
        groups=[str(GROUPS.get(group, group)) for group in groups],
        lines=lines,
    )


def _verdict(figures: Sequence[Mapping[str, Any]]) -> str:
    among_all = {row["attacker"]: row["eer"] for row in figures if row["group"] == "all" and row["eer"] is not None}
    if "retrained" not in among_all:
        return ""
    strongest = _("Le plus fort se trompe %(share)s du temps ; au hasard, il se tromperait une fois sur deux.")
    told = strongest % {"share": _percent(among_all["retrained"])}
    if "original" in among_all:
        told += " " + _("Sans déguisement, il se tromperait %(share)s du temps.") % {
            "share": _percent(among_all["original"])
        }
    return told


def _errors(row: Mapping[str, Any] | None) -> str:
    if row is None or row["eer"] is None:
        return UNKNOWN
    if row["low"] is None:
        return _percent(row["eer"])
    between = {"low": _number(100 * row["low"]), "high": _number(100 * row["high"])}
    return _percent(row["eer"]) + " " + _("(de %(low)s à %(high)s)") % between


def _change(row: Mapping[str, Any] | None, name: str) -> str:
    if row is None or row["original"] is None or row["disguised"] is None:
        return UNKNOWN
    if name == "per":
        return f"{_percent(row['original'])} → {_percent(row['disguised'])}"
    return f"{_number(row['original'], 3)} → {_number(row['disguised'], 3)}"


def _percent(share: float) -> str:
    return _("%(n)s %%") % {"n": _number(100 * share)}


def _number(value: float, digits: int = 1) -> str:
    return str(number_format(round(value, digits), decimal_pos=digits))
