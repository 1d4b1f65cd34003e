"""Where messages may go: each kind of address that is not the internet's is refused, however it is written."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from webhooks import addresses, posting
from webhooks.addresses import Refused
from webhooks.keeping import new_secret

NOT_PUBLIC = [
    *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost"),
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.127.255.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("[::]", "[::1]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:8.8.8.8]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::808:808]"),
    *("[2002:7f00:1::]", "[2002:a00:1::]", "[2002:c0a8:101::1]", "[2002:a9fe:a9fe::]"),
    *("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]", "[2001:2::1]", "[100::1]", "[5f00::1]", "[4000::1]"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "[2606:4700:4700::1111]", "[64:ff9b::808:808]", "[2002:808:808::1]"]


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_nothing_is_sent_to_what_is_not_public(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connected(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was connected to")

    monkeypatch.setattr(socket, "create_connection", connected)
    answer = posting.post(f"https://{host}/", "msg_1", "{}", [new_secret()])
    assert answer.status is None and answer.said.startswith("not sent: "), answer


@pytest.mark.parametrize("host", PUBLIC)
def test_what_is_public_is_connected_to(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connected(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connected)
    answer = posting.post(f"https://{host}/", "msg_1", "{}", [new_secret()])
    assert [one for one, _ in asked] == [host.strip("[]")] and answer.said == "no answer (ConnectionRefusedError)"


def named(*texts: str) -> Any:
    def found(host: str, port: int, **_: Any) -> list[Any]:
        families = (socket.AF_INET6 if ":" in text else socket.AF_INET for text in texts)
        return [(family, socket.SOCK_STREAM, 6, "", (text, port)) for family, text in zip(families, texts, strict=True)]

    return found


@pytest.mark.parametrize("texts", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::1", "8.8.8.8"), ("fe80::1%eth0",), ()])
def test_a_name_that_points_inside_is_refused_wherever_else_it_points(
    texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", named(*texts))
    with pytest.raises(Refused):
        addresses.resolved(addresses.read("https://hook.example.org/"))


def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers with a public address first, and with a private one to who asks again."""
    answers = [named("8.8.8.8"), named("10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named_: answers.pop(0)(*given, **named_))
    asked = []

    def connected(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connected)
    posting.post("https://hook.example.org/", "msg_1", "{}", [new_secret()])
    assert asked == [("8.8.8.8", 443)] and len(answers) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "//example.org/", "example.org", "https://", "https:///x", ""),
        *("https://user@example.org/", "https://:pw@example.org/", "https://example.org/#part", "https://[::1"),
        *("https://example.org:22/", "https://example.org:80/", "https://example.org:0/", "https://example.org:99999/"),
        *("https://exa mple.org/", "https://example.org/\r\nhost: x", "https://exämple.org/", "https://a/" + "x" * 300),
    ],
)
def test_what_is_no_address_of_ours_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        addresses.read(url)


def test_the_setting_opens_this_machine_and_nothing_else(settings: Any) -> None:
    settings.WEBHOOKS_TO_LOOPBACK = True
    assert addresses.resolved(addresses.read("http://127.0.0.1:8000/hook")) == ["127.0.0.1"]
    for url in ("https://10.0.0.1/", "http://10.0.0.1:8000/", "http://8.8.8.8:8000/", "https://[fe80::1]/"):
        with pytest.raises(Refused):
            addresses.resolved(addresses.read(url))
