"""Signing in and the first page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.forms import NewPasswordForm, SignInForm
from collection.web.accounts.models import Role
from collection.web.audit import journal

FIRST_PAGE = {
    Role.TEACHER: "class-list",
    Role.HEAD: "class-list",
    Role.STEWARD: "class-list",
    Role.EVALUATOR: "rating-queue",
}


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Sign in with a name and a password; axes locks after five wrong ones."""

    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Offer the school's identity provider, if there is one."""
        offered = (
            {"oidc": settings.OIDC_ID, "oidc_name": settings.OIDC_NAME or _("mon établissement")}
            if settings.OIDC_ISSUER
            else {}
        )
        return {**super().get_context_data(**kwargs), **offered}


class ChangePassword(PasswordChangeView):
    """Change one's password; every other browser of the account is signed out by it."""

    form_class = NewPasswordForm
    template_name = "portal/form.html"
    success_url = reverse_lazy("home")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say what the page is for."""
        words = {"title": _("Changer de mot de passe"), "button": _("Changer"), "back": reverse("home")}
        return {**super().get_context_data(**kwargs), **words}

    def form_valid(self, form: Any) -> HttpResponse:
        """Write it, and tell the journal."""
        with transaction.atomic():
            answer = super().form_valid(form)
            journal.record(form.user, "account.password", form.user)
        messages.success(self.request, _("Votre mot de passe est changé. Vos autres connexions sont fermées."))
        return answer


@allowed(*Role)
def home(request: Request) -> HttpResponseRedirect:
    """Send everyone to where their work is."""
    return redirect(FIRST_PAGE.get(Role(request.user.role), "about"))


@login_not_required
def about(request: HttpRequest) -> HttpResponse:
    """Say what the portal does with voices, and for whom."""
    return render(request, "accounts/about.html")
