"""Forms about accounts."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UsernameField
from django.utils.translation import gettext_lazy as _
from dsfr.forms import DsfrBaseForm


class SignInForm(AuthenticationForm, DsfrBaseForm):  # type: ignore[misc]
    """Name and password, in the State's design."""

    # Declared, because the design's forms read labels before a form could change them.
    username = UsernameField(label=_("Identifiant"), widget=forms.TextInput(attrs={"autofocus": True}))


class NewPasswordForm(PasswordChangeForm, DsfrBaseForm):  # type: ignore[misc]
    """The old password once, the new one twice."""
