"""Paper: sheets for a class, signed sheets typed in with a scan, and files that only look like scans."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from collection.consent import Reason, today
from collection.schema import Purpose
from collection.web.classes.models import Learner
from collection.web.consents import answering, answers, links, paper, scans
from collection.web.consents.models import Party, Signature
from tests.collection.web.world import notice

ALL = [purpose.value for purpose in Purpose]
PDF = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **more: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(file, kind, **more)
    return file.getvalue()


def sent(data: bytes, name: str = "feuille.png", kind: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, kind)


@pytest.fixture
def guardian(everyone) -> Party:
    answering.ask(everyone.ours.silent, notice())
    return everyone.ours.silent.consent.parties.get(role="guardian")


def filled(data: bytes, **changes: object) -> dict[str, object]:
    """Return a signed sheet as a teacher types it in."""
    answered = dict(zip(ALL, ("yes", "no", "yes", "none"), strict=True))
    return {**answered, "signed_on": today().isoformat(), "scan": sent(data), **changes}


class TestScans:
    @pytest.mark.parametrize(("kind", "media"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
    def test_pictures_keep_their_pixels_and_nothing_else(self, kind, media):
        exif = Image.Exif()
        exif[0x0110] = "a telephone"
        hidden = b"<script>alert(1)</script>"
        found = scans.accepted(sent(picture(kind, exif=exif) + hidden))
        assert found.kind == media
        assert hidden not in found.data
        assert b"a telephone" not in found.data
        with Image.open(io.BytesIO(found.data)) as read:
            assert (read.size, read.format, dict(read.getexif())) == ((40, 30), kind, {})

    def test_a_picture_on_its_side_is_turned(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        with Image.open(io.BytesIO(scans.accepted(sent(picture("JPEG", exif=exif))).data)) as read:
            assert read.size == (30, 40)

    def test_a_pdf_is_kept_as_it_is(self):
        found = scans.accepted(sent(PDF, "a.html", "text/html"))
        assert (found.kind, found.data) == ("application/pdf", PDF)

    def test_what_is_no_scan_is_refused_whatever_it_calls_itself(self):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb", b"0" * 10_000_000)
        bad = {
            "html": b"<!doctype html><script>alert(1)</script>",
            "html with a pdf in it": b"<html>%PDF-1.7\n%%EOF",
            "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
            "zip": packed.getvalue(),
            "gif": picture("GIF"),
            "half a pdf": PDF[:20],
            "empty": b"",
            "magic only": b"\x89PNG\r\n\x1a\n",
        }
        for what, data in bad.items():
            with pytest.raises(ValidationError):
                scans.accepted(sent(data))
                pytest.fail(f"{what} was accepted")

    def test_too_many_bytes_or_pixels_are_refused(self, monkeypatch):
        with pytest.raises(ValidationError, match="trop gros"):
            scans.accepted(sent(PDF + b" " * scans.MAX_BYTES))
        # One bit a pixel: 100 million of them in a file of a few kilobytes.
        file = io.BytesIO()
        Image.new("1", (10_000, 10_000)).save(file, "PNG", optimize=True)
        assert len(file.getvalue()) < 100_000
        with pytest.raises(ValidationError, match="photo"):
            scans.accepted(sent(file.getvalue()))


class TestTypedIn:
    def test_a_sheet_is_kept_with_its_scan(self, everyone, guardian, signed_in):
        client = signed_in(everyone.ours.teacher)
        answer = client.post(reverse("consent-paper", args=[guardian.pk]), filled(picture()))
        assert answer.url == reverse("consent-learner", args=[everyone.ours.silent.pk])
        signature = guardian.signature_set.get()
        # What was not ticked is not answered.
        assert signature.answers == dict(zip(ALL, (True, False, True), strict=False))
        assert (signature.channel, signature.typed_by, signature.scan_type) == (
            "paper",
            everyone.ours.teacher,
            "image/png",
        )
        assert signature.scan.name.startswith("evidence/")
        assert "feuille" not in signature.scan.name
        found = answers.decisions(answers.with_answers(Learner.objects.filter(pk=everyone.ours.silent.pk)).get())
        assert found[Purpose.RESEARCH].reason == Reason.LEARNER_ASSENT_MISSING
        assert found[Purpose.TRAINING].reason == Reason.GUARDIAN_REFUSED

    def test_a_scan_is_given_to_the_classs_teacher_and_the_steward_only(self, everyone, guardian, signed_in):
        signed_in(everyone.ours.teacher).post(reverse("consent-paper", args=[guardian.pk]), filled(PDF))
        address = reverse("consent-scan", args=[guardian.signature_set.get().pk])
        for person, status in (
            (everyone.ours.teacher, 200),
            (everyone.steward, 200),
            (everyone.ours.colleague, 404),
            (everyone.theirs.teacher, 404),
            (everyone.ours.head, 403),
            (everyone.evaluator, 403),
            (None, 302),
        ):
            answer = signed_in(person).get(address)
            assert answer.status_code == status, person
        answer = signed_in(everyone.steward).get(address)
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert b"".join(answer.streaming_content) == PDF

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"signed_on": (today() + timedelta(days=1)).isoformat()}, "pas encore arrivée"),
            ({"signed_on": (today() - timedelta(days=400)).isoformat()}, "trop ancienne"),
            (dict.fromkeys(ALL, "none"), "Rien n’est coché"),
            ({"research": "maybe"}, "maybe"),
            ({"scan": ""}, "obligatoire"),
        ],
    )
    def test_what_cannot_be_is_asked_again(self, everyone, guardian, signed_in, change, says):
        client = signed_in(everyone.ours.teacher)
        answer = client.post(reverse("consent-paper", args=[guardian.pk]), filled(picture(), **change))
        assert answer.status_code == 200
        assert says in answer.content.decode()
        assert not guardian.signature_set.exists()

    def test_a_hostile_file_is_not_kept(self, everyone, guardian, signed_in):
        client = signed_in(everyone.ours.teacher)
        answer = client.post(reverse("consent-paper", args=[guardian.pk]), filled(b"<svg onload=alert(1)>"))
        assert answer.status_code == 200
        assert not Signature.objects.filter(party=guardian).exists()


class TestSheets:
    def test_the_class_gets_a_sheet_each_and_everybody_is_asked(self, everyone, signed_in):
        client = signed_in(everyone.ours.teacher)
        answer = client.post(reverse("consent-sheets", args=[everyone.ours.school_class.pk]), {"everybody": "1"})
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
        assert [one.role for one in everyone.ours.silent.consent.parties.all()] == ["guardian", "learner"]
        assert not everyone.ours.silent.consent.signatures.exists()
        # Three learners, two people each, a page of notice and a page to sign on.
        assert answer.content.count(b"/Type /Page\n") in (0, 12)
        # Asking again makes nobody twice.
        client.post(reverse("consent-sheets", args=[everyone.ours.school_class.pk]), {"awaited": "1"})
        assert everyone.ours.silent.consent.parties.count() == 2

    def test_a_name_is_no_markup_and_nothing_is_fetched(self, everyone, rf, monkeypatch):
        learner = everyone.ours.agreeing
        learner.first_name = '<img src="http://127.0.0.1:9/x"><link rel=attachment href="file:///etc/passwd">'
        learner.save()
        asked: list[str] = []
        monkeypatch.setattr(paper.URLFetcher, "fetch", lambda self, url, headers=None: asked.append(url) or {})
        parties = Party.objects.filter(consent__learner=learner)
        assert paper.sheets(parties, notice(), rf.get("/")).startswith(b"%PDF-")
        assert asked == []

    def test_the_code_in_the_square_stands_behind_a_hash(self, everyone, rf):
        party = everyone.ours.agreeing.consent.parties.first()
        square = paper.qr(f"http://testserver{reverse('family-code')}#{party.code}")
        assert square.startswith("<svg")
        assert links.by_code(party.code) == party

    def test_a_new_code_ends_the_old_one(self, everyone, guardian, signed_in):
        old, token = guardian.code, links.token(guardian)
        signed_in(everyone.ours.teacher).post(reverse("party-links", args=[guardian.pk]))
        guardian.refresh_from_db()
        assert links.by_code(old) is None
        assert links.by_token(token) is None
        assert links.by_code(guardian.code) == guardian

    def test_a_second_guardian_is_added(self, everyone, signed_in):
        client = signed_in(everyone.ours.teacher)
        for count in (2, 3):
            client.post(reverse("consent-learner", args=[everyone.ours.silent.pk]))
            assert Party.objects.filter(consent__learner=everyone.ours.silent).count() == count
