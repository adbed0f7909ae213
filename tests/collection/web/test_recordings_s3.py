"""Recordings in a bucket: sent by tus, heard, played in part, withdrawn, gone; S3 is moto's server on this machine."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace

import boto3
import numpy as np
import pytest
import soundfile
from django.core.files.storage import default_storage
from django.urls import reverse

from collection.web.consents import answering, erasing
from collection.web.consents.models import Withdrawal, WithdrawalState
from collection.web.recordings import sounds, uploads
from collection.web.recordings.models import Fate, Recording, State, Upload, UploadState
from collection.web.settings import bucket_storage
from tests import buckets
from tests.collection.web.sounding import begin, patch, reading, send, wav, work
from tests.factories import RATE

NAME = "voices"


@pytest.fixture
def bucket(monkeypatch, settings) -> Iterator[SimpleNamespace]:
    """The portal's storage in an empty bucket; ``names`` tells what lies in it."""
    with buckets.s3(monkeypatch) as address:
        client = boto3.client("s3", endpoint_url=address)
        client.create_bucket(Bucket=NAME)
        settings.STORAGES = {**settings.STORAGES, "default": bucket_storage(NAME, address)}

        def names() -> set[str]:
            return {one["Key"] for one in client.list_objects_v2(Bucket=NAME).get("Contents", [])}

        yield SimpleNamespace(names=names, client=client)


@pytest.fixture
def ours(bucket, everyone):
    """Our school, of which nothing was recorded; scans and notices lie in the bucket."""
    Upload.objects.all().delete()
    Recording.objects.all().delete()
    return everyone.ours


@pytest.fixture
def client(ours, signed_in):
    """The teacher's browser."""
    return signed_in(ours.teacher)


def recordings(bucket) -> set[str]:
    return {name for name in bucket.names() if name.startswith(("sound/", "heard/"))} - OTHERS


OTHERS: set[str] = set()


@pytest.fixture(autouse=True)
def left_by_the_world(ours, bucket):
    """Leave out what the made-up schools bring along."""
    OTHERS.clear()
    OTHERS.update(recordings(bucket))


def played(client, segment) -> np.ndarray:
    answer = client.get(reverse("segment-audio", kwargs={"segment_id": segment.pk}))
    assert answer.status_code == 200
    return soundfile.read(io.BytesIO(answer.content), dtype="float32")[0]


def test_a_recording_is_sent_heard_played_withdrawn_and_gone(bucket, client, ours, django_capture_on_commit_callbacks):
    data = wav()
    where = begin(client, ours.session, ours.agreeing, len(data))["Location"]
    middle = len(data) // 2
    assert patch(client, where, data[:middle], 0).status_code == 204
    assert recordings(bucket) == set()  # bytes on their way are on the disk
    assert patch(client, where, data[middle:], middle).status_code == 204
    recording = Recording.objects.get(session=ours.session)
    assert recordings(bucket) == {f"sound/{recording.pk}"}
    sent = bucket.client.get_object(Bucket=NAME, Key=f"sound/{recording.pk}")["Body"].read()
    assert sent == data

    work()
    recording.refresh_from_db()
    assert recording.state == State.DONE
    assert recordings(bucket) == {f"heard/{recording.pk}.flac"}
    first, second = recording.segments.all()
    assert [first.fate, second.fate] == [Fate.KEPT, Fate.KEPT]
    part = slice(round(second.start * RATE), round(second.end * RATE))
    assert played(client, second) == pytest.approx(reading()[part], abs=1e-4)

    with django_capture_on_commit_callbacks(execute=True):
        answering.take_back(ours.agreeing.consent.parties.get(role="guardian"))
    assert recordings(bucket) == set()
    withdrawal = Withdrawal.objects.get()
    erasing.run(str(withdrawal.pk))
    withdrawal.refresh_from_db()
    assert (withdrawal.state, withdrawal.files) == (WithdrawalState.DONE, [])
    assert not default_storage.exists(f"heard/{recording.pk}.flac")


def test_a_step_that_is_done_again_leaves_no_second_object(bucket, client, ours, monkeypatch):
    data = wav()
    where = begin(client, ours.session, ours.agreeing, len(data))["Location"]
    upload = Upload.objects.get(session=ours.session, state=UploadState.OPEN)
    keep = uploads._keep

    def killed(path, kept):
        keep(path, kept)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            patch(client, where, data, 0)
    assert recordings(bucket) == {f"sound/{upload.pk}"}
    upload.refresh_from_db()
    recording = uploads.finish(upload)
    assert recording is not None
    assert recordings(bucket) == {f"sound/{recording.pk}"}
    work()
    sounds.keep(recording, reading())
    assert recordings(bucket) == {f"heard/{recording.pk}.flac"}


def test_a_refused_file_and_a_deleted_recording_leave_nothing(bucket, client, ours):
    begin(client, ours.session, ours.agreeing, 10)
    assert send(client, ours.session, ours.agreeing, b"<html>" * 30).status_code >= 400
    assert recordings(bucket) == set()
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    work()
    recording = Recording.objects.get(session=ours.session)
    address = reverse("recording-delete", kwargs={"recording_id": recording.pk})
    assert client.post(address, {"sure": "yes"}).status_code == 302
    assert recordings(bucket) == set()


def test_a_sound_that_is_gone_is_not_found(bucket, client, ours):
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    work()
    recording = Recording.objects.get(session=ours.session)
    segment = recording.segments.first()
    default_storage.delete(recording.sound.name)
    assert client.get(reverse("segment-audio", kwargs={"segment_id": segment.pk})).status_code == 404


def test_what_lies_in_a_bucket_is_private(bucket, client, ours):
    """No public grant on an object, and nothing is given out as an address."""
    assert send(client, ours.session, ours.agreeing, wav()).status_code == 204
    (name,) = recordings(bucket)
    grants = bucket.client.get_object_acl(Bucket=NAME, Key=name)["Grants"]
    assert "AllUsers" not in json.dumps(grants)
    page = client.get(reverse("session-recordings", kwargs={"session_id": ours.session.pk})).content.decode()
    assert name not in page
