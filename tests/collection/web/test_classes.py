"""Classes, rosters, reading lists and sessions as teachers, heads and stewards meet them."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from collection.web.audit.models import Entry
from collection.web.classes import overview, reading, reading_order
from collection.web.classes.models import Learner, PromptList, ReadingSession, SchoolClass, SessionKind
from collection.web.classes.reading_order import Reading
from collection.web.classes.rosters import applying
from collection.web.consents.models import Consent
from tests.collection.web.world import consented, notice


def actions() -> list[str]:
    """Return what the journal says was done to classes, pupils, lists and sessions."""
    done = Entry.objects.order_by("seq").exclude(action__startswith="round.")  # the world has one
    return list(done.values_list("action", flat=True))


def told(answer) -> str:
    """Return the page that follows a POST."""
    return answer.client.get(answer.url).content.decode()


@pytest.fixture
def ours(everyone):
    return everyone.ours


@pytest.fixture
def teacher(ours, signed_in):
    return signed_in(ours.teacher)


def at(name: str, thing) -> str:
    """Return the address of a page about a thing."""
    kind = {SchoolClass: "class_id", Learner: "learner_id", ReadingSession: "session_id", PromptList: "list_id"}
    return reverse(name, kwargs={kind[type(thing)]: thing.pk})


def sent(client, school_class, text: str, name: str = "liste.csv"):
    """Send a roster and return the answer."""
    file = SimpleUploadedFile(name, text.encode())
    return client.post(at("roster-import", school_class), {"file": file})


def names(school_class) -> set[str]:
    return set(school_class.learners.values_list("last_name", flat=True))


ROSTER = "Nom;Prénom;Né(e) le;Sexe\nAbadie;Inès;14/03/2013;F\nDiallo;Moussa;02/02/2013;M\n"


class TestRosters:
    def test_a_file_is_shown_before_it_is_written(self, teacher, ours):
        before = names(ours.school_class)
        answer = sent(teacher, ours.school_class, ROSTER)
        assert answer.url == at("roster-preview", ours.school_class)
        page = teacher.get(answer.url).content.decode()
        assert "Nouveaux : 1. Modifiés : 1. Inchangés : 0. Erreurs : 0." in page
        assert names(ours.school_class) == before
        assert "BENALI Karim" in page  # in the class, not in the file
        assert teacher.post(answer.url).url == at("class-detail", ours.school_class)
        assert names(ours.school_class) == before | {"Diallo"}
        ours.agreeing.refresh_from_db()
        assert ours.agreeing.gender == "f"
        line = Entry.objects.get(action="roster.import")
        assert line.details == {"new": 1, "changed": 1, "unchanged": 0}
        # The lines of the file are not kept any longer than needed.
        assert teacher.get(answer.url).url == at("roster-import", ours.school_class)

    def test_the_same_file_twice_doubles_nobody(self, teacher, ours):
        for _ in range(2):
            sent(teacher, ours.school_class, ROSTER)
            teacher.post(at("roster-preview", ours.school_class))
        assert ours.school_class.learners.count() == 4

    def test_one_wrong_line_and_nothing_is_written(self, teacher, ours):
        before = names(ours.school_class)
        sent(teacher, ours.school_class, ROSTER + "Evrard;;31/02/2013;\n")
        page = teacher.get(at("roster-preview", ours.school_class)).content.decode()
        assert "Il manque le nom ou le prénom" in page
        assert "n’existe pas" in page
        assert "Enregistrer la liste" not in page
        teacher.post(at("roster-preview", ours.school_class))
        assert names(ours.school_class) == before
        assert "roster.import" not in actions()

    def test_what_fails_half_way_leaves_nothing_behind(self, ours, monkeypatch):
        before = names(ours.school_class)
        monkeypatch.setattr(applying, "MOST_LEARNERS", 3)
        with pytest.raises(applying.SheetError, match="au plus 3"):
            applying.apply(ours.school_class, [{"line": "2", "last_name": "Zola", "first_name": "Émile"}], ours.teacher)
        # A journal that cannot be written takes the learners back with it.
        monkeypatch.setattr(applying, "MOST_LEARNERS", 300)
        monkeypatch.setattr(applying.journal, "_ATTEMPTS", 0)
        with pytest.raises(RuntimeError):
            applying.apply(ours.school_class, [{"line": "2", "last_name": "Zola", "first_name": "Émile"}], ours.teacher)
        assert names(ours.school_class) == before

    def test_a_date_of_birth_after_a_signature_is_an_error(self, teacher, ours):
        sent(teacher, ours.school_class, "Nom;Prénom;Né(e) le\nAbadie;Inès;01/01/2021\n")
        Consent.objects.get(learner=ours.agreeing).signatures.update(signed_on=date(2020, 9, 7))
        assert "déjà signé" in teacher.get(at("roster-preview", ours.school_class)).content.decode()

    def test_a_file_that_is_no_roster_is_refused_on_the_page(self, teacher, ours):
        for text in ("", "Date;Note\n1;2\n", "%PDF-1.7 \x00"):
            answer = sent(teacher, ours.school_class, text)
            assert answer.status_code == 200
            assert list(answer.context["form"].errors) == ["file"]

    def test_an_export_can_be_imported_again(self, teacher, ours):
        Learner.objects.filter(pk=ours.silent.pk).update(first_name="=HYPERLINK(1)", birth_date=None)
        csv = teacher.get(at("roster-export", ours.school_class))
        text = csv.content.decode()
        assert f'"{ours.agreeing.code}";"Abadie";"Inès";"14/03/2013"' in text
        assert '"\'=HYPERLINK(1)"' in text
        assert csv["Content-Disposition"].startswith("attachment")
        assert "roster.export" in actions()
        sent(teacher, ours.school_class, text)
        page = teacher.get(at("roster-preview", ours.school_class)).content.decode()
        assert "Inchangés : 3. Erreurs : 0." in page


class TestLearners:
    def test_a_learner_is_added_and_corrected(self, teacher, ours):
        teacher.post(at("learner-create", ours.school_class), {"last_name": " O’Brien ", "first_name": "Seán"})
        made = Learner.objects.get(last_name="O’Brien")
        form = {"last_name": "O’Brien", "first_name": "Seán", "first_language": "Irlandais"}
        assert "n’est pas connue" in teacher.post(at("learner-edit", made), form).content.decode()
        teacher.post(at("learner-edit", made), {**form, "first_language": "ga", "birth_date": "2013-01-02"})
        made.refresh_from_db()
        assert (made.first_language, made.birth_date) == ("ga", date(2013, 1, 2))
        assert actions()[-2:] == ["learner.create", "learner.edit"]

    def test_nobody_is_added_twice(self, teacher, ours):
        form = {"last_name": "Abadie", "first_name": "Inès", "birth_date": "2013-03-14"}
        assert "déjà dans la classe" in teacher.post(at("learner-create", ours.school_class), form).content.decode()
        assert ours.school_class.learners.count() == 3

    def test_a_birth_date_after_a_signature_is_refused(self, teacher, ours):
        Consent.objects.get(learner=ours.agreeing).signatures.update(signed_on=date(2020, 9, 7))
        form = {"last_name": "Abadie", "first_name": "Inès", "birth_date": "2020-09-07"}
        assert "déjà signé" in teacher.post(at("learner-edit", ours.agreeing), form).content.decode()

    def test_somebody_without_answer_or_voice_is_taken_off_the_list(self, teacher, ours):
        Consent.objects.create(learner=ours.silent, notice=notice(), retention_until=date(2029, 1, 1))
        assert teacher.post(at("learner-remove", ours.silent)).url == at("class-detail", ours.school_class)
        assert not Learner.objects.filter(pk=ours.silent.pk).exists()

    @pytest.mark.parametrize("who", ["agreeing", "refusing"])
    def test_who_was_recorded_or_answered_withdraws_instead(self, teacher, ours, who):
        learner = getattr(ours, who)
        page = teacher.get(at("learner-remove", learner)).content.decode()
        assert "retrait de l’accord" in page or "retrait de son accord" in page
        assert "<form" not in page.split("<main")[1].split("</main")[0]
        teacher.post(at("learner-remove", learner))
        assert Learner.objects.filter(pk=learner.pk).exists()


class TestOverview:
    def test_a_class_at_a_glance(self, ours):
        found = overview.of_class(ours.school_class)
        assert (found.yes, found.no, found.waiting, found.other, found.without_birth_date) == (1, 1, 1, 0, 0)
        assert [row.recordings for row in found.rows] == [1, 0, 0]
        (session,) = overview.sessions(ours.school_class)
        counts = (session.text_count, session.recording_count, session.kept, session.flagged, session.dropped)
        assert counts == (2, 1, 1, 0, 0)

    def test_a_register_sorts_accents_with_their_letters(self, ours):
        Learner.objects.create(school_class=ours.school_class, last_name="Écuyer", first_name="Zoé")
        Learner.objects.create(school_class=ours.school_class, last_name="d’Alembert", first_name="Léo")
        shown = [row.learner.last_name for row in overview.of_class(ours.school_class).rows]
        assert shown == ["Abadie", "Benali", "Costa", "d’Alembert", "Écuyer"]

    def test_a_school_in_totals(self, ours):
        totals = overview.of_school(ours.school)
        assert (totals.learners, totals.yes, totals.recordings, totals.kept) == (3, 1, 1, 1)
        assert {row.school_class.name: row.learners for row in totals.classes} == {"4eB": 3, "3eA": 0}

    def test_a_head_sees_the_own_school_and_a_steward_all(self, everyone, signed_in):
        head = signed_in(everyone.ours.head).get(reverse("school-list")).content.decode()
        assert "Collège ours" in head
        assert "Collège theirs" not in head
        steward = signed_in(everyone.steward).get(reverse("school-list")).content.decode()
        assert "Collège ours" in steward
        assert "Collège theirs" in steward

    def test_a_head_reads_and_changes_nothing(self, everyone, signed_in):
        page = signed_in(everyone.ours.head).get(at("class-detail", everyone.ours.school_class)).content.decode()
        assert "ABADIE Inès" in page
        assert "Importer une liste" not in page
        assert "Modifier" not in page.split("<main")[1]


class TestTeachers:
    def test_a_colleague_of_the_school_is_added_and_taken_off(self, teacher, ours, signed_in):
        page = at("class-teachers", ours.school_class)
        teacher.post(page, {"add": ours.colleague.username})
        assert signed_in(ours.colleague).get(at("class-detail", ours.school_class)).status_code == 200
        teacher.post(page, {"remove": ours.colleague.username})
        assert signed_in(ours.colleague).get(at("class-detail", ours.school_class)).status_code == 404
        assert actions() == ["class.teacher.add", "class.teacher.remove"]

    def test_nobody_of_another_school_and_no_head_is_added(self, teacher, everyone):
        page = at("class-teachers", everyone.ours.school_class)
        strangers = [one.username for one in (everyone.theirs.teacher, everyone.ours.head, everyone.steward)]
        for name in (*strangers, "a\0b"):
            assert teacher.post(page, {"add": name}).status_code == 404

    def test_the_last_teacher_stays(self, teacher, ours):
        page = at("class-teachers", ours.school_class)
        assert "garde toujours un enseignant" in told(teacher.post(page, {"remove": ours.teacher.username}))
        assert ours.school_class.teachers.count() == 1


class TestReading:
    def test_texts_that_cannot_be_read_are_told_line_by_line(self):
        checked = reading.check(["Good morning.", "日本", "...", "a" * 301, "The blorptag's well-known dog"], "en")
        assert [bool(one.problem) for one in checked] == [False, True, True, True, False]
        assert "日本" in checked[1].problem
        assert checked[4].unknown == ("blorptag's",)
        assert reading.doubts(checked)[0].startswith("Ligne 5 : mot inconnu")

    def test_french_words_bound_by_an_apostrophe_are_known(self):
        assert [one.unknown for one in reading.check(["L’élève d’aujourd’hui", "Le zorglub"], "fr")] == [
            (),
            ("zorglub",),
        ]

    def test_pasted_lines_are_parted_and_cleaned(self):
        assert reading.split("  One  two \r\n\n three\u2028four") == ["One two", "three", "four"]

    def test_a_list_is_made_and_its_unknown_words_are_told(self, teacher, ours):
        form = {"title": "Nouvelle", "language": "en", "lines": "Good morning.\nThe blorptag sat."}
        page = told(teacher.post(reverse("list-create"), form))
        made = PromptList.objects.get(title="Nouvelle")
        assert (made.school, made.texts) == (ours.school, ["Good morning.", "The blorptag sat."])
        assert "Ligne 2 : mot inconnu du dictionnaire, prononciation devinée : blorptag." in page

    def test_a_list_that_nobody_could_read_is_refused(self, teacher):
        form = {"title": "Nouvelle", "language": "en", "lines": "Good morning.\n日本"}
        assert "Ligne 2 : ne se prononce pas : 日本." in teacher.post(reverse("list-create"), form).content.decode()
        assert not PromptList.objects.filter(title="Nouvelle").exists()

    def test_a_steward_offers_lists_to_everybody_and_leaves_schools_theirs(self, everyone, signed_in):
        steward = signed_in(everyone.steward)
        steward.post(reverse("list-create"), {"title": "Pour tous", "language": "en", "lines": "Hello."})
        offered = PromptList.objects.get(title="Pour tous")
        assert offered.school is None
        teacher = signed_in(everyone.ours.teacher)
        assert teacher.get(at("list-detail", offered)).status_code == 200
        assert teacher.post(at("list-delete", offered)).status_code == 404
        assert steward.post(at("list-delete", everyone.ours.prompt_list)).status_code == 404

    def test_steps_of_a_reading_order(self):
        a, b, c = (Reading(text) for text in "abc")
        assert reading_order.moved([a, b, c], 2, -1) == [a, c, b]
        assert reading_order.moved([a, b, c], 0, -1) == [a, b, c]
        assert reading_order.moved([a, b, c], 0, 1) == [b, a, c]
        assert reading_order.removed([a, b, c], 1) == [a, c]
        assert [turn.reader for turn in reading_order.shared([a, b, c], ["x", "y"])] == ["x", "y", "x"]
        form = {"text-10": "j", "text-2": " b  b ", "reader-2": "k", "text-x": "no"}
        assert reading_order.sent(form, {"k": "K"}) == [Reading("b b", "K"), Reading("j")]


class TestSessions:
    def made(self, teacher, ours, **form) -> ReadingSession:
        """Make a session through the form."""
        form = {"title": "Lecture 2", "held_on": "2026-11-02", "kind": SessionKind.CLASS, **form}
        teacher.post(at("session-create", ours.school_class), form)
        return ReadingSession.objects.get(title="Lecture 2")

    def test_a_session_takes_a_list_and_pasted_texts(self, teacher, ours):
        made = self.made(teacher, ours, prompt_list=str(ours.prompt_list.pk), lines="Good morning.\nGood evening.")
        assert made.prompts == ["Hello.", "Good morning.", "Good evening."]
        assert actions() == ["session.create"]

    def test_a_session_needs_texts_and_only_lists_of_ones_own(self, teacher, everyone):
        form = {"title": "Lecture 2", "held_on": "2026-11-02", "kind": SessionKind.EACH}
        address = at("session-create", everyone.ours.school_class)
        assert "Choisissez une liste" in teacher.post(address, form).content.decode()
        foreign = {**form, "prompt_list": str(everyone.theirs.prompt_list.pk)}
        assert list(teacher.post(address, foreign).context["form"].errors) == ["prompt_list"]
        assert not ReadingSession.objects.filter(title="Lecture 2").exists()

    def test_who_reads_what_and_in_which_order(self, teacher, everyone):
        ours = everyone.ours
        made = self.made(teacher, ours, lines="Good morning.\nGood evening.\nGood night.")
        form = {"text-0": "Good morning.", "text-1": "Good evening.", "text-2": "Good night.",
                "reader-1": str(ours.refusing.pk), "reader-2": str(everyone.theirs.agreeing.pk)}  # fmt: skip
        answer = teacher.post(at("session-order", made), {**form, "do": "up:1"})
        assert answer.url.endswith("?focus=up%3A0")
        turns = list(made.turns.values_list("text", "reader"))
        # A learner of another class is nobody.
        assert turns == [("Good evening.", ours.refusing.pk), ("Good morning.", None), ("Good night.", None)]
        # Texts are dealt out to those who agreed.
        teacher.post(at("session-order", made), {**form, "do": "share", "new": "See you."})
        assert set(made.turns.values_list("reader", flat=True)) == {ours.agreeing.pk}
        assert made.prompts[-1] == "See you."

    def test_an_order_with_a_text_that_cannot_be_read_is_not_written(self, teacher, ours):
        made = self.made(teacher, ours, lines="Good morning.")
        answer = teacher.post(at("session-order", made), {"text-0": "日本", "save": "1"})
        assert "ne se prononce pas" in answer.content.decode()
        assert "Une séance a de 1 à" in teacher.post(at("session-order", made), {"do": "remove:0"}).content.decode()
        assert made.prompts == ["Good morning."]

    def test_after_the_first_recording_nothing_changes(self, teacher, ours):
        for name, form in (
            ("session-edit", {"title": "Autre", "held_on": "2026-11-02", "kind": "class"}),
            ("session-order", {"text-0": "Good night.", "save": "1"}),
            ("session-delete", {}),
        ):
            assert "ne change plus" in told(teacher.post(at(name, ours.session), form))
        ours.session.refresh_from_db()
        assert ours.session.title == "Lecture 1"
        assert ours.session.prompts == ["Good morning.", "The cat sat on the mat."]

    def test_a_session_without_recording_is_changed_and_deleted(self, teacher, ours):
        made = self.made(teacher, ours, lines="Good morning.")
        teacher.post(at("session-edit", made), {"title": "Autre", "held_on": "2026-11-03", "kind": "each"})
        made.refresh_from_db()
        assert (made.title, made.held_on, made.kind) == ("Autre", date(2026, 11, 3), "each")
        teacher.post(at("session-delete", made))
        assert not ReadingSession.objects.filter(pk=made.pk).exists()


def test_an_agreeing_learner_counts_once_however_many_recordings(ours):
    consented(ours.silent)
    assert overview.of_class(ours.school_class).yes == 2
