from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collection.consent import (
    ConsentPolicy,
    ConsentRecord,
    Decision,
    Event,
    EventState,
    LawfulBasis,
    Notice,
    Reason,
    Role,
    Signature,
    age_on,
    asked_on,
    birthday,
    decide,
    may_use,
)
from collection.errors import ConfigError
from collection.schema import ConsentGrant, Purpose

RESEARCH, TRAINING, SHARING = Purpose.RESEARCH, Purpose.TRAINING, Purpose.SHARING
GUARDIAN, LEARNER, CONTROLLER = Role.GUARDIAN, Role.LEARNER, Role.CONTROLLER
NOTICE = Notice("notice-class", "2", "ab" * 32, "fr")
SEPTEMBER = date(2025, 9, 1)
POLICY = ConsentPolicy()


def record(*said: Signature | Event, born: date | None = date(2014, 3, 1), **changes) -> ConsentRecord:
    fields = {
        "record_id": "record-1",
        "learner_id": "learner-1",
        "birth_date": born,
        "notice": NOTICE,
        "purposes": (RESEARCH, TRAINING),
        "lawful_basis": LawfulBasis.PUBLIC_TASK,
        "controller": "an academy",
        "recipients": (),
        "retention_until": date(2035, 1, 1),
        "signatures": tuple(s for s in said if isinstance(s, Signature)),
        "events": tuple(e for e in said if isinstance(e, Event)),
    }
    return ConsentRecord(**{**fields, **changes})


def yes(role: Role, on: date = SEPTEMBER, entity: str = "", *purposes: Purpose) -> Signature:
    return Signature(role, entity or f"{role}-1", on, dict.fromkeys(purposes or (RESEARCH, TRAINING), True))


def no(role: Role, on: date = SEPTEMBER, entity: str = "") -> Signature:
    return Signature(role, entity or f"{role}-1", on, {TRAINING: False})


def event(state: str, role: Role, on: date, entity: str = "", *purposes: Purpose) -> Event:
    at = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    return Event(EventState(state), at, role, entity or f"{role}-1", purposes)


def asked(consent: ConsentRecord | None, on: date = date(2025, 10, 1), policy: ConsentPolicy = POLICY) -> Decision:
    return decide(consent, TRAINING, on, policy)


def refuses(reason: str) -> Decision:
    return Decision(False, Reason(reason), None)


BOTH = (yes(GUARDIAN), yes(LEARNER))


def test_both_yes_of_a_child_hold_for_the_validity_of_the_older_signature():
    consent = record(yes(GUARDIAN, date(2025, 9, 1)), yes(LEARNER, date(2025, 9, 8)))
    assert asked(consent) == Decision(True, Reason.GRANTED, date(2026, 9, 1))
    assert asked(consent, date(2026, 8, 31)).keep
    assert asked(consent, date(2026, 9, 1)) == refuses("expired")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((), "guardian_missing"),
        ((yes(LEARNER),), "guardian_missing"),
        ((yes(GUARDIAN),), "learner_assent_missing"),
        ((yes(GUARDIAN), no(LEARNER)), "learner_refused"),
        ((no(GUARDIAN), yes(LEARNER)), "guardian_refused"),
        ((*BOTH, no(GUARDIAN, entity="guardian-2")), "guardian_refused"),
        ((*BOTH, event("refused", LEARNER, SEPTEMBER)), "learner_refused"),
        ((*BOTH, event("withdrawn", GUARDIAN, date(2025, 9, 20))), "withdrawn"),
        ((*BOTH, event("withdrawn", LEARNER, date(2025, 9, 20), "", TRAINING)), "withdrawn"),
        ((*BOTH, event("expired", CONTROLLER, date(2025, 10, 1))), "expired"),
        ((yes(GUARDIAN, SEPTEMBER, "", RESEARCH), yes(LEARNER)), "guardian_missing"),
        ((yes(GUARDIAN), yes(LEARNER, date(2025, 10, 2))), "not_yet_valid"),
        ((event("given", GUARDIAN, SEPTEMBER), event("given", LEARNER, SEPTEMBER)), "guardian_missing"),
    ],
)
def test_a_child_is_left_out_unless_guardian_and_learner_both_agree(said, reason):
    assert asked(record(*said)) == refuses(reason)


def test_no_record_and_a_purpose_the_notice_never_named():
    assert asked(None) == refuses("no_record")
    signed = [replace(s, answers={SHARING: True}) for s in BOTH]
    assert decide(record(*signed), SHARING, date(2025, 10, 1), POLICY) == refuses("purpose_not_granted")


