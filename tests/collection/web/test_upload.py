"""Resumable uploads by the tus protocol: nobody else's, never without consent, never corrupt, whatever is sent."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from collection.register import EventState
from collection.register import Role as Signer
from collection.web.audit.models import Entry
from collection.web.classes.models import SessionKind
from collection.web.consents.models import ConsentEvent
from collection.web.recordings import uploads
from collection.web.recordings.models import Recording, Upload, UploadState
from collection.web.recordings.requeue import requeue
from collection.web.recordings.uploads import OffsetError, append, path_of
from tests.collection.web.sounding import begin, head, patch, send, told, wav
from tests.factories import encoded, tone

SOUND = encoded(tone(2.0))


@pytest.fixture
def ours(everyone):
    """Return our school, without what it is sending already."""
    Upload.objects.all().delete()
    return everyone.ours


@pytest.fixture
def client(ours, signed_in):
    """Return the teacher's browser."""
    return signed_in(ours.teacher)


def withdrawn(learner) -> None:
    """Let a guardian take consent back, now."""
    consent = learner.consent
    party = consent.parties.get(role="guardian")
    ConsentEvent.objects.create(
        consent=consent,
        state=EventState.WITHDRAWN.value,
        at=datetime.now(tz=UTC),
        role=Signer.GUARDIAN.value,
        entity=str(party.pk),
    )


def left() -> list[str]:
    """Return what lies in the folder of uploads, but locks."""
    folder = path_of(Upload()).parent
    return [path.name for path in folder.glob("*") if path.suffix != ".lock"] if folder.exists() else []


def test_a_file_arrives_in_pieces_and_is_one_recording(client, ours):
    asked = begin(client, ours.session, ours.agreeing, len(SOUND), sha256=hashlib.sha256(SOUND).hexdigest())
    assert asked.status_code == 201
    where = asked["Location"]
    for at in range(0, len(SOUND), 20_000):
        piece = SOUND[at : at + 20_000]
        assert head(client, where)["Upload-Offset"] == str(at)
        answer = patch(client, where, piece, at)
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(at + len(piece)))
    recording = Recording.objects.get(sha256=hashlib.sha256(SOUND).hexdigest())
    assert (recording.learner, recording.session, recording.size) == (ours.agreeing, ours.session, len(SOUND))
    assert default_storage.open(recording.sound.name).read() == SOUND
    assert left() == []
    assert recording.sound.name == f"sound/{recording.pk}"
    # A sender who missed the last answer asks again, and hears that all of it is there.
    assert head(client, where)["Upload-Offset"] == str(len(SOUND))


def test_what_the_server_can_do_is_told(client, ours):
    answer = client.options(reverse("upload-create", kwargs={"session_id": ours.session.pk}))
    assert answer.status_code == 204
    assert answer["Tus-Extension"] == "creation,termination,expiration,checksum"
    assert answer["Tus-Max-Size"] == str(2 * 2**30)
    refused = begin(client, ours.session, ours.agreeing, 10, version="0.2.2")
    assert (refused.status_code, refused["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize("offset", [0, 1, 9_999, 10_001, 30_000])
def test_a_forged_offset_changes_nothing(client, ours, offset):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    patch(client, where, SOUND[:10_000], 0)
    answer = patch(client, where, b"x" * 100, offset)
    assert (answer.status_code, answer["Upload-Offset"]) == (409, "10000")
    assert patch(client, where, SOUND[10_000:], 10_000).status_code == 204
    assert Recording.objects.filter(sha256=hashlib.sha256(SOUND).hexdigest()).exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "1e3"},
        {"Upload-Offset": "0" * 9_000},
        {"Upload-Offset": ""},
        {"Upload-Checksum": "md5 AAAA"},
        {"Upload-Checksum": "sha256 not base64!"},
    ],
)
def test_malformed_headers_are_refused(client, ours, headers):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    answer = client.patch(
        where,
        SOUND,
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0", **headers},
    )
    assert answer.status_code == 400
    assert head(client, where)["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("length", "metadata"),
    [
        ("-1", ""),
        ("ten", ""),
        ("", ""),
        ("100", "learner !!!"),
        ("100", "filename " + "A" * 10_000),
        ("100", "learner eA=="),
    ],
)
def test_a_malformed_beginning_is_refused(client, ours, length, metadata):
    answer = client.post(
        reverse("upload-create", kwargs={"session_id": ours.session.pk}),
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Length": length, "Upload-Metadata": metadata},
    )
    assert answer.status_code == 400
    assert not Upload.objects.exists()


