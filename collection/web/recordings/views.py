"""Pages about recordings: sending them, what came of them, and what a teacher decides."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.models import Role
from collection.web.classes.models import Learner, ReadingSession, SessionKind
from collection.web.classes.session_views import session_of
from collection.web.consents.answers import with_answers
from collection.web.recordings import review, uploads, wave
from collection.web.recordings.admission import ENDINGS, MAX_BYTES, RefusedUploadError, admit
from collection.web.recordings.equipment import indicator
from collection.web.recordings.forms import DEVICES, WHOLE_CLASS, SegmentForm, SendForm, whose
from collection.web.recordings.models import Fate, Recording, RecordingQuerySet, Segment, State
from collection.web.recordings.permission import hearable, refusal
from collection.web.recordings.playing import played
from collection.web.recordings.uploads import RefusedError
from collection.web.words import in_words

PENDING = (State.WAITING, State.WORKING)
READERS = (Role.TEACHER, Role.HEAD, Role.STEWARD)


@allowed(Role.TEACHER)
def send(request: Request, session_id: str) -> HttpResponse:
    """Offer to send many files; without scripts, take in one by a plain form."""
    session = session_of(request, session_id)
    yes, no = hearable(session)
    form = SendForm(whose(session, yes), request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        reason = _take_in(request, session, form.cleaned_data)
        if reason is None:
            messages.success(request, _("Le fichier est arrivé. Il va être écouté."))
            return redirect("session-recordings", session_id=session.pk)
        form.add_error("sound", in_words(reason))
    context = {
        "session": session,
        "form": form,
        "choices": whose(session, yes),
        "devices": DEVICES,
        "refused": [(learner, in_words(reason)) for learner, reason in no],
        "whole_class": session.kind == SessionKind.CLASS,
        "endings": ",".join(ENDINGS),
        "max_bytes": MAX_BYTES,
        "words": {"too_large": in_words("audio_too_large"), "type": in_words("audio_container_not_allowed")},
    }
    return render(request, "recordings/send.html", context)


def _take_in(request: Request, session: ReadingSession, data: dict[str, Any]) -> str | None:
    """Take in one file that came whole; return the reason when it is refused."""
    sent = data["sound"]
    learner = None
    if data["whose"] != WHOLE_CLASS:
        learner = get_object_or_404(session.school_class.learners, pk=data["whose"])
    try:
        with transaction.atomic():
            told = {"filetype": sent.content_type or "", "device": data["device"]}
            upload = admit(request.user, session, learner, sent.size, told)
            uploads.create(upload)
    except RefusedUploadError as refused:
        return refused.reason
    try:
        uploads.append(upload, 0, sent.chunks())
    except RefusedError as refused:
        uploads.destroy(upload, refused.reason)
        return refused.reason
    return None if uploads.finish(upload) is not None else upload.reason


def _counted(recordings: RecordingQuerySet) -> RecordingQuerySet:
    counts = {fate.value: Count("segments", filter=Q(segments__fate=fate)) for fate in Fate}
    return recordings.annotate(**counts)


@allowed(*READERS)
def session_recordings(request: Request, session_id: str) -> HttpResponse:
    """Show the recordings of a session and how far each has come."""
    session = session_of(request, session_id)
    recordings = list(_counted(session.recordings.select_related("learner")))
    context = {
        "session": session,
        "recordings": recordings,
        "pending": any(recording.state in PENDING for recording in recordings),
        "kept": sum(getattr(recording, Fate.KEPT.value) for recording in recordings),
        "flagged": sum(getattr(recording, Fate.FLAGGED.value) for recording in recordings),
        "teaches": request.user.role == Role.TEACHER,
    }
    return render(request, "recordings/session.html", context)


@allowed(*READERS)
def session_progress(request: Request, session_id: str) -> HttpResponse:
    """Say how far the recordings of a session have come, for the page that shows it live."""
    session = session_of(request, session_id)
    found = [
        {
            "id": str(recording.pk),
            "state": recording.state,
            "words": State(recording.state).label,
            "reason": in_words(recording.reason) if recording.reason else "",
            **{fate.value: getattr(recording, fate.value) for fate in Fate},
        }
        for recording in _counted(session.recordings.all())
    ]
    return JsonResponse({"recordings": found, "pending": any(one["state"] in PENDING for one in found)})


def _recording(request: Request, recording_id: str) -> Recording:
    recordings = Recording.objects.for_user(request.user).select_related("session__school_class", "learner")
    return get_object_or_404(recordings, pk=recording_id)


@allowed(*READERS)
def recording_detail(request: Request, recording_id: str) -> HttpResponse:
    """Show what was heard in a recording: its wave, and each segment with its fate and why."""
    recording = _recording(request, recording_id)
    learners = with_answers(Learner.objects.filter(school_class=recording.session.school_class))
    segments = list(recording.segments.prefetch_related(Prefetch("learner", queryset=learners)))
    teaches = request.user.role == Role.TEACHER
    turns = list(recording.session.turns.all())
    texts = {turn.position: turn.text for turn in turns}
    permitted: dict[object, bool] = {None: False}
    rows = []
    for number, segment in enumerate(segments, start=1):
        segment.recording = recording
        if segment.learner_id not in permitted:
            permitted[segment.learner_id] = review.playable(segment)
        rows.append({"number": number, "segment": segment, "playable": teaches and permitted[segment.learner_id]})
    context = {
        "recording": recording,
        "session": recording.session,
        "rows": rows,
        "turns": turns,
        "wave": wave.draw(recording, segments),
        "counts": [(fate, sum(segment.fate == fate for segment in segments)) for fate in Fate],
        "flagged": any(segment.fate == Fate.FLAGGED for segment in segments),
        "unheard": [
            (reason, [texts[position] for position in positions if position in texts])
            for reason, positions in recording.unheard.items()
        ],
        "pending": recording.state in PENDING,
        "teaches": teaches,
    }
    return render(request, "recordings/detail.html", context)


@allowed(Role.TEACHER)
def recording_delete(request: Request, recording_id: str) -> HttpResponse:
    """Delete a recording for good, once that was said twice."""
    recording = _recording(request, recording_id)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        session = recording.session
        review.delete(request.user, recording)
        messages.success(request, _("L’enregistrement est détruit, avec tous ses extraits."))
        return redirect("session-recordings", session_id=session.pk)
    return render(request, "recordings/delete.html", {"recording": recording, "session": recording.session})


@allowed(Role.TEACHER)
def recording_keep(request: Request, recording_id: str) -> HttpResponse:
    """Keep all segments of a recording that were left to the teacher."""
    recording = _recording(request, recording_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    kept, left = review.keep_flagged(request.user, recording)
    if kept:
        messages.success(request, _("Extraits gardés : %(n)s.") % {"n": kept})
    if left:
        messages.warning(request, _("Extraits à corriger avant de pouvoir les garder : %(n)s.") % {"n": left})
    return redirect("recording-detail", recording_id=recording.pk)


def _segment(request: Request, segment_id: str) -> Segment:
    segments = Segment.objects.for_user(request.user).select_related("recording__session__school_class", "learner")
    return get_object_or_404(segments, pk=segment_id)


@allowed(Role.TEACHER)
def segment_decide(request: Request, segment_id: str) -> HttpResponse:
    """Keep or drop a segment as it stands."""
    segment = _segment(request, segment_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if request.POST.get("fate") in (Fate.KEPT, Fate.DROPPED):
        turns = {str(turn.position): turn for turn in segment.recording.session.turns.all()}
        turn = turns.get(request.POST.get("position", ""))
        reason = review.decide(request.user, segment, Fate(request.POST["fate"]), turn)
        if reason is not None:
            messages.error(request, _("Cet extrait ne peut pas être gardé. %(why)s") % {"why": in_words(reason)})
    where = reverse("recording-detail", kwargs={"recording_id": segment.recording_id})
    return redirect(f"{where}#extrait-{segment.pk}")


@allowed(Role.TEACHER)
def segment_review(request: Request, segment_id: str) -> HttpResponse:
    """Correct which text is read in a segment, by whom, from when to when."""
    segment = _segment(request, segment_id)
    if segment.learner is None:
        raise Http404
    form = SegmentForm(segment, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        learner = get_object_or_404(segment.recording.session.school_class.learners, pk=data["learner"])
        reason = review.correct(request.user, segment, learner, form.texts.get(data["position"], ""), data)
        if reason is None:
            messages.success(request, _("C’est corrigé."))
            return redirect("recording-detail", recording_id=segment.recording_id)
        form.add_error(None, in_words(reason))
    context = {
        "segment": Segment.objects.get(pk=segment.pk),
        "recording": segment.recording,
        "session": segment.recording.session,
        "form": form,
        "playable": review.playable(segment),
    }
    return render(request, "recordings/segment.html", context)


@allowed(Role.TEACHER)
def segment_audio(request: Request, segment_id: str) -> HttpResponse:
    """Play a segment: cut out now, consent asked now, kept in no cache."""
    segment = _segment(request, segment_id)
    if segment.learner is None:
        raise Http404
    if refusal(segment.recording.session, segment.learner) is not None:
        raise PermissionDenied
    return played(request.user, "segment.play", segment, segment)


@allowed(Role.TEACHER)
def recorder(request: Request, session_id: str) -> HttpResponse:
    """Record learners at this computer, text by text."""
    session = session_of(request, session_id)
    yes, no = hearable(session)
    context = {
        "session": session,
        "choices": [(str(one.pk), str(one)) for one in yes],
        "turns": session.turns.all(),
        "refused": [(learner, in_words(reason)) for learner, reason in no],
        "whole_class": session.kind == SessionKind.CLASS,
    }
    return render(request, "recordings/recorder.html", context)


@allowed(*READERS)
def equipment(request: Request) -> HttpResponse:
    """Show how well microphones were set up, by school."""
    return render(
        request, "recordings/equipment.html", {"schools": indicator(Recording.objects.for_user(request.user))}
    )
