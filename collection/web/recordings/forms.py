"""Forms about recordings and their segments."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from dsfr.forms import DsfrBaseForm

from collection.web.classes.models import Learner, ReadingSession, SessionKind
from collection.web.recordings.admission import ENDINGS
from collection.web.recordings.models import Fate, Segment
from collection.web.recordings.permission import hearable, refusal

DEVICES = [
    ("", gettext_lazy("Je ne sais pas")),
    ("phone", gettext_lazy("Téléphone")),
    ("tablet", gettext_lazy("Tablette")),
    ("computer", gettext_lazy("Ordinateur")),
    ("headset", gettext_lazy("Casque avec micro")),
    ("recorder", gettext_lazy("Enregistreur")),
]
WHOLE_CLASS = "class"
"""Choice of a file in which the whole class is heard."""
LEAST = 0.1
"""Seconds that a segment lasts, at least."""


def whose(session: ReadingSession, learners: list[Learner]) -> list[tuple[str, str]]:
    """Return whose a file of the session may be: a learner's, or the class's with voices alone beside it."""
    if session.kind != SessionKind.CLASS:
        return [(str(one.pk), str(one)) for one in learners]
    alone = [(str(one.pk), _("%(name)s, voix seule (10 secondes)") % {"name": one}) for one in learners]
    whole = [] if refusal(session, None) else [(WHOLE_CLASS, _("Toute la classe"))]
    return [*whole, *alone]


class SendForm(DsfrBaseForm):  # type: ignore[misc]
    """One file, for browsers without scripts."""

    whose = forms.ChoiceField(label=gettext_lazy("De qui est cet enregistrement ?"))
    device = forms.ChoiceField(label=gettext_lazy("Enregistré avec"), choices=DEVICES, required=False)
    sound = forms.FileField(
        label=gettext_lazy("Fichier son"),
        help_text=gettext_lazy("WAV, FLAC, MP3, M4A, Ogg ou WebM, 2 Gio au plus."),
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
    )

    def __init__(self, choices: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        self.base_fields["whose"].choices = [("", "—"), *choices]  # read by the design's forms before ours could
        super().__init__(*args, **kwargs)
        self.fields["whose"].choices = [("", "—"), *choices]


class SegmentForm(DsfrBaseForm):  # type: ignore[misc]
    """Which text, whose voice, from when to when, and what becomes of it."""

    position = forms.TypedChoiceField(label=gettext_lazy("Texte lu"), coerce=int, required=False, empty_value=None)
    learner = forms.ChoiceField(label=gettext_lazy("Élève"))
    start = forms.FloatField(label=gettext_lazy("Début (secondes)"), min_value=0)
    end = forms.FloatField(label=gettext_lazy("Fin (secondes)"), min_value=0)
    fate = forms.ChoiceField(
        label=gettext_lazy("Décision"),
        choices=[(Fate.KEPT, gettext_lazy("Garder")), (Fate.DROPPED, gettext_lazy("Écarter"))],
    )

    def __init__(self, segment: Segment, *args: Any, **kwargs: Any) -> None:
        session = segment.recording.session
        self.segment = segment
        self.texts = {turn.position: turn.text for turn in session.turns.all()}
        yes, _no = hearable(session)
        if segment.recording.learner_id is None:
            # Outside of what was heard to be this learner's speaks somebody else.
            self.room = (segment.start, segment.end)
        else:
            self.room = (0.0, segment.recording.seconds or segment.end)
        initial = {
            "position": segment.position,
            "learner": str(segment.learner_id),
            "start": f"{segment.start:.2f}",
            "end": f"{segment.end:.2f}",
            "fate": Fate.DROPPED if segment.fate == Fate.DROPPED else Fate.KEPT,
        }
        super().__init__(*args, initial=initial, **kwargs)
        texts = [(position, f"{position + 1}. {text}") for position, text in self.texts.items()]
        self.fields["position"].choices = [("", _("Aucun de ces textes")), *texts]
        self.fields["learner"].choices = [(str(one.pk), str(one)) for one in yes]

    def clean(self) -> dict[str, Any]:
        """Hold the bounds inside the recording, and let nothing be kept of which nobody knows what was read."""
        data: dict[str, Any] = super().clean() or {}
        start, end = data.get("start"), data.get("end")
        if start is not None and end is not None:
            low, high = self.room
            # Bounds are shown in hundredths: what was not touched is what it was.
            start = self.segment.start if f"{start:.2f}" == f"{self.segment.start:.2f}" else start
            end = self.segment.end if f"{end:.2f}" == f"{self.segment.end:.2f}" else end
            data["start"], data["end"] = start, end
            if start < low or end > high:
                raise ValidationError(
                    _("Les bornes restent entre %(low)s et %(high)s secondes : au-delà, ce n’est plus cet extrait.")
                    % {"low": f"{low:.2f}", "high": f"{high:.2f}"}
                )
            if end - start < LEAST:
                raise ValidationError(_("La fin doit venir après le début."))
        if data.get("fate") == Fate.KEPT and data.get("position") is None:
            self.add_error("position", _("Pour garder cet extrait, dites quel texte est lu."))
        return data
