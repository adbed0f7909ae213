"""Rounds of rating: who is asked what, what is kept, who is heard, how far they agree, and the way into a release."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.test import TestCase
from django.urls import reverse

from collection.audio import encode_flac
from collection.build import build
from collection.config import BuildConfig
from collection.intake import read_intake
from collection.release import read_release
from collection.schema import Purpose, Split
from collection.web.accounts.models import Role
from collection.web.audit.models import Entry
from collection.web.classes.models import Learner, ReadingSession
from collection.web.consents import answering
from collection.web.rating import queue, rounds
from collection.web.rating.figures import FEWEST, figures
from collection.web.rating.models import Flag, Item, Rating, Round
from collection.web.rating.scales import UNJUDGED, cells
from collection.web.recordings import review
from collection.web.recordings.export import export
from collection.web.recordings.models import Fate, Recording, Segment, State, Upload
from eval.agreement import one_against_the_others
from eval.bootstrap import BootstrapConfig
from eval.predict import raters_of
from eval.predictions import to_predictions
from tests.collection.web.sounding import TEXTS, paused, spoken
from tests.collection.web.world import account, consented, rating_round

SECRETS = ("Abadie", "ABADIE", "Inès", "Nom1", "Collège", "4eB", "prof-ours", "Première séance")
"""What tells who speaks; nothing of it may be on an evaluator's page."""


@pytest.fixture
def ours(everyone):
    """Return our school with no recording, and no round."""
    Round.objects.all().delete()
    Upload.objects.all().delete()
    Recording.objects.all().delete()
    return everyone.ours


@pytest.fixture
def three(everyone):
    """Return three evaluators."""
    return [everyone.evaluator, account("deux", Role.EVALUATOR, None), account("trois", Role.EVALUATOR, None)]


def read_aloud(place, learner: Learner, text: str = TEXTS[0], voice: int = 0) -> Segment:
    """Let a learner read a text, kept."""
    samples = paused([spoken(text, voice)])
    sound = encode_flac(samples)
    recording = Recording(
        session=place.session, learner=learner, size=len(sound), state=State.DONE, seconds=len(samples) / 16_000
    )
    recording.sha256 = f"{len(Recording.objects.all()):064d}"
    recording.sound.save("x", ContentFile(sound), save=False)
    recording.save()
    return Segment.objects.create(
        recording=recording,
        learner=learner,
        position=0,
        text=text,
        start=1.5,
        end=len(samples) / 16_000 - 1.5,
        fate=Fate.KEPT,
    )


def classmates(place, count: int) -> list[Learner]:
    """Return the learner who agreed, and more of the class."""
    more = [
        Learner.objects.create(
            school_class=place.school_class, last_name=f"Nom{n}", first_name="Zoé", birth_date=date(2013, 3, n)
        )
        for n in range(1, count)
    ]
    for one in more:
        consented(one)
    return [place.agreeing, *more]


def at(name: str, **ids: object) -> str:
    """Return an address."""
    return reverse(name, kwargs=ids)


def asked(rating: Rating) -> list[str]:
    """Return the names of all scores of a rating."""
    return [cell.name for cell in cells(rating.item.words, rating.item.round.levels)]


def full(rating: Rating, sentence: int = 8, phone: int = 2, **changed: object) -> dict[str, str]:
    """Return everything a form sends for a rating."""
    marks = {name: {"s": sentence, "p": phone, "w": 10}[name[0]] for name in asked(rating)}
    return {name.replace("_", "-"): str(value) for name, value in {**marks, **changed}.items()}


def as_kept(sent: dict[str, str]) -> dict[str, object]:
    """Return what is kept of a form."""
    return {name: value if value == UNJUDGED else int(value) for name, value in sent.items()}


def rate_all(user, found: Round, sent) -> list[Rating]:
    """Let an evaluator rate whatever they are asked; ``sent`` says what they send for a rating."""
    done = []
    while (rating := following(user, found)) is not None:
        assert queue.save(user, rating, sent(rating), finish=True) == []
        done.append(rating)
    return done


