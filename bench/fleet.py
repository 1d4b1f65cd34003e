"""What the generated observations were measured on."""

from __future__ import annotations

from dataclasses import dataclass

BUILDS = ("6.1.0-50-amd64", "6.12.95+deb12-amd64", "6.18.44", "7.2.13", "7.3.4+deb13-amd64")


@dataclass(frozen=True)
class Fleet:
    """How many builds each case is measured on, and by how many machines each of them."""

    builds: int = len(BUILDS)
    machines: int = 2
