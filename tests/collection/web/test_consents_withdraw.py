"""Withdrawal: effective at once, everywhere, and done again until it is done."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import soundfile
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from collection import audio
from collection.build import build
from collection.config import BuildConfig
from collection.consent import Reason
from collection.intake import REGISTER, Intake, Recording, read_intake, write_intake
from collection.intake import Learner as Reader
from collection.keys import create_key, read_key
from collection.register import EventState, read_register, write_register
from collection.release import read_release
from collection.schema import Purpose
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, erasing, expiring, links
from collection.web.consents.models import Channel, Consent, Party, Withdrawal, WithdrawalState
from collection.web.recordings import models as sound
from collection.web.recordings import sounds
from collection.withdrawal import tombstones, withdrawn
from tests.collection.web.world import SIGNED, consented, notice
from tests.factories import tone
from tests.intakes import voice

ALL = [purpose.value for purpose in Purpose]


class Killed(BaseException):
    """Stands for a kill: nothing of the portal catches it."""


@pytest.fixture
def ours(everyone):
    """Our school; the class recording holds a stretch of each learner."""
    place = everyone.ours
    recording = sound.Recording(session=place.session, size=4, sha256="b" * 64, state="done", uploaded_by=place.teacher)
    recording.sound.save("x", ContentFile(audio.encode_flac(tone(3.0))), save=False)
    recording.save()
    for start, learner in enumerate((place.agreeing, place.refusing, None)):
        sound.Segment.objects.create(
            recording=recording, learner=learner, text="t", start=start, end=start + 1, fate="kept"
        )
    return place


@pytest.fixture
def vault(ours, settings):
    """A vault with two learners, one recording each, and a release of them."""
    consented(ours.silent)
    settings.VAULT.mkdir(parents=True)
    settings.RELEASES.mkdir()
    settings.KEY_FILE.parent.mkdir()
    create_key(settings.KEY_FILE)
    learners = list(answers.with_answers(Learner.objects.filter(pk__in=[ours.agreeing.pk, ours.silent.pk])))
    recordings = []
    for number, learner in enumerate(learners):
        path = settings.VAULT / f"{learner.pk}.wav"
        soundfile.write(path, voice(number), 16_000, subtype="PCM_16")
        recordings.append(
            Recording(
                f"tape-{number}",
                str(learner.pk),
                "s",
                path,
                date(2026, 10, 5),
                "en-US",
                ("see the cat",),
                segmented=True,
            )
        )
    readers = {str(one.pk): Reader(str(one.pk), name=str(one), birth_date=one.birth_date) for one in learners}
    write_intake(settings.VAULT, Intake("portal", readers, tuple(recordings), {}))
    write_register(settings.VAULT / REGISTER, [answers.record_of(one) for one in learners])
    return settings.VAULT


def guardian(learner: Learner) -> Party:
    return learner.consent.parties.get(role="guardian")


def fresh(learner: Learner) -> Learner:
    return answers.with_answers(Learner.objects.filter(pk=learner.pk)).get()


def work() -> None:
    """Let the worker take everything that is queued, later attempts too."""
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now() - timedelta(seconds=1))
    call_command("db_worker", batch=True, interval=0, verbosity=0, startup_delay=False)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_everything_of_the_learner_is_gone_when_the_answer_comes(self, ours, signed_in):
        learner, file = ours.agreeing, ours.recording.sound.name
        shared = sound.Recording.objects.get(learner=None)
        token = links.token(guardian(learner))
        client = signed_in(None)
        client.get(reverse("family-link", kwargs={"token": token}))
        assert client.get(reverse("family-withdraw")).status_code == 200
        assert default_storage.exists(file)
        assert client.post(reverse("family-withdraw")).url == reverse("family")
        # No worker has run.
        assert not default_storage.exists(file)
        assert not sound.Recording.objects.filter(learner=learner).exists()
        assert not sound.Segment.objects.filter(learner=learner).exists()
        # The others of the class keep theirs.
        assert default_storage.exists(shared.sound.name)
        assert [one.learner for one in shared.segments.all()] == [ours.refusing, None]
        assert not answers.may_be_heard(fresh(learner))
        assert answers.why_not(fresh(learner)) == Reason.WITHDRAWN
        event = learner.consent.events.get()
        assert (event.state, event.role, event.entity) == ("withdrawn", "guardian", str(guardian(learner).pk))
        # Links are ended; this one window shows what was done.
        assert links.by_token(token) is None
        page = client.get(reverse("family")).content.decode()
        assert "L’accord a été repris" in page
        assert signed_in(None).get(reverse("family-link", kwargs={"token": token})).status_code == 410

    def test_a_no_to_everything_after_a_yes_destroys_too(self, ours):
        file = ours.recording.sound.name
        answering.sign(guardian(ours.agreeing), notice(), dict.fromkeys(ALL, False), Channel.LINK)
        assert not default_storage.exists(file)
        assert not sound.Segment.objects.filter(learner=ours.agreeing).exists()

    def test_a_no_to_one_purpose_keeps_the_rest(self, ours):
        answering.sign(guardian(ours.agreeing), notice(), {ALL[0]: False}, Channel.LINK)
        assert default_storage.exists(ours.recording.sound.name)
        assert answers.may_be_heard(fresh(ours.agreeing))
        assert not Withdrawal.objects.exists()

    def test_a_first_no_destroys_nothing_because_there_is_nothing(self, ours):
        consent = answering.ask(ours.silent, notice())
        answering.sign(consent.parties.get(role="learner"), notice(), dict.fromkeys(ALL, False), Channel.LINK)
        assert not Withdrawal.objects.exists()

    def test_nothing_is_half_done_when_the_answer_fails(self, ours, monkeypatch):
        monkeypatch.setattr(erasing.journal, "record", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answering.take_back(guardian(ours.agreeing))
        assert default_storage.exists(ours.recording.sound.name)
        assert sound.Segment.objects.filter(learner=ours.agreeing).exists()
        assert not ours.agreeing.consent.events.exists()
        assert not DBTaskResult.objects.exists()

    def test_who_comes_back_signs_again_and_is_somebody_else_to_the_pipeline(self, ours):
        learner = ours.agreeing
        before = answers.pipeline_id(learner)
        answering.take_back(guardian(learner))
        assert answers.pipeline_id(fresh(learner)) not in (before, str(learner.pk))
        tomorrow = timezone.localdate() + timedelta(days=1)
        for count, role in enumerate(("guardian", "learner")):
            party = learner.consent.parties.get(role=role)
            answering.sign(party, notice(), {ALL[0]: True}, Channel.PAPER, signed_on=tomorrow)
            assert answers.may_be_heard(fresh(learner), tomorrow) == (count == 1)

    def test_a_guardian_of_an_adult_withdraws_nothing(self, ours, signed_in):
        Learner.objects.filter(pk=ours.agreeing.pk).update(birth_date=date(2000, 1, 1))
        client = signed_in(None)
        client.get(reverse("family-link", kwargs={"token": links.token(guardian(ours.agreeing))}))
        client.post(reverse("family-withdraw"))
        assert not ours.agreeing.consent.events.exists()


@pytest.mark.django_db(transaction=True)
class TestVault:
    def test_the_worker_withdraws_from_the_vault_and_every_release(self, ours, vault, settings):
        out = settings.RELEASES / "autumn"
        build(BuildConfig(importer="folder", intake=str(vault), out=str(out), key=str(settings.KEY_FILE), workers=0))
        rows = {row["speaker_id"] for split in read_release(out).files for row in read_release(out).rows(split)}
        assert len(rows) == 2
        answering.take_back(guardian(ours.agreeing))
        work()
        gone = Withdrawal.objects.get()
        assert (gone.state, gone.error, gone.attempts, gone.files) == (WithdrawalState.DONE, "", 1, [])
        assert list(read_intake(vault).learners) == [str(ours.silent.pk)]
        assert not (vault / f"{ours.agreeing.pk}.wav").exists()
        assert (vault / f"{ours.silent.pk}.wav").exists()
        (event,) = read_register(vault / REGISTER)[str(ours.agreeing.pk)].events
        assert (event.state, event.entity) == (EventState.WITHDRAWN, str(guardian(ours.agreeing).pk))
        assert withdrawn.read(out).count == 1
        left = {row["speaker_id"] for split in read_release(out).files for row in read_release(out).rows(split)}
        assert len(left) == 1

    def test_whoever_was_never_exported_is_in_the_ledger_too(self, ours, vault, settings):
        answering.take_back(guardian(ours.agreeing))
        learner = Learner.objects.create(
            school_class=ours.school_class, last_name="D", first_name="E", birth_date=date(2013, 1, 1)
        )
        consent = consented(learner, on=SIGNED)
        answering.take_back(consent.parties.get(role="learner"))
        work()
        key = read_key(settings.KEY_FILE)
        ledger = tombstones.read_verified(tombstones.beside(settings.KEY_FILE), key)
        assert ledger.of(tombstones.subject(key, "portal", str(learner.pk)))
        assert {one.state for one in Withdrawal.objects.all()} == {WithdrawalState.DONE}

    def test_without_a_vault_there_is_nothing_to_do_there(self, ours):
        answering.take_back(guardian(ours.agreeing))
        work()
        assert Withdrawal.objects.get().state == WithdrawalState.DONE

    def test_a_failure_is_shown_and_tried_again(self, ours, vault, settings, signed_in, everyone):
        hidden = settings.KEY_FILE.rename(settings.KEY_FILE.with_suffix(".away"))
        answering.take_back(guardian(ours.agreeing))
        erasing.run(str(Withdrawal.objects.get().pk))
        found = Withdrawal.objects.get()
        assert (found.state, found.attempts) == (WithdrawalState.WAITING, 1)
        page = signed_in(everyone.steward).get(reverse("withdrawal-list")).content.decode()
        assert "No key at" in page
        assert "Abadie" not in page
        hidden.rename(settings.KEY_FILE)
        work()
        assert Withdrawal.objects.get().state == WithdrawalState.DONE
        work()  # the attempt that was queued in case that one died
        waiting = DBTaskResult.objects.exclude(status="SUCCESSFUL")
        assert set(waiting.values_list("task_path", flat=True)) <= {expiring.daily.module_path}  # tomorrow

    def test_killed_anywhere_it_is_done_again(self, ours, vault):
        """Each attempt dies one step later than the one before, until one gets through."""
        answering.take_back(guardian(ours.agreeing))
        pk = str(Withdrawal.objects.get().pk)
        for lives in range(20):
            seen: list[str] = []

            def die(step: str, lives: int = lives, seen: list[str] = seen) -> None:
                if len(seen) >= max(1, lives % 3):
                    raise Killed
                seen.append(step)

            try:
                erasing.run(pk, die)
            except Killed:
                assert Withdrawal.objects.get().state == WithdrawalState.WORKING
                # Whoever died had queued the next attempt before.
                waiting = DBTaskResult.objects.filter(status="READY", task_path=erasing.erase.module_path)
                assert waiting.count() == lives + 2
                continue
            break
        else:
            work()
        assert lives >= 2
        assert Withdrawal.objects.get().state == WithdrawalState.DONE
        assert list(read_intake(vault).learners) == [str(ours.silent.pk)]
        assert not (vault / f"{ours.agreeing.pk}.wav").exists()
        assert Entry.objects.filter(action="consent.erased").count() == 1

    def test_killed_before_the_files_are_destroyed_the_worker_destroys_them(self, ours, monkeypatch):
        file = ours.recording.sound.name
        monkeypatch.setattr(erasing, "_destroy_files", lambda pk: None)
        answering.take_back(guardian(ours.agreeing))
        monkeypatch.undo()
        assert default_storage.exists(file)
        assert file in Withdrawal.objects.get().files
        work()
        assert not default_storage.exists(file)
        assert Withdrawal.objects.get().files == []

    def test_in_the_recording_of_the_class_only_theirs_is_made_silent(self, ours):
        answering.take_back(guardian(ours.agreeing))
        sent = sound.Recording.objects.get(learner=None).sound.name
        work()
        shared = sound.Recording.objects.get(learner=None)
        samples = sounds.decoded(shared)
        assert abs(samples[:16_000]).max() == 0
        assert (abs(samples[16_000:].reshape(-1, 400)).max(axis=1) > 0.4).all()
        assert len(samples) == 48_000
        assert not default_storage.exists(sent)
        assert Withdrawal.objects.get().stretches == []

    def test_what_arrives_late_is_destroyed_too(self, ours):
        answering.take_back(guardian(ours.agreeing))
        late = sound.Recording(session=ours.session, learner=ours.agreeing, size=4, sha256="c" * 64)
        late.sound.save("x", ContentFile(b"fLaC"), save=False)
        late.save()
        work()
        assert not sound.Recording.objects.filter(pk=late.pk).exists()
        assert not default_storage.exists(late.sound.name)

    def test_a_late_attempt_leaves_what_was_recorded_after_coming_back(self, ours):
        answering.take_back(guardian(ours.agreeing))
        Withdrawal.objects.update(at=datetime(2026, 10, 1, tzinfo=UTC))
        Consent.objects.get(learner=ours.agreeing).events.all().delete()
        assert answers.may_be_heard(fresh(ours.agreeing))
        new = sound.Recording.objects.create(
            session=ours.session, learner=ours.agreeing, sound="sound/new", size=1, sha256="d" * 64
        )
        work()
        assert sound.Recording.objects.filter(pk=new.pk).exists()

    def test_the_steward_starts_the_unfinished_again(self, ours, everyone, signed_in):
        answering.take_back(guardian(ours.agreeing))
        DBTaskResult.objects.all().delete()
        signed_in(everyone.steward).post(reverse("withdrawal-list"))
        assert DBTaskResult.objects.count() == 1
        work()
        assert Withdrawal.objects.get().state == WithdrawalState.DONE
