#!/usr/bin/env drgn
"""From page frame numbers to who holds them and who waits for them: on a live system, or a vmcore with -c.

    sudo drgn tools/drgn_frame.py 0x100013 0x100014
    drgn -c vmcore -s vmlinux tools/drgn_frame.py 0x100013

The way is page frame, folio, mapping, superblock, then the FUSE connection with its server and what it owes; for a
page in a pipe, the pipe with those who have it open; and each task that sleeps for the folio, with its call trace.
Reads only. Wants the kernel's debugging information, as drgn does. Prints lines as `probe.pyz inspect` does, which
`probe.pyz diagnose` reads. Run on 7.3.4; docs/diagnose.md has what it printed.
Sources: include/linux/mm_types.h struct folio, mm/filemap.c folio_wait_table, include/linux/pipe_fs_i.h,
fs/fuse/fuse_i.h and fuse_dev_i.h (7.3).
"""

import json
import re
import sys

MAPPING_ANON, MAPPING_FLAGS = 1, 3  # include/linux/page-flags.h: low bits of page->mapping
# A private_data below is a state and no pointer: fs/fuse/dev.c has 1 for a device that is not initialised yet.
FIRST_POINTER = 4096
MOST_TASKS, MOST_FRAMES, MOST_REQUESTS = 20, 64, 1000
SCHEDULER = ("__schedule", "schedule", "io_schedule", "context_switch", "schedule_timeout", "io_schedule_timeout")


def frames(arguments):
    """Numbers from the command line, hexadecimal with 0x."""
    return [int(argument, 0) for argument in arguments]


def said(kind, /, **values):
    """One line, blanks and quotes in double quotes as probes/inspect prints them."""

    def shown(value):
        text = str(value)
        return text if re.fullmatch(r"[\w/:.,+-]+", text, re.ASCII) else json.dumps(text)

    return " ".join([f"inspect: {kind}", *(f"{name}={shown(value)}" for name, value in values.items() if value != "")])


def text(value):
    return value.decode("utf-8", "replace") if value else ""


def has(value, name):
    """Whether a structure of this kernel has that member, directly or in an unnamed union."""
    return value.prog_.type(value.type_.type.type_name()).has_member(name)


def told(prog, pfn):
    """What one page frame is, as name to value, and its address_space where it has one with an inode."""
    from drgn import FaultError, Object
    from drgn.helpers.linux.mm import PageSlab, compound_head, decode_page_flags, pfn_to_page

    page = compound_head(pfn_to_page(prog, pfn))
    flags = [name[3:].upper() for name in decode_page_flags(page).split("|") if name in own_flags(prog)]
    made = {"pfn": hex(pfn), "flags": ",".join(flags), "refcount": page._refcount.counter.value_()}
    # Who has no reference, and slab, keep other things where the mapping is.
    if not made["refcount"] or PageSlab(page):
        return page, {**made, "kind": "slab" if made["refcount"] else "free"}, None
    mapping = page.mapping.value_()
    if not mapping:
        return page, {**made, "kind": "none"}, None
    if mapping & MAPPING_ANON:
        return page, {**made, "kind": "anon", **owner(prog, mapping & ~MAPPING_FLAGS)}, None
    space = Object(prog, "struct address_space *", mapping & ~MAPPING_FLAGS)
    try:
        if not space.host:
            return page, {**made, "kind": "no-inode"}, None
    except FaultError:
        return page, {**made, "kind": "no-mapping"}, None
    return page, {**made, **file_of(space.host)}, space.host.i_sb


def own_flags(prog):
    """Names of flags without their aliases: PG_reported is a bit that means something else in another page."""
    names = [name for name, _ in prog.type("enum pageflags").enumerators]
    return names[: names.index("__NR_PAGEFLAGS")]


def owner(prog, address):
    """Who maps an anonymous folio: the first whose memory its anon_vma leads to (mm/rmap.c, rmap_walk_anon)."""
    from drgn import Object
    from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry

    root = Object(prog, "struct anon_vma *", address).rb_root.rb_root.address_of_()
    for chain in rbtree_inorder_for_each_entry("struct anon_vma_chain", root, "rb"):
        mm = chain.vma.vm_mm
        if has(mm, "owner") and mm.owner:
            return {"pid": mm.owner.pid.value_(), "comm": text(mm.owner.comm.string_())}
    return {}


