#!/usr/bin/env drgn
"""From page frame numbers to mapping, file, superblock and FUSE connection: on a live system, or a vmcore with -c.

    sudo drgn tools/drgn_frame.py 0x100013 0x100014
    drgn -c vmcore -s vmlinux tools/drgn_frame.py 0x100013

Reads only. Wants the kernel's debugging information, as drgn does. Prints lines as `probe.pyz inspect` does.
Sources: include/linux/mm_types.h struct page, include/linux/fs.h struct address_space, fs/fuse/fuse_i.h (6.12, 7.3).
"""

import json
import re
import sys

MAPPING_ANON, MAPPING_FLAGS = 1, 3  # include/linux/page-flags.h: low bits of page->mapping


def frames(arguments):
    """Numbers from the command line, hexadecimal with 0x."""
    return [int(argument, 0) for argument in arguments]


def said(kind, **values):
    """One line, blanks and quotes in double quotes as probes/inspect prints them."""

    def shown(value):
        text = str(value)
        return text if re.fullmatch(r"[\w/:.,+-]+", text, re.ASCII) else json.dumps(text)

    return " ".join([f"inspect: {kind}", *(f"{name}={shown(value)}" for name, value in values.items() if value != "")])


def told(prog, pfn):
    """What one page frame belongs to, as name to value."""
    from drgn.helpers.linux.fs import inode_path
    from drgn.helpers.linux.mm import compound_head, decode_page_flags, pfn_to_page

    page = compound_head(pfn_to_page(prog, pfn))
    flags = [name[3:].upper() for name in decode_page_flags(page).split("|") if name.startswith("PG_")]
    made = {"pfn": hex(pfn), "flags": ",".join(flags), "refcount": page._refcount.counter.value_()}
    mapping = page.mapping.value_()
    if not mapping or mapping & MAPPING_ANON:
        return {**made, "kind": "anon" if mapping else "none"}
    from drgn import Object

    space = Object(prog, "struct address_space *", mapping & ~MAPPING_FLAGS)
    if not space.host:
        return {**made, "kind": "no-inode"}
    superblock = space.host.i_sb
    device = superblock.s_dev.value_()
    path = inode_path(space.host)
    made["fs"] = superblock.s_type.name.string_().decode("utf-8", "replace")
    made["device"] = f"{device >> 20}:{device & 0xFFFFF}"
    made["file"] = path.decode("utf-8", "replace") if path else ""
    if made["fs"].startswith("fuse"):
        connection = Object(prog, "struct fuse_mount *", superblock.s_fs_info.value_()).fc
        made["fs"], made["connection"] = "fuse", connection.dev.value_()
        made["waiting"] = connection.num_waiting.counter.value_()
    return made


def main(prog, arguments):
    if not arguments:
        sys.exit("which page frame? For example: drgn tools/drgn_frame.py 0x100013")
    try:
        wanted = frames(arguments)
    except ValueError as error:
        sys.exit(f"a page frame is a number: {error}")
    for pfn in wanted:
        values = told(prog, pfn)
        connection = {name: values.pop(name) for name in ("connection", "waiting") if name in values}
        print(said("suspect", **values))
        if connection:
            print(said("fuse", **connection))


if __name__ == "__main__":
    main(prog, sys.argv[1:])  # noqa: F821 - drgn gives `prog` to its scripts