def test_more_than_was_announced_is_refused(client, ours):
    where = begin(client, ours.session, ours.agreeing, 1000)["Location"]
    assert patch(client, where, SOUND[:1001], 0).status_code == 413
    assert head(client, where)["Upload-Offset"] == "0"


def test_a_piece_that_was_changed_on_the_way_is_not_kept(client, ours):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    right = b64encode(hashlib.sha256(SOUND[:5000]).digest()).decode()
    changed = patch(client, where, b"y" + SOUND[1:5000], 0, **{"Upload-Checksum": f"sha256 {right}"})
    assert changed.status_code == 460
    assert head(client, where)["Upload-Offset"] == "0"
    assert patch(client, where, SOUND[:5000], 0, **{"Upload-Checksum": f"sha256 {right}"}).status_code == 204
    assert head(client, where)["Upload-Offset"] == "5000"


def test_a_whole_file_that_is_not_the_announced_one_is_destroyed(client, ours):
    answer = send(client, ours.session, ours.agreeing, SOUND, sha256="0" * 64)
    assert answer.status_code == 460
    assert left() == []
    assert Recording.objects.filter(session=ours.session).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_send_at_once_each_byte_is_kept_once(everyone, signed_in):
    ours = everyone.ours
    where = begin(signed_in(ours.teacher), ours.session, ours.agreeing, len(SOUND))["Location"]
    upload = Upload.objects.get(pk=where.rstrip("/").rsplit("/", 1)[1])
    lost = []

    def sending() -> None:
        try:
            append(upload, 0, (SOUND[at : at + 500] for at in range(0, len(SOUND), 500)))
        except OffsetError as error:
            lost.append(error.offset)
        finally:
            connections.close_all()

    senders = [threading.Thread(target=sending) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert path_of(upload).read_bytes() == SOUND[: path_of(upload).stat().st_size]
    assert len(lost) >= 3


def test_the_same_file_twice_is_one_recording(client, ours):
    before = Recording.objects.count()
    for _ in range(2):
        assert send(client, ours.session, ours.agreeing, SOUND).status_code == 204
    assert Recording.objects.count() == before + 1
    assert Upload.objects.filter(state=UploadState.DONE).count() == 2
    assert left() == []


def test_nobody_goes_on_with_the_upload_of_another(client, ours, everyone, signed_in):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    colleague = everyone.ours.colleague
    ours.school_class.teachers.add(colleague)
    for person in (colleague, everyone.theirs.teacher):
        assert head(signed_in(person), where).status_code == 404
        assert patch(signed_in(person), where, SOUND, 0).status_code == 404
    elsewhere = reverse("upload", kwargs={"session_id": everyone.theirs.session.pk, "upload_id": where.split("/")[-2]})
    assert head(client, elsewhere).status_code == 404


def test_the_learner_of_another_class_is_not_found(client, ours, everyone):
    assert begin(client, ours.session, everyone.theirs.agreeing, 100).status_code == 404


@pytest.mark.parametrize(("who", "reason"), [("refusing", "learner_refused"), ("silent", "no_record")])
def test_nobody_is_recorded_who_may_not_be(client, ours, who, reason):
    answer = begin(client, ours.session, getattr(ours, who), 100)
    assert (answer.status_code, answer.json()["reason"]) == (403, reason)
    assert not Upload.objects.exists()


def test_a_yes_does_not_reach_back_to_an_earlier_session(client, ours):
    ours.session.held_on = ours.agreeing.consent.signatures.first().signed_on - timedelta(days=1)
    ours.session.save()
    answer = begin(client, ours.session, ours.agreeing, 100)
    assert (answer.status_code, answer.json()["reason"]) == (403, "recorded_before_consent")


def test_consent_that_is_taken_back_on_the_way_destroys_the_bytes(client, ours):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    patch(client, where, SOUND[:10_000], 0)
    withdrawn(ours.agreeing)
    answer = patch(client, where, SOUND[10_000:], 10_000)
    assert (answer.status_code, answer.json()["reason"]) == (403, "withdrawn")
    assert left() == []
    assert not Recording.objects.filter(sha256=hashlib.sha256(SOUND).hexdigest()).exists()
    assert head(client, where).status_code == 410
    assert Entry.objects.filter(action="upload.destroy", details={"reason": "withdrawn"}).exists()


def test_the_file_of_a_class_needs_one_reader_who_agrees(client, ours):
    session = ours.session
    assert begin(client, session, None, 100).json()["reason"] == "of_nobody"
    session.kind = SessionKind.CLASS
    session.save()
    assert begin(client, session, None, 100).json()["reason"] == "nobody_agreed"
    session.turns.filter(position=0).update(reader=ours.agreeing)
    assert begin(client, session, None, 100).status_code == 201


@pytest.mark.parametrize(
    ("length", "filetype", "status", "reason"),
    [
        (0, "audio/wav", 400, "audio_empty_file"),
        (2 * 2**30 + 1, "audio/wav", 413, "audio_too_large"),
        (100, "application/zip", 415, "audio_container_not_allowed"),
        (100, "text/html; charset=utf-8", 415, "audio_container_not_allowed"),
        (100, "audio/webm;codecs=opus", 201, None),
    ],
)
def test_size_and_type_are_judged_before_a_byte_is_sent(client, ours, length, filetype, status, reason):
    answer = begin(client, ours.session, ours.agreeing, length, filetype=filetype)
    assert answer.status_code == status
    assert reason is None or answer.json()["reason"] == reason


def test_a_school_has_so_much_room(client, ours):
    ours.school.quota_mib = 1
    ours.school.save()
    room = 2**20 - sum(Recording.objects.filter(session=ours.session).values_list("size", flat=True))
    assert begin(client, ours.session, ours.agreeing, room + 1).json()["reason"] == "quota_exceeded"
    assert begin(client, ours.session, ours.agreeing, room).status_code == 201
    # What is announced takes room too.
    assert begin(client, ours.session, ours.agreeing, 1).status_code == 413


def test_an_account_begins_so_many_an_hour(client, ours, settings):
    settings.UPLOADS_PER_HOUR = 2
    first = begin(client, ours.session, ours.agreeing, 10)["Location"]
    client.delete(first, headers={"Tus-Resumable": "1.0.0"})
    assert begin(client, ours.session, ours.agreeing, 10).status_code == 201
    answer = begin(client, ours.session, ours.agreeing, 10)
    assert (answer.status_code, answer["Retry-After"]) == (429, "600")
    Upload.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert begin(client, ours.session, ours.agreeing, 10).status_code == 201


def zipped() -> bytes:
    """Return a zip bomb: ten MB of nothing in ten kB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Inès.wav", b"\0" * 10_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        zipped(),
        b"<html><script>alert(1)</script></html>" * 10,
        b"%PDF-1.7" + SOUND,
        b"\x89PNG\r\n\x1a\n" + SOUND,
        b"short",
    ],
    ids=["zip bomb", "html", "pdf before a sound", "picture before a sound", "five bytes"],
)
def test_what_is_no_sound_is_destroyed_at_its_first_bytes(client, ours, data):
    where = begin(client, ours.session, ours.agreeing, len(data))["Location"]
    assert patch(client, where, data[:100], 0).status_code == 415
    assert left() == []
    assert head(client, where).status_code == 410


def test_names_that_are_sent_are_used_nowhere(client, ours, folders):
    for number, name in enumerate(("../../../etc/passwd", "/etc/cron.d/x", "a\0b.wav", "Inès ABADIE.wav")):
        sound = encoded(tone(1.0, 200.0 + number))
        assert send(client, ours.session, ours.agreeing, sound, filename=name, name=name).status_code == 204
    kept = {path.relative_to(folders).as_posix() for path in folders.rglob("*") if path.is_file()}
    expected = {f"portal/media/sound/{pk}" for pk in Recording.objects.values_list("pk", flat=True)}
    assert {path for path in kept if not path.endswith(".lock")} == expected
    assert "ABADIE" not in str(list(Entry.objects.values_list("details", "subject")))


def test_what_is_given_up_is_destroyed(client, ours):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    patch(client, where, SOUND[:1000], 0)
    assert client.delete(where, headers={"Tus-Resumable": "1.0.0"}).status_code == 204
    assert left() == []
    assert patch(client, where, SOUND[1000:], 1000).status_code == 410


def test_what_is_not_finished_in_time_is_destroyed(client, ours):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    assert "Upload-Expires" in patch(client, where, SOUND[:1000], 0)
    Upload.objects.update(expires_at=timezone.now())
    assert requeue()["expired"] == 1
    assert left() == []
    assert head(client, where).status_code == 410


def test_a_server_killed_before_it_finished_an_upload_finishes_it_later(client, ours, monkeypatch):
    where = begin(client, ours.session, ours.agreeing, len(SOUND))["Location"]
    upload = Upload.objects.get()
    # The last byte is on the disk, and nothing else has happened.
    append(upload, 0, [SOUND])
    assert head(client, where)["Upload-Offset"] == str(len(SOUND))
    assert Recording.objects.filter(pk=upload.pk).exists()


def test_a_server_killed_after_it_moved_the_file_finishes_it_later(client, ours):
    begin(client, ours.session, ours.agreeing, len(SOUND))
    upload = Upload.objects.get()
    append(upload, 0, [SOUND])
    uploads._keep(path_of(upload), f"sound/{upload.pk}")
    path_of(upload).unlink(missing_ok=True)
    assert requeue() == {"expired": 0, "finished": 1, "queued": 0}
    assert Recording.objects.get(pk=upload.pk).sha256 == hashlib.sha256(SOUND).hexdigest()
    assert requeue() == {"expired": 0, "finished": 0, "queued": 0}


def test_an_upload_needs_the_token_of_the_page(everyone):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(everyone.ours.teacher, backend="django.contrib.auth.backends.ModelBackend")
    assert begin(client, everyone.ours.session, everyone.ours.agreeing, 100).status_code == 403


def test_without_scripts_a_plain_form_does(client, ours):
    where = reverse("recording-send", kwargs={"session_id": ours.session.pk})
    sound = wav()
    sent = SimpleUploadedFile("../x.wav", sound, content_type="audio/wav")
    answer = client.post(where, {"whose": str(ours.agreeing.pk), "device": "phone", "sound": sent})
    assert answer.status_code == 302
    made = Recording.objects.get(sha256=hashlib.sha256(sound).hexdigest())
    assert (made.learner, made.device, made.sound.name) == (ours.agreeing, "phone", f"sound/{made.pk}")
    refused = client.post(where, {"whose": str(ours.refusing.pk), "sound": SimpleUploadedFile("x.wav", sound)})
    assert refused.status_code == 200
    bad = client.post(where, {"whose": str(ours.agreeing.pk), "sound": SimpleUploadedFile("x.wav", zipped())})
    assert "Format non accepté" in bad.content.decode()
    assert Recording.objects.filter(session=ours.session).count() == 2


def test_metadata_holds_text_of_any_language():
    from collection.web.recordings.tus import metadata

    assert metadata(told(learner="é", device="日本")) == {"learner": "é", "device": "日本"}
