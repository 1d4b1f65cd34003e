"""The pages of the catalog: what they show, whom they send elsewhere, and how many queries that takes."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Case
from catalog.models.text import Origin
from catalog.revisions import store
from discussion.comments import threads
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db


def page(path: str, status: int = 200) -> str:
    answer = Client().get(path)
    assert answer.status_code == status
    return answer.content.decode()


def queries(path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert Client().get(path).status_code == 200
    return len(seen)


def fill(n: int) -> None:
    """One more of everything that a page lists."""
    case = builders.case(f"case-{n}", aliases=[f"alias-{n}"], subsystems=[f"sub-{n}", "FUSE"])
    strategy = builders.strategy(f"strategy-{n}", cases=("fuse-writeback", f"case-{n}"))
    target = Case.objects.get(slug="fuse-writeback")
    for measured in (case, target):
        tally(measured, f"6.{n}.1", machine=builders.machine(f"box-{n}-{measured.slug}"))
        tally(
            measured,
            f"6.{n}.1",
            "refuses",
            label=f"strategy-{n}",
            machine=builders.machine(f"patched-{n}-{measured.slug}"),
        )
    person = builders.person()
    said = threads.say(target.document, person, f"comment {n}")
    threads.say(target.document, builders.person(), f"reply {n}", said)
    threads.say(strategy.document, person, f"on a strategy {n}")
    builders.settled(builders.run())


# What a stranger's page asks for, whatever its length:
LISTS: dict[str, int] = {
    "/": 4,  # cases, their effects and subsystems, totals
    # case, strategies with what they serve, totals twice, and twice for strategies, evidence, which of it is recorded,
    # comments, whether they are locked, threads of mail, the links that lead to more, cases and strategies that it
    # names, what names it
    "/cases/fuse-writeback/": 14,
    # strategies, their servings, cases of these, the columns, totals with a label, totals of the same releases without
    "/strategies/": 6,
    # strategy, cases that it speaks of, visible cases, totals twice, comments, lock, mail, links
    "/strategies/strategy-0/": 9,
    "/api/v1/cases/": 3,  # cases, effects, subsystems
    "/api/v1/cases/fuse-writeback/": 4,  # case, effects, subsystems, totals
}


@pytest.mark.whole
@pytest.mark.parametrize("path", LISTS)
def test_a_page_asks_the_same_few_questions_however_much_there_is(path: str) -> None:
    builders.case()
    for n in range(2):
        fill(n)
    few = queries(path)
    for n in range(2, 12):
        fill(n)
    assert queries(path) == few <= LISTS[path]


@pytest.mark.parametrize("path", ["/", "/strategies/", "/?q=nothing-like-this"])
def test_a_list_of_nothing_is_a_page_too(path: str) -> None:
    assert "</html>" in page(path)


def test_a_row_says_what_happens_by_whom_and_how_well_it_is_known() -> None:
    effect = {"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}
    builders.case(effects=[effect], controllers=["kernel", "unprivileged_user"])
    builders.case("a-lock", mechanism="page_lock", kind="look_alike")
    text = " ".join(page("/").split())
    said = "Memory hotunplug: sleeps in D (measured)"
    assert f'<span class="fx measured" role="img" aria-label="{said}" title="{said}"> D </span>' in text
    assert 'class="fx unknown" role="img" aria-label="Compaction: not known"' in text
    assert '<span class="tag">look-alike</span>' in text
    assert "<b>any user</b> kernel" in text, "whoever cannot be kept out stands first"


def test_grouped_by_mechanism_the_list_has_a_heading_for_each() -> None:
    builders.case("a-lock", mechanism="page_lock")
    builders.case()
    text = page("/?sort=mechanism")
    assert text.index(">Held under writeback<") < text.index("The case fuse-writeback")
    assert text.index("The case fuse-writeback") < text.index(">Held by its lock<") < text.index("The case a-lock")


def order(query: str) -> list[str]:
    return [row.case.slug for _, rows in Client().get("/" + query).context["groups"] for row in rows]


def test_the_list_is_sorted_by_its_heads_and_worst_first_without_them() -> None:
    sleeps, retries = ("sleeps_in_d", "measured"), ("retries_without_progress", "reasoned")
    for slug, title, head in (
        ("bounded", "D", {"bounds": {"time": "short"}}),
        ("done", "A", {"status": "fixed"}),
        ("like", "B", {"kind": "look_alike"}),
        ("root-only", "C", {"controllers": ["privileged_user"]}),
        ("seen", "F", {}),
        ("worst", "E", {}),
    ):
        manner, standing = sleeps if slug == "worst" else retries
        builders.case(
            slug, title=title, effects=[{"effect": "hotunplug", "manner": manner, "standing": standing}], **head
        )
    tally(Case.objects.get(slug="seen"), "7.3.1", outcome="moves")
    assert order("") == ["worst", "seen", "bounded", "root-only", "like", "done"]
    assert order("?sort=name") == ["done", "like", "root-only", "bounded", "worst", "seen"]
    assert order("?sort=latest")[0] == "seen" and order("?sort=who")[-1] == "root-only"
    assert order("?sort=status")[-1] == "done" and order("?sort=hotunplug")[0] == "worst"
    assert order("?sort=nonsense") == order(""), "an order that there is not changes nothing, and is named"
    assert "no such filter or choice" in " ".join(page("/?sort=nonsense").split())
    assert "no such filter" not in page("/?sort=name")


def test_a_head_keeps_the_filters_and_a_filter_the_order() -> None:
    builders.case()
    text = page("/?status=open&sort=name")
    assert 'href="?status=open&amp;sort=latest"' in text and 'href="?sort=name"' in text, (
        "a chip lets go of its filter alone"
    )
    assert 'name="sort" value="name"' in text and 'name="status" value="open"' in text


def test_every_case_in_the_catalog_is_counted_by_status_kind_and_sentence() -> None:
    for slug, head in {
        "one": {},
        "two": {"controllers": ["kernel"], "status": "mitigated"},
        "done": {"status": "fixed"},
        "like": {"kind": "look_alike", "status": "partially_fixed"},
        "past": {"kind": "contrast", "status": "fixed"},
    }.items():
        builders.case(slug, **head)
    text = " ".join(page("/").split())
    assert "<b>5</b> entries, worst first: 3 cases, 1 contrast, 1 look-alike" in text.replace(" ,", ",")
    assert "the 3 known cases where they cannot" in text
    assert sum(facet("/", "status").values()) == sum(facet("/", "kind").values()) == 5
    assert "the 3 known cases" in " ".join(page("/?status=fixed").split()), "whatever the list is narrowed to"
    assert "<b>2</b> of 5 entries" in " ".join(page("/?status=fixed").split())


def facet(path: str, name: str) -> dict[str, int]:
    (found,) = [one for one in Client().get(path).context["found"].facets if one.name == name]
    return {choice.slug: choice.count for choice in found.choices}


def test_the_page_of_a_case_shows_its_text_and_its_evidence() -> None:
    case = builders.case(body="It *waits*.\n\n## Open question\n\nWhy?")
    tally(case, runs=3)
    builders.strategy()
    text = page("/cases/fuse-writeback/")
    for part in (
        "<em>waits</em>",
        "<h2>Open question</h2>",
        "The strategy a-strategy",
        "It ends the wait.",
    ):
        assert part in text
    assert ">6.18.44<" in text and "Nobody has sent a measurement" not in text


def test_a_run_that_was_skipped_before_it_had_an_area_is_shown() -> None:
    builders.case()
    skipped = {"case": "fuse-writeback", "mover": "cma", "outcome": "skipped", "reason": "No CMA here."}
    builders.settled(skipped)
    assert "1 skipped" in page("/cases/fuse-writeback/")
    assert Client().get("/api/v1/cases/fuse-writeback/").json()["measured"][0]["outcomes"] == {"skipped": 1}


def test_an_alias_leads_to_the_case() -> None:
    builders.case(aliases=["fuse-wb"])
    answer = Client().get("/cases/fuse-wb/")
    assert (answer.status_code, answer["Location"]) == (301, "/cases/fuse-writeback/")


def test_a_citation_under_an_alias_leads_to_the_revision_it_cites() -> None:
    builders.case(aliases=["fuse-wb"])
    assert Client().get("/cases/fuse-wb/@1")["Location"] == "/cases/fuse-writeback/@1"


@pytest.mark.parametrize(
    "path",
    ["/cases/nothing/", "/cases/nothing/@1", "/cases/fuse-writeback/@0", "/cases/fuse-writeback/@3",
     "/cases/fuse-writeback/@" + "9" * 30, "/strategies/nothing/", "/nothing/"],
)  # fmt: skip
def test_what_is_not_there_is_404(path: str) -> None:
    builders.case()
    assert "It may have been renamed" in page(path, 404)


def test_a_snapshot_shows_the_text_as_it_stood() -> None:
    case = builders.case(title="Before")
    builders.case(title="After")
    threads.say(case.document, builders.person(), "Something said")
    text = page("/cases/fuse-writeback/@1")
    assert "Before" in text and "After" not in text and "The text as it stood at revision 1" in text
    assert "Something said" not in text
    assert "After" in page("/cases/fuse-writeback/@2")
    assert "After" in page("/cases/fuse-writeback/")


def test_a_revision_names_who_wrote_it() -> None:
    author = builders.person("jane")
    store.save(builders.case_text(), origin=Origin.SITE, author=author)
    assert "by jane" in page("/cases/fuse-writeback/")
    assert "by jane" in page("/cases/fuse-writeback/@1")


def test_a_strategy_that_names_a_case_by_two_names_stands_there_once() -> None:
    builders.case(aliases=["fuse-wb"])
    builders.strategy(cases=("fuse-writeback", "fuse-wb"))
    assert page("/cases/fuse-writeback/").count('<th scope="row"><a href="/strategies/a-strategy/">') == 1


def test_the_table_of_strategies_says_what_each_does_for_each_case() -> None:
    builders.case()
    builders.case("other")
    builders.case("unserved")
    builders.strategy(cases=("fuse-writeback", "not-yet"))
    builders.strategy("another", cases=("other",))
    text = page("/strategies/")
    for slug in ("fuse-writeback", "other"):
        assert text.count(f'aria-label="{slug}: helps, not measured"') == 1
    assert text.count(': helps, not measured"') == 2 and ': helps"' not in text
    assert "unserved" not in text and "not-yet" not in text


def test_strategies_stand_below_their_approach() -> None:
    builders.case()
    builders.strategy("z-moves", approach="make_migratable")
    builders.strategy("a-bounds", approach="bound_time")
    builders.strategy("b-moves", approach="make_migratable")
    groups = Client().get("/strategies/").context["groups"]
    assert [(approach.slug, [strategy.slug for strategy, _ in rows]) for approach, rows in groups] == [
        ("make_migratable", ["b-moves", "z-moves"]), ("bound_time", ["a-bounds"]),
    ]  # fmt: skip


def test_what_solves_a_case_stands_before_what_helps_and_what_does_not_apply_stands_apart() -> None:
    builders.case()
    for slug, effect in (("a-helps", "helps"), ("b-cannot", "does_not_apply"), ("c-solves", "solves")):
        store.save(builders.strategy_text(slug).replace('"helps"', f'"{effect}"'), origin=Origin.FILE)
    context = Client().get("/cases/fuse-writeback/").context
    assert [strategy.slug for strategy, *_ in context["strategies"]] == ["c-solves", "a-helps"]
    assert [strategy.slug for strategy, *_ in context["no_help"]] == ["b-cannot"]


def test_a_build_heads_its_evidence_once() -> None:
    case = builders.case()
    for release in ("7.3.4", "6.18.44"):
        tally(case, release)
        tally(case, release, mover="offline", environment="guest")
        tally(case, release, mover="move_pages")
    text = page("/cases/fuse-writeback/").partition("Every figure")[2].partition("</table>")[0]
    heads = [
        " ".join(re.sub(r"<[^>]*>", " ", row).split())
        for row in re.findall(r'<tr class="group">.*?</tr>', text, re.DOTALL)
    ]
    assert heads == ["7.3.4 x86_64, guest", "7.3.4 x86_64, host", "6.18.44 x86_64, guest", "6.18.44 x86_64, host"]


def test_the_page_of_a_strategy_names_a_case_that_is_not_there_yet() -> None:
    builders.case()
    builders.strategy(cases=("fuse-writeback", "not-yet"))
    text = page("/strategies/a-strategy/")
    assert '<a href="/cases/fuse-writeback/">' in text and '<span class="id">not-yet</span>' in text


@pytest.mark.parametrize(
    ("states", "labels"),
    [
        ([{"state": "idea"}], ["*idea", "posted", "merged", "in a release", "backported"]),
        ([{"state": "posted", "version": "3"}], ["*idea", "*posted v3", "merged", "in a release", "backported"]),
        ([{"state": "backported"}], ["*idea", "*posted", "*merged", "*in a release", "*backported"]),
        ([{"state": "posted"}, {"state": "rejected"}], ["rejected"]),
        ([{"state": "superseded"}], ["superseded"]),
    ],
)
def test_the_steps_say_how_far_a_strategy_is(states: list[dict[str, str]], labels: list[str]) -> None:
    from catalog.pages.documents import steps

    strategy = builders.strategy(states=states)
    assert [("*" if step.done else "") + step.label for step in steps(strategy)] == labels


def test_a_site_without_cases_says_so_and_offers_no_way_back_to_all() -> None:
    page = Client().get("/").content.decode()
    assert "No case is known yet." in page and "Show all" not in page
    builders.case()
    assert "No case matches" in Client().get("/?q=zzzz").content.decode()
