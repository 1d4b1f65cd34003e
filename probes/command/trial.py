"""`probe.pyz lab` with a way out: `--setting`, `--series` on a kernel that it builds, or `--fixed-in`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Callable, Mapping, Optional, Tuple

from probes.lab import settings
from probes.lab.session import Wishes
from probes.lab.settings import Setting
from probes.trials import build, patches, sitting, trees

Say = Callable[[str], None]
NEEDED = 5  # boots on each side below which no difference can be shown
_PLAIN = "base"


def add(lab: argparse.ArgumentParser) -> None:
    group = lab.add_argument_group(
        "a way out, measured: base and applied, boot by boot in turn, one run a boot (--repeat, default %d)" % NEEDED
    )
    group.add_argument("--setting", action="append", type=_setting, metavar="NAME=VALUE", help="KERNEL with it set")
    group.add_argument(
        "--against", action="append", type=_setting, metavar="NAME=VALUE", help="what the base is set to (else nothing)"
    )
    group.add_argument("--source", metavar="SUITE/PACKAGE", help="build Debian's linux-source-VERSION of that suite")
    group.add_argument("--tree", type=Path, metavar="DIR", help="build a kernel tree of your own; it stays as it is")
    group.add_argument("--series", type=Path, metavar="FILE|DIR", help="patches that are the way out")
    group.add_argument(
        "--removal", type=Path, metavar="FILE|DIR", help="patches that take a way out of a tree that has it: the base"
    )
    group.add_argument("--config", type=Path, metavar="FILE", help="options that are on, in place of the lab's own")
    group.add_argument(
        "--fixed-in",
        metavar="A..B",
        help="before and after, each a KERNEL, or a SUITE/linux-source-VERSION to build; both are reported as they are",
    )


def _setting(text: str) -> Setting:
    try:
        return settings.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def is_asked_for(options: argparse.Namespace) -> bool:
    if any((options.setting, options.against, options.source, options.tree, options.series, options.removal)):
        return True
    return bool(options.fixed_in or options.config)


def check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Ends with what is wrong, before anything is fetched or built."""
    built = bool(options.source) + bool(options.tree)
    changed = bool(options.series) + bool(options.removal)
    ways = bool(options.setting) + bool(options.fixed_in) + changed
    if ways != 1 or built > 1:
        parser.error("one of --setting, --series, --removal and --fixed-in, and one of --source and --tree")
    if changed and (not built or options.kernels):
        parser.error("--series and --removal change a kernel that is built: --source or --tree, and no KERNEL")
    if options.config and not built and not any(map(trees.is_package, _sides(options.fixed_in or ""))):
        parser.error("--config is for a kernel that is built")
    if options.fixed_in and (built or options.kernels or options.label or len(_sides(options.fixed_in)) != 2):
        parser.error("--fixed-in takes A..B, two KERNELs, and no KERNEL or --label beside")
    if options.setting and not built and len(options.kernels) != 1:
        parser.error("--setting takes one KERNEL")
    if options.against and not options.setting:
        parser.error("--against is for --setting")
    if options.removal and not options.label:
        parser.error("--removal needs the --label of the way out that the tree has")


def run(options: argparse.Namespace, wishes: Wishes, say: Say) -> int:
    """Raises CannotRun where a kernel cannot be had or built."""
    wishes = replace(wishes, repeat=options.repeat or NEEDED)
    if options.fixed_in:
        before, after = (_side(side, wishes, options, say) for side in _sides(options.fixed_in))
        return sitting.run(before, after, say)
    base, applied = _arms(options, wishes, say)
    return sitting.run(base, _with_base(base, applied), say)


def _side(named: str, wishes: Wishes, options: argparse.Namespace, say: Say) -> Wishes:
    if not trees.is_package(named):
        return replace(wishes, kernels=[named])
    made = build.build(trees.from_package(named, wishes.work, say), None, wishes.work, say, options.config)
    return replace(wishes, kernels=[str(made.image)], origin=made.origin)


def _sides(text: str) -> Tuple[str, ...]:
    return tuple(filter(None, (side.strip() for side in text.split(".."))))


def _arms(options: argparse.Namespace, wishes: Wishes, say: Say) -> Tuple[Wishes, Wishes]:
    if options.setting:
        set_to, against = tuple(options.setting), tuple(options.against or ())
        label = options.label or " ".join(map(str, set_to))
        wishes = _built(wishes, options, None, say) if options.source or options.tree else wishes
        base = _labelled(wishes, base_label(label) if against else _PLAIN, against)
        return base, _labelled(wishes, label, set_to)
    series = patches.read(options.series or options.removal)
    plain, changed = (_built(wishes, options, each, say) for each in (None, series))
    if options.removal:
        return _labelled(changed, base_label(options.label)), _labelled(plain, options.label)
    return _labelled(plain, _PLAIN), _labelled(changed, options.label or series.name)


def base_label(label: str) -> str:
    """Of a base that is more than the kernel as it is: it is compared with this label alone."""
    return ("base of " + label)[:80]


def _labelled(wishes: Wishes, label: str, set_to: Tuple[Setting, ...] = ()) -> Wishes:
    origin = {**wishes.origin, **({"setting": " ".join(map(str, set_to))[:200]} if set_to else {})}
    return replace(wishes, label=label[:80], settings=set_to, origin=origin)


def _built(wishes: Wishes, options: argparse.Namespace, series: Optional[patches.Series], say: Say) -> Wishes:
    tree = (
        trees.from_package(options.source, wishes.work, say)
        if options.source
        else trees.from_folder(options.tree, wishes.work, say)
    )
    made = build.build(tree, series, wishes.work, say, options.config)
    return replace(wishes, kernels=[str(made.image)], origin=made.origin)


def _with_base(base: Wishes, applied: Wishes) -> Wishes:
    origin: Mapping[str, str] = {**applied.origin, "base": base.label}
    return replace(applied, origin=origin)
