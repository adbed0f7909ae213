"""A release from the proposal to the notice of withdrawal, in a real browser and by keyboard."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from playwright.sync_api import Page, expect

from collection.web.consents import erasing
from collection.web.consents.models import Withdrawal
from collection.web.recordings.models import Recording
from collection.web.releases.handing import send
from collection.web.releases.making import build_draft
from collection.web.releases.models import Delivery, Holder, Proposal, State
from tests.collection.web.browsing import sign_in, too_wide, violations
from tests.collection.web.releasing import leaves, readers
from tests.collection.web.test_recordings_browser import shot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def looked_at(page: Page) -> None:
    """Look at a page for people who see it in two widths, and for people who do not see it."""
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert not too_wide(page)


def chosen_by_keyboard(page: Page, *names: str) -> None:
    """Tick boxes with the space bar."""
    for name in names:
        page.get_by_label(name).focus()
        page.keyboard.press("Space")


def handed_over(page: Page) -> None:
    """Fill in to whom a release is handed, and send the form."""
    page.get_by_role("combobox", name="Organisme").select_option("Parlure")
    page.get_by_role("combobox", name="Pour quel usage").select_option("training")
    page.get_by_label("Pour quoi faire").fill("Entraîner le modèle de 2027.")
    chosen_by_keyboard(page, "L’organisme s’engage")
    page.locator("main form button").press("Enter")


def test_from_the_proposal_to_the_notice(everyone, page, live_server, settings, tmp_path):
    Recording.objects.all().delete()
    Proposal.objects.all().delete()
    Holder.objects.all().delete()
    learners = readers(everyone.ours, 6)
    settings.RELEASE_K = 3
    settings.RELEASE_TARGETS = [f"file://{tmp_path}/partenaire"]
    sign_in(page, live_server.url, everyone.steward)
    page.get_by_role("link", name="Jeux de données").press("Enter")
    page.get_by_role("link", name="Proposer un jeu de données").press("Enter")
    # By keyboard alone: what is wrong is said beside its field, which has the focus.
    page.get_by_label("Nom du jeu").fill("Automne 2026")
    page.get_by_role("button", name="Fabriquer un brouillon").press("Enter")
    expect(page.locator("main")).to_contain_text("Minuscules sans accent")
    looked_at(page)
    page.get_by_label("Nom du jeu").fill("2026-automne")
    chosen_by_keyboard(page, "Confier les voix à un partenaire", "T2 — voix déguisées par McAdams")
    page.get_by_role("button", name="Fabriquer un brouillon").press("Enter")
    expect(page.locator("#state")).to_have_text("proposé, en attente de fabrication")
    proposal = Proposal.objects.get()
    assert (proposal.transform, len(proposal.purposes)) == ("mcadams", 3)
    assert build_draft.func(str(proposal.pk)) == "built", Proposal.objects.get().error
    # The page finds out by itself.
    expect(page.locator("#state")).to_have_text("prêt à être approuvé", timeout=15_000)
    page.get_by_role("button", name="La fiche qui accompagne").press("Enter")
    expect(page.locator("#card")).to_contain_text("Known biases and limits")
    page.wait_for_timeout(500)
    looked_at(page)
    page.get_by_role("button", name="La fiche qui accompagne").press("Enter")
    shot(page, "release")
    page.get_by_role("button", name="Approuver ce jeu").press("Enter")
    expect(page.locator("#state")).to_have_text("approuvé")
    page.get_by_role("link", name="Télécharger…").press("Enter")
    looked_at(page)
    handed_over(page)
    expect(page.locator("#holders ~ div")).to_contain_text("Parlure")
    with page.expect_download() as fetched:
        page.get_by_role("link", name="Télécharger l’archive").press("Enter")
    assert fetched.value.suggested_filename == "2026-automne.tar"
    page.get_by_role("link", name="Publier…").press("Enter")
    looked_at(page)
    page.get_by_role("combobox", name="Destination").select_option(settings.RELEASE_TARGETS[0])
    handed_over(page)
    expect(page.locator("[role=status]").first).to_contain_text("L’envoi commence.")
    (task,) = DBTaskResult.objects.filter(task_path=send.module_path)
    assert send.func(*task.args_kwargs["args"]) == "sent"
    assert set(Holder.objects.values_list("state", flat=True)) == {Delivery.DONE}
    leaves(learners[0])
    page.reload()
    expect(page.locator("main")).to_contain_text("L’accord de 1 élève ne tient plus")
    expect(page.locator("main")).to_contain_text("L’accord a été repris : 1")
    looked_at(page)
    erasing.run(str(Withdrawal.objects.get().pk))
    page.reload()
    expect(page.locator("#state")).to_have_text("périmé : 1 élève est parti")
    page.goto(live_server.url + reverse("holder-list"))
    expect(page.locator("main")).to_contain_text("2 organismes sont à prévenir")
    looked_at(page)
    page.get_by_role("button", name="Noter : prévenu").first.press("Enter")
    expect(page.locator("main")).to_contain_text("1 organisme est à prévenir")
    page.get_by_role("link", name="Jeux de données").first.press("Enter")
    expect(page.locator("#releases")).to_contain_text("périmé : 1 élève est parti")
    looked_at(page)
    assert Proposal.objects.get().state == State.APPROVED
