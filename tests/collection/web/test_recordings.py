"""What is heard in recordings, who may listen, and what a teacher decides; then the way to a release."""

from __future__ import annotations

import io
from datetime import date
from uuid import uuid4

import numpy as np
import pytest
import soundfile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import TestCase
from django.urls import reverse
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from collection.build import build
from collection.building import bystanders
from collection.classes import voiceprints
from collection.config import BuildConfig
from collection.intake import read_intake
from collection.register import read_register
from collection.release import read_release
from collection.schema import Split
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner, SessionKind, Turn
from collection.web.consents import erasing
from collection.web.consents.models import Withdrawal, WithdrawalState
from collection.web.recordings import hearing, sounds, vault
from collection.web.recordings.equipment import indicator
from collection.web.recordings.export import export
from collection.web.recordings.forgetting import silence as silence_task
from collection.web.recordings.models import Fate, Recording, Segment, State, Upload
from collection.web.recordings.requeue import requeue
from collection.web.recordings.tasks import BUSY, HEARD, SETTLED, listen, lock_of
from collection.withdrawal import tombstones
from tests.collection.web.sounding import PAUSE, TEXTS, alone, begin, paused, reading, send, spoken, wav, work
from tests.collection.web.test_upload import withdrawn
from tests.collection.web.world import consented
from tests.factories import RATE, encoded, muxed, noise, silence


@pytest.fixture
def ours(everyone):
    """Return our school with a session of which nothing was recorded."""
    Upload.objects.all().delete()
    Recording.objects.all().delete()
    return everyone.ours


@pytest.fixture
def client(ours, signed_in):
    """Return the teacher's browser."""
    return signed_in(ours.teacher)


def heard(client, session, learner, data: bytes, **more: str) -> Recording:
    """Send a file, hear it, and return its recording."""
    before = set(Recording.objects.values_list("pk", flat=True))
    assert send(client, session, learner, data, **more).status_code == 204
    assert work() == [HEARD]
    return Recording.objects.exclude(pk__in=before).get()


def facts(recording: Recording) -> list[tuple]:
    """Return position, fate and reasons of each segment."""
    return [(one.position, one.fate, one.reasons) for one in recording.segments.all()]


def play(client, segment: Segment):
    """Ask to hear a segment."""
    return client.get(reverse("segment-audio", kwargs={"segment_id": segment.pk}))


def test_a_reading_of_every_text_is_cut_and_kept(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav())
    assert facts(recording) == [(0, Fate.KEPT, []), (1, Fate.KEPT, [])]
    first, second = recording.segments.all()
    assert (first.text, second.text) == ("Good morning.", "The cat sat on the mat.")
    assert first.learner == second.learner == ours.agreeing
    # Speech with a fifth of a second around it.
    begins = PAUSE + len(spoken()) / RATE + PAUSE
    ends = begins + len(spoken(TEXTS[1])) / RATE
    expected = (PAUSE - 0.2, begins - PAUSE + 0.2, begins - 0.2, ends + 0.2)
    assert (first.start, first.end, second.start, second.end) == pytest.approx(expected, abs=0.25)
    assert recording.seconds == pytest.approx(len(reading()) / RATE)
    assert (recording.state, recording.reason) == (State.DONE, "")
    assert len(recording.peaks) == hearing.PEAKS
    assert Entry.objects.get(action="recording.hear").details == {"reason": "", "kept": 2, "flagged": 0, "dropped": 0}


def test_what_is_kept_has_no_metadata_and_the_sent_file_is_gone(client, ours):
    data = encoded(reading(), kind="FLAC", title="Inès au Collège", artist="iPhone d’Inès")
    assert "Inès".encode() in data
    recording = heard(client, ours.session, ours.agreeing, data)
    assert recording.sound.name == f"heard/{recording.pk}.flac"
    kept = default_storage.open(recording.sound.name).read()
    assert "Inès".encode() not in kept
    assert recording.size == len(kept)
    assert not default_storage.exists(f"sound/{recording.pk}")
    assert sounds.decoded(recording) == pytest.approx(reading(), abs=1e-4)


