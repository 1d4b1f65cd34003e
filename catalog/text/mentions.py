"""`#slug` and `@name` in what people say, looked up for a whole page at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.safestring import SafeString

from catalog.models import Case, KernelBuild, Strategy
from catalog.text import markdown
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
            builds = KernelBuild.objects.filter(release__in=slugs, label="").values_list("release", flat=True)
            self.links |= {f"#{release}": f"/kernels/{release}/" for release in builds}
            for model in (Strategy, Case):
                found = model.objects.visible_to(user).filter(slug__in=slugs)
                self.links |= {f"#{one.slug}": one.get_absolute_url() for one in found}
        if names:
            people = User.objects.filter(username__in=names, is_active=True).values_list("username", flat=True)
            self.links |= {f"@{name}": f"/people/{name}/" for name in people}

    def html(self, text: str) -> SafeString:
        here = {word for word in markdown.MENTION.findall(text) if word in self.links}
        return markdown.html(text, tuple((word, self.links[word]) for word in sorted(here)))


def named_people(text: str) -> list[str]:
    """The names after @, as they are written."""
    return sorted({word[1:] for word in markdown.MENTION.findall(text) if word[0] == "@"})[:MOST]