def test_withdrawing_one_purpose_leaves_the_other():
    consent = record(*BOTH, event("withdrawn", LEARNER, date(2025, 9, 20), "", RESEARCH))
    assert asked(consent).keep
    assert decide(consent, RESEARCH, date(2025, 10, 1), POLICY) == refuses("withdrawn")


def test_an_agreed_end_ahead_and_the_retention_bound_the_yes():
    ending = record(*BOTH, event("expired", CONTROLLER, date(2025, 12, 24)))
    assert asked(ending).expires == date(2025, 12, 24)
    assert asked(ending, date(2025, 12, 24)) == refuses("expired")
    kept = record(*BOTH, retention_until=date(2025, 11, 5))
    assert asked(kept).expires == date(2025, 11, 5)
    assert asked(kept, date(2025, 11, 5)) == refuses("expired")


def test_after_a_withdrawal_everyone_signs_again_and_the_one_who_withdrew_too():
    withdrawn = event("withdrawn", GUARDIAN, date(2025, 9, 20))
    again = date(2025, 9, 25)
    assert asked(record(*BOTH, withdrawn, yes(LEARNER, again))) == refuses("withdrawn")
    assert asked(record(*BOTH, withdrawn, yes(GUARDIAN, again))) == refuses("withdrawn")
    other = yes(GUARDIAN, again, "guardian-2")
    assert asked(record(*BOTH, withdrawn, yes(LEARNER, again), other)) == refuses("withdrawn")
    reopened = record(*BOTH, withdrawn, yes(LEARNER, again), yes(GUARDIAN, again))
    assert asked(reopened) == Decision(True, Reason.GRANTED, date(2026, 9, 25))


def test_on_the_same_day_no_prevails_over_yes():
    assert asked(record(*BOTH, no(LEARNER))) == refuses("learner_refused")
    assert asked(record(*BOTH, event("withdrawn", GUARDIAN, SEPTEMBER))) == refuses("withdrawn")
    torn = no(GUARDIAN, entity="guardian-2"), yes(GUARDIAN, entity="guardian-2")
    later = yes(GUARDIAN, date(2025, 9, 2)), yes(LEARNER, date(2025, 9, 2))
    assert asked(record(*torn, *later)) == refuses("guardian_refused")
    assert asked(record(*torn, *later, yes(GUARDIAN, date(2025, 9, 2), "guardian-2"))).keep


def test_the_day_of_a_no_or_of_an_end_starts_nothing_anew():
    day_after = yes(GUARDIAN, date(2025, 9, 2))
    assert asked(record(no(GUARDIAN), day_after, yes(LEARNER))) == refuses("guardian_refused")
    assert asked(record(no(GUARDIAN), day_after, yes(LEARNER, date(2025, 9, 2)))).keep
    ended = event("expired", CONTROLLER, SEPTEMBER)
    assert asked(record(ended, *BOTH)) == refuses("expired")
    assert asked(record(ended, day_after, yes(LEARNER, date(2025, 9, 2)))).keep


def test_who_will_take_a_no_back_later_has_not_done_so_yet():
    objecting = no(GUARDIAN, entity="guardian-2"), yes(GUARDIAN, date(2025, 11, 1), "guardian-2")
    signed = yes(GUARDIAN, date(2025, 9, 2)), yes(LEARNER, date(2025, 9, 2))
    assert asked(record(*objecting, *signed)) == refuses("guardian_refused")
    assert asked(record(*objecting, *signed), date(2025, 11, 1)).keep


def test_an_earlier_day_does_not_bring_a_withdrawn_consent_back():
    consent = record(*BOTH, event("withdrawn", GUARDIAN, date(2025, 12, 1)))
    assert asked(consent, date(2025, 9, 10)) == refuses("withdrawn")


def test_two_guardians_are_two_people():
    two = ConsentPolicy(guardian_signatures=2)
    twice = record(*BOTH, yes(GUARDIAN, date(2025, 9, 2)))
    assert asked(twice, policy=two) == refuses("guardian_missing")
    pair = record(yes(LEARNER, date(2025, 9, 3)), yes(GUARDIAN), yes(GUARDIAN, date(2025, 9, 2), "guardian-2"))
    assert asked(pair).expires == date(2026, 9, 2)
    assert asked(pair, policy=two) == Decision(True, Reason.GRANTED, date(2026, 9, 1))


