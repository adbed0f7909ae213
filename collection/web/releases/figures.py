"""What a draft is in figures, for who decides about it: counts, crowds, consents, and what to know beforehand.

Nothing is computed anew that the pipeline computes: demographics are those of the rows, already k-anonymous, and what
a disguise is worth is the measurement the card shows (``disguise`` puts it into words).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from markdown_it import MarkdownIt

from collection.build import Report
from collection.consent import today
from collection.documents.record import NOT_SHOWN, gather
from collection.pseudonymise import QUASI_IDENTIFIERS
from collection.release import Release
from collection.schema import Purpose, Speaker, Split, read_grant
from collection.voice import Transform
from collection.web.classes.models import Learner
from collection.web.consents.answers import with_answers
from collection.web.recordings.models import Fate, Recording, Segment, State
from collection.web.recordings.permission import refusals
from collection.web.releases.models import Proposal

OF_NOBODY = "segment_of_nobody"
TO_BE_HEARD = "waits_for_teacher"
BY_TEACHER = "dropped_by_teacher"
SOON = timedelta(days=90)
ATTRIBUTES = {
    "age_band": gettext_lazy("Tranche d’âge"),
    "gender": gettext_lazy("Sexe"),
    "first_language": gettext_lazy("Langue maternelle"),
    "region": gettext_lazy("Région"),
}
VALUES = {
    "female": gettext_lazy("fille"),
    "male": gettext_lazy("garçon"),
    "other": gettext_lazy("autre"),
    NOT_SHOWN: gettext_lazy("masqué ou inconnu"),
}


def left_out(proposal: Proposal) -> Counter[str]:
    """Return the segments of a proposal's schools and language that never leave the portal, by reason."""
    segments = Segment.objects.filter(recording__state=State.DONE)
    if schools := list(proposal.schools.all()):
        segments = segments.filter(recording__session__school_class__school__in=schools)
    if proposal.language:
        segments = segments.filter(recording__session__school_class__language=proposal.language)
    counts: Counter[str] = Counter()
    for reasons in segments.filter(fate=Fate.DROPPED).values_list("reasons", flat=True):
        counts[str(reasons[0]) if reasons else BY_TEACHER] += 1
    counts[TO_BE_HEARD] = segments.filter(fate=Fate.FLAGGED).count()
    kept = segments.filter(fate=Fate.KEPT)
    nobodys = kept.filter(learner__isnull=True) | kept.filter(text="")
    counts[OF_NOBODY] = nobodys.distinct().count()
    theirs = segments.usable().select_related("recording__session__school_class")
    speakers = with_answers(Learner.objects.filter(segments__in=theirs).distinct())
    for _segment, why in refusals(theirs, {learner.pk: learner for learner in speakers}):
        if why is not None:
            counts[str(why)] += 1
    return +counts


def unheard() -> int:
    """Return how many recordings nobody has listened to yet."""
    return Recording.objects.filter(state__in=(State.WAITING, State.WORKING)).count()


def figures_of(release: Release, report: Report, left: Mapping[str, int], missing: int) -> dict[str, Any]:
    """Return the figures of a draft, as they are kept (JSON): none of a group smaller than the release's k."""
    facts = release.manifest
    columns = ["speaker_id", "speaker", "consent"]
    rows = [row for split in release.files for row in release.rows(split, columns)]
    speakers = {row["speaker_id"]: Speaker(**row["speaker"]) for row in rows}
    grants = {row["speaker_id"]: read_grant(row["consent"]) for row in rows}
    record = gather(facts, {}, speakers, grants)
    groups = Counter(tuple(getattr(one, name) for name in QUASI_IDENTIFIERS) for one in speakers.values())
    return {
        "kept": facts["kept"],
        "minutes": round(facts["kept"]["seconds"] / 60, 1),
        "splits": {
            name: {key: part[key] for key in ("rows", "speakers", "seconds")} for name, part in facts["splits"].items()
        },
        "languages": list(record.languages),
        "dropped": dict(sorted(report.dropped.items())),
        "left": dict(sorted(left.items())),
        "flagged": dict(facts["flagged"]),
        "review": dict(Counter(facts["review"].values())),
        "missing": missing,
        "unheard": unheard(),
        "removed_again": report.removed_again,
        "cells": {
            name: [[value, count if count >= record.k else None] for value, count in record.speakers[name].items()]
            for name in ATTRIBUTES
        },
        "k": record.k,
        "groups": len(groups),
        "smallest": min(groups.values()),
        "blank": groups.get((None,) * len(QUASI_IDENTIFIERS), 0),
        "consents": len(record.consents),
        "ends": [record.ends[0], record.ends[-1]] if record.ends else [],
        "bytes": sum(entry["bytes"] for entry in facts["files"].values()),
        "privacy": facts.get("privacy"),
    }


