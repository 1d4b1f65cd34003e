"""Comments to trees."""

from __future__ import annotations

import pytest

from discussion.comments.threads import DEEPEST_SHOWN, Node, trees
from discussion.models import Comment


def comments(*parents: int | None) -> list[Comment]:
    """Numbered from 1, each with the number of its parent."""
    return [Comment(pk=n, parent_id=parent) for n, parent in enumerate(parents, start=1)]


def shape(nodes: list[Node]) -> list[object]:
    return [[node.comment.pk, *shape(node.replies)] for node in nodes]


def depth(nodes: list[Node]) -> int:
    return 1 + max(depth(node.replies) for node in nodes) if nodes else 0


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ((), []),
        ((None, None), [[1], [2]]),
        ((None, 1, 2), [[1, [2, [3]]]]),
        ((None, 1, 1, 2), [[1, [2, [4]], [3]]]),
        ((None, None, 1, 2, 1), [[1, [3], [5]], [2, [4]]]),
    ],
)
def test_a_reply_stands_below_what_it_replies_to(parents: tuple[int | None, ...], expected: list[object]) -> None:
    assert shape(trees(comments(*parents))) == expected


def test_a_reply_to_what_is_hidden_stands_at_the_top() -> None:
    assert shape(trees(comments(None, 1, 2)[1:])) == [[2, [3]]]


def test_a_deep_thread_grows_no_deeper_and_loses_nobody() -> None:
    made = trees(comments(None, *range(1, 2_000)))
    assert depth(made) == DEEPEST_SHOWN + 1
    node = made[0]
    for _ in range(DEEPEST_SHOWN - 1):
        (node,) = node.replies
    assert [reply.comment.pk for reply in node.replies] == list(range(DEEPEST_SHOWN + 1, 2_001))