@pytest.mark.parametrize(("texts", "reason"), [(1, "fewer_readings_than_prompts"), (3, "more_readings_than_prompts")])
def test_readings_that_do_not_fit_are_left_to_the_teacher(client, ours, texts, reason):
    recording = heard(client, ours.session, ours.agreeing, wav(texts))
    assert facts(recording) == [(None, Fate.FLAGGED, [reason])] * texts
    assert recording.reason == reason


def test_a_poor_sound_is_flagged_and_a_useless_one_dropped(client, ours):
    quiet = encoded((0.02 * paused([spoken(TEXTS[1])])).astype(np.float32))
    assert facts(heard(client, ours.session, ours.agreeing, quiet, position="1")) == [(1, Fate.FLAGGED, ["too_quiet"])]
    loud = encoded(np.clip(40 * paused([spoken(TEXTS[1])]), -1, 1).astype(np.float32))
    assert facts(heard(client, ours.session, ours.agreeing, loud, position="1")) == [(1, Fate.DROPPED, ["clipped"])]


def test_a_text_without_pronunciation_is_dropped(client, ours):
    Turn.objects.filter(session=ours.session, position=1).update(text="…")
    recording = heard(client, ours.session, ours.agreeing, wav(), position="1")
    assert facts(recording) == [(1, Fate.DROPPED, ["no_pronunciation"])]


def test_one_text_recorded_at_the_computer_is_not_cut(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav(1), position="1")
    segment = recording.segments.get()
    assert (segment.position, segment.start, segment.end) == (1, 0.0, len(reading(1)) / RATE)
    assert segment.fate == Fate.KEPT
    empty = heard(client, ours.session, ours.agreeing, encoded(noise(2.0)), position="0")
    assert facts(empty) == [(0, Fate.DROPPED, ["no_speech"])]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoded(reading())[:-20_000], "audio_truncated"),
        (b"RIFF" + b"\xff\xff\xff\x7fWAVE" + b"\0" * 500, "audio_truncated"),
        (b"RIFF\x24\x00\x00\x00WAVEPK\x03\x04" + b"\0" * 500, "audio_truncated"),
        (muxed(reading(1), video=True), "audio_has_video"),
    ],
    ids=["cut", "header that lies", "zip inside a wave", "video"],
)
def test_a_file_that_cannot_be_used_is_refused_and_destroyed(client, ours, data, reason):
    recording = heard(client, ours.session, ours.agreeing, data)
    assert (recording.state, recording.segments.count(), recording.size) == (State.REFUSED, 0, 0)
    assert recording.reason.startswith("audio_")
    assert recording.reason == reason
    assert not default_storage.exists(f"sound/{recording.pk}")


def test_consent_is_asked_before_the_file_is_opened(client, ours):
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    withdrawn(ours.agreeing)
    work()
    recording = Recording.objects.get()
    assert (recording.state, recording.reason, recording.segments.count()) == (State.REFUSED, "withdrawn", 0)
    assert not default_storage.exists(f"sound/{recording.pk}")


def test_hearing_again_changes_nothing(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav())
    before = list(recording.segments.values())
    assert listen.func(str(recording.pk)) == SETTLED
    assert listen.func("00000000-0000-0000-0000-000000000000") == SETTLED
    assert list(recording.segments.values()) == before
    assert Entry.objects.filter(action="recording.hear").count() == 1


def test_a_recording_whose_worker_was_killed_is_heard_once(client, ours):
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    recording = Recording.objects.get()
    waiting = DBTaskResult.objects.get()
    waiting.claim("killed")
    Recording.objects.update(state=State.WORKING)
    with lock_of(str(recording.pk)).acquire(blocking=False):
        # It is alive: nobody else takes it.
        assert requeue()["queued"] == 0
        assert listen.func(str(recording.pk)) == BUSY
    assert requeue()["queued"] == 1
    assert requeue()["queued"] == 0
    waiting.refresh_from_db()
    assert waiting.status == TaskResultStatus.FAILED
    assert work() == [HEARD]
    assert recording.segments.count() == 2


