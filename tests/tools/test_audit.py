"""Tables of a kernel's source, on a tree of a few lines that was written for this."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.audit import lines, states, tables
from tools.audit.__main__ import main
from tools.audit.source import NoTree, Tree, blanked, functions

FILES = {
    "Makefile": "VERSION = 9\nPATCHLEVEL = 4\nSUBLEVEL = 2\n",
    "drivers/a/pin.c": """
/* pin_user_pages_fast(nothing, here) { } */
#define PIN(x) pin_user_pages_fast(x)
static int hold(struct thing *t)
{
	const char *s = "get_user_pages(a, b) }";
	return pin_user_pages_fast(t->start, t->nr,
		FOLL_WRITE | FOLL_LONGTERM, t->pages);
}

int also(struct thing *t)
{
	int flags = FOLL_LONGTERM;

	return get_user_pages(t->start, 1, flags, t->pages);
}

static int briefly(struct thing *t) { return get_user_pages_fast(t->start, 1, 0, t->pages); }
""",
    "fs/b/aops.c": """
const struct address_space_operations good_aops = {
	.writepages = good_writepages,
	.migrate_folio = filemap_migrate_folio,
};
static const struct address_space_operations bad_aops = {
	.writepages	= bad_writepages,
};
static const struct address_space_operations reads_aops = { .read_folio = reads_read_folio };
""",
    "drivers/gpu/drm/good/gem.c": """
void init(struct obj *o) { mapping_set_gfp_mask(o->mapping, GFP_HIGHUSER); }
struct page **get(struct obj *o) { return drm_gem_get_pages(o); }
""",
    "drivers/gpu/drm/bad/gem.c": "struct page **get(struct obj *o)\n{\n\treturn drm_gem_get_pages(o);\n}\n",
    "mm/migrate.c": """
static int unmap(struct folio *src, enum migrate_mode mode)
{
	if (mode == MIGRATE_ASYNC)
		return -EAGAIN;
	folio_lock(src);
	folio_wait_writeback(src);
	return 0;
}

SYSCALL_DEFINE2(move, int, a, int, b)
{
	lru_cache_disable();
	return 0;
}
""",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Tree(tmp_path)


def found(tree: Tree, table: str) -> list[tuple[str, str, str, str, int]]:
    return [(row.file, row.function, row.what, row.more, row.line) for row in sorted(tables.TABLES[table](tree))]


def test_a_pin_is_for_long_in_its_call_in_its_function_or_not(tree: Tree) -> None:
    assert found(tree, "pins") == [
        ("drivers/a/pin.c", "also", "get_user_pages", "longterm in the function", 15),
        ("drivers/a/pin.c", "briefly", "get_user_pages_fast", "not longterm", 18),
        ("drivers/a/pin.c", "hold", "pin_user_pages_fast", "longterm", 7),
    ]


def test_what_does_not_migrate_is_said_with_whether_it_writes(tree: Tree) -> None:
    assert found(tree, "operations") == [
        ("fs/b/aops.c", "", "bad_aops", "writes", 6),
        ("fs/b/aops.c", "", "reads_aops", "does not write", 9),
    ]


def test_who_holds_a_mapping_is_said_with_the_masks_of_its_folder(tree: Tree) -> None:
    assert found(tree, "masks") == [
        ("drivers/gpu/drm/bad/gem.c", "get", "drm_gem_get_pages", "no mask is set in this folder", 3),
        ("drivers/gpu/drm/good/gem.c", "get", "drm_gem_get_pages", "GFP_HIGHUSER", 3),
    ]


def test_waits_are_named_with_their_function_and_of_a_system_call_by_its_name(tree: Tree) -> None:
    assert found(tree, "waits") == [
        ("mm/migrate.c", "move", "lru_cache_disable", "", 13),
        ("mm/migrate.c", "unmap", "folio_lock", "", 6),
        ("mm/migrate.c", "unmap", "folio_wait_writeback", "", 7),
    ]


def test_what_is_kept_says_of_which_tree_and_reads_back(tree: Tree) -> None:
    rows = tables.rows(tree)
    text = tables.written(rows, tree.release)
    assert text.startswith("# 9.4.2: python -m tools.audit tables TREE\n")
    assert tables.read(text) == rows


def test_two_trees_differ_by_what_is_said_and_not_by_lines(tree: Tree, tmp_path: Path) -> None:
    before = tables.rows(tree)
    moved = [tables.Row(*row.key, row.line + 40) for row in before]
    assert tables.difference(before, moved) == []
    assert tables.difference(before, before[1:] + before[1:2]) == sorted(
        ["-" + "\t".join(before[0].key), "+" + "\t".join(before[1].key)], key=lambda line: line[1:]
    )


def test_lines_of_readings_are_found_or_missed(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = {
        "waits": {"file": "mm/migrate.c", "function": "unmap", "pattern": r"folio_lock\(", "says": "x"},
        "gone": {"file": "mm/migrate.c", "function": "unmap", "pattern": "nothing", "says": "x"},
        "elsewhere": {"file": "mm/none.c", "function": "f", "pattern": "x", "says": "x", "elsewhere": {"9.4": None}},
    }
    monkeypatch.setattr(lines, "READINGS", tmp_path / "readings.yaml")
    monkeypatch.setattr(lines, "LINES", tmp_path / "lines.json")
    lines.READINGS.write_text(yaml.safe_dump({"readings": readings}))
    assert [text.split(": ")[1] for text in lines.write([tree])] == ["gone"]
    kept = yaml.safe_load(lines.LINES.read_text())
    assert kept["9.4"] == {
        "release": "9.4.2",
        "readings": {"waits": {"file": "mm/migrate.c", "function": "unmap", "line": 6}},
    }


@pytest.mark.parametrize("made", ["", "VERSION = 6\n"])
def test_a_folder_that_is_no_tree_is_said_to_be_none(
    tmp_path: Path, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if made:
        (tmp_path / "Makefile").write_text(made)
    with pytest.raises(NoTree):
        assert Tree(tmp_path).release
    assert main(["tables", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_text_that_is_cut_off_makes_no_function_and_no_error() -> None:
    assert list(functions(blanked("int f(void)\n{ if (x) {"))) == []
    assert [one.name for one in functions(blanked("int x = 3; } int g(void) { }"))] == ["g"]


SIGN = {"file": "mm/none.c|mm/migrate.c", "function": "unmap|move", "pattern": r"lru_cache_disable\("}


@pytest.mark.parametrize(
    ("sign", "state"),
    [
        (SIGN, {"change": "present", "file": "mm/migrate.c", "function": "move", "line": 13}),
        ({**SIGN, "found": "fixed"}, {"change": "fixed", "file": "mm/migrate.c", "function": "move", "line": 13}),
        ({**SIGN, "without": "return 0"}, None),
        ({**SIGN, "pattern": "no_such_call"}, None),
        ({**SIGN, "pattern": "no_such_call", "else": "absent"}, {"change": "absent", "file": "mm/none.c"}),
        (
            {"file": "fs/b/aops.c", "pattern": "bad_writepages"},
            {"change": "present", "file": "fs/b/aops.c", "line": 7},
        ),
    ],
    ids=["found", "a fix", "without", "not found", "its absence says something", "in a file"],
)
def test_a_sign_says_what_a_tree_has_or_nothing(tree: Tree, sign: dict[str, str], state: dict[str, object]) -> None:
    assert states.state_of(tree, sign) == state
