"""The sound of a segment as an answer; whoever asks has been asked for consent before."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpResponse

from collection import audio
from collection.errors import AudioError
from collection.web.accounts.models import User
from collection.web.audit import journal
from collection.web.recordings import sounds
from collection.web.recordings.models import Segment


def played(user: User, action: str, what: Model, segment: Segment) -> HttpResponse:
    """Cut a segment out now, note that somebody hears it, and keep it in no cache; 404 when its sound is gone."""
    try:
        samples = sounds.stretch(segment)
    except AudioError:
        raise Http404 from None
    if not len(samples):
        raise Http404
    with transaction.atomic():
        journal.record(user, action, what)
    response = HttpResponse(audio.encode_flac(samples), content_type="audio/flac")
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