def test_our_own_fault_keeps_the_file_for_another_try(client, ours, monkeypatch):
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    recording = Recording.objects.get()
    with monkeypatch.context() as broken:
        broken.setattr(hearing, "one_learner", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            listen.func(str(recording.pk))
    recording.refresh_from_db()
    assert (recording.state, recording.reason) == (State.WAITING, "listening_failed")
    assert listen.func(str(recording.pk)) == HEARD
    recording.refresh_from_db()
    assert (recording.state, recording.reason, recording.segments.count()) == (State.DONE, "", 2)


def test_only_the_teacher_hears_a_segment_and_consent_is_asked_each_time(client, ours, everyone, signed_in):
    segment = heard(client, ours.session, ours.agreeing, wav()).segments.first()
    answer = play(client, segment)
    assert answer["Content-Type"] == "audio/flac"
    assert answer["Cache-Control"] == "no-store"
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    assert rate == 16_000
    first, last = round(segment.start * rate), round(segment.end * rate)
    assert samples == pytest.approx(reading()[first:last], abs=1e-4)
    for person in (ours.colleague, everyone.theirs.teacher, ours.head, everyone.steward):
        assert play(signed_in(person), segment).status_code in (403, 404)
    withdrawn(ours.agreeing)
    assert play(client, segment).status_code == 403


def test_a_stretch_of_nobody_is_never_played_nor_given_to_somebody(client, ours):
    segment = heard(client, ours.session, ours.agreeing, wav()).segments.first()
    Segment.objects.filter(pk=segment.pk).update(learner=None)
    assert play(client, segment).status_code == 404
    assert client.get(reverse("segment-review", kwargs={"segment_id": segment.pk})).status_code == 404
    client.post(reverse("segment-decide", kwargs={"segment_id": segment.pk}), {"fate": "kept"})
    client.post(reverse("segment-decide", kwargs={"segment_id": segment.pk}), {"fate": "dropped"})
    client.post(reverse("segment-decide", kwargs={"segment_id": segment.pk}), {"fate": "kept"})
    segment.refresh_from_db()
    assert segment.fate == Fate.DROPPED


def correction(segment: Segment, **changes: object) -> dict:
    """Return what the form of a segment sends."""
    given = {
        "position": segment.position,
        "learner": segment.learner_id,
        "start": f"{segment.start:.2f}",
        "end": f"{segment.end:.2f}",
        "fate": "kept",
        **changes,
    }
    return {name: "" if value is None else value for name, value in given.items()}


def test_a_teacher_corrects_text_bounds_and_learner(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav(3))
    segment = recording.segments.first()
    where = reverse("segment-review", kwargs={"segment_id": segment.pk})
    assert "dites quel texte est lu" in client.post(where, correction(segment)).content.decode()
    assert client.post(where, correction(segment, position=1, start="1.0")).status_code == 302
    segment.refresh_from_db()
    assert (segment.text, segment.start, segment.fate) == ("The cat sat on the mat.", 1.0, Fate.KEPT)
    assert segment.reviewed_by == ours.teacher
    assert segment.quality["level_dbfs"] < 0
    consented(ours.silent)
    assert client.post(where, correction(segment, learner=ours.silent.pk)).status_code == 302
    segment.refresh_from_db()
    assert segment.learner == ours.silent
    assert Entry.objects.filter(action="segment.kept", actor=str(ours.teacher.pk)).count() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"learner": "refusing"},
        {"start": "2.7", "end": "0.8"},
        {"end": "60"},
        {"start": "-1"},
        {"start": "nan"},
        {"end": "inf"},
        {"position": "7"},
        {"fate": "flagged"},
    ],
)
def test_a_correction_that_cannot_be_is_refused(client, ours, changes):
    segment = heard(client, ours.session, ours.agreeing, wav()).segments.first()
    before = Segment.objects.filter(pk=segment.pk).values().get()
    given = {name: ours.refusing.pk if value == "refusing" else value for name, value in changes.items()}
    answer = client.post(reverse("segment-review", kwargs={"segment_id": segment.pk}), correction(segment, **given))
    assert answer.status_code == 200
    assert Segment.objects.filter(pk=segment.pk).values().get() == before


