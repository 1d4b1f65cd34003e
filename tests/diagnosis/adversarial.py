"""Texts that would cost more than their length, if anything here did. Each takes a number of characters."""

from __future__ import annotations

from collections.abc import Callable


def _line(start: str, part: str, end: str = "") -> Callable[[int], str]:
    return lambda size: start + part * (max(size - len(start) - len(end), 0) // len(part)) + end


TEXTS: dict[str, Callable[[int], str]] = {
    "a needle again and again": _line("", "page:"),
    "pairs without end": _line("page: ", "refcount:1 "),
    "an open parenthesis": _line("flags: 0x1(", "a|"),
    "parentheses": _line("flags: 0x1", "("),
    "hex without end": _line("raw: ", "0"),
    "hex that is none at its end": _line("page: refcount:1 mapcount:0\nraw: ", "0", "g"),
    "hex of a head that is none": _line("page: refcount:1 mapcount:0\nhead: ", "0", "g"),
    "letters of a header": _line("Number of blocks type ", "a", "."),
    "hex words": _line("raw: ", "0000000000000000 "),
    "blanks before": _line("", " ", "page: refcount:1"),
    "quoting": _line("", ">", "page: refcount:1"),
    "quoting with blanks": _line("", "> ", "page: refcount:1"),
    "colours": _line("page:", "\x1b["),
    "colours, closed": _line("page:", "\x1b[0m"),
    "entities": _line("page: ", "&#"),
    "entities, closed": _line("page: ", "&lt;"),
    "tags": _line("page: ", "<span "),
    "tags, closed": _line("page: ", "<br>"),
    "soft breaks": _line("page: ", "=\n"),
    "escapes": _line("page: ", "=3D\n=20"),
    "soft breaks behind escapes": lambda size: "=3D" * 2_700 + "=\n" * (size // 2),
    "soft breaks between escapes": _line("", "=3D=\n"),
    "stamps in a line": _line("page:", "[    1.000000] "),
    "stamps and needles": _line("", "[    1.000000] page:"),
    "a name that never ends": _line("cma: cma_alloc: ", "b", ": alloc failed"),
    "colons": _line("cma: cma_alloc: ", "b: ", ": alloc failed, req-size: 1 pages"),
    "blanks in a task": _line("task:", "a "),
    "a task of blanks": _line("task:", " ", "state:D"),
    "backslashes": _line('inspect: fuse a="', "\\"),
    "quotes": _line("inspect: fuse ", 'a="" '),
    "an unclosed value": _line("inspect: fuse ", 'a="'),
    "free ranges": _line("cma: number of available pages: ", "1@1+"),
    "columns": _line("Number of blocks type Unmovable Movable\nNode 0, zone Normal ", "1 "),
    "a path": _line("", "a/", "memory1/state:online"),
    "a path of connections": _line("/", "connections/", "1/waiting:1"),
    "a function": _line(" ", "a", "+0x1/0x2"),
    "dots": _line(" f", ".cold", "+0x1/0x2"),
    "brackets": _line("", "[<0>] ", "f+0x1"),
    "a comm": _line("CPU: 0 PID: 1 Comm: ", "a ", " Not tainted"),
    "a name in quotes": _line('aops:shmem_aops ino:1 dentry name:"', "a"),
    "values of a trace": _line("mm_migrate_pages: ", "nr_failed=1 "),
    "equals": _line("mm_migrate_pages: ", "a="),
    "server names": _line("libceph: osd1 ", "a", " down"),
    "lines of needles": _line("", "page:\n"),
    "dumps": _line("", "page: refcount:1 mapcount:0\n"),
    "dumps without an end": _line("", "page: refcount:1 mapcount:0 mapping:0 index:0x0\nflags: 0x1(a)\n"),
    "failures": _line("", "migrating pfn 1 failed ret:1\n"),
    "empty lines in a dress": lambda size: "page: <span <span\n" + "\n" * size,
    "empty lines of another system": lambda size: "page:\x1b[0m\r" + "\r" * size,
    "other failures": "".join,  # replaced below
    "raws": _line("page: refcount:1 mapcount:0\n", "raw: 0000000000000000\n"),
    "frames": _line("", " folio_wait_writeback+0x1/0x2\n"),
    "tasks": _line("", "task:a state:D\n migrate_pages+0x1/0x2\n"),
    "counters": _line("", "pgmigrate_fail 1\n"),
    "blocks": _line("", "memory1/state:online\n"),
    "wrapped": _line("page:1 count:1 mapcount:1 mapping:1\n", "index:0x1\n"),
    "wrapped flags": _line("flags: 0x1(\n", "a|b\n"),
    "suspects": _line("", "inspect: suspect pfn=0x1 block=memory1 flags=WRITEBACK fs=fuse device=0:1\n"),
    "counts of suspects": _line("", "inspect: suspects block=memory1 writeback=1\n"),
    "failed allocations": _line(
        "cma: number of available pages: 1@1=> 1 free of 2 total pages\n",
        "cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -12\n",
    ),
    "records of a journal": _line("", "MESSAGE=page: refcount:1\n_HOSTNAME=a\n"),
    "a JSON message of escapes": _line('{"MESSAGE":"page: ', "\\\\", '"}'),
    "JSON keys": _line("page: ", '"msg":"'),
    "JSON records": _line("", '{"MESSAGE":"page: refcount:1 mapcount:0"}\n'),
    "colours without their escape": _line("page:[0m", "[32m"),
    "leads": _line("", "x: page: ", "refcount:1"),
    "leads and stamps": _line("page: ", "x] [ 1.000000] "),
    "blanks before a frame": _line("a:", " ", "migrate_pages+0x1/0x2"),
    "a frame's file": _line("migrate_pages (", "a/", ".c:1)"),
    "a frame's address": _line("[", "0", "] migrate_pages+0x1/0x2"),
    "ranges": _line("cma: number of available pages: \n", "cma: range 0: 1@1+1@1\n"),
    "a range": _line("cma: number of available pages: \ncma: range 0: ", "1@1+"),
    "lines with stamps that go on": _line(
        "", "[    1.000000] page: refcount:1 mapcount:0 mapping:0000000000000000 ix\n0x1\n"
    ),
    "line feeds": _line("page:", "\n"),
    "carriage returns": _line("page:", "\r"),
    "NULs": _line("page:", "\0"),
    "a JSON list in one line": _line('[{"msg":"a"},{"msg":', '{"{"a"'),
    "entries of a JSON list": _line("[", '{"msg":"page: refcount:1 mapcount:0"},'),
    "numbered lines": _line("1 page:\n2 a\n3 b\n", "4 +0x1/0x2\n"),
    "complaints of the kernel": _line("", "BUG: a\n f+0x1/0x2\n"),
    "headers without a trace": _line("", "task:a state:D pid:1\n f+0x1/0x2\n"),
    "cut frames": _line(" f+0x1/0x2\n", "migrate_pages\n"),
    "traces that look far up": _line("", "\n\n\n\n\n\n\n\n\n\n\n f+0x1/0x2\n"),
    "free ranges that a mailer wrapped": _line("cma: number of available pages:\n", "3@1+\n"),
}
# Every one a finding of its own kind.
TEXTS["other failures"] = lambda size: "".join(
    f"page: refcount:{n} mapcount:0\naops:a{n}_aops\npage dumped because: migration failure\n"
    for n in range(size // 80)
)[:size]