def test_the_fifteenth_birthday_asks_for_renewal():
    born = date(2010, 11, 15)
    before = record(*BOTH, born=born)
    assert asked(before) == Decision(True, Reason.GRANTED, date(2025, 11, 15))
    assert asked(before, date(2025, 11, 15)) == refuses("renewal_due_15")
    on = date(2025, 12, 1)
    half = record(*BOTH, yes(LEARNER, date(2025, 11, 15)), born=born)
    assert asked(half, on) == refuses("renewal_due_15")
    whole = record(*BOTH, yes(LEARNER, date(2025, 11, 15)), yes(GUARDIAN, date(2025, 11, 16)), born=born)
    assert asked(whole, on) == Decision(True, Reason.GRANTED, date(2026, 11, 15))


def test_from_15_to_17_the_learner_must_agree_and_the_guardians_number_is_policy():
    born = date(2009, 1, 10)
    alone = ConsentPolicy(guardian_signatures_from_15=0)
    assert asked(record(yes(LEARNER), born=born)) == refuses("guardian_missing")
    assert asked(record(yes(LEARNER), born=born), policy=alone).keep
    assert asked(record(yes(GUARDIAN), born=born), policy=alone) == refuses("learner_assent_missing")
    assert asked(record(yes(LEARNER), no(GUARDIAN), born=born), policy=alone) == refuses("guardian_refused")


def test_the_eighteenth_birthday_asks_the_learner_alone():
    born = date(2007, 11, 15)
    assert asked(record(*BOTH, born=born)).expires == date(2025, 11, 15)
    on = date(2025, 12, 1)
    assert asked(record(*BOTH, born=born), on) == refuses("renewal_due_18")
    renewed = record(no(GUARDIAN), yes(LEARNER, date(2025, 11, 15)), born=born)
    assert asked(renewed, on) == Decision(True, Reason.GRANTED, date(2026, 11, 15))
    assert asked(record(no(LEARNER), born=born), on) == refuses("learner_refused")


def test_an_unknown_birth_date_counts_as_under_15():
    alone = ConsentPolicy(guardian_signatures_from_15=0)
    assert asked(record(yes(LEARNER), born=None), policy=alone) == refuses("guardian_missing")
    assert asked(record(*BOTH, born=None)) == Decision(True, Reason.GRANTED, date(2026, 9, 1))


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(2010, 6, 15), date(2025, 6, 14), 14),
        (date(2010, 6, 15), date(2025, 6, 15), 15),
        (date(2012, 2, 29), date(2027, 2, 28), 14),
        (date(2012, 2, 29), date(2027, 3, 1), 15),
        (date(2012, 2, 29), date(2028, 2, 29), 16),
        (date(2020, 1, 1), date(2019, 12, 31), -1),
    ],
)
def test_age(born, on, age):
    assert age_on(born, on) == age


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 90))
def test_birthday_is_the_first_day_of_an_age(born, years):
    day = birthday(born, years)
    assert age_on(born, day) == years
    assert age_on(born, day - timedelta(days=1)) == years - 1


