"""One true text in every dress in which people paste kernel logs. Each dress takes messages and gives a text.

A message is (seconds, level, thread, text) as printk() had it; what a dress adds stands around it.
"""

from __future__ import annotations

import html
import json
import quopri
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    seconds: float
    thread: int
    text: str

    @property
    def stamped(self) -> str:
        return f"[{self.seconds:12.6f}] {self.text}"

    @property
    def called(self) -> str:
        return f"[{self.seconds:12.6f}][{'T' + str(self.thread):>6}] {self.text}"

    @property
    def micros(self) -> int:
        return int(self.seconds * 1_000_000)


Dress = Callable[[list[Message]], "str | bytes"]
# One folio with a plain reference, one of a file that is pinned, and a task that sleeps for writeback: a dump with
# page_owner, one with a module's operations and a name with quotes' neighbours, a hung task.
OFFLINE = """\
migrating pfn 1100fd failed ret:2
page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f8fb7e11 pfn:0x1100fd
memcg:ff2497fe0122ee40
anon flags: 0x5fffffc002091c(referenced|uptodate|dirty|active|owner_2|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)
raw: 005fffffc002091c ffda580ac4403f08 ff723057c07a3a20 ff2497fe0269e0c1
raw: 00000007f8fb7e11 0000000000000000 0000000300000000 ff2497fe0122ee40
page dumped because: migration failure
page_owner tracks the page as allocated
page last allocated via order 0, migratetype Movable, gfp_mask 0xcca(GFP_HIGHUSER_MOVABLE), pid 740, tgid 740 (v), ts 4
 post_alloc_hook+0x8d/0xd0
 get_page_from_freelist+0x5e6/0x1a10
 __alloc_frozen_pages_noprof+0x18b/0x360
migrating pfn 1100f2 failed ret:2
page: refcount:1026 mapcount:0 mapping:00000000f3a1b2c4 index:0x11 pfn:0x1100f2
memcg:ff2497fe0122ee40
aops:xfs_address_space_operations [xfs] ino:8f dentry name(?):"data.img"
flags: 0x5fffffc000002d(locked|referenced|uptodate|lru|node=1|zone=3|lastcpupid=0x1fffff)
raw: 005fffffc000002d ffda580ac4403c88 ffda580ac4403d08 ff2497fe0a1b2c38
raw: 0000000000000011 0000000000000000 00000402ffffffff ff2497fe0122ee40
page dumped because: migration failure
""".splitlines()
HUNG = """\
INFO: task bash:812 blocked for more than 120 seconds.
      Not tainted 7.3.4+deb13-amd64 #1 Debian 7.3.4-1~bpo13+1
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:bash            state:D stack:0     pid:812   tgid:812   ppid:790    task_flags:0x400100 flags:0x00004002
Call Trace:
 <TASK>
 __schedule+0x4ab/0xb30
 schedule+0x27/0xd0
 io_schedule+0x46/0x70
 folio_wait_bit_common+0x131/0x340
 folio_wait_writeback+0x2b/0xa0
 migrate_pages_batch+0x6f4/0xcc0
 migrate_pages+0xc13/0xe10
 offline_pages+0x33b/0x5f0
 </TASK>
""".splitlines()
MESSAGES = [Message(446.578064 + n / 1000, 740, text) for n, text in enumerate(OFFLINE)]
MESSAGES += [Message(567.000100 + n / 1000, 33, text) for n, text in enumerate(HUNG)]
NOISE = "usb 1-1: new high-speed USB device number 4 using xhci_hcd"


def _each(one: Callable[[Message], str], end: str = "\n") -> Dress:
    return lambda messages: "".join(one(message) + end for message in messages)


def _whole(change: Callable[[str], str | bytes], dress: Dress) -> Dress:
    def made(messages: list[Message]) -> str | bytes:
        text = dress(messages)
        assert isinstance(text, str)
        return change(text)

    return made


def _delta(messages: list[Message]) -> str:
    last, made = 0.0, []
    for message in messages:
        made.append(f"[{message.seconds:12.6f} <{message.seconds - last:12.6f}>] {message.text}\n")
        last = message.seconds
    return "".join(made)