def following(user, found: Round) -> Rating | None:
    """Return what an evaluator is asked next."""
    return queue.progress(user, found).following


def actions() -> list[str]:
    """Return what the journal tells."""
    return list(Entry.objects.order_by("seq").values_list("action", flat=True))


class TestRounds:
    """Making a round."""

    def sent(self, three, **changed: object) -> dict[str, object]:
        """Return a whole form."""
        return {
            "title": "Automne",
            "language": "en",
            "purposes": ["training"],
            "levels": ["sentence", "phone"],
            "most": 60,
            "raters_each": 2,
            "repeat_percent": 0,
            "evaluators": [str(one.pk) for one in three],
            **changed,
        }

    def test_counting_comes_first_and_makes_nothing(self, ours, everyone, three, signed_in):
        for learner in classmates(ours, 3):
            read_aloud(ours, learner)
        read_aloud(ours, ours.refusing)
        steward = signed_in(everyone.steward)
        shown = steward.post(at("round-create"), self.sent(three, count="1")).content.decode()
        assert "3 lectures de 3 élève(s)" in shown
        assert "Sans accord valable pour ces usages : 1" in shown
        assert Round.objects.count() == 0
        answer = steward.post(at("round-create"), self.sent(three, create="1"))
        made = Round.objects.get()
        assert answer.url == at("round-detail", round_id=made.pk)
        assert Counter(Rating.objects.values_list("evaluator", flat=True)) == dict.fromkeys(
            [one.pk for one in three], 2
        )
        assert "round.create" in actions()

    @pytest.mark.parametrize(
        "changed", [{"evaluators": []}, {"raters_each": 4}, {"purposes": []}, {"purposes": ["sharing-with-partner"]}]
    )
    def test_what_cannot_be_is_refused(self, ours, everyone, three, signed_in, changed):
        read_aloud(ours, ours.agreeing)
        answer = signed_in(everyone.steward).post(at("round-create"), self.sent(three, create="1", **changed))
        assert answer.status_code == 200
        assert Round.objects.count() == 0

    def test_a_class_must_be_of_the_school_and_language(self, ours, everyone, three, signed_in):
        read_aloud(ours, ours.agreeing)
        steward = signed_in(everyone.steward)
        for changed in (
            {"school": str(everyone.theirs.school.pk), "school_class": str(ours.school_class.pk)},
            {"language": "fr", "school_class": str(ours.school_class.pk)},
        ):
            assert steward.post(at("round-create"), self.sent(three, create="1", **changed)).status_code == 200
        assert Round.objects.count() == 0

    def test_only_purposes_that_were_granted_open_a_voice(self, ours):
        segment = read_aloud(ours, ours.agreeing)
        signature = ours.agreeing.consent.signatures.get(party__role="guardian")
        signature.answers = {**signature.answers, Purpose.EVALUATION.value: False}
        signature.save()
        assert [one for one, _ in rounds.choose(rounds.Wanted("en", ("training",))).segments] == [segment]
        chosen = rounds.choose(rounds.Wanted("en", ("training", "evaluation")))
        assert (chosen.segments, chosen.left_out) == ((), Counter({rounds.WITHOUT_CONSENT: 1}))

    def test_a_reading_is_in_one_round_and_few_readings_are_of_many_voices(self, ours, everyone, three):
        learners = classmates(ours, 3)
        for learner in learners:
            for text in TEXTS:
                read_aloud(ours, learner, text)
        chosen = rounds.choose(rounds.Wanted("en", ("training",), most=3))
        assert {segment.learner for segment, _ in chosen.segments} == set(learners)
        assert chosen.left_out == {rounds.OVER: 6}
        settings = {"title": "x", "language": "en", "purposes": ["training"], "levels": ["sentence"]}
        rounds.create(everyone.steward, settings, three, chosen)
        again = rounds.choose(rounds.Wanted("en", ("training",)))
        assert (len(again.segments), again.left_out) == (6, {rounds.ELSEWHERE: 3})

    def test_somebody_who_leaves_keeps_what_they_finished_and_others_take_the_rest(self, ours, everyone, three):
        for learner in classmates(ours, 4):
            read_aloud(ours, learner)
        found = rating_round(everyone.steward, three[:2], raters_each=2)
        done = following(three[0], found)
        queue.save(three[0], done, full(done), finish=True)
        rounds.change_evaluators(everyone.steward, found, three[1:])
        of = Counter(Rating.objects.values_list("evaluator", flat=True))
        assert of[three[0].pk] == 1
        assert sorted((of[three[1].pk], of[three[2].pk])) == [3, 4]
        rounds.change_evaluators(everyone.steward, found, three[1:])
        assert Counter(Rating.objects.values_list("evaluator", flat=True)) == of

    def test_a_closed_round_is_not_rated_and_a_deleted_one_leaves_nothing(self, ours, everyone, three, signed_in):
        read_aloud(ours, ours.agreeing)
        found = rating_round(everyone.steward, three, raters_each=3)
        steward, evaluator = signed_in(everyone.steward), signed_in(three[0])
        rating = following(three[0], found)
        steward.post(at("round-open", round_id=found.pk), {"open": "no"})
        shut = evaluator.get(at("rating-rate", rating_id=rating.pk)).content.decode()
        assert "Ce tour est fermé" in shut
        assert [one for one in ("<audio", "s-accuracy", rating.item.text) if one in shut] == []
        assert evaluator.get(at("rating-audio", rating_id=rating.pk)).status_code == 404
        assert evaluator.get(at("rating-next", round_id=found.pk)).url == at("rating-queue")
        steward.post(at("round-open", round_id=found.pk), {"open": "yes"})
        assert evaluator.get(at("rating-rate", rating_id=rating.pk)).status_code == 200
        steward.post(at("round-delete", round_id=found.pk))
        assert Round.objects.count() == 1
        steward.post(at("round-delete", round_id=found.pk), {"sure": "yes"})
        assert (Round.objects.count(), Item.objects.count(), Rating.objects.count()) == (0, 0, 0)
        assert Segment.objects.count() == 1
        assert actions()[-3:] == ["round.close", "round.open", "round.delete"]