def cells(figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each attribute with its values and how many learners have them, in words."""
    fewer = _("moins de %(k)s") % {"k": figures["k"]}
    return [
        (
            str(title),
            [(str(VALUES.get(value, value)), fewer if count is None else str(count)) for value, count in found],
        )
        for name, title in ATTRIBUTES.items()
        if (found := figures["cells"].get(name))
    ]


def ends(figures: Mapping[str, Any]) -> list[str]:
    """Return the first and the last day on which consents end, as people write them; empty when none ends."""
    return [date_format(date.fromisoformat(day)) for day in figures["ends"]]


def warnings(proposal: Proposal) -> list[str]:
    """Return what a steward should know before deciding, most serious first."""
    found, said = proposal.figures, []
    speakers, k = found["kept"]["speakers"], found["k"]
    if speakers < k:
        said.append(
            _("Moins de %(k)s élèves : âge, sexe, langue et région sont masqués, mais un si petit groupe se devine.")
            % {"k": k}
        )
    if found["removed_again"]:
        said.append(
            _("%(n)s élève(s) parti(s) étaient revenus dans le coffre (vieille sauvegarde ?) : laissés de côté.")
            % {"n": found["removed_again"]}
        )
    if found["missing"]:
        said.append(_("Le son de %(n)s extrait(s) gardé(s) a disparu du serveur.") % {"n": found["missing"]})
    if proposal.transform != Transform.NONE and found["privacy"] is None:
        said.append(_("Ce que vaut ce déguisement n’a pas été mesuré."))
    if found["ends"] and date.fromisoformat(found["ends"][0]) - today() < SOON:
        said.append(_("Le premier accord se termine le %(day)s.") % {"day": ends(found)[0]})
    empty = [split.value for split in Split if split.value not in found["splits"]]
    if empty:
        said.append(
            _("Trop peu d’élèves pour remplir chaque partie ; vides : %(parts)s.") % {"parts": ", ".join(empty)}
        )
    if Purpose.SHARING.value not in proposal.purposes:
        said.append(
            _("Fait sans l’usage « confier à un partenaire » : il ne peut être remis qu’au responsable de traitement.")
        )
    if found["review"]:
        said.append(_("%(n)s enregistrement(s) à réécouter dans le coffre.") % {"n": sum(found["review"].values())})
    if found["unheard"]:
        said.append(_("%(n)s enregistrement(s) n’étaient pas encore écoutés.") % {"n": found["unheard"]})
    return said


_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image"])


def _as_html(text: str) -> str:
    """Return Markdown as HTML for a page: headings from level 3 on, tables and code that scroll by keyboard."""
    html = str(_markdown.render(text))
    html = re.sub(r"<(/?)h([1-6])>", lambda found: f"<{found[1]}h{min(6, int(found[2]) + 2)}>", html)
    html = html.replace("<th></th>", "<td></td>").replace("<pre>", '<pre class="portal-code" tabindex="0">')
    html = html.replace("<table>", '<div class="portal-scroll" tabindex="0"><table>')
    return html.replace("</table>", "</table></div>")


def card(release: Release) -> str:
    """Return the dataset card as HTML, without the lines that are for the Hub only; empty when it is not there."""
    try:
        text = (release.path / "README.md").read_text("utf-8")
    except OSError:
        return ""
    return _as_html(text.split("\n---\n", 1)[-1])