def _reltime(messages: list[Message]) -> str:
    """dmesg -e: the time of day where the minute changes, else what passed since the line before."""
    made = []
    for n, message in enumerate(messages):
        made.append(f"[{'Nov23 00:12' if n % 9 == 0 else '  +0.000123'}] {message.text}\n")
    return "".join(made)


def _verbose(messages: list[Message]) -> str:
    made = []
    for message in messages:
        made.append(
            "Mon 2026-11-23 00:12:01.123456 UTC [s=9a8b7c;i=4d2;b=1f2e;m=1a9c;t=63f;x=12]\n"
            "    _TRANSPORT=kernel\n    PRIORITY=4\n    SYSLOG_IDENTIFIER=kernel\n"
            f"    MESSAGE={message.text}\n    _HOSTNAME=box\n"
        )
    return "".join(made)


def _export(messages: list[Message]) -> str:
    return "\n".join(
        f"__CURSOR=s=9a8b;i={n}\n__REALTIME_TIMESTAMP=1795392721123456\n_TRANSPORT=kernel\nMESSAGE={message.text}\n"
        for n, message in enumerate(messages)
    )


def _journal_json(message: Message) -> str:
    fields = {"_TRANSPORT": "kernel", "PRIORITY": "4", "MESSAGE": message.text, "_HOSTNAME": "box"}
    return json.dumps(fields, separators=(",", ":"))


def _dmesg_json(messages: list[Message]) -> str:
    listed = [{"pri": 4, "time": message.seconds, "msg": message.text} for message in messages]
    return json.dumps({"dmesg": listed}, indent=3)


def _lava(messages: list[Message]) -> str:
    """LAVA's log of a job, as its API gives it: a JSON list in one line."""
    return json.dumps(
        [{"dt": "2026-11-23T00:12:01.1", "lvl": "target", "msg": message.stamped} for message in messages]
    )


def _two_cpus(messages: list[Message]) -> str:
    """A serial console: another CPU's line between any two, some of them without a line end before."""
    made = []
    for n, message in enumerate(messages):
        made.append(f"[{message.seconds:12.6f}][{'T' + str(message.thread):>6}] {message.text}")
        made.append("" if n % 4 == 3 else "\n")
        made.append(f"[{message.seconds:12.6f}][  T999] {NOISE}\n")
    return "".join(made)


def _between(messages: list[Message]) -> str:
    return "".join(f"{message.stamped}\n[{message.seconds:12.6f}] {NOISE}\n" for message in messages)


def wrapped(width: int, lead: str = "") -> Dress:
    """As a mailer breaks lines: at blanks, before `width`."""

    def made(messages: list[Message]) -> str:
        lines: list[str] = []
        for message in messages:
            text = message.stamped
            parts = textwrap.wrap(
                text, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
            ) or [text]
            lines += [lead + part for part in parts]
        return "\n".join(lines) + "\n"

    return made


def _fence(text: str) -> str:
    return f"It hangs since this morning, see below:\n\n```\n{text}```\n\nAny idea?\n"


def _html(text: str) -> str:
    return f'<html><body><pre class="log">{html.escape(text)}</pre></body></html>'


def _spans(messages: list[Message]) -> str:
    lines = (
        f'<tr><td class="n">{n}</td><td><span style="color:#c00">{html.escape(message.stamped)}</span></td></tr>'
        for n, message in enumerate(messages, 1)
    )
    return "<table>" + "\n".join(lines) + "</table>"


def _nbsp(text: str) -> str:
    return "".join(html.escape(line).replace("  ", "&nbsp; ") + "<br />\n" for line in text.splitlines())