def file_of(inode):
    """File system, device, and the file's name below the file system's root, or below where that is mounted."""
    from drgn.helpers.linux.fs import inode_path

    device, name = inode.i_sb.s_dev.value_(), text(inode_path(inode))
    made = {"fs": text(inode.i_sb.s_type.name.string_()), "device": f"{device >> 20}:{device & 0xFFFFF}"}
    where = mounted(inode.i_sb)
    if made["fs"].startswith("fuse"):
        made["fs"] = "fuse"
    if not name:
        return made
    return {**made, "file": where.rstrip("/") + "/" + name.lstrip("/")}


def mounted(superblock):
    """Where, '' where it is mounted nowhere any more."""
    from drgn.helpers.linux.fs import mount_dst, super_block_for_each_mount

    return next((text(mount_dst(mount)) for mount in super_block_for_each_mount(superblock)), "")


def open_files(prog):
    """Each open file with a task and its descriptor, once a table of descriptors."""
    from drgn.helpers.linux.fs import for_each_file
    from drgn.helpers.linux.pid import for_each_task

    seen = set()
    for task in for_each_task(prog):
        table = task.files.value_()
        if table and table not in seen:
            seen.add(table)
            yield from ((task, number, file) for number, file in for_each_file(task) if file)


def told_of_fuse(prog, superblock, opened):
    """The connection, what waits, what is owed, and who serves it. Before fuse_chan, fuse_conn had it all."""
    from drgn import Object

    connection = Object(prog, "struct fuse_mount *", superblock.s_fs_info.value_()).fc
    channel = connection.chan if has(connection, "chan") else connection
    made = {"connection": connection.dev.value_(), "waiting": channel.num_waiting.counter.value_()}
    made["owes"] = ",".join(owed(prog, channel))
    made["mount"] = mounted(superblock)
    operations, servers = addresses(prog, "fuse_dev_operations"), {}
    for task, _, file in opened:
        private = file.private_data.value_()
        if file.f_op.value_() not in operations or private < FIRST_POINTER:
            continue
        device = Object(prog, "struct fuse_dev *", private)
        if (device.chan if has(device, "chan") else device.fc).value_() == channel.value_():
            servers.setdefault(task.tgid.value_(), task)
    made["daemons"] = ",".join(str(pid) for pid in sorted(servers))
    for task in list(servers.values())[:1]:
        made["comm"], made["uid"] = text(task.comm.string_()), task.cred.uid.val.value_()
    return made


def owed(prog, channel):
    """The kinds of the requests that the server has read and not answered, each with how many."""
    from drgn.helpers.linux.list import list_for_each_entry

    names = {value: name[5:] for name, value in prog.type("enum fuse_opcode").enumerators}
    nr = {}
    for device in list_for_each_entry("struct fuse_dev", channel.devices.address_of_(), "entry"):
        for n in range(256):  # fs/fuse/fuse_dev_i.h FUSE_PQ_HASH_SIZE
            for request in list_for_each_entry("struct fuse_req", device.pq.processing[n].address_of_(), "list"):
                kind = names.get(request.member_("in").h.opcode.value_(), "unknown")
                nr[kind] = nr.get(kind, 0) + 1
                if sum(nr.values()) >= MOST_REQUESTS:
                    break
    return [f"{kind}:{count}" for kind, count in sorted(nr.items())]


def addresses(prog, *names):
    """Of those variables that this kernel has."""
    return {prog[name].address_ for name in names if name in prog}


