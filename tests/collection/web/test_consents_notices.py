"""Notices: written, published, read aloud, and never changed after."""

from __future__ import annotations

import io

import pytest
import soundfile
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from collection.schema import Purpose
from collection.web.consents import notices, speech
from collection.web.consents.models import Notice
from tests.factories import tone

ALL = [purpose.value for purpose in Purpose]


def drafts() -> list[Notice]:
    return notices.draft("Académie d’essai", "dpd@essai.example", ["Institut Ouïe", "Labo Voix"], 730)


@pytest.mark.django_db
class TestTexts:
    def test_a_version_has_four_texts_with_every_name_in_them(self):
        made = drafts()
        assert {(one.language, one.form) for one in made} == {
            (language, form) for language in ("fr", "en") for form in ("standard", "easy")
        }
        for one in made:
            assert "$" not in one.body
            assert one.purposes == ALL
            for word in ("Académie d’essai", "dpd@essai.example", "Institut Ouïe, Labo Voix"):
                assert word in one.body, (one.language, one.form, word)
            assert ("2 ans" if one.language == "fr" else "2 years") in one.body

    @pytest.mark.parametrize("language", ["fr", "en"])
    def test_each_text_says_what_a_family_has_to_know(self, language):
        words = {
            "fr": "dire non;oui;un an;hanger d’avis;anonyme;cnil;15 ans;détruit;CNIL",
            "en": "say no;yes;one year;hang;anonymous;cnil;turn 15|turns 15;destroyed",
        }[language]
        for one in (found for found in drafts() if found.language == language):
            body = one.body.replace("**", "")
            for word in words.split(";"):
                assert any(each in body for each in word.split("|")), (one.form, word)

    def test_versions_count_up_and_the_last_published_one_is_asked(self):
        first = drafts()
        assert notices.current() is None
        notices.publish(first[0])
        assert notices.current().version == "1"
        second = notices.copied(first[0])
        assert {one.version for one in second} == {"2"}
        assert [one.body for one in notices.texts(second[0])] == [one.body for one in notices.texts(first[0])]
        assert notices.current().version == "1"
        notices.publish(second[0])
        assert notices.current().version == "2"

    def test_a_published_text_never_changes(self):
        (one, *_) = drafts()
        one.title = "Autre titre"
        one.save()
        notices.publish(one)
        one.refresh_from_db()
        before = one.sha256
        for name, value in {"title": "x", "body": "x", "purposes": [], "published_at": None, "recipients": []}.items():
            changed = Notice.objects.get(pk=one.pk)
            setattr(changed, name, value)
            with pytest.raises(ValidationError):
                changed.save()
        assert Notice.objects.get(pk=one.pk).sha256 == before

    def test_without_a_full_french_text_nothing_is_published(self):
        (one, *_) = [each for each in drafts() if each.language == "en"]
        Notice.objects.filter(language="fr").delete()
        with pytest.raises(ValidationError):
            notices.publish(one)
        assert not Notice.objects.filter(published_at__isnull=False).exists()

    def test_a_text_is_text(self):
        shown = notices.as_html("<script>x</script> [a](javascript:alert(1)) ![b](http://x/y.png)\n\n- **oui**")
        assert "<script>" not in shown
        assert "<img" not in shown
        assert 'href="javascript' not in shown
        assert "<strong>oui</strong>" in shown


class TestSound:
    def test_marks_are_not_read(self):
        assert speech.plain("## En bref\n\nVous pouvez dire **non**.\n\n- un point") == (
            "En bref.\nVous pouvez dire non.\nun point."
        )

    @pytest.mark.parametrize("language", ["fr", "en"])
    def test_a_text_is_read_aloud(self, language):
        sound, rate = soundfile.read(io.BytesIO(speech.read_aloud("Oui, non, one, two.", language)))
        assert rate == 22_050
        assert 0.8 < len(sound) / rate < 8
        assert abs(sound).max() > 0.05

    @pytest.mark.django_db
    def test_a_voice_that_was_uploaded_stays(self, everyone, signed_in):
        one = drafts()[0]
        file = io.BytesIO()
        soundfile.write(file, tone(1.0), 16_000, format="WAV")
        sent = SimpleUploadedFile("lecture.wav", file.getvalue(), "audio/wav")
        client = signed_in(everyone.steward)
        client.post(reverse("notice-edit", args=[one.pk]), {"title": "T", "body": "B", "sound": sent})
        one.refresh_from_db()
        assert (one.title, one.body) == ("T", "B")
        kept = one.audio.name
        assert notices.speak(one)
        assert one.audio.name == kept
        with one.audio.open("rb") as audio:
            assert soundfile.info(io.BytesIO(audio.read())).format == "MP3"

    @pytest.mark.django_db
    def test_what_is_no_sound_is_refused(self, everyone, signed_in):
        one = drafts()[0]
        sent = SimpleUploadedFile("lecture.mp3", b"<html>" * 100, "audio/mpeg")
        page = signed_in(everyone.steward).post(
            reverse("notice-edit", args=[one.pk]), {"title": "T", "body": "B", "sound": sent}
        )
        assert "pas un enregistrement" in page.content.decode()
        one.refresh_from_db()
        assert not one.audio

    def test_a_telephone_gets_the_part_it_asks_for(self, everyone, signed_in):
        one = everyone.ours.agreeing.consent.notice  # 17 bytes: "ID3 a short sound"
        address, client = reverse("notice-audio", args=[one.pk]), signed_in(None)
        whole = client.get(address)
        assert (whole.status_code, whole.content) == (200, b"ID3 a short sound")
        for asked, status, content, place in (
            ("bytes=0-2", 206, b"ID3", "bytes 0-2/17"),
            ("bytes=12-", 206, b"sound", "bytes 12-16/17"),
            ("bytes=-5", 206, b"sound", "bytes 12-16/17"),
            ("bytes=16-99", 206, b"d", "bytes 16-16/17"),
            ("bytes=17-", 416, b"", "bytes */17"),
        ):
            part = client.get(address, headers={"Range": asked})
            assert (part.status_code, part.content, part["Content-Range"]) == (status, content, place)
        assert client.get(address, headers={"Range": "lines=1-2"}).content == b"ID3 a short sound"

    def test_a_draft_is_not_played(self, everyone, signed_in):
        one = drafts()[0]
        assert signed_in(None).get(reverse("notice-audio", args=[one.pk])).status_code == 404


class TestSteward:
    def test_a_version_is_written_changed_and_published(self, everyone, signed_in):
        client = signed_in(everyone.steward)
        form = {"controller": "C", "contact": "d@e.example", "recipients": "A\nB\n", "retention_days": "400"}
        assert client.post(reverse("notice-create"), form).status_code == 302
        made = Notice.objects.get(version="2", language="fr", form="standard")
        assert (made.recipients, made.retention_days) == (["A", "B"], 400)
        assert "400 jours" in made.body
        client.post(reverse("notice-publish", args=[made.pk]))
        assert notices.current() == made
        page = client.post(reverse("notice-edit", args=[made.pk]), {"title": "x", "body": "y"}, follow=True)
        assert "ne change plus" in page.content.decode()
        made.refresh_from_db()
        assert made.body != "y"
