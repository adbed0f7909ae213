"""``make messages``: Django's own command, which never guesses a translation from a similar sentence."""

from __future__ import annotations

from django.core.management.commands.makemessages import Command as Extraction


class Command(Extraction):
    """Collect what pages say into ``locale/en``; needs GNU gettext."""

    msgmerge_options = [*Extraction.msgmerge_options, "--no-fuzzy-matching"]