def told_of_pipes(prog, page, opened):
    """Each pipe that has the page in a buffer, with who has it open; and the pipe itself."""
    from drgn import Object
    from drgn.helpers.linux.mm import compound_head

    operations, made = addresses(prog, "pipefifo_fops", "pipeanon_fops"), {}  # the latter: pipe(2), in later kernels
    for task, number, file in opened:
        if file.f_op.value_() not in operations:
            continue
        pipe = Object(prog, "struct pipe_inode_info *", file.private_data.value_())
        if pipe.value_() not in made:
            slots = range(pipe.tail.value_(), pipe.head.value_())
            held = [pipe.bufs[slot & (pipe.ring_size.value_() - 1)].page for slot in slots]
            nr = sum(1 for one in held if compound_head(one).value_() == page.value_())
            made[pipe.value_()] = (pipe, nr, len(held), file.f_inode.i_ino.value_(), [])
        made[pipe.value_()][-1].append((task, number))
    return [one for one in made.values() if one[1]]


def waiters(prog, page):
    """Tasks that sleep for this folio, and for which of its bits (mm/filemap.c, folio_wait_bit_common)."""
    from drgn import Object, container_of
    from drgn.helpers.linux.wait import waitqueue_for_each_entry

    wake, bits = prog.function("wake_page_function").address_, prog.type("enum pageflags").enumerators
    for n in range(len(prog["folio_wait_table"])):
        for entry in waitqueue_for_each_entry(prog["folio_wait_table"][n].address_of_()):
            if entry.func.value_() != wake:
                continue
            wait = container_of(entry, "struct wait_page_queue", "wait")
            if wait.folio.value_() == page.value_():
                bit = next((name[3:] for name, value in bits if value == wait.bit_nr.value_()), "unknown")
                yield Object(prog, "struct task_struct *", entry.private.value_()), bit


def told_of_task(task):
    """The task and its call trace, as /proc/PID/stack has it: innermost first, without the scheduler's own."""
    from drgn.helpers.linux.sched import task_state_to_char

    values = {"pid": task.pid.value_(), "comm": text(task.comm.string_()), "state": task_state_to_char(task)}
    lines = [said("task", **values, uid=task.cred.uid.val.value_())]
    for frame in list(task.prog_.stack_trace(task))[:MOST_FRAMES]:
        if frame.is_inline:
            continue
        try:
            symbol = frame.symbol()
        except LookupError:
            continue
        if len(lines) > 1 or symbol.name not in SCHEDULER:
            lines.append(f"[<0>] {symbol.name}+{frame.pc - symbol.address:#x}/{symbol.size:#x}")
    return lines


def lines_for(prog, pfn, opened, seen):
    """All that is known of one frame. `seen`: connections, pipes and tasks that were told of an earlier one."""
    page, values, superblock = told(prog, pfn)
    yield said("suspect", **values)
    if values.get("fs") == "fuse" and superblock.value_() not in seen:
        seen.add(superblock.value_())
        yield said("fuse", **told_of_fuse(prog, superblock, opened))
    for pipe, nr, buffers, inode, users in told_of_pipes(prog, page, opened):
        yield said("pipe", inode=inode, of_this_page=nr, buffers=buffers, first_pfn=hex(pfn))
        if pipe.value_() not in seen:
            seen.add(pipe.value_())
            for task, number in users[:MOST_TASKS]:
                yield said("pipe_user", inode=inode, pid=task.tgid.value_(), comm=text(task.comm.string_()), fd=number)
    for task, bit in list(waiters(prog, page))[:MOST_TASKS]:
        yield said("waits", pfn=hex(pfn), bit=bit, pid=task.pid.value_(), comm=text(task.comm.string_()))
        if task.value_() not in seen:
            seen.add(task.value_())
            yield from told_of_task(task)


def main(prog, arguments):
    if not arguments:
        sys.exit("which page frame? For example: drgn tools/drgn_frame.py 0x100013")
    try:
        wanted = frames(arguments)
    except ValueError as error:
        sys.exit(f"a page frame is a number: {error}")
    print(said("kernel", release=text(prog["init_uts_ns"].name.release.string_())))
    opened, seen = list(open_files(prog)), set()
    for pfn in wanted:
        for line in lines_for(prog, pfn, opened, seen):
            print(line)


if __name__ == "__main__":
    main(prog, sys.argv[1:])  # noqa: F821 - drgn gives `prog` to its scripts
