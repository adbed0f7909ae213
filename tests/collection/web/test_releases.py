"""Releases from the proposal to the decision: what is built, shown, approved, and refused."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from collection import manifest
from collection.documents import privacy_figures
from collection.documents.policy import DELETION, PROHIBITIONS
from collection.release import read_release
from collection.releases import release_names
from collection.voice import Transform, VoiceConfig
from collection.web.accounts.models import Role
from collection.web.audit.models import Entry
from collection.web.consents import erasing
from collection.web.consents.models import Signature, Withdrawal
from collection.web.recordings.models import Fate, Recording, Segment
from collection.web.recordings.tasks import BUSY, SETTLED, lock_of
from collection.web.recordings.vault import vault_lock
from collection.web.releases import deciding, disguise, keeping, making, shelf
from collection.web.releases.forms import DUTIES
from collection.web.releases.making import BUILT, FAILED, WAITS, build_draft
from collection.web.releases.models import Holder, Proposal, State
from collection.withdrawal import withdrawn
from eval.voices.attack import GROUPS
from tests.collection.test_disguised_release import measured
from tests.collection.web.releasing import (
    TRAINING,
    approved,
    built,
    leaves,
    proposed,
    read_by,
    readers,
    says_no,
)
from tests.collection.web.world import account

pytestmark = pytest.mark.django_db(transaction=True)


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


def page(client, proposal: Proposal) -> str:
    return client.get(reverse("release-detail", kwargs={"release_id": proposal.pk})).content.decode()


def post(client, name: str, proposal: Proposal, **given: str):
    return client.post(reverse(name, kwargs={"release_id": proposal.pk}), given, follow=True)


def texts(folder: Path) -> list[str]:
    release = read_release(folder)
    return sorted(row["text"] for split in release.files for row in release.rows(split, ["text"]))


def test_a_proposal_becomes_a_draft_that_can_be_approved(client, steward, learners, settings):
    form = {"name": "2026-automne", "transform": "none", "purposes": TRAINING, "language": "en"}
    answer = client.post(reverse("release-propose"), form)
    proposal = Proposal.objects.get()
    assert answer.url == reverse("release-detail", kwargs={"release_id": proposal.pk})
    assert (proposal.state, proposal.k, proposal.proposed_by) == (State.WAITING, settings.RELEASE_K, steward)
    assert Entry.objects.get(action="release.propose").details["release"] == "2026-automne"
    (task,) = DBTaskResult.objects.all()
    assert build_draft.func(*task.args_kwargs["args"]) == BUILT
    proposal.refresh_from_db()
    assert proposal.state == State.READY
    # Nothing can be taken before it is approved.
    assert not proposal.path.exists()
    assert texts(proposal.draft) == ["see the cat"] * 4
    shown = page(client, proposal)
    assert "Approuver ce jeu" in shown
    assert "Télécharger" not in shown
    answer = post(client, "release-approve", proposal, seen=proposal.manifest)
    assert "Le jeu est approuvé" in answer.content.decode()
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by) == (State.APPROVED, steward)
    assert not proposal.draft.exists()
    assert shelf.manifest_of(proposal.path) == proposal.manifest
    line = Entry.objects.get(action="release.approve")
    assert line.details == {"release": "2026-automne", "manifest": proposal.manifest, "alone": True}
    assert "2026-automne" in client.get(reverse("release-list")).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Été 2026"}, "Minuscules sans accent"),
        ({"name": "../hors"}, "Minuscules sans accent"),
        ({"name": "automne.draft"}, "Minuscules sans accent"),
        ({"name": ""}, "obligatoire"),
        ({"name": "pris"}, "Ce nom a déjà servi"),
        ({"name": "pris-2"}, "Ce nom a déjà servi"),
        ({"name": "jadis"}, "Ce nom a déjà servi"),
        ({"name": "dossier"}, "Ce nom a déjà servi"),
        ({"purposes": []}, "Cochez au moins un usage"),
        ({"purposes": ["sharing-with-partner"]}, "ce que le partenaire a le droit"),
        ({"purposes": ["all"]}, "Sélectionnez un choix valide"),
        ({"transform": "whisper"}, "Sélectionnez un choix valide"),
    ],
)
def test_what_cannot_be_proposed_is_said_and_writes_nothing(client, steward, settings, change, said):
    Proposal.objects.create(name="pris", release_name="pris-2", proposed_by=steward)
    Proposal.objects.create(name="pris", release_name="pris", proposed_by=steward)
    (settings.RELEASES / "dossier.draft.work").mkdir(parents=True)
    settings.KEY_FILE.parent.mkdir()
    release_names.claim(release_names.beside(settings.KEY_FILE), {"name": "jadis"})
    form = {"name": "neuf", "transform": "none", "purposes": TRAINING, **change}
    answer = client.post(reverse("release-propose"), form)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Proposal.objects.count() == 2


def test_what_is_left_out_is_counted_with_its_reason(client, steward, everyone, learners):
    ours = everyone.ours
    says_no(learners[0], "evaluation")  # heard in the portal, not for this release
    read_by(ours, ours.refusing, 50)
    flagged = read_by(ours, learners[1], 51).segments.get()
    Segment.objects.filter(pk=flagged.pk).update(fate=Fate.FLAGGED)
    dropped = read_by(ours, learners[1], 52).segments.get()
    Segment.objects.filter(pk=dropped.pk).update(fate=Fate.DROPPED, reasons=["clipped", "noisy"])
    proposal = built(steward)
    assert proposal.state == State.READY
    assert proposal.figures["kept"]["speakers"] == 3
    assert proposal.figures["left"] == {"clipped": 1, "learner_refused": 1, "waits_for_teacher": 1}
    assert proposal.figures["dropped"] == {"guardian_refused": 1}
    shown = page(client, proposal)
    for words, count in [("À vérifier par l’enseignant", 1), ("Un responsable légal a refusé", 1), ("Son saturé", 1)]:
        row = next(line for line in shown.split("<tr>") if words in line)
        assert f"<td>{count}</td>" in row


def test_a_release_of_one_school_holds_nobody_of_another(steward, everyone, learners):
    readers(everyone.theirs, 3, first=10)
    proposal = built(steward, schools=[everyone.theirs.school])
    assert proposal.figures["kept"]["rows"] == 3
    assert proposal.figures["left"] == {}
    facts = (proposal.draft / manifest.NAME).read_text("utf-8")
    assert everyone.theirs.school.name not in facts
    french = built(steward, "francais", language="fr")
    assert (french.state, french.reason) == (State.FAILED, "nothing_kept")


def test_groups_smaller_than_k_are_hidden(client, steward, learners):
    proposal = built(steward, k=3)
    assert proposal.figures["cells"]["gender"] == [["not shown", 4]]
    assert proposal.figures["smallest"] == 4
    shown = page(client, proposal)
    assert "masqué ou inconnu" in shown
    assert "moins de 3" not in shown
    alone = built(steward, "seul", k=5)
    assert alone.figures["cells"]["age_band"] == [["not shown", None]]
    shown = page(client, alone)
    assert "moins de 5" in shown
    assert "Moins de 5 élèves" in shown  # the warning


def test_a_disguise_is_said_with_what_it_is_worth_or_that_it_was_not_measured(client, steward, learners, settings):
    proposal = built(steward, transform="mcadams")
    assert proposal.tier.value == "T2"
    shown = page(client, proposal)
    own, card = shown.split("La fiche qui accompagne le jeu")
    assert "Les voix sont déguisées par McAdams (T2). Un déguisement ne rend pas anonyme" in own
    assert own.count("Ce que vaut ce déguisement n’a pas été mesuré.") == 2  # there, and among the warnings
    # What leaves is English, what is decided upon is not.
    assert "was not measured for this release" in card
    assert "was not measured" not in own
    # Figures of other settings are not those of this disguise.
    settings.RELEASE_PRIVACY.mkdir(parents=True)
    (settings.RELEASE_PRIVACY / "mcadams.json").write_text('{"privacy_version": "1.0.0", "voice": {}}')
    failed = built(steward, "mesure", transform="mcadams")
    assert (failed.state, failed.reason) == (State.FAILED, "build_failed")
    assert "other voice settings" in page(client, failed)


def test_what_a_disguise_is_worth_is_told_in_the_language_of_the_page(client, steward, learners, settings):
    found = measured(VoiceConfig("mcadams"))
    rows = {row["attacker"]: row for row in found["figures"] if row["group"] == "all"}
    found["figures"] += [
        {**rows["informed"], "attacker": "original", "eer": 0.027, "low": 0.013, "high": 0.049},
        {**rows["informed"], "attacker": "retrained", "eer": 0.159, "low": None, "high": None},
    ]
    settings.RELEASE_PRIVACY.mkdir(parents=True)
    (settings.RELEASE_PRIVACY / "mcadams.json").write_text(json.dumps(found))
    proposal = built(steward, transform="mcadams")
    assert proposal.state == State.READY
    own, card = page(client, proposal).split("La fiche qui accompagne le jeu")
    text = " ".join(re.sub(r"<[^>]+>", " ", own.replace("\xa0", " ")).split())
    assert "Le plus fort se trompe 15,9 % du temps" in text
    assert "Sans déguisement, il se tromperait 2,7 % du temps." in text
    # By listener, everybody then children: of too few children nothing is told.
    assert "Qui écoute tous enfants Sans déguisement 2,7 % (de 1,3 à 4,9) –" in text
    assert "mais pas le secret du déguisement 25,0 % (de 20,0 à 31,0) – Il s’est entraîné" in text
    assert "Au hasard, à pile ou face 50,0 % 50,0 %" in text
    assert "26,1 % → 42,8 % –" in text
    assert "0,627 → 0,399 –" in text
    assert "n’a pas été mesuré" not in text
    assert "| EER" not in text
    assert "EER, knows the transform, not the key" in card
    client.cookies["django_language"] = "en"
    text = " ".join(re.sub(r"<[^>]+>", " ", page(client, proposal)).split())
    assert "The strongest is wrong 15.9% of the time" in text
    assert "26.1% → 42.8%" in text


@pytest.mark.parametrize("transform", list(Transform))
def test_every_voice_has_its_sentences_and_every_listener_a_name(transform):
    assert all(disguise.sentences(transform))
    assert set(disguise.LISTENERS) == set(privacy_figures.ATTACKERS)
    assert set(disguise.PRICES) == set(privacy_figures.COSTS)
    assert set(disguise.GROUPS) == set(GROUPS)


def test_the_card_is_shown_without_the_lines_for_the_hub(client, steward, learners):
    shown = page(client, built(steward))
    assert "<h3>automne</h3>" in shown
    assert "pretty_name" not in shown
    assert "Known biases and limits" in shown


def test_who_withdraws_between_preview_and_approval_stops_it(client, steward, learners):
    proposal = built(steward)
    seen = proposal.manifest
    assert "Approuver ce jeu" in page(client, proposal)
    leaves(learners[0])
    # No worker has run: the vault and the draft still know nothing.
    assert withdrawn.read(proposal.draft) is None
    assert "Approuver ce jeu" not in page(client, proposal)
    answer = post(client, "release-approve", proposal, seen=seen).content.decode()
    assert "Rien n’est approuvé" in answer
    assert "Fabriquer de nouveau" in answer
    proposal.refresh_from_db()
    assert proposal.state == State.OUTDATED
    # The voices of who left are not kept for nothing.
    assert list(Path(proposal.path.parent).iterdir()) == []
    post(client, "release-rebuild", proposal)
    assert build_draft.func(str(proposal.pk)) == BUILT
    proposal.refresh_from_db()
    # Two releases of one name could be joined: the next build has another.
    assert (proposal.state, proposal.release_name) == (State.READY, "automne-2")
    assert proposal.figures["kept"]["speakers"] == 3
    assert post(client, "release-approve", proposal, seen=seen).status_code == 200
    proposal.refresh_from_db()
    assert proposal.state == State.READY, "it was not the one that had been seen"
    post(client, "release-approve", proposal, seen=proposal.manifest)
    proposal.refresh_from_db()
    assert proposal.state == State.APPROVED


def test_an_answer_that_has_ended_stops_it_too(client, steward, learners):
    proposal = built(steward)
    Signature.objects.filter(consent=learners[1].consent).update(signed_on=timezone.localdate() - timedelta(days=400))
    answer = post(client, "release-approve", proposal, seen=proposal.manifest).content.decode()
    assert "Rien n’est approuvé" in answer
    proposal.refresh_from_db()
    assert (proposal.state, proposal.figures["refused"]) == (State.OUTDATED, {"expired": 1})


def test_the_worker_carries_a_withdrawal_into_drafts_and_approved_releases(client, steward, learners):
    first = approved(steward, "publie")
    second = built(steward, "brouillon")
    third = proposed(steward, "inacheve")
    work_left = third.draft.with_name(f"{third.draft.name}.work")
    (work_left / "recordings").mkdir(parents=True)
    (work_left / "parlure-work").write_text("")
    (work_left / "recordings" / "somebody.arrow").write_text("a voice")
    leaves(learners[2])
    erasing.run(str(Withdrawal.objects.get().pk))
    assert Withdrawal.objects.get().state == "done", Withdrawal.objects.get().error
    assert withdrawn.read(first.path).count == 1
    assert not second.draft.exists()
    second.refresh_from_db()
    assert (second.state, second.figures["refused"]) == (State.OUTDATED, {"withdrawn": 1})
    assert not (work_left / "recordings").exists()
    listed = client.get(reverse("release-list")).content.decode()
    assert "périmé : 1 élève est parti" in listed
    assert "Périmé" in page(client, first)
    assert build_draft.func(str(third.pk)) == BUILT
    third.refresh_from_db()
    assert third.figures["kept"]["speakers"] == 3


def test_a_withdrawal_while_it_is_built_comes_first(steward, learners, monkeypatch):
    proposal = proposed(steward)
    hear = making._on_progress

    def leaving(one):
        told = hear(one)

        def on(step, done, total):
            if step == "recordings" and not Withdrawal.objects.exists():
                leaves(learners[3])
            told(step, done, total)

        return on

    monkeypatch.setattr(making, "_on_progress", leaving)
    assert build_draft.func(str(proposal.pk)) == WAITS
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reason) == (State.WAITING, "waits_for_withdrawal")
    again = DBTaskResult.objects.get(task_path=build_draft.module_path)
    assert timedelta(seconds=30) < again.run_after - timezone.now() <= making.PAUSE
    erasing.run(str(Withdrawal.objects.get().pk))
    assert Withdrawal.objects.get().state == "done", Withdrawal.objects.get().error
    assert build_draft.func(str(proposal.pk)) == BUILT
    proposal.refresh_from_db()
    assert proposal.figures["kept"]["speakers"] == 3


def test_who_says_no_while_it_is_built_is_in_no_draft(steward, learners, monkeypatch):
    proposal = proposed(steward)
    build = making.build

    def late(*given):
        report = build(*given)
        says_no(learners[0], "training")
        return report

    monkeypatch.setattr(making, "build", late)
    assert build_draft.func(str(proposal.pk)) == FAILED
    proposal.refresh_from_db()
    assert (proposal.state, proposal.figures["refused"]) == (State.OUTDATED, {"guardian_refused": 1})
    assert not proposal.draft.exists()


def test_building_twice_makes_one(steward, learners, settings):
    proposal = proposed(steward)
    with lock_of(f"release-{proposal.pk}"):
        assert build_draft.func(str(proposal.pk)) == BUSY
    assert build_draft.func(str(proposal.pk)) == BUILT
    before = shelf.manifest_of(proposal.draft)
    assert build_draft.func(str(proposal.pk)) == SETTLED
    assert shelf.manifest_of(proposal.draft) == before
    # Killed after the build, before it was noted: the same draft is taken up.
    Proposal.objects.update(state=State.BUILDING)
    assert build_draft.func(str(proposal.pk)) == BUILT
    assert [path.name for path in settings.RELEASES.iterdir()] == ["automne.draft"]
    assert shelf.manifest_of(proposal.draft) == before
    # The same, and somebody has left meanwhile: it is another one, of another name.
    Proposal.objects.update(state=State.BUILDING)
    says_no(learners[0], "training")
    assert build_draft.func(str(proposal.pk)) == BUILT
    proposal.refresh_from_db()
    assert [path.name for path in settings.RELEASES.iterdir()] == ["automne-2.draft"]
    assert proposal.figures["kept"]["speakers"] == 3


def test_a_name_that_a_killed_build_had_claimed_is_not_used_again(steward, learners, settings):
    proposal = proposed(steward)
    settings.KEY_FILE.parent.mkdir()
    release_names.claim(release_names.beside(settings.KEY_FILE), {"name": "automne"})
    assert build_draft.func(str(proposal.pk)) == BUILT
    proposal.refresh_from_db()
    assert proposal.release_name == read_release(proposal.draft).name == "automne-2"


def test_two_workers_and_an_approval_at_once_make_one_release(steward, learners, settings):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection")
    proposal = proposed(steward)
    said: list[str] = []

    def work() -> None:
        said.append(build_draft.func(str(proposal.pk)))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) in ([BUILT, BUSY], [BUILT, SETTLED], sorted([BUILT, BUSY]))
    assert [path.name for path in settings.RELEASES.iterdir()] == ["automne.draft"]


def test_somebody_else_approves_where_there_is_somebody_else(client, steward, learners, everyone, signed_in, settings):
    proposal = built(steward, schools=[everyone.ours.school])
    other = account("donnees-2", Role.STEWARD, everyone.theirs.school)
    # Whose school is another one has no say here.
    assert not deciding.needs_another(proposal, steward)
    other.school = None
    other.save()
    assert "un autre responsable des données doit l’approuver" in page(client, proposal)
    post(client, "release-approve", proposal, seen=proposal.manifest)
    proposal.refresh_from_db()
    assert proposal.state == State.READY
    other.is_active = False
    other.save()
    assert not deciding.needs_another(proposal, steward)
    other.is_active = True
    other.save()
    settings.RELEASE_FOUR_EYES = False
    assert not deciding.needs_another(proposal, steward)
    settings.RELEASE_FOUR_EYES = True
    post(signed_in(other), "release-approve", proposal, seen=proposal.manifest)
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by) == (State.APPROVED, other)
    assert Entry.objects.get(action="release.approve").details["alone"] is False


def test_a_refusal_has_a_reason_and_leaves_nothing(client, steward, learners, settings):
    proposal = built(steward)
    assert "obligatoire" in post(client, "release-reject", proposal, note="").content.decode()
    assert (
        "Le groupe est trop petit"
        in post(client, "release-reject", proposal, note="Le groupe est trop petit.").content.decode()
    )
    proposal.refresh_from_db()
    assert proposal.state == State.REJECTED
    assert list(settings.RELEASES.iterdir()) == []
    post(client, "release-approve", proposal, seen=proposal.manifest)
    post(client, "release-rebuild", proposal)
    proposal.refresh_from_db()
    assert proposal.state == State.REJECTED
    assert "Le groupe" not in str(list(Entry.objects.values_list("details", flat=True)))


def test_a_draft_that_was_changed_on_the_disk_is_not_approved(client, steward, learners):
    proposal = built(steward)
    facts = proposal.draft / manifest.NAME
    facts.write_text(facts.read_text("utf-8") + " ")
    post(client, "release-approve", proposal, seen=proposal.manifest)
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reason) == (State.OUTDATED, "draft_missing")


def test_while_the_vault_is_held_nothing_is_approved(client, steward, learners, monkeypatch):
    proposal = built(steward)
    monkeypatch.setattr(deciding, "PATIENCE", 0.05)
    with vault_lock():
        answer = post(client, "release-approve", proposal, seen=proposal.manifest)
    assert "réessayez dans une minute" in answer.content.decode()
    proposal.refresh_from_db()
    assert proposal.state == State.READY


def test_killed_while_it_was_approved_the_next_worker_puts_it_into_place(steward, learners, monkeypatch):
    proposal = built(steward)
    monkeypatch.setattr(deciding.shelf, "place", lambda one: None)
    assert deciding.approve(proposal.pk, steward, proposal.manifest).reason == ""
    monkeypatch.undo()
    assert not proposal.path.exists()
    keeping.reconcile()
    assert shelf.manifest_of(proposal.path) == proposal.manifest
    keeping.reconcile()
    assert not proposal.draft.exists()


def test_a_killed_worker_is_replaced(steward, learners):
    proposal = proposed(steward)
    build_draft.enqueue(str(proposal.pk))
    assert keeping.requeue() == 0
    DBTaskResult.objects.update(status="RUNNING")
    Proposal.objects.update(state=State.BUILDING)
    with lock_of(f"release-{proposal.pk}"):
        assert keeping.requeue() == 0
    assert keeping.requeue() == 1
    assert sorted(DBTaskResult.objects.values_list("status", flat=True)) == ["FAILED", "READY"]
    assert build_draft.func(str(proposal.pk)) == BUILT


def test_halves_and_drafts_without_a_proposal_are_cleared_away(steward, learners, settings):
    kept, lost = built(steward, "garde"), built(steward, "perdu")
    (settings.RELEASES / f"{shelf.TRASH}1").mkdir()
    (settings.RELEASES / "perdu.draft.work").mkdir()
    (settings.RELEASES / "perdu.draft.work" / "parlure-work").write_text("")
    lost.delete()
    keeping.reconcile()
    assert [path.name for path in settings.RELEASES.iterdir()] == [kept.draft.name]


def test_what_was_made_by_command_is_shown_and_not_handed_out(client, steward, learners, settings):
    proposal = approved(steward)
    Proposal.objects.all().delete()
    shown = client.get(reverse("release-list")).content.decode()
    assert "automne" in shown
    assert "fait par commande" in shown
    assert proposal.path.exists()


def test_without_its_key_nothing_is_approved(client, steward, learners, settings):
    proposal = built(steward)
    settings.KEY_FILE.rename(settings.KEY_FILE.with_suffix(".away"))
    assert "On ne peut pas savoir qui est parti" in page(client, proposal)
    post(client, "release-approve", proposal, seen=proposal.manifest)
    proposal.refresh_from_db()
    assert proposal.state == State.READY
    assert proposal.draft.exists()


def test_how_far_a_build_is_can_be_asked(client, steward):
    proposal = proposed(steward, step={"step": "recordings", "done": 3, "total": 12})
    answer = client.get(reverse("release-progress", kwargs={"release_id": proposal.pk})).json()
    assert (answer["pending"], answer["done"], answer["total"]) == (True, 3, 12)


def test_every_term_of_the_policy_is_accepted():
    assert set(DUTIES) == {term.name for term in PROHIBITIONS} | {DELETION.name, "distribute"}
