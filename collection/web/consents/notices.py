"""Versions of the notice: written from our texts or from the last version, published together, never changed after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from collection.errors import ParlureError
from collection.register import Role
from collection.schema import Purpose
from collection.web.consents import speech
from collection.web.consents.models import Notice, NoticeForm, Party

NAME = "voix"
"""The one notice of the portal; its versions count from 1."""
TEXTS = Path(settings.BASE) / "templates" / "consents" / "notices"
LANGUAGES = ("fr", "en")
_YEAR = 365
_markdown = MarkdownIt("commonmark", {"html": False}).disable(["image"])


def as_html(body: str) -> str:
    """Return a text as HTML; what looks like a tag in it is shown, and links lead nowhere dangerous."""
    return str(_markdown.render(body))


def current() -> Notice | None:
    """Return the full French text of the version that is published last; ``None`` before the first."""
    published = Notice.objects.filter(name=NAME, published_at__isnull=False, language="fr", form=NoticeForm.STANDARD)
    return published.order_by("-published_at").first()


def texts(notice: Notice) -> QuerySet[Notice]:
    """Return every text of a version: French first, the full text before the easy one."""
    return Notice.objects.filter(name=notice.name, version=notice.version).order_by("-language", "-form")


def text_for(notice: Notice, party: Party, wanted: str = "") -> Notice:
    """Return the text to show: the one wanted (``fr-easy``), or else the full one, for a learner the easy one.

    Where nothing is wanted it is in the reader's language, or in French where the version has no such text.
    """
    known = {f"{one.language}-{one.form}": one for one in texts(notice)}
    form = NoticeForm.EASY if party.role == Role.LEARNER else NoticeForm.STANDARD
    return known.get(wanted) or known.get(f"{get_language()}-{form}") or known.get(f"fr-{form}") or notice


def draft(controller: str, contact: str, recipients: Sequence[str], retention_days: int = 3 * _YEAR) -> list[Notice]:
    """Write the texts that come with the portal as the next version, not published yet."""
    made = []
    for language in LANGUAGES:
        for form in (NoticeForm.STANDARD, NoticeForm.EASY):
            title, _line, body = (TEXTS / f"{language}-{form}.md").read_text("utf-8").partition("\n")
            words = {
                "controller": controller,
                "contact": contact,
                "recipients": ", ".join(recipients),
                "retention": _duration(retention_days, language),
            }
            made.append(
                Notice(
                    name=NAME,
                    version=_next_version(),
                    language=language,
                    form=form,
                    title=title,
                    body=Template(body.strip()).substitute(words),
                    purposes=[purpose.value for purpose in Purpose],
                    controller=controller,
                    recipients=list(recipients),
                    contact=contact,
                    retention_days=retention_days,
                )
            )
    return Notice.objects.bulk_create(made)


def copied(notice: Notice) -> list[Notice]:
    """Write the texts of a version again as the next one, to be changed before it is published."""
    version = _next_version()
    made = []
    for one in texts(notice):
        one.pk, one._state.adding = Notice._meta.pk.get_default(), True
        one.version, one.published_at, one.audio = version, None, ""
        made.append(one)
    return Notice.objects.bulk_create(made)


def publish(notice: Notice) -> None:
    """Publish every text of a version; raises ``ValidationError`` without a full French one."""
    with transaction.atomic():
        drafts = list(texts(notice))
        if not any(one.language == "fr" and one.form == NoticeForm.STANDARD and one.body.strip() for one in drafts):
            raise ValidationError(_("Il manque le texte complet en français."))
        now = timezone.now()
        for one in drafts:
            if one.published_at is None:
                one.published_at = now
                one.save()


def speak(notice: Notice) -> bool:
    """Have a text read aloud where espeak-ng is installed and nobody uploaded a voice; tell whether there is sound."""
    if notice.audio:
        return True
    try:
        sound = speech.read_aloud(speech.plain(f"{notice.title}\n\n{notice.body}"), notice.language)
    except ParlureError:
        return False
    notice.audio.save("", ContentFile(sound))
    return True


def _next_version() -> str:
    known = Notice.objects.filter(name=NAME).values_list("version", flat=True)
    return str(max((int(version) for version in known if version.isdigit()), default=0) + 1)


def _duration(days: int, language: str) -> str:
    """Return a duration in words: whole years where they are."""
    if days % _YEAR:
        return f"{days} {'jours' if language == 'fr' else 'days'}"
    years = days // _YEAR
    word = {"fr": "an", "en": "year"}[language]
    return f"{years} {word}{'s' if years > 1 else ''}"
