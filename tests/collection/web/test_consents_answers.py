"""What families say, and what follows from it: always what the pipeline's decision says, never a rule of our own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from collection.consent import Reason, decide, today
from collection.register import EventState, Role, read_register, write_register
from collection.schema import Purpose
from collection.web.accounts.models import School
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner, SchoolClass
from collection.web.consents import answering, answers, notices, progress
from collection.web.consents.models import Channel, Consent, ConsentEvent, Notice, Party, Signature
from tests.collection.web.world import YEAR, notice

ALL = [purpose.value for purpose in Purpose]
TODAY = today()
BORN = date(TODAY.year - 13, 1, 2)


def learner(born: date | None = BORN) -> Learner:
    """Return a pupil of a class of their own, whose family was asked and has not answered."""
    school = School.objects.create(name=f"Collège {School.objects.count()}")
    group = SchoolClass.objects.create(school=school, name="4eB", year=YEAR, language="en")
    made = Learner.objects.create(school_class=group, last_name="Abadie", first_name="Inès", birth_date=born)
    answering.ask(made, notice())
    return made


def party(of: Learner, role: Role) -> Party:
    return of.consent.parties.get(role=role)


def said(of: Learner, role: Role, answer: bool | dict[str, bool], on: date = TODAY) -> Signature:
    given = dict.fromkeys(ALL, answer) if isinstance(answer, bool) else answer
    return answering.sign(party(of, role), of.consent.notice, given, Channel.LINK, signed_on=on)


def reasons(of: Learner, on: date = TODAY) -> dict[str, Reason]:
    found = answers.with_answers(Learner.objects.filter(pk=of.pk)).get()
    return {purpose.value: one.reason for purpose, one in answers.decisions(found, on).items()}


def standing(of: Learner, on: date = TODAY) -> progress.Standing:
    return progress.standing(answers.with_answers(Learner.objects.filter(pk=of.pk)).get(), on)


DAYS = timedelta(days=1)


@pytest.mark.django_db
class TestYesAndNo:
    def test_who_was_only_asked_has_not_said_yes(self):
        assert set(reasons(learner()).values()) == {Reason.GUARDIAN_MISSING}

    def test_a_guardian_alone_is_not_enough(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True)
        assert set(reasons(pupil).values()) == {Reason.LEARNER_ASSENT_MISSING}

    def test_both_yes_is_a_yes(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True)
        said(pupil, Role.LEARNER, True)
        assert set(reasons(pupil).values()) == {Reason.GRANTED}

    @pytest.mark.parametrize(
        ("who", "reason"), [(Role.GUARDIAN, Reason.GUARDIAN_REFUSED), (Role.LEARNER, Reason.LEARNER_REFUSED)]
    )
    def test_one_no_is_a_no(self, who, reason):
        pupil = learner()
        for role in (Role.GUARDIAN, Role.LEARNER):
            said(pupil, role, role != who)
        assert set(reasons(pupil).values()) == {reason}

    def test_each_purpose_stands_for_itself(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, {"research": True, "training": False, "evaluation": True})
        said(pupil, Role.LEARNER, {"research": True, "training": True, "evaluation": False})
        assert reasons(pupil) == {
            "research": Reason.GRANTED,
            "training": Reason.GUARDIAN_REFUSED,
            "evaluation": Reason.LEARNER_REFUSED,
            "sharing-with-partner": Reason.GUARDIAN_MISSING,
        }

    def test_a_no_and_a_yes_of_one_day_are_a_no(self):
        pupil = learner()
        for answer in (False, True):
            said(pupil, Role.GUARDIAN, answer)
            said(pupil, Role.LEARNER, True)
        assert set(reasons(pupil).values()) == {Reason.GUARDIAN_REFUSED}
        assert answering.said_no_today(party(pupil, Role.GUARDIAN))
        assert not answering.said_no_today(party(pupil, Role.LEARNER))

    def test_after_a_no_everybody_signs_again_on_a_later_day(self):
        pupil = learner()
        said(pupil, Role.LEARNER, True, TODAY - 3 * DAYS)
        said(pupil, Role.GUARDIAN, False, TODAY - 2 * DAYS)
        said(pupil, Role.GUARDIAN, True, TODAY - DAYS)
        assert set(reasons(pupil).values()) == {Reason.GUARDIAN_REFUSED}
        assert [one.role for one in standing(pupil).awaited] == [Role.LEARNER]
        said(pupil, Role.LEARNER, True, TODAY)
        assert set(reasons(pupil).values()) == {Reason.GRANTED}

    def test_from_eighteen_on_only_the_learner_is_heard(self):
        pupil = learner(date(TODAY.year - 19, 1, 2))
        said(pupil, Role.LEARNER, True)
        said(pupil, Role.GUARDIAN, False)
        assert set(reasons(pupil).values()) == {Reason.GRANTED}
        assert not answering.heard(party(pupil, Role.GUARDIAN))
        assert answering.heard(party(pupil, Role.LEARNER))

    def test_a_purpose_that_is_not_asked_is_refused(self):
        pupil = learner()
        with pytest.raises(KeyError, match="does not ask"):
            said(pupil, Role.GUARDIAN, {"cloning": True})
        assert pupil.consent.signatures.count() == 0

    def test_the_journal_has_ids_and_no_names(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True)
        line = Entry.objects.get(action="consent.answer")
        assert line.subject == f"party:{party(pupil, Role.GUARDIAN).pk}"
        assert (line.actor, line.details["answers"]) == ("guardian", dict.fromkeys(ALL, True))
        written = " ".join(str(value) for value in Entry.objects.values_list("details", "subject", "actor"))
        assert "Abadie" not in written
        assert "Inès" not in written


@pytest.mark.django_db
class TestRetentionAndVersions:
    def test_retention_ends_with_the_first_of_the_last_signatures(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True, date(2026, 3, 1))
        said(pupil, Role.LEARNER, True, date(2026, 3, 10))
        pupil.consent.refresh_from_db()
        assert pupil.consent.retention_until == date(2029, 2, 28)  # 1095 days after 1 March 2026
        said(pupil, Role.GUARDIAN, True, date(2026, 3, 20))
        pupil.consent.refresh_from_db()
        assert pupil.consent.retention_until == date(2029, 3, 9)

    def test_a_new_version_is_signed_by_everybody_and_old_noes_stay(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, {**dict.fromkeys(ALL, True), "training": False}, TODAY - 2 * DAYS)
        said(pupil, Role.LEARNER, True, TODAY - 2 * DAYS)
        newer = Notice.objects.create(
            name="voix", version="2", language="fr", title="t", body="b", purposes=ALL, controller="c"
        )
        answering.renew(pupil, newer)
        pupil = Learner.objects.get(pk=pupil.pk)
        assert reasons(pupil)["research"] == Reason.GUARDIAN_MISSING
        assert reasons(pupil)["training"] == Reason.GUARDIAN_REFUSED
        said(pupil, Role.GUARDIAN, {"research": True})
        assert reasons(pupil)["research"] == Reason.LEARNER_ASSENT_MISSING
        said(pupil, Role.LEARNER, {"research": True})
        assert reasons(pupil)["research"] == Reason.GRANTED

    def test_the_easy_text_of_a_version_counts_like_the_full_one(self):
        pupil = learner()
        easy = Notice.objects.create(
            name="voix", version="1", language="en", form="easy", title="t", body="b", purposes=ALL, controller="c"
        )
        said(pupil, Role.GUARDIAN, True)
        answering.sign(party(pupil, Role.LEARNER), easy, dict.fromkeys(ALL, True), Channel.CODE)
        assert set(reasons(pupil).values()) == {Reason.GRANTED}

    def test_a_withdrawal_at_night_is_of_the_day_that_families_see(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True, date(2026, 10, 8))
        said(pupil, Role.LEARNER, True, date(2026, 10, 8))
        # Half past midnight in Paris, on the 8th, is still the 7th in UTC: the yes of the 8th must not outlive it.
        at = datetime(2026, 10, 7, 22, 30, tzinfo=UTC)
        ConsentEvent.objects.create(
            consent=pupil.consent, state=EventState.WITHDRAWN, at=at, role="learner", entity=str(pupil.pk)
        )
        ConsentEvent.objects.update(entity=str(party(pupil, Role.LEARNER).pk))
        assert set(reasons(pupil, date(2026, 10, 9)).values()) == {Reason.WITHDRAWN}


@pytest.mark.django_db
class TestStanding:
    def test_nobody_answered(self):
        found = standing(learner())
        assert found.granted == 0
        assert [one.role for one in found.awaited] == ["guardian", "learner"]
        assert (found.guardian, found.pupil) == (Reason.GUARDIAN_MISSING, Reason.LEARNER_ASSENT_MISSING)

    def test_the_other_one_is_awaited(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True)
        found = standing(pupil)
        assert (found.guardian, found.pupil) == (None, Reason.LEARNER_ASSENT_MISSING)
        assert [one.role for one in found.awaited] == ["learner"]

    def test_who_refused_is_left_in_peace(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, False)
        said(pupil, Role.LEARNER, True)
        assert standing(pupil).awaited == []

    def test_a_complete_yes_ends_a_year_later(self):
        pupil = learner()
        said(pupil, Role.GUARDIAN, True)
        said(pupil, Role.LEARNER, True)
        found = standing(pupil)
        assert (found.granted, found.awaited, found.expires) == (4, [], TODAY + timedelta(days=365))
        assert not found.ends_soon
        assert standing(pupil, TODAY + timedelta(days=365)).granted == 0
        assert [one.role for one in standing(pupil, TODAY + timedelta(days=365)).awaited] == ["guardian", "learner"]

    def test_a_near_fifteenth_birthday_is_told(self):
        pupil = learner(TODAY.replace(year=TODAY.year - 15, day=1) + timedelta(days=40))
        assert standing(pupil).birthday is None or standing(pupil).birthday <= TODAY + progress.SOON
        near = learner((TODAY + timedelta(days=20)).replace(year=(TODAY + timedelta(days=20)).year - 15))
        assert standing(near).birthday == TODAY + timedelta(days=20)


purposes = st.sampled_from(ALL)
words = st.tuples(
    st.sampled_from(["guardian", "second", "learner"]),
    st.integers(0, 900),
    st.dictionaries(purposes, st.booleans(), max_size=4),
    st.booleans(),
)
ends = st.tuples(
    st.sampled_from(["guardian", "learner"]),
    st.integers(0, 900 * 24),
    st.lists(purposes, unique=True, max_size=2),
)


class SameDecision(TestCase):
    """Property: what the portal decides is what the pipeline decides on the register as a file."""

    @settings(max_examples=40)
    @given(
        born=st.none() | st.integers(-400, 400),
        signed=st.lists(words, max_size=5),
        withdrawn=st.lists(ends, max_size=2),
        on=st.integers(0, 1200),
    )
    def test_decisions_equal_the_pipelines(self, born, signed, withdrawn, on):
        start = date(2024, 1, 1)
        pupil = learner(None if born is None else date(2010, 1, 1) + timedelta(days=born))
        people = {one.role: one for one in pupil.consent.parties.all()}
        people["second"] = Party.objects.create(consent=pupil.consent, role="guardian")
        older = Notice.objects.get_or_create(
            name="voix", version="0", language="fr", title="t", body="b", purposes=ALL, controller="c"
        )[0]
        for who, day, told, is_older in signed:
            Signature.objects.create(
                consent=pupil.consent,
                party=people[who],
                notice=older if is_older else pupil.consent.notice,
                signed_on=start + timedelta(days=day),
                answers=told,
            )
        for who, hours, about in withdrawn:
            ConsentEvent.objects.create(
                consent=pupil.consent,
                state=EventState.WITHDRAWN,
                at=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours),
                role=who,
                entity=str(people[who].pk),
                purposes=about,
            )
        day = start + timedelta(days=on)
        pupil = answers.with_answers(Learner.objects.filter(pk=pupil.pk)).get()
        record = answers.record_of(pupil)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "consents.jsonl"
            write_register(path, [record])
            read = read_register(path)[str(pupil.pk)]
        assert answers.decisions(pupil, day) == {
            purpose: decide(read, purpose, day, answers.POLICY) for purpose in Purpose
        }

    def test_without_a_record_it_is_no(self):
        pupil = learner()
        Consent.objects.all().delete()
        pupil = Learner.objects.get(pk=pupil.pk)
        assert {one.reason for one in answers.decisions(pupil).values()} == {Reason.NO_RECORD}
        assert notices.current() is not None