def test_flagged_segments_are_kept_or_dropped(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav(3))
    first, second, _ = recording.segments.all()
    decide = reverse("segment-decide", kwargs={"segment_id": first.pk})
    assert "ne peut pas être gardé" in client.post(decide, {"fate": "kept"}, follow=True).content.decode()
    client.post(decide, {"fate": "kept", "position": "9"})
    first.refresh_from_db()
    assert first.fate == Fate.FLAGGED
    client.post(decide, {"fate": "kept", "position": "1"})
    first.refresh_from_db()
    assert (first.fate, first.text) == (Fate.KEPT, "The cat sat on the mat.")
    first.fate = Fate.FLAGGED
    first.save()
    Segment.objects.filter(pk__in=[first.pk, second.pk]).update(position=0, text="Good morning.")
    client.post(reverse("segment-decide", kwargs={"segment_id": second.pk}), {"fate": "dropped"})
    page = client.post(reverse("recording-keep", kwargs={"recording_id": recording.pk}), follow=True).content.decode()
    assert "Extraits gardés : 1." in page
    assert "à corriger avant de pouvoir les garder : 1." in page
    assert [one.fate for one in recording.segments.all()] == [Fate.KEPT, Fate.DROPPED, Fate.FLAGGED]


def test_a_deleted_recording_leaves_nothing(client, ours):
    recording = heard(client, ours.session, ours.agreeing, wav())
    export()
    where = reverse("recording-delete", kwargs={"recording_id": recording.pk})
    client.post(where)
    assert Recording.objects.filter(pk=recording.pk).exists()
    client.post(where, {"sure": "yes"})
    assert not Recording.objects.exists()
    assert not default_storage.exists(recording.sound.name)
    assert list((vault.Path(vault.settings.VAULT) / "audio").glob("*.flac")) == []
    assert Entry.objects.get(action="recording.delete").subject == f"recording:{recording.pk}"


def test_pages_say_what_came_of_it_in_words(client, ours, everyone, signed_in):
    recording = heard(client, ours.session, ours.agreeing, wav(1))
    page = client.get(reverse("recording-detail", kwargs={"recording_id": recording.pk})).content.decode()
    assert "Moins de lectures que de textes" in page
    assert "ABADIE Inès" in page
    assert page.count("data-play") == 1
    assert 'class="wave-box wave-box--flagged"' in page
    by_head = signed_in(ours.head).get(reverse("recording-detail", kwargs={"recording_id": recording.pk}))
    assert "data-play" not in by_head.content.decode()
    progress = client.get(reverse("session-progress", kwargs={"session_id": ours.session.pk})).json()
    assert progress["pending"] is False
    assert progress["recordings"][0]["flagged"] == 1
    assert "Raison technique" not in page


def test_a_first_name_with_a_script_in_it_is_shown_as_text(client, ours):
    Learner.objects.filter(pk=ours.agreeing.pk).update(first_name="<script>alert(1)</script>")
    recording = heard(client, ours.session, ours.agreeing, wav(1))
    for name, key in (
        ("recording-detail", "recording_id"),
        ("session-recordings", "session_id"),
        ("recording-send", "session_id"),
    ):
        page = client.get(reverse(name, kwargs={key: recording.pk if key == "recording_id" else ours.session.pk}))
        assert "<script>alert" not in page.content.decode()
        assert "&lt;script&gt;alert" in page.content.decode()


