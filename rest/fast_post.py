"""A view whose POST bypasses DRF's Request and Response, which cost more than keeping a report does.

Documentation, authentication, limits and errors are DRF's, as for every other view.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from rest import problems

_RENDERER = JSONRenderer()


class FastPostView(APIView):
    """`post` takes an HttpRequest, with `auth` as `authentication_classes` say, and returns an HttpResponse.

    DRF handles every other method.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return super().dispatch(request, *args, **kwargs)
        self.request = request  # type: ignore[assignment]
        try:
            self._identify(request)
            for throttle in self.get_throttles():
                throttle.allow_request(request, self)  # type: ignore[arg-type]
            return self.post(request, *args, **kwargs)  # type: ignore[attr-defined, no-any-return]
        except (problems.Documented, exceptions.APIException, Http404, PermissionDenied) as error:
            told = self.handle_exception(error)
            headers = {name: value for name, value in told.headers.items() if name != "Content-Type"}
            return answer(told.data, told.status_code, headers, problems.MEDIA_TYPE)

    def _identify(self, request: Any) -> None:
        request.auth = None
        for one in self.get_authenticators():
            found = one.authenticate(request)
            if found:
                request.user, request.auth = found
                return


def answer(data: Any, status: int, headers: dict[str, str], kind: str = "application/json") -> HttpResponse:
    """The response that DRF would send for this data."""
    return HttpResponse(_RENDERER.render(data), status=status, headers=headers, content_type=kind)
