"""Signing in and the first page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator

from collection.web.accounts.access import Request, allowed
from collection.web.accounts.forms import SignInForm
from collection.web.accounts.models import Role

FIRST_PAGE = {
    Role.TEACHER: "class-list",
    Role.HEAD: "class-list",
    Role.STEWARD: "class-list",
}


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Sign in with a name and a password; axes locks after five wrong ones."""

    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


@allowed(*Role)
def home(request: Request) -> HttpResponseRedirect:
    """Send everyone to where their work is."""
    return redirect(FIRST_PAGE.get(Role(request.user.role), "about"))


@login_not_required
def about(request: HttpRequest) -> HttpResponse:
    """Say what the portal does with voices, and for whom."""
    return render(request, "accounts/about.html")