class TestRating:
    """One evaluator at work."""

    @pytest.fixture
    def found(self, ours, everyone, three):
        """Return a round of three readings, each for everybody."""
        for number, learner in enumerate(classmates(ours, 3)):
            read_aloud(ours, learner, TEXTS[number % 2], number)
        return rating_round(everyone.steward, three, raters_each=3)

    def test_nothing_tells_who_speaks_or_what_others_gave(self, found, ours, three, signed_in):
        ReadingSession.objects.filter(pk=ours.session.pk).update(title="Première séance")
        other = following(three[1], found)
        queue.save(three[1], other, full(other, 3), finish=True)
        client = signed_in(three[0])
        pages = [client.get(at("rating-queue")), client.get(at("rating-next", round_id=found.pk), follow=True)]
        for page in pages:
            assert page.status_code == 200
            text = page.content.decode()
            assert [secret for secret in SECRETS if secret in text] == []
            assert str(Segment.objects.first().recording_id) not in text
            assert "checked" not in text

    def test_nobody_opens_what_another_is_asked(self, found, three, signed_in):
        rating = following(three[1], found)
        client = signed_in(three[0])
        for name in ("rating-rate", "rating-audio"):
            assert client.get(at(name, rating_id=rating.pk)).status_code == 404
        for name in ("rating-rate", "rating-undo", "rating-flag"):
            assert client.post(at(name, rating_id=rating.pk), full(rating)).status_code == 404
        rating.refresh_from_db()
        assert (rating.marks, rating.finished_at) == ({}, None)

    def test_a_whole_rating_is_saved_once_and_the_next_one_comes(self, found, three, signed_in):
        client = signed_in(three[0])
        rating = following(three[0], found)
        sent = full(rating, w_0_accuracy=UNJUDGED)
        for _ in range(2):
            answer = client.post(at("rating-rate", rating_id=rating.pk), sent)
            assert answer.url == at("rating-next", round_id=found.pk)
        client.post(at("rating-rate", rating_id=rating.pk), full(rating, 1))
        rating.refresh_from_db()
        assert rating.marks == as_kept(sent)
        assert actions().count("rating.save") == 1
        progress = queue.progress(three[0], found)
        assert (progress.done, progress.total) == (1, 3)
        assert progress.following != rating
        shown = client.get(at("rating-next", round_id=found.pk), follow=True).content.decode()
        assert "Lecture 2 sur 3" in shown

    def test_what_is_missing_is_told_and_what_is_there_is_kept(self, found, three, signed_in):
        client = signed_in(three[0])
        rating = following(three[0], found)
        sent = full(rating)
        del sent["p-0-1"], sent["s-prosody"]
        shown = client.post(at("rating-rate", rating_id=rating.pk), sent).content.decode()
        assert "Il manque 2 notes" in shown
        assert 'href="#cell-s-prosody"' in shown
        rating.refresh_from_db()
        assert (rating.marks, rating.finished_at) == (as_kept(sent), None)

    def test_a_pause_keeps_a_draft(self, found, three, signed_in):
        client = signed_in(three[0])
        rating = following(three[0], found)
        answer = client.post(at("rating-rate", rating_id=rating.pk), {"s-accuracy": "7", "pause": "1"})
        assert answer.url == at("rating-queue")
        assert following(three[0], found) == rating
        shown = client.get(at("rating-rate", rating_id=rating.pk)).content.decode()
        assert 'name="s-accuracy" value="7" checked' in shown
        assert shown.count("checked") == 1

    def test_the_last_rating_can_be_taken_back_and_no_other(self, found, three, signed_in):
        client = signed_in(three[0])
        done = []
        for _ in range(2):
            done.append(following(three[0], found))
            client.post(at("rating-rate", rating_id=done[-1].pk), full(done[-1]))
        client.post(at("rating-undo", rating_id=done[0].pk))
        assert queue.progress(three[0], found).done == 2
        for _ in range(2):
            answer = client.post(at("rating-undo", rating_id=done[1].pk))
            assert answer.url == at("rating-rate", rating_id=done[1].pk)
        assert queue.progress(three[0], found).done == 1
        assert following(three[0], found) == done[1]
        assert actions().count("rating.undo") == 1

    def test_the_sound_is_the_segment_and_is_kept_in_no_cache(self, found, three, signed_in):
        rating = following(three[0], found)
        answer = signed_in(three[0]).get(at("rating-audio", rating_id=rating.pk))
        assert (answer["Content-Type"], answer["Cache-Control"]) == ("audio/flac", "no-store")
        assert answer.content[:4] == b"fLaC"
        assert actions()[-1] == "rating.play"

    def test_a_withdrawal_takes_the_reading_and_its_ratings_at_once(self, found, ours, three, signed_in):
        item = found.items.get(segment__learner=ours.agreeing)
        rating = item.ratings.get(evaluator=three[0])
        queue.save(three[1], item.ratings.get(evaluator=three[1]), full(rating), finish=True)
        client = signed_in(three[0])
        assert client.get(at("rating-audio", rating_id=rating.pk)).status_code == 200
        answering.take_back(ours.agreeing.consent.parties.get(role="guardian"))
        assert client.get(at("rating-audio", rating_id=rating.pk)).status_code == 404
        assert not Rating.objects.filter(item=item.pk).exists()
        assert queue.progress(three[0], found).total == 2

    def test_a_no_to_the_purpose_alone_closes_the_queue(self, found, ours, three, signed_in):
        item = found.items.get(segment__learner=ours.agreeing)
        rating = item.ratings.get(evaluator=three[0])
        signature = ours.agreeing.consent.signatures.get(party__role="guardian")
        signature.answers = {**signature.answers, Purpose.EVALUATION.value: False}
        signature.save()
        client = signed_in(three[0])
        assert client.get(at("rating-audio", rating_id=rating.pk)).status_code == 403
        assert client.get(at("rating-rate", rating_id=rating.pk)).url == at("rating-next", round_id=found.pk)
        late = client.post(at("rating-rate", rating_id=rating.pk), full(rating), follow=True)
        assert late.redirect_chain[0] == (at("rating-next", round_id=found.pk), 302)
        assert "vos notes ne sont pas gardées, et rien n’est à refaire" in late.content.decode()
        rating.refresh_from_db()
        assert rating.marks == {}
        assert queue.progress(three[0], found).total == 2

    def test_marks_that_come_after_the_round_was_closed_are_shown_and_kept_and_count_nowhere(
        self, found, three, signed_in
    ):
        client = signed_in(three[0])
        rating = following(three[0], found)
        sent = full(rating, 3, 1, w_0_accuracy=UNJUDGED)
        Round.objects.update(open=False)
        for more in ({}, {"pause": "1"}):
            answer = client.post(at("rating-rate", rating_id=rating.pk), {**sent, **more})
            shown = answer.content.decode()
            assert answer.status_code == 200
            assert "Vos notes sont arrivées après la fermeture" in shown
            assert "<audio" not in shown
            assert shown.count("Prosodie : 3") == 1
            assert shown.count("Exactitude du mot : je ne peux pas juger") == 1
            assert shown.count("</span> : 1") == len([name for name in sent if name[0] == "p"])
        rating.refresh_from_db()
        assert (rating.marks, rating.finished_at) == (as_kept(sent), None)
        assert queue.progress(three[0], found).done == 0
        export()
        assert export().rated == 0
        # Open again, they are there and can be saved.
        Round.objects.update(open=True)
        again = client.get(at("rating-rate", rating_id=rating.pk)).content.decode()
        assert again.count(" checked") == len(sent)
        client.post(at("rating-rate", rating_id=rating.pk), sent)
        assert queue.progress(three[0], found).done == 1

    def test_what_was_saved_before_the_round_was_closed_stays(self, found, three, signed_in):
        client = signed_in(three[0])
        rating = following(three[0], found)
        sent = full(rating)
        client.post(at("rating-rate", rating_id=rating.pk), sent)
        Round.objects.update(open=False)
        assert client.post(at("rating-rate", rating_id=rating.pk), full(rating, 1)).status_code == 302
        rating.refresh_from_db()
        assert rating.marks == as_kept(sent)
        assert rating.finished_at is not None

    def test_marks_of_a_reading_that_left_are_refused_without_a_word_of_it(self, found, ours, three, signed_in):
        item = found.items.get(segment__learner=ours.agreeing)
        rating, foreign = item.ratings.get(evaluator=three[0]), item.ratings.get(evaluator=three[1])
        client, sent = signed_in(three[0]), full(rating)
        open_page = client.get(at("rating-rate", rating_id=rating.pk)).content.decode()
        assert item.text in open_page
        others = client.post(at("rating-rate", rating_id=foreign.pk), sent)
        answering.take_back(ours.agreeing.consent.parties.get(role="guardian"))
        for name in ("rating-rate", "rating-flag"):
            late = client.post(at(name, rating_id=rating.pk), sent)
            shown = late.content.decode()
            assert late.status_code == 404
            assert "vous n’avez rien à refaire" in shown
            # Neither text nor sounds nor marks; and no other words than for what never was theirs.
            assert [one for one in (item.text, "<audio", "/son/", "s-accuracy", "rate-ipa") if one in shown] == []
            assert shown[shown.index("<h1") : shown.index("</main")] in others.content.decode()
        with pytest.raises(Rating.DoesNotExist):
            queue.save(three[0], rating, sent, finish=True)

    def test_a_name_that_was_heard_may_be_told_of_in_a_closed_round(self, found, three, signed_in):
        rating = following(three[0], found)
        Round.objects.update(open=False)
        client = signed_in(three[0])
        nothing = client.post(at("rating-flag", rating_id=rating.pk), {})
        assert nothing.url == at("rating-next", round_id=found.pk)
        client.post(at("rating-flag", rating_id=rating.pk), {"why": "personal_data"})
        assert Segment.objects.get(pk=rating.item.segment_id).reasons == ["rater_personal_data"]

    def test_a_corrected_or_dropped_segment_is_asked_no_more(self, found, three):
        items = list(found.items.all())
        Segment.objects.filter(pk=items[0].segment_id).update(text="Another text.")
        Segment.objects.filter(pk=items[1].segment_id).update(end=items[1].end - 0.1)
        assert queue.progress(three[0], found).total == 1
        Segment.objects.filter(pk=items[2].segment_id).update(fate=Fate.DROPPED)
        assert queue.progress(three[0], found).total == 0

    def test_what_is_flagged_goes_back_to_the_teacher(self, found, ours, everyone, three, signed_in, settings):
        export()
        rating = following(three[0], found)
        segment = rating.item.segment
        files = list(settings.VAULT.glob(f"audio/{segment.pk}-*.flac"))
        assert len(files) == 1
        client = signed_in(three[0])
        nothing = client.post(at("rating-flag", rating_id=rating.pk), {"comment": "x"})
        assert nothing.status_code == 200
        with TestCase.captureOnCommitCallbacks(execute=True):
            for _ in range(2):
                client.post(at("rating-flag", rating_id=rating.pk), {"why": "personal_data", "comment": "vers la fin"})
        segment.refresh_from_db()
        assert (segment.fate, segment.reasons) == (Fate.FLAGGED, ["rater_personal_data"])
        assert not files[0].exists()
        assert [queue.progress(one, found).total for one in three] == [2, 2, 2]
        assert client.get(at("rating-audio", rating_id=rating.pk)).status_code == 403
        assert actions().count("rating.flag") == 1
        teacher = signed_in(ours.teacher).get(at("recording-detail", recording_id=segment.recording_id))
        assert "Un évaluateur entend un nom" in teacher.content.decode()
        steward = signed_in(everyone.steward).get(at("round-detail", round_id=found.pk)).content.decode()
        assert str(Flag.PERSONAL_DATA.label) in steward
        assert "vers la fin" in steward
        assert review.decide(ours.teacher, segment, Fate.KEPT) is None
        assert queue.progress(three[0], found).total == 3

    def test_repeats_come_again_and_are_not_exported(self, ours, everyone, three, settings):
        for text in TEXTS:
            read_aloud(ours, ours.agreeing, text)
            read_aloud(ours, ours.agreeing, text, 1)
        found = rating_round(everyone.steward, three[:1], raters_each=1, repeat_percent=50, levels=["sentence"])
        assert len(rate_all(three[0], found, lambda one: full(one, 4 if one.repeat else 9))) == 9
        (rater,) = figures(found).raters
        assert (rater.repeats, rater.same_percent, rater.done) == (3, 0, 9)
        export()
        said = read_intake(settings.VAULT).annotations.values()
        assert [one.scores.accuracy for one in said] == [9.0] * 6


