"""The door of every view: which roles may come in. What they may see there, each model's ``for_user`` decides."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from collection.web.accounts.models import Role, User


class Request(HttpRequest):
    """A request of somebody who is signed in; what ``allowed`` lets through."""

    user: User


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def allowed(*roles: Role) -> Callable[[View], View]:
    """Let these roles in and answer 403 to every other account; who is not signed in is sent to the sign-in page."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.role not in roles:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded  # type: ignore[return-value]

    return guard