STAMPED = _each(lambda m: m.stamped)
PLAIN = _each(lambda m: m.text)
DRESSES: dict[str, Dress] = {
    "as it is": PLAIN,
    "stamps": STAMPED,
    "dmesg -T": _each(lambda m: f"[Mon Nov 23 00:12:01 2026] {m.text}"),
    "dmesg -T, day of one digit": _each(lambda m: f"[Mon Nov  3 00:12:01 2026] {m.text}"),
    "dmesg -x": _each(lambda m: f"kern  :warn  : {m.stamped}"),
    "dmesg -x -T": _each(lambda m: f"kern  :alert : [Mon Nov 23 00:12:01 2026] {m.text}"),
    "dmesg -d": _delta,
    "dmesg -e": _reltime,
    "dmesg -r": _each(lambda m: f"<4>{m.stamped}"),
    "dmesg iso": _each(lambda m: f"2026-11-23T00:12:01,123456+00:00 {m.text}"),
    "dmesg -J": _dmesg_json,
    "LAVA": _lava,
    "dmesg --color": _each(lambda m: f"\x1b[32m[{m.seconds:12.6f}] \x1b[0m\x1b[33m{m.text}\x1b[0m"),
    "colours whose escape was lost": _each(lambda m: f"[32m[{m.seconds:12.6f}] [0m[33m{m.text}[0m"),
    "colours as less shows them": _each(lambda m: f"ESC[32m[{m.seconds:12.6f}] ESC[0mESC[33m{m.text}ESC[0m"),
    "caller": _each(lambda m: m.called),
    "caller without a gap": _each(lambda m: f"[{m.seconds:.6f}] [T{m.thread}] {m.text}"),
    "/dev/kmsg": _each(lambda m: f"4,1208,{m.micros},-;{m.text}"),
    "netconsole": _each(lambda m: f"4,1208,{m.micros},-,caller=T{m.thread};{m.text}"),
    "journald short": _each(lambda m: f"Nov 23 00:12:01 box kernel: {m.text}"),
    "journald short-precise": _each(lambda m: f"Nov 23 00:12:01.123456 box kernel: {m.text}"),
    "journald short-iso": _each(lambda m: f"2026-11-23T00:12:01+00:00 box kernel: {m.text}"),
    "journald short-iso-precise": _each(lambda m: f"2026-11-23T00:12:01.123456+0000 box kernel: {m.text}"),
    "journald short-full": _each(lambda m: f"Mon 2026-11-23 00:12:01 UTC box kernel: {m.text}"),
    "journald short-monotonic": _each(lambda m: f"[{m.seconds:12.6f}] box.example.org kernel: {m.text}"),
    "journald short-unix": _each(lambda m: f"1795392721.123456 box kernel: {m.text}"),
    "journald short-delta": _each(lambda m: f"[{m.seconds:12.6f} < 0.001000 >] box kernel: {m.text}"),
    "journald verbose": _verbose,
    "journald export": _export,
    "journald json": _each(_journal_json),
    "journald json-pretty": _whole(
        lambda text: "\n".join(json.dumps(json.loads(line), indent=8) for line in text.splitlines()),
        _each(_journal_json),
    ),
    "docker": _each(
        lambda m: json.dumps({"log": m.stamped + "\n", "stream": "stdout", "time": "2026-11-23T00:12:01Z"})
    ),
    "RFC 3164": _each(lambda m: f"<4>Nov 23 00:12:01 box kernel: {m.stamped}"),
    "RFC 5424": _each(lambda m: f"<4>1 2026-11-23T00:12:01.123456+00:00 box kernel - - - {m.stamped}"),
    "syslog": _each(lambda m: f"Nov 23 00:12:01 box kernel: {m.stamped}"),
    "rsyslog": _each(lambda m: f"2026-11-23T00:12:01.123456+00:00 box kernel: {m.stamped}"),
    "syslog without a kernel's stamp": _each(lambda m: f"2026-11-23T00:12:01.123456+00:00 box kernel: {m.text}"),
    "android kernel": _each(lambda m: f"<4>[{m.seconds:12.6f}]  [2:   Binder:711_1:  740] {m.text}"),
    "qualcomm": _each(lambda m: f"[{m.seconds:12.6f}] c2    740 {m.text}"),
    "logcat": _each(lambda m: f"11-23 00:12:01.123     0     0 W         : {m.text}"),
    "logcat -v brief": _each(lambda m: f"W/        (    0): {m.text}"),
    "logcat with a stamp": _each(lambda m: f"11-23 00:12:01.123  root     0     0 W kernel  : {m.stamped}"),
    "mediatek": _each(lambda m: f"<4>[{m.seconds:12.6f}].(2)[740:vms]{m.text}"),
    "console server": _each(lambda m: f"[2026-11-23 00:12:01] {m.stamped}"),
    "ts": _each(lambda m: f"Nov 23 00:12:01 {m.stamped}"),
    "CI job": _each(lambda m: f"2026-11-23T00:12:01.1234567Z {m.stamped}"),
    "kubectl logs": _each(lambda m: f"2026-11-23T00:12:01.123456789Z stdout F {m.stamped}"),
    "grep -n": _whole(lambda text: "".join(f"{n}:{line}\n" for n, line in enumerate(text.splitlines(), 1)), STAMPED),
    "grep -Hn": _whole(
        lambda text: "".join(f"logs/dmesg.txt:{n}:{line}\n" for n, line in enumerate(text.splitlines(), 1)), STAMPED
    ),
    "cat -n": _whole(lambda text: "".join(f"{n:6}\t{line}\n" for n, line in enumerate(text.splitlines(), 1)), STAMPED),
    "two CPUs on one console": _two_cpus,
    "other lines between": _between,
    "quoted": _each(lambda m: f"> {m.stamped}"),
    "quoted twice": _each(lambda m: f"> > {m.stamped}"),
    "quoted twice, close": _each(lambda m: f">> {m.text}"),
    "quoted by a bug tracker": _whole(
        lambda text: f"(In reply to A. Person from comment #12)\n{text}\nMe too.\n", _each(lambda m: f"> {m.stamped}")
    ),
    "wrapped at 72": wrapped(72),
    "wrapped at 78": wrapped(78),
    "wrapped at 78 and quoted": wrapped(78, "> "),
    "wrapped at 98 and quoted": wrapped(98, "> > "),
    "quoted-printable": _whole(lambda text: quopri.encodestring(text.encode()).decode(), STAMPED),
    "quoted-printable, quoted": _whole(
        lambda text: quopri.encodestring(text.encode()).decode(), _each(lambda m: f"> {m.stamped}")
    ),
    "CRLF": _each(lambda m: m.stamped, "\r\n"),
    "CR LF twice": _each(lambda m: m.stamped, "\r\r\n"),
    "CR": _each(lambda m: m.stamped, "\r"),
    "BOM": _whole(lambda text: "\ufeff" + text, STAMPED),
    "UTF-16": _whole(lambda text: text.encode("utf-16"), STAMPED),
    "UTF-16 without a mark": _whole(lambda text: text.encode("utf-16-le"), STAMPED),
    "Windows-1252": _whole(
        lambda text: ("Das Log f\xfcr Sie \x80:\n" + text.replace("  ", " \xa0")).encode("latin-1"), STAMPED
    ),
    "no-break spaces": _whole(lambda text: text.replace("[ ", "[\xa0").replace("page: ", "page:\xa0"), STAMPED),
    "html": _whole(_html, STAMPED),
    "html lines": _whole(_nbsp, STAMPED),
    "html table": _spans,
    "markdown": _whole(_fence, STAMPED),
    "markdown, indented": _each(lambda m: f"    {m.stamped}"),
    "list item": _whole(lambda text: "* log:\n\n" + textwrap.indent(text, "      "), STAMPED),
    "tabs before": _each(lambda m: f"\t{m.stamped}"),
    "wiki": _whole(lambda text: "{noformat}" + text + "{noformat}", STAMPED),
    "bb code": _whole(lambda text: "[code]" + text + "[/code]", STAMPED),
    "trailing blanks": _each(lambda m: m.stamped + "   "),
    "added lines of a patch": _each(lambda m: "+" + m.stamped),
}


def dressed(names: Iterable[str] = DRESSES) -> Iterable[tuple[str, str | bytes]]:
    for name in names:
        yield name, DRESSES[name](MESSAGES)