class TestAgreement:
    """What the steward sees."""

    def rated(self, ours, everyone, three, count: int) -> Round:
        """Let three evaluators rate alike, but the second one point more than the first, and the third one less."""
        for number in range(count):
            read_aloud(ours, ours.agreeing, TEXTS[number % 3], number % 3)
        found = rating_round(everyone.steward, three, raters_each=3, levels=["sentence"])
        true = {item.pk: 2 + place % 7 for place, item in enumerate(found.items.order_by("pk"))}
        for shift, user in zip((0, 1, -1), three, strict=True):
            rate_all(user, found, lambda one, shift=shift: full(one, true[one.item_id] + shift))
        return found

    def test_constant_differences_are_severity_and_not_disorder(self, ours, everyone, three, signed_in):
        found = self.rated(ours, everyone, three, 14)
        told = figures(found)
        accuracy = told.agreements[0]
        assert (accuracy.readings, accuracy.things, accuracy.pcc) == (14, 14, pytest.approx(1.0))
        scores = np.array([2 + place % 7 for place in range(14)])
        # Between readings 3 * variance (n - 1), within each one (0 + 1 + 1) / 2.
        between = 3 * scores.var(ddof=1)
        assert accuracy.single == pytest.approx((between - 1) / (between + 2))
        assert accuracy.mean == pytest.approx((between - 1) / between)
        by_name = {one.user.username: one for one in told.raters}
        severities = [by_name[name].severities[0] for name in ("evaluation", "deux", "trois")]
        assert [one.difference for one in severities] == [pytest.approx(value) for value in (0, 1.5, -1.5)]
        assert [one.drift for one in severities] == [pytest.approx(0)] * 3
        shown = signed_in(everyone.steward).get(at("round-detail", round_id=found.pk)).content.decode()
        assert "-1,50" in shown

    def test_too_few_readings_say_so(self, ours, everyone, three, signed_in):
        found = self.rated(ours, everyone, three, FEWEST - 1)
        told = figures(found)
        assert [(one.enough, one.single, one.readings) for one in told.agreements] == [(False, None, FEWEST - 1)] * 4
        assert {one.difference for rater in told.raters for one in rater.severities} == {None}
        shown = signed_in(everyone.steward).get(at("round-detail", round_id=found.pk)).content.decode()
        assert f"Trop peu : {FEWEST - 1} lectures sur {FEWEST}" in shown

    def test_an_evaluator_sees_no_agreement(self, ours, everyone, three, signed_in):
        found = self.rated(ours, everyone, three, 1)
        assert signed_in(three[0]).get(at("round-detail", round_id=found.pk)).status_code == 403


