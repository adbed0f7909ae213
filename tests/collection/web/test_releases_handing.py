"""Handing releases over: to whom, under what, who has which, and who is told when somebody leaves."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from collection import manifest
from collection.release import read_release
from collection.releases import publications
from collection.releases.publications import Publication
from collection.web.accounts import backups
from collection.web.accounts.models import Role
from collection.web.audit.models import Entry
from collection.web.consents import erasing
from collection.web.consents.models import Notice, Withdrawal
from collection.web.recordings.models import Recording
from collection.web.releases import handing, keeping, shelf
from collection.web.releases.handing import send
from collection.web.releases.models import Delivery, Holder, Notified, Proposal, State
from collection.withdrawal import withdrawn
from tests.collection.web.releasing import SHARED, approved, built, leaves, readers, says_no
from tests.collection.web.world import account

pytestmark = pytest.mark.django_db(transaction=True)

GIVEN = {
    "organisation": "Parlure",
    "purpose": "training",
    "note": "Entraîner le modèle de 2027.",
    "accept": "on",
}


@pytest.fixture
def learners(everyone):
    """Four learners of our school who read one text each; nobody else did."""
    Recording.objects.all().delete()
    return readers(everyone.ours, 4)


@pytest.fixture
def steward(everyone):
    """The one data steward; nothing was proposed yet."""
    Proposal.objects.all().delete()
    Holder.objects.all().delete()
    return everyone.steward


@pytest.fixture
def client(steward, signed_in):
    return signed_in(steward)


@pytest.fixture
def release(steward, learners):
    """An approved release that may be shared."""
    return approved(steward, purposes=SHARED)


def at(name: str, proposal: Proposal) -> str:
    return reverse(name, kwargs={"release_id": proposal.pk})


def to(name: str, holder: Holder) -> str:
    return reverse(name, kwargs={"holder_id": holder.pk})


def carried_out() -> None:
    """Let the worker carry out every withdrawal."""
    for one in Withdrawal.objects.exclude(state="done"):
        erasing.run(str(one.pk))
        one.refresh_from_db()
        assert one.state == "done", one.error


def lines(settings) -> list[tuple[str, str, str]]:
    found = publications.read(publications.beside(settings.KEY_FILE))
    return [(one.release, one.target, one.state.value) for one in found]


def test_a_download_is_noted_before_the_first_byte_and_is_the_whole_release(
    client, steward, release, settings, tmp_path
):
    assert client.post(at("release-download", release), GIVEN).url == at("release-detail", release) + "#holders"
    holder = Holder.objects.get()
    assert (holder.organisation, holder.purpose, holder.by) == ("Parlure", "training", steward)
    assert (holder.release_name, holder.usage) == ("automne", "parlure-usage-1")
    assert lines(settings) == [("automne", f"download:Parlure#{holder.pk}", "finished")]
    details = Entry.objects.get(action="release.download").details
    assert details == {"release": "automne", "purpose": "training", "usage": "parlure-usage-1"}
    answer = client.get(to("holder-archive", holder))
    assert answer["Content-Disposition"] == 'attachment; filename="automne.tar"'
    data = b"".join(answer.streaming_content)
    assert len(data) == int(answer["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert names[-1] == "automne/manifest.json"
    copy = read_release(tmp_path / "automne")
    copy.verify()
    assert copy.manifest == read_release(release.path).manifest
    for shown in (client.get(at("release-detail", release)), client.get(reverse("release-list"))):
        assert "Parlure" in shown.content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"accept": ""}, "Sans cet engagement"),
        ({"organisation": "Quelqu’un d’autre"}, "Sélectionnez un choix valide"),
        ({"purpose": "sharing-with-partner"}, "Sélectionnez un choix valide"),
        ({"purpose": "research"}, "Sélectionnez un choix valide"),
        ({"note": ""}, "obligatoire"),
    ],
)
def test_without_its_word_nothing_is_handed_over(client, release, settings, change, said):
    answer = client.post(at("release-download", release), {**GIVEN, **change})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Holder.objects.exists()
    assert lines(settings) == []


def test_only_who_was_named_to_every_family_may_have_it(client, steward, learners, release):
    shown = client.get(at("release-download", release)).content.decode()
    assert 'value="Parlure"' in shown
    assert 'value="Académie d’essai"' in shown
    first = Notice.objects.get()
    other = Notice.objects.create(
        name="voix", version="2", language="fr", purposes=first.purposes, controller=first.controller, recipients=["X"]
    )
    consent = learners[0].consent
    consent.signatures.update(notice=other)
    consent.notice = other
    consent.save()
    shown = client.get(at("release-download", release)).content.decode()
    assert 'value="Parlure"' not in shown
    assert 'value="X"' not in shown
    assert 'value="Académie d’essai"' in shown


def test_a_release_that_is_not_for_sharing_stays_with_the_controller(client, steward, learners, settings):
    release = approved(steward)
    settings.RELEASE_TARGETS = ["file:///tmp"]
    shown = client.get(at("release-download", release)).content.decode()
    assert 'value="Parlure"' not in shown
    assert 'value="Académie d’essai"' in shown
    answer = client.get(at("release-publish", release))
    assert answer.status_code == 410
    assert "sans l’usage" in answer.content.decode()


def test_a_draft_can_not_be_had(client, steward, learners):
    proposal = built(steward)
    for name in ("release-download", "release-publish"):
        for answer in (client.get(at(name, proposal)), client.post(at(name, proposal), GIVEN)):
            assert answer.status_code == 410
            assert "n’est pas approuvé" in answer.content.decode()
    assert not Holder.objects.exists()


def test_as_soon_as_somebody_leaves_nothing_is_handed_over_any_more(client, steward, release, learners):
    client.post(at("release-download", release), GIVEN)
    holder = Holder.objects.get()
    leaves(learners[0])
    # At once: no worker has run.
    for answer in (client.get(to("holder-archive", holder)), client.get(at("release-download", release))):
        assert answer.status_code == 410
        assert "Cela concerne 1 élève." in answer.content.decode()
    carried_out()
    for answer in (client.get(to("holder-archive", holder)), client.get(at("release-download", release))):
        assert answer.status_code == 410
        assert "Ce jeu est périmé" in answer.content.decode()


def test_a_download_on_its_way_ends_without_its_manifest(client, release):
    client.post(at("release-download", release), GIVEN)
    answer = client.get(to("holder-archive", Holder.objects.get()))
    pieces = iter(answer.streaming_content)
    got = next(pieces)
    withdrawn.write(release.path, withdrawn.marked(None, frozenset({"spk_0123456789abcdef"}), timezone.localdate()))
    with pytest.raises(Exception, match="withdrew while automne"):
        for piece in pieces:
            got += piece
    assert b"manifest.json" not in got


def test_a_link_is_of_who_noted_it_and_of_that_day(client, steward, release, signed_in):
    client.post(at("release-download", release), GIVEN)
    holder = Holder.objects.get()
    other = signed_in(account("donnees-2", Role.STEWARD, None))
    assert other.get(to("holder-archive", holder)).status_code == 410
    Holder.objects.update(at=timezone.now() - timedelta(days=2))
    assert client.get(to("holder-archive", holder)).status_code == 410


def test_a_release_whose_files_changed_is_not_handed_over(client, release):
    (release.path / manifest.NAME).write_text((release.path / manifest.NAME).read_text("utf-8") + "\n")
    answer = client.get(at("release-download", release))
    assert answer.status_code == 410
    assert "ont changé" in answer.content.decode()


@pytest.fixture
def outside(settings, tmp_path):
    """A place that releases may be published to."""
    settings.RELEASE_TARGETS = [f"file://{tmp_path}/partner/"]
    return tmp_path / "partner"


def test_a_publication_is_sent_in_the_background_and_noted(client, steward, release, outside, settings):
    shown = client.post(at("release-publish", release), {**GIVEN, "target": "file:///etc"})
    assert "Sélectionnez un choix valide" in shown.content.decode()
    given = {**GIVEN, "target": settings.RELEASE_TARGETS[0]}
    client.post(at("release-publish", release), given)
    holder = Holder.objects.get()
    assert (holder.state, holder.target) == (Delivery.WAITING, f"file://{outside}/automne")
    assert "déjà été envoyé" in client.post(at("release-publish", release), given, follow=True).content.decode()
    (task,) = DBTaskResult.objects.filter(task_path=send.module_path)
    assert send.func(*task.args_kwargs["args"]) == "sent"
    assert send.func(*task.args_kwargs["args"]) != "sent"
    holder.refresh_from_db()
    assert holder.state == Delivery.DONE
    read_release(outside / "automne").verify()
    assert lines(settings) == [("automne", holder.target, state) for state in ("started", "finished")]
    keeping.reconcile()
    assert Holder.objects.count() == 1


def test_a_publication_asks_the_families_and_not_the_vault(client, steward, release, outside, settings, learners):
    client.post(at("release-publish", release), {**GIVEN, "target": settings.RELEASE_TARGETS[0]})
    holder = Holder.objects.get()
    says_no(learners[1], "training")
    assert send.func(str(holder.pk)) == "failed"
    holder.refresh_from_db()
    assert (holder.state, holder.error) == (Delivery.FAILED, "consent_ended")
    assert not outside.exists()
    shown = client.get(reverse("holder-list")).content.decode()
    assert "Reprendre l’envoi" in shown
    client.post(to("holder-again", holder))
    holder.refresh_from_db()
    assert holder.state == Delivery.WAITING
    # Not a byte was sent: when somebody leaves there is nobody to tell.
    leaves(learners[0])
    carried_out()
    assert shelf.look(release.path).gone == 1
    assert handing.owed() == []


def test_who_withdraws_while_it_is_sent_comes_first(client, steward, release, outside, settings, learners, monkeypatch):
    client.post(at("release-publish", release), {**GIVEN, "target": settings.RELEASE_TARGETS[0]})
    holder = Holder.objects.get()
    publish = handing.publish

    def slow(config, on_file, answers):
        def late(done, total):
            if done == 2:
                leaves(learners[0])
            on_file(done, total)

        return publish(config, late, answers)

    monkeypatch.setattr(handing, "publish", slow)
    assert send.func(str(holder.pk)) == handing.WAITS
    soon = (timezone.now(), timezone.now() + timedelta(minutes=2))
    assert DBTaskResult.objects.filter(task_path=send.module_path, run_after__range=soon).count() == 1
    carried_out()
    assert send.func(str(holder.pk)) == "failed"
    holder.refresh_from_db()
    assert holder.error == "release_superseded"
    assert not (outside / "automne" / manifest.NAME).exists()
    # Whoever has a part of it has voices of it, and is told.
    assert [one.holder for one in handing.owed()] == [holder]


def test_holders_are_told_who_left_by_pseudonyms(client, steward, release, learners):
    client.post(at("release-download", release), GIVEN)
    holder = Holder.objects.get()
    assert client.get(to("holder-notice", holder)).status_code == 410
    assert client.get(to("holder-notice-json", holder)).status_code == 410
    leaves(learners[0])
    carried_out()
    shown = client.get(reverse("holder-list")).content.decode()
    assert "1 organisme est à prévenir" in shown
    data = client.get(to("holder-notice-json", holder)).content
    assert data == (release.path / withdrawn.NAME).read_bytes()
    assert json.loads(data)["count"] == 1
    assert "Nom0" not in data.decode()
    assert str(learners[0].pk) not in data.decode()
    pdf = client.get(to("holder-notice", holder))
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    (owed,) = handing.owed()
    client.post(to("holder-told", holder), {"notice": "of another day"})
    assert not Notified.objects.exists()
    for _ in range(2):
        client.post(to("holder-told", holder), {"notice": owed.notice})
    assert Notified.objects.count() == 1
    assert Entry.objects.filter(action="release.told").count() == 1
    assert "0 organisme" in client.get(reverse("holder-list")).content.decode()
    # Another one leaves: they are to be told again.
    leaves(learners[1])
    carried_out()
    assert [(one.gone, one.told) for one in handing.owed()] == [(2, None)]


def test_a_restored_backup_believes_the_disk_and_the_list_beside_the_key(client, steward, learners, settings, tmp_path):
    first, second = built(steward, "un", purposes=SHARED), built(steward, "deux")
    third = approved(steward, "trois", purposes=SHARED)
    saved = tmp_path / "backup.tar"
    backups.backup(saved)
    # After the backup: approved and handed over; destroyed; left by somebody; proposed anew; published by command.
    client.post(at("release-approve", first), {"seen": first.manifest})
    client.post(at("release-download", first), GIVEN)
    client.post(at("release-reject", second), {"note": "non"})
    built(steward, "quatre")
    leaves(learners[0])
    carried_out()
    publications.append(
        publications.beside(settings.KEY_FILE),
        Publication(
            "trois", third.manifest, "hf://datasets/o/trois", publications.State.STARTED, timezone.now(), True, True
        ),
    )
    assert backups.restore(saved) == 1
    states = dict(Proposal.objects.values_list("name", "state"))
    assert states == {"un": State.APPROVED, "deux": State.OUTDATED, "trois": State.APPROVED}
    assert sorted(path.name for path in settings.RELEASES.iterdir()) == ["trois", "un"]
    for name in ("un", "trois"):
        assert shelf.look(settings.RELEASES / name).gone == 1
    listed = client.get(reverse("release-list")).content.decode() if client.session else ""
    found = {(one.release_name, one.organisation, one.by) for one in Holder.objects.all()}
    assert found == {("un", "Parlure", None), ("trois", "hf://datasets/o/trois", None)}
    assert {one.holder.release_name for one in handing.owed()} == {"un", "trois"}
    assert listed.count("périmé : 1 élève est parti") in (0, 2)


def test_the_worker_brings_everything_together_when_it_starts(steward, learners):
    proposal = built(steward)
    proposal.draft.rename(proposal.path)  # as after a restore of an earlier day
    call_command("db_worker", batch=True, interval=0, verbosity=0, startup_delay=False)
    proposal.refresh_from_db()
    assert proposal.state == State.APPROVED
    assert Entry.objects.filter(action="release.found").count() == 1