@pytest.mark.parametrize(
    "values", [{"guardian_signatures": 0}, {"guardian_signatures_from_15": 3}, {"validity_days": 0}]
)
def test_an_impossible_policy_is_refused(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        ConsentPolicy(**values)


@pytest.mark.parametrize(
    ("grant", "used"),
    [
        (ConsentGrant("con_1", ("training",), "2025-10-02"), True),
        (ConsentGrant("con_1", ("training",), "2025-10-01"), False),
        (ConsentGrant("con_1", ("research",), "2025-10-02"), False),
        (ConsentGrant("con_1", (), "2025-10-02"), False),
        (ConsentGrant("con_1", ("training",), None), False),
        (ConsentGrant("", ("training",), None), False),
        (ConsentGrant("con_1", ("training",), "soon"), False),
        (ConsentGrant(None, ("training",), None), True),
        (ConsentGrant(None, ("training",), "2025-10-01"), False),
        (ConsentGrant(None, ("research",), None), False),
    ],
)
def test_a_released_row_is_asked_again(grant, used):
    assert may_use(grant, TRAINING, date(2025, 10, 1)) is used


# An oracle that lives through the days one by one, written apart from the code under test.

DAY_ZERO = date(2025, 1, 1)
DAYS = 10
PEOPLE = [(GUARDIAN, "guardian-1"), (GUARDIAN, "guardian-2"), (LEARNER, "learner-1")]


def day(number: int) -> date:
    return DAY_ZERO + timedelta(days=number)


def lives(consent: ConsentRecord, purpose: Purpose, on: date, policy: ConsentPolicy) -> bool:
    """Walk through all days; a yes is heard up to ``on``, a no of the days to come as well."""
    voices: dict[tuple[Role, str], date] = {}
    objecting: set[tuple[Role, str]] = set()
    today = DAY_ZERO
    while purpose in consent.purposes and today <= max(on, day(2 * DAYS)):
        birthdays = [birthday(consent.birth_date, years) for years in (15, 18)] if consent.birth_date else []
        if today in birthdays and today <= on:
            voices = {}
        final_age = 0 if consent.birth_date is None else age_on(consent.birth_date, on)
        noes = {
            (s.role, s.entity) for s in consent.signatures if s.signed_on == today and s.answers.get(purpose) is False
        }
        noes |= {
            (e.role, e.entity)
            for e in consent.events
            if e.at.date() == today
            and e.state in ("refused", "withdrawn")
            and (not e.purposes or purpose in e.purposes)
        }
        if final_age >= 18:
            noes = {who for who in noes if who[0] is LEARNER}
        ended = any(
            e.at.date() == today <= on and e.state == "expired" and (not e.purposes or purpose in e.purposes)
            for e in consent.events
        )
        for s in consent.signatures:
            if s.signed_on == today <= on and s.answers.get(purpose):
                voices[s.role, s.entity] = today
                objecting.discard((s.role, s.entity))
        if noes or ended:
            voices = {}
        objecting |= noes
        today += timedelta(days=1)
    live = [who for who, since in voices.items() if on < since + timedelta(days=policy.validity_days)]
    age = 0 if consent.birth_date is None else age_on(consent.birth_date, on)
    needed = policy.guardian_signatures if age < 15 else policy.guardian_signatures_from_15 if age < 18 else 0
    guardians = {who for who in live if who[0] is GUARDIAN}
    complete = len(guardians) >= needed and (LEARNER, "learner-1") in live
    return complete and not objecting and on < consent.retention_until


days = st.integers(0, DAYS).map(day)
purposes = st.sampled_from([RESEARCH, TRAINING])
answers = st.dictionaries(purposes, st.sampled_from([True, True, True, False]), min_size=1)
signatures = st.builds(lambda who, on, said: Signature(*who, on, said), st.sampled_from(PEOPLE), days, answers)
events = st.builds(
    lambda state, who, on, about: event(state, CONTROLLER if state == "expired" else who[0], on, who[1], *about),
    st.sampled_from(["given", "refused", "withdrawn", "expired"]),
    st.sampled_from(PEOPLE),
    days,
    st.lists(purposes, max_size=1),
)
births = st.one_of(
    st.none(),
    st.sampled_from([date(2015, 1, 1), date(2009, 1, 1), date(1995, 1, 1)]),
    st.builds(lambda years, on: on.replace(year=2025 - years), st.sampled_from([15, 18]), days),
)
policies = st.builds(ConsentPolicy, st.integers(1, 2), st.integers(0, 2), st.integers(DAYS // 3, 2 * DAYS))
rounds = st.builds(
    lambda on, absent: [Signature(*who, on, {RESEARCH: True, TRAINING: True}) for who in PEOPLE if who != absent],
    days,
    st.sampled_from([*PEOPLE, None, None]),
)
"""One day on which everybody, or everybody but one, signs."""
records = st.builds(
    lambda together, signed, happened, born, until: record(
        *chain.from_iterable(together), *signed, *happened, born=born, retention_until=until
    ),
    st.lists(rounds, max_size=3),
    st.lists(signatures, max_size=3),
    st.lists(events, max_size=2),
    births,
    st.one_of(st.just(date(2035, 1, 1)), days.map(lambda on: on + timedelta(days=DAYS // 2))),
)
asking = {"consent": records, "purpose": purposes, "on": st.integers(0, 2 * DAYS).map(day), "policy": policies}


@st.composite
def granted(draw: st.DrawFn) -> tuple[ConsentRecord, date, ConsentPolicy, date]:
    """A record that says yes to training, with its day, policy and end."""
    on, policy, born = draw(days), draw(policies), draw(births)
    signed = [Signature(*who, on, {TRAINING: True, RESEARCH: draw(st.booleans())}) for who in PEOPLE]
    consent = record(*draw(st.lists(signatures, max_size=3)), *signed, born=born)
    decision = decide(consent, TRAINING, on, policy)
    if not decision.keep or decision.expires is None:
        consent = record(*signed, born=born)
        decision = decide(consent, TRAINING, on, policy)
    assert decision.keep
    assert decision.expires is not None
    return consent, on, policy, decision.expires


@settings(max_examples=300)
@given(**asking)
@example(record(*BOTH), TRAINING, date(2025, 10, 1), POLICY)
def test_the_decision_is_that_of_someone_who_lives_through_the_days(consent, purpose, on, policy):
    decision = decide(consent, purpose, on, policy)
    assert decision.keep == lives(consent, purpose, on, policy)
    assert (decision.expires is not None) == decision.keep == (decision.reason is Reason.GRANTED)


@settings(max_examples=100)
@given(granted(), st.integers(0, 400))
def test_the_yes_holds_until_its_end_and_not_a_day_longer(case, later):
    consent, on, policy, expires = case
    known = replace(consent, signatures=tuple(s for s in consent.signatures if s.signed_on <= on))
    last = decide(known, TRAINING, on, policy).expires
    assert last is not None
    assert last <= expires
    assert all(decide(known, TRAINING, min(on + timedelta(n), last - timedelta(1)), policy).keep for n in (0, later))
    assert not decide(known, TRAINING, last + timedelta(days=later), policy).keep


@settings(max_examples=100)
@given(granted(), st.sampled_from(["refused", "withdrawn"]), st.booleans(), st.integers(0, 500))
def test_a_last_no_always_ends_it(case, state, named, after):
    consent, on, policy, _ = case
    at = max(s.signed_on for s in consent.signatures) + timedelta(days=after)
    said = event(state, LEARNER, at, "learner-1", *((TRAINING,) if named else ()))
    assert not decide(replace(consent, events=(*consent.events, said)), TRAINING, on, policy).keep
    paper = replace(consent, signatures=(*consent.signatures, Signature(LEARNER, "learner-1", at, {TRAINING: False})))
    assert not decide(paper, TRAINING, on, policy).keep
    minor = consent.birth_date is None or age_on(consent.birth_date, on) < 18
    said = replace(said, role=GUARDIAN, entity="guardian-2")
    assert minor != decide(replace(consent, events=(*consent.events, said)), TRAINING, on, policy).keep


@settings(max_examples=100)
@given(granted())
def test_without_the_yes_of_someone_needed_there_is_no_yes(case):
    consent, on, policy, _ = case
    age = 0 if consent.birth_date is None else age_on(consent.birth_date, on)
    needed = policy.guardian_signatures if age < 15 else policy.guardian_signatures_from_15 if age < 18 else 0
    silent = {"learner-1"}, {"guardian-1", "guardian-2"} if needed == 1 else {"guardian-2"}
    for who in silent[: 2 if needed else 1]:
        kept = tuple(s for s in consent.signatures if s.entity not in who)
        assert not decide(replace(consent, signatures=kept), TRAINING, on, policy).keep


@settings(max_examples=100)
@given(**asking)
def test_what_is_said_about_another_purpose_changes_nothing(consent, purpose, on, policy):
    only = [replace(s, answers={p: a for p, a in s.answers.items() if p is purpose}) for s in consent.signatures]
    heard = [e for e in consent.events if e.concerns(purpose)]
    narrowed = replace(consent, signatures=tuple(only), events=tuple(heard))
    assert decide(narrowed, purpose, on, policy) == decide(consent, purpose, on, policy)
    assert not decide(consent, SHARING, on, policy).keep


@settings(max_examples=100)
@given(**asking)
def test_the_order_of_the_lines_does_not_matter(consent, purpose, on, policy):
    turned = replace(consent, signatures=consent.signatures[::-1], events=consent.events[::-1])
    assert decide(turned, purpose, on, policy) == decide(consent, purpose, on, policy)


def test_a_given_day_only_makes_the_answer_stricter(monkeypatch):
    monkeypatch.setattr("collection.consent.today", lambda: date(2026, 5, 4))
    assert asked_on(None) == date(2026, 5, 4)
    assert asked_on("2026-05-03") == date(2026, 5, 4)
    assert asked_on("2026-05-05") == date(2026, 5, 5)
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        asked_on("soon")


def test_today_is_the_calendars():
    assert abs(asked_on(None) - date.today()) <= timedelta(days=1)