class TestExport:
    """The way into a release."""

    def test_three_raters_reach_the_release_and_eval_counts_them(
        self, ours, everyone, three, signed_in, settings, tmp_path
    ):
        learners = classmates(ours, 4)
        for number, learner in enumerate(learners):
            read_aloud(ours, learner, TEXTS[number % 2], number % 3)
        unrated = read_aloud(ours, learners[0], TEXTS[2])
        found = rating_round(everyone.steward, three, raters_each=3)
        Item.objects.filter(segment=unrated).delete()
        order = {item.pk: place for place, item in enumerate(found.items.order_by("pk"))}
        for shift, user in enumerate(three):
            client = signed_in(user)
            for rating in Rating.objects.filter(evaluator=user).order_by("position"):
                sent = full(rating, 5 + order[rating.item_id] - shift, shift, w_0_accuracy=(10, 8, 3)[shift])
                if shift == 2:
                    sent |= {"s-prosody": UNJUDGED, "p-0-0": UNJUDGED}
                assert client.post(at("rating-rate", rating_id=rating.pk), sent).status_code == 302
        done = export()
        assert (done.segments, done.rated) == (5, 4)
        assert export().written == 0
        vault = read_intake(settings.VAULT)
        assert {rating.rater for one in vault.annotations.values() for rating in one.raters} == {
            str(user.pk) for user in three
        }
        build(
            BuildConfig(
                importer="folder",
                intake=str(settings.VAULT),
                out=str(tmp_path / "release"),
                key=str(settings.KEY_FILE),
                name="autumn",
                workers=0,
            )
        )
        release = read_release(tmp_path / "release")
        rows = [row for split in Split for row in release.rows(split)]
        rated = [row for row in rows if row["raters"]]
        assert (len(rows), len(rated)) == (5, 4)
        names = {rating["rater"] for row in rated for rating in row["raters"]}
        assert len(names) == 3
        assert not names & {str(user.pk) for user in three}
        top = max(row["scores"]["accuracy"] for row in rated)
        row = next(row for row in rated if row["scores"]["accuracy"] == top)
        # Raters gave 8, 7 and 6: the median; prosody 8 and 7: 7.5, cut. Total of the raters 8.0, 7.0, and unknown.
        assert row["scores"] == {"accuracy": 7.0, "fluency": 7.0, "completeness": 7.0, "prosody": 7.0, "total": 7.0}
        first = row["words"][0]
        assert (first["accuracy"], first["stress"]) == (8.0, 10.0)
        # 0.8 x 10 + 2, 0.8 x 8 + 2, 0.8 x 3 + 2: the middle one is 8.4, cut.
        assert first["total"] == 8.0
        # Phones were given 0, 1 and 2; of the first one somebody could not judge.
        accuracies = [phone["accuracy"] for phone in row["phones"]]
        assert accuracies == [0.5, *[1.0] * (len(accuracies) - 1)]
        assert sorted(len([value for value in one["phones"] if value is None]) for one in row["raters"]) == [0, 0, 1]
        assert sorted(word["text"] for word in row["words"]) == sorted(row["text"].lower().rstrip(".").split())
        assert all(one["scores"] == dict.fromkeys(one["scores"]) for one in rows if not one["raters"])
        tables = to_predictions([], [], "none", raters=[one for row in rows for one in raters_of(row, "train")])
        told = one_against_the_others(
            tables.raters, "utterances", "accuracy", BootstrapConfig(resamples=50), "utterance"
        )
        assert (told["raters"], told["items"], told["value"]) == (3, 4, pytest.approx(1.0))
        phones = one_against_the_others(tables.raters, "phones", "accuracy", BootstrapConfig(resamples=50), "phone")
        # The phone that one rater left out still has two.
        assert phones["items"] == sum(len(row["phones"]) for row in rated)

    def test_a_reading_leaves_with_all_its_raters_or_when_the_round_is_closed(self, ours, everyone, three, settings):
        read_aloud(ours, ours.agreeing)
        found = rating_round(everyone.steward, three, raters_each=3)
        for user in three[:2]:
            rating = following(user, found)
            queue.save(user, rating, full(rating), finish=True)
        assert export().rated == 0
        Round.objects.update(open=False)
        assert export().rated == 1
        (said,) = read_intake(settings.VAULT).annotations.values()
        assert len(said.raters) == 2

    def test_who_takes_the_purpose_back_is_exported_without_ratings(self, ours, everyone, three, settings):
        read_aloud(ours, ours.agreeing)
        found = rating_round(everyone.steward, three[:1])
        rating = following(three[0], found)
        queue.save(three[0], rating, full(rating), finish=True)
        assert export().rated == 1
        signature = ours.agreeing.consent.signatures.get(party__role="guardian")
        signature.answers = {**signature.answers, Purpose.EVALUATION.value: False}
        signature.save()
        done = export()
        assert (done.segments, done.rated) == (1, 0)
        assert read_intake(settings.VAULT).annotations == {}

    def test_figures_in_a_text_are_rated_as_they_are_written(self, ours, everyone, three, settings):
        segment = read_aloud(ours, ours.agreeing)
        Segment.objects.filter(pk=segment.pk).update(text="I have 3 cats.")
        found = rating_round(everyone.steward, three[:1], levels=["word"])
        rating = following(three[0], found)
        queue.save(three[0], rating, full(rating), finish=True)
        assert export().rated == 1
        (said,) = read_intake(settings.VAULT).annotations.values()
        assert [word.text for word in said.words] == ["i", "have", "3", "cats"]

    def test_the_journal_holds_no_name_and_no_comment(self, ours, everyone, three, signed_in):
        read_aloud(ours, ours.agreeing)
        found = rating_round(everyone.steward, three[:1])
        rating = following(three[0], found)
        signed_in(three[0]).post(
            at("rating-flag", rating_id=rating.pk), {"why": "bad_sound", "comment": "Inès dit son nom"}
        )
        told = json.dumps(list(Entry.objects.values("actor", "action", "subject", "details")))
        assert "Inès" not in told
        assert "rating.flag" in told
