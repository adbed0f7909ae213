"""Who signed in, who failed to, who left: a line each in the log, with ids and never with what was typed."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from collection.web.accounts.models import User

logger = logging.getLogger(__name__)


@receiver(user_logged_in)
def signed_in(sender: object, user: User, **_rest: Any) -> None:
    """Log an entry."""
    logger.info("sign-in account=%s", user.pk)


@receiver(user_logged_out)
def signed_out(sender: object, user: User | None, **_rest: Any) -> None:
    """Log a leave."""
    logger.info("sign-out account=%s", user.pk if user else "-")


@receiver(user_login_failed)
def refused(sender: object, credentials: dict[str, Any], **_rest: Any) -> None:
    """Log a wrong password, with the account if there is one."""
    found = User.objects.filter(username=str(credentials.get("username"))[:150]).values_list("pk", flat=True).first()
    logger.warning("sign-in refused account=%s", found or "unknown")
