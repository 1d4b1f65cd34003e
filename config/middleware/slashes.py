"""Who posts to an address without its last slash: sent on with the body, and told so in words.

Django answers 301, which makes a GET of the POST where it is followed, and an empty answer where it is not: a report,
or the log of a machine that is stuck, is lost without a word.
"""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.common import CommonMiddleware

from rest import problems


class Slashes(CommonMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        made = super().process_response(request, response)
        if made is response or request.method in ("GET", "HEAD"):
            return made
        there = request.build_absolute_uri(made["Location"])
        title, detail = "The address ends with a slash.", f"Send it to {there}"
        if problems.is_api(request):
            body, kind = json.dumps(problems.made(308, title, detail)), problems.MEDIA_TYPE
        else:
            body, kind = f"{title} {detail}\n", "text/plain; charset=utf-8"
        return HttpResponse(body, status=308, headers={"Location": made["Location"]}, content_type=kind)
