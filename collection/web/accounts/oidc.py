"""Signing in through the school's own identity provider (OpenID Connect), for accounts that exist already.

Configured by ``OIDC_ISSUER`` and its companions (docs/deploy.md). The first time, the provider's verified e-mail
address finds the account, and their ``sub`` is noted; from then on ``sub`` alone counts. Nobody gets an account this
way. Of what the provider says nothing else is kept.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect import views as openid
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from requests import RequestException

from collection.web.accounts.models import User
from collection.web.audit import journal

logger = logging.getLogger(__name__)
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Existing accounts only, found by ``sub`` or, once, by verified e-mail."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Never make an account."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let the person in, or send them back to the sign-in page with the reason."""
        claims = dict(sociallogin.account.extra_data)
        # Names and addresses are not ours to keep: an account's own fields are enough.
        sociallogin.account.extra_data = {}
        if sociallogin.state.get("process") != AuthProcess.LOGIN:
            _refuse(request, "process", _("Cette connexion n’a pas été comprise : recommencez."))
        told, token = claims.get("userinfo") or {}, claims.get("id_token") or {}
        if told and token and told.get("sub") != token.get("sub"):
            _refuse(request, "sub", _("Le service de connexion s’est contredit : recommencez."))
        if sociallogin.is_existing:
            sociallogin.account.save(update_fields=["extra_data"])
            user = sociallogin.user
        else:
            user = _by_email(request, told if "email" in told else token)
            with transaction.atomic():
                account = SocialAccount(
                    user=user, provider=sociallogin.account.provider, uid=sociallogin.account.uid, extra_data={}
                )
                account.save()
                journal.record(user, "account.link", user)
            sociallogin.account, sociallogin.user = account, user
        if not user.is_active:
            _refuse(request, "inactive", _("Ce compte est fermé."))
        user.backend = _BACKEND

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Send the person back to the sign-in page; what went wrong is for the log."""
        logger.warning("oidc failed: %s %s", error, type(exception).__name__)
        _refuse(request, "failed", _("La connexion par votre établissement n’a pas abouti : recommencez."))


def _by_email(request: HttpRequest, claims: dict[str, Any]) -> User:
    """Return the one account of a verified address."""
    email = claims.get("email")
    verified = claims.get("email_verified") is True or settings.OIDC_TRUST_EMAIL
    if not isinstance(email, str) or not email or not verified:
        _refuse(
            request, "unverified", _("Votre établissement ne confirme pas votre adresse : demandez-lui de le faire.")
        )
    # The database may fold letters that are not the same: they must be equal here too.
    found = [one for one in User.objects.filter(email__iexact=email) if one.email.lower() == email.lower()]
    if len(found) != 1 or SocialAccount.objects.filter(user=found[0]).exists():
        _refuse(
            request, "unknown", _("Aucun compte du portail n’a cette adresse : demandez-en un à votre établissement.")
        )
    return found[0]


def _refuse(request: HttpRequest, code: str, why: str) -> NoReturn:
    logger.warning("oidc refused: %s", code)
    messages.error(request, why)
    raise ImmediateHttpResponse(redirect("login"))


@login_not_required
def start(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Send somebody to the provider; only a press of the button does, and nothing the address asks for."""
    if not settings.OIDC_ISSUER or provider_id != settings.OIDC_ID:
        raise Http404
    if request.method != "POST" or request.user.is_authenticated:
        return redirect("login")
    # ``process``, ``scope``, ``auth_params``: allauth would let the address choose.
    request.GET = request.POST = QueryDict()  # type: ignore[misc,assignment]
    try:
        return openid.login(request, provider_id=provider_id)  # type: ignore[no-any-return]
    except RequestException as error:
        logger.warning("oidc unreachable: %s", type(error).__name__)
        messages.error(
            request, _("Le service de connexion de votre établissement ne répond pas : réessayez plus tard.")
        )
        return redirect("login")


@login_not_required
def back(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take somebody back from the provider."""
    if not settings.OIDC_ISSUER or provider_id != settings.OIDC_ID:
        raise Http404
    return openid.callback(request, provider_id=provider_id)  # type: ignore[no-any-return]