def test_microphone_checks_tell_of_the_equipment_of_a_school(client, ours, everyone, signed_in):
    for verdict, level in (("good", -20.0), ("good", -30.0), ("too_far", -45.5)):
        told = f'{{"level_dbfs": {level}, "noise_dbfs": -60, "verdict": "{verdict}"}}'
        sound = encoded(noise(1.0, seed=int(-level)))
        assert send(client, ours.session, ours.agreeing, sound, position="0", microphone=told).status_code == 204
    (school,) = indicator(Recording.objects.for_user(ours.head))
    assert (school.school, school.checked, school.good, school.level) == (ours.school.name, 3, 67, -30.0)
    assert school.verdicts == {"good": 2, "too_far": 1, "too_loud": 0, "noisy_room": 0}
    page = signed_in(everyone.theirs.head).get(reverse("equipment")).content.decode()
    assert ours.school.name not in page


@pytest.mark.parametrize(
    "told",
    [
        "no json",
        "[]",
        '{"level_dbfs": 1}',
        '{"level_dbfs": NaN, "noise_dbfs": 0, "verdict": "good"}',
        '{"level_dbfs": -1e9, "noise_dbfs": 0, "verdict": "good"}',
        '{"level_dbfs": -20, "noise_dbfs": -60, "verdict": "<script>"}',
        '{"level_dbfs": -20, "noise_dbfs": -60, "verdict": ["good"]}',
    ],
)
def test_a_made_up_microphone_check_is_refused(client, ours, told):
    assert send(client, ours.session, ours.agreeing, wav(1), position="0", microphone=told).status_code == 400


@pytest.fixture
def classroom(ours, settings):
    """Make the session one of the whole class; the listener of tests tells texts by how loud they are."""
    settings.CLASS_LISTENER = "tests.collection.class_listener:listener"
    session = ours.session
    session.kind = SessionKind.CLASS
    session.save()
    session.turns.all().delete()
    for position, (text, reader) in enumerate(
        [("see the cat", ours.agreeing), ("we all go home now", ours.refusing), ("the sun is up today", ours.agreeing)]
    ):
        Turn.objects.create(session=session, position=position, text=text, reader=reader)
    return session


def test_an_enrolment_makes_an_encrypted_voiceprint(client, ours, classroom):
    recording = heard(client, classroom, ours.agreeing, alone())
    assert (recording.enrols, recording.state, recording.reason, recording.segments.count()) == (True, "done", "", 0)
    made = list((vault.Path(vault.settings.VAULT) / voiceprints.FOLDER).glob("*.bin"))
    assert len(made) == 1
    assert str(ours.agreeing.pk).encode() not in made[0].read_bytes()
    assert vault.voiceprint(ours.agreeing).seconds >= 6
    short = heard(client, classroom, ours.agreeing, wav(1))
    assert short.reason == "enrolment_too_short"
    consented(ours.silent)
    again = heard(client, classroom, ours.silent, alone())
    assert again.reason == "enrolment_of_another"


def test_a_class_without_known_voices_says_whom_to_record(client, ours, classroom):
    recording = heard(client, classroom, None, wav())
    assert (recording.reason, recording.segments.count()) == ("no_enrolled_voice", 0)
    assert recording.unheard == {"no_voiceprint": [0, 2]}


def test_in_a_class_only_known_consenting_voices_are_somebodys(client, ours, classroom):
    heard(client, classroom, ours.agreeing, alone())
    # The listener of the tests knows a text by its peak; the first and the last turn are the agreeing learner's.
    turns = [("see the cat", 0, 0.1), ("we all go home now", 1, 0.2), ("the sun is up today", 1, 0.4)]
    samples = paused([np.concatenate([spoken(text, voice, peak), silence(1.0)]) for text, voice, peak in turns])
    recording = heard(client, classroom, None, encoded(samples))
    assert all(one.learner in (ours.agreeing, None) for one in recording.segments.all())
    assert not recording.segments.filter(position=1).exists()
    nobody = recording.segments.filter(learner=None)
    assert all(one.fate == Fate.DROPPED for one in nobody)
    assert recording.segments.get(position=2).learner is None
    assert play(client, recording.segments.get(position=2)).status_code == 404
    assert recording.segments.get(position=0).learner == ours.agreeing
    for one in recording.segments.filter(learner=ours.agreeing):
        # Beside it speaks somebody else: it may only be shortened.
        where = reverse("segment-review", kwargs={"segment_id": one.pk})
        longer = client.post(where, correction(one, end=f"{one.end + 0.5:.2f}"))
        assert longer.status_code == 200


