"""`#slug` and `@name` in what people say, looked up for a whole page at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.safestring import SafeString

from catalog.models import Case, KernelBuild, Strategy
from catalog.text import markdown
from diagnosis.kernels import releases
from people.models import User

MOST = 200  # looked up on one page


class Mentions:
    """What the texts of a page name. Four queries at the most, whatever they name."""

    def __init__(self, texts: Iterable[str], user: Any) -> None:
        named = {word for text in texts for word in markdown.MENTION.findall(text)}
        slugs = sorted({word[1:] for word in named if word[0] == "#"})[:MOST]
        names = sorted({word[1:] for word in named if word[0] == "@"})[:MOST]
        self.links: dict[str, str] = {}
        if slugs:
            self.links |= _of_kernels(slugs, user)
            for model in (Strategy, Case):
                found = model.objects.visible_to(user).filter(slug__in=slugs)
                self.links |= {f"#{one.slug}": one.get_absolute_url() for one in found}
        if names:
            people = User.objects.filter(username__in=names, is_active=True).values_list("username", flat=True)
            self.links |= {f"@{name}": f"/people/{name}/" for name in people}

    def html(self, text: str) -> SafeString:
        here = {word for word in markdown.MENTION.findall(text) if word in self.links}
        return markdown.html(text, tuple((word, self.links[word]) for word in sorted(here)))


def _of_kernels(names: list[str], user: Any) -> dict[str, str]:
    """A kernel by whatever name: what is measured as 6.15.0 is said as #6.15 or #v6.15."""
    printed = {name: releases.identity(name) for name in names}
    wanted = {*names, *printed.values()}
    builds = KernelBuild.objects.visible_to(user).filter(release__in=wanted, label="")
    known = set(builds.values_list("release", flat=True))
    found = {name: name if name in known else printed[name] for name in names}
    return {f"#{name}": f"/kernels/{release}/" for name, release in found.items() if release in known}


def named_people(text: str) -> list[str]:
    """The names after @, as they are written."""
    return sorted({word[1:] for word in markdown.MENTION.findall(text) if word[0] == "@"})[:MOST]