def exporting(client, ours, count: int = 3) -> list[Recording]:
    """Let several learners read, each heard and kept."""
    made = [heard(client, ours.session, ours.agreeing, wav())]
    for number in range(1, count):
        learner = Learner.objects.create(
            school_class=ours.school_class, last_name=f"Nom{number}", first_name="Zoé", birth_date=date(2013, 3, number)
        )
        consented(learner)
        made.append(heard(client, ours.session, learner, wav(voice=number)))
    return made


def state_of(folder) -> dict[str, tuple[int, bytes]]:
    """Return when each file was changed, and what it holds."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_and_consented_is_an_intake_folder(client, ours, settings):
    made = exporting(client, ours)
    Segment.objects.filter(recording=made[1], position=0).update(fate=Fate.DROPPED)
    Segment.objects.filter(recording=made[1], position=1).update(fate=Fate.FLAGGED)
    Segment.objects.filter(recording=made[2], position=0).update(learner=None)
    done = export()
    assert (done.segments, done.learners, done.written, done.missing) == (3, 2, 3, 0)
    intake = read_intake(settings.VAULT)
    assert (
        set(intake.learners)
        == {str(ours.agreeing.pk), str(made[2].learner_id)}
        == set(read_register(settings.VAULT / "consents.jsonl"))
    )
    segment = made[0].segments.first()
    line = next(one for one in intake.recordings if one.recording_id == str(segment.pk))
    assert (line.prompts, line.segmented, line.recorded_on) == (("Good morning.",), True, ours.session.held_on)
    assert line.path.read_bytes() == play(client, segment).content
    before = state_of(settings.VAULT)
    assert export().written == 0
    assert {name: facts for name, facts in state_of(settings.VAULT).items() if not name.endswith(".lock")} == {
        name: facts for name, facts in before.items() if not name.endswith(".lock")
    }


def test_names_of_classmates_and_teachers_are_found_and_stand_nowhere_in_the_vault(client, ours, settings):
    ours.teacher.first_name, ours.teacher.last_name = "Odile", "Kervadec"
    ours.teacher.save()
    exporting(client, ours)
    export()
    secret = vault.key()
    known = bystanders.read(settings.VAULT)
    said = tombstones.name_marks
    for one in (ours.refusing, ours.silent, ours.teacher):
        marks = said(secret, "portal", f"{one.first_name} {one.last_name}", {ours.school_class.language})
        assert marks
        assert marks <= known
    listed = f"{ours.agreeing.first_name} {ours.agreeing.last_name}"
    assert not said(secret, "portal", listed, {ours.school_class.language}) <= known
    everything = b"".join(content for _, content in state_of(settings.VAULT).values())
    assert ours.refusing.last_name.encode() not in everything


def test_what_is_not_allowed_any_more_is_removed(client, ours, settings):
    made = exporting(client, ours)
    export()
    withdrawn(ours.agreeing)
    segment = made[1].segments.first()
    client.post(
        reverse("segment-review", kwargs={"segment_id": segment.pk}),
        correction(segment, end=f"{segment.end - 0.3:.2f}"),
    )
    done = export()
    assert (done.segments, done.learners, done.written, done.removed) == (4, 2, 1, 3)
    everything = b"".join(content for _, content in state_of(settings.VAULT).values())
    assert str(ours.agreeing.pk).encode() not in everything
    assert b"Abadie" not in everything


def test_who_comes_back_after_a_withdrawal_is_one_new_learner_in_the_vault(client, ours, settings):
    consent = ours.agreeing.consent
    consent.subject = uuid4()
    consent.save()
    samples, _ = soundfile.read(io.BytesIO(alone()), dtype="float32")
    assert vault.enrol(ours.agreeing, samples) is None
    heard(client, ours.session, ours.agreeing, wav())
    assert export().segments == 2
    intake = read_intake(settings.VAULT)
    new = str(consent.subject)
    assert set(intake.learners) == {one.learner_id for one in intake.recordings} == {new}
    assert set(read_register(settings.VAULT / "consents.jsonl")) == {new}
    made = voiceprints.path_of(settings.VAULT, vault.key(), new)
    assert list((settings.VAULT / voiceprints.FOLDER).glob("*.bin")) == [made]
    # What the pipeline knows under that id is all there is: a second withdrawal finds it.
    assert str(ours.agreeing.pk).encode() not in b"".join(content for _, content in state_of(settings.VAULT).values())


def test_a_voiceprint_goes_with_the_consent_before_anything_was_exported(client, ours, classroom, settings):
    heard(client, classroom, ours.agreeing, alone())
    assert list((settings.VAULT / voiceprints.FOLDER).glob("*.bin"))
    consent = ours.agreeing.consent
    withdrawn(ours.agreeing)
    with transaction.atomic():
        found = erasing.begin(consent, consent.parties.get(role="guardian"))
    erasing.run(str(found.pk))
    found.refresh_from_db()
    assert (found.state, found.error) == (WithdrawalState.DONE, "")
    assert not list((settings.VAULT / voiceprints.FOLDER).glob("*.bin"))


def test_the_vault_builds_a_release(client, ours, settings, tmp_path):
    exporting(client, ours)
    export()
    config = BuildConfig(
        importer="folder",
        intake=str(settings.VAULT),
        out=str(tmp_path / "release"),
        key=str(settings.KEY_FILE),
        name="autumn",
        workers=0,
    )
    build(config)
    release = read_release(tmp_path / "release")
    rows = [row for split in Split for row in release.rows(split)]
    assert sorted(row["text"] for row in rows) == ["Good morning."] * 3 + ["The cat sat on the mat."] * 3
    kept = sorted(round(one.end * 16_000) - round(one.start * 16_000) for one in Segment.objects.all())
    assert sorted(round(row["duration"] * 16_000) for row in rows) == kept


def test_a_voice_that_may_be_held_no_longer_goes_everywhere(client, ours, classroom, settings):
    heard(client, classroom, ours.agreeing, alone())
    samples = paused([np.concatenate([spoken("see the cat", 0, 0.1), silence(1.0)]), spoken(TEXTS[2], 1)])
    recording = heard(client, classroom, None, encoded(samples))
    segment = recording.segments.get(learner=ours.agreeing)
    assert segment.fate == Fate.KEPT
    assert export().segments == 1
    where = begin(client, classroom, ours.agreeing, 1000)["Location"]
    consent = ours.agreeing.consent
    withdrawn(ours.agreeing)
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        erasing.begin(consent, consent.parties.get(role="guardian"))
    assert list(Recording.objects.values_list("pk", flat=True)) == [recording.pk]
    assert play(client, segment).status_code == 404
    assert client.head(where, headers={"Tus-Resumable": "1.0.0"}).status_code == 410
    (task,) = DBTaskResult.objects.filter(task_path=silence_task.module_path)
    for _ in range(2):
        assert silence_task.func(*task.args_kwargs["args"]) == "silenced"
    recording.refresh_from_db()
    kept = sounds.decoded(recording)
    first, last = round(segment.start * RATE), round(segment.end * RATE)
    assert not kept[first:last].any()
    assert kept[last + RATE :] == pytest.approx(samples[last + RATE :], abs=1e-4)
    assert kept[last + RATE :].any()
    erasing.run(str(Withdrawal.objects.get().pk))
    assert Withdrawal.objects.get().state == "done"
    assert list((settings.VAULT / "audio").glob("*.flac")) == []
    assert list((settings.VAULT / voiceprints.FOLDER).glob("*.bin")) == []
    assert export().segments == 0
