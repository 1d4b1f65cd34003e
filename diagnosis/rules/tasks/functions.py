"""Functions of the kernel by what their name in a call trace means: who migrates, and what is waited for."""

from __future__ import annotations

MIGRATING = frozenset(
    {
        "migrate_pages",
        "migrate_pages_batch",
        "migrate_pages_sync",
        "unmap_and_move",
        "__unmap_and_move",
        "migrate_folio_unmap",
        "soft_offline_page",
        "soft_offline_in_use_page",
        "__soft_offline_page",
        "migrate_folio_move",
    }
)
WRITEBACK = frozenset({"folio_wait_writeback", "wait_on_page_writeback", "folio_wait_writeback_killable"})
# Up to 5.1 wait_on_page_writeback() was inline, and what stands in its place waits for no lock (mm/filemap.c).
OLD_WRITEBACK = frozenset({"wait_on_page_bit"})
LOCK = frozenset({"__folio_lock", "__lock_page", "folio_lock", "lock_page"})
# The lock of a bit, of whatever: a page up to 4.12, a buffer head always (mm/filemap.c, fs/buffer.c).
BIT_LOCK = frozenset({"__wait_on_bit_lock", "out_of_line_wait_on_bit_lock"})
BUFFER_LOCK = frozenset({"__lock_buffer", "lock_buffer"})
# These lock every buffer of a folio before they move it (mm/migrate.c). They sleep for nothing else.
BUFFERS = frozenset(
    {
        *(
            "__buffer_migrate_folio",
            "buffer_migrate_folio",
            "buffer_migrate_folio_norefs",
            "buffer_migrate_lock_buffers",
        ),
        *("__buffer_migrate_page", "buffer_migrate_page", "buffer_migrate_page_norefs"),
    }
)
# What calls for a folio's lock on a mover's behalf.
LOCKERS = MIGRATING | {"do_migrate_range", "migrate_folios_unmap", "migrate_hugetlbs", "unmap_and_move_huge_page"}
# Where nothing else stands between it and the mover, the lock's own function was called as the last thing, and is gone.
WAIT = frozenset({"folio_wait_bit_common", "wait_on_page_bit_common"})
# A wait for some folio's bit, whichever.
SOME_FOLIO = WRITEBACK | OLD_WRITEBACK | LOCK | WAIT | {"folio_wait_bit", "folio_wait_bit_killable"}
WRITEBACK_HAS_A_FRAME = (5, 2)
RMAP = frozenset(
    {"rmap_walk_file", "rmap_walk_anon", "rmap_walk", "try_to_migrate", "try_to_unmap", "remove_migration_ptes"}
)
VICTIM = frozenset(
    {"migration_entry_wait", "migration_entry_wait_on_locked", "__migration_entry_wait", "pmd_migration_entry_wait"}
)
PRIVATE_2 = frozenset(
    {
        *("folio_wait_private_2", "folio_wait_private_2_killable", "wait_on_page_private_2"),
        *("wait_on_page_private_2_killable", "__fscache_wait_on_page_write"),
    }
)
PRIVATE = PRIVATE_2 | {"nfs_wb_folio", "nfs_wb_page", "nfs_wb_folio_reclaim"}
THROTTLE = frozenset({"reclaim_throttle", "congestion_wait", "too_many_isolated"})
SLEEPING_LOCKS = frozenset(
    {
        "__mutex_lock",
        "__mutex_lock_slowpath",
        "mutex_lock",
        "mutex_lock_nested",
        "__mutex_lock_common",
        "down_read",
        "down_write",
        "down_read_killable",
        "rwsem_down_read_failed",
        "rwsem_down_write_failed",
        "percpu_rwsem_wait",
        "percpu_down_write",
        "__percpu_down_read",
        "rwsem_down_read_slowpath",
        "rwsem_down_write_slowpath",
        *("call_rwsem_down_read_failed", "call_rwsem_down_write_failed", "__down_read", "__down_write"),
        *("rwbase_read_lock", "rt_mutex_slowlock", "__rt_mutex_slowlock", "rt_mutex_lock"),
    }
)
# What takes the lock of a folio's mappings on behalf of a walk through them.
MAPPINGS = frozenset({"folio_lock_anon_vma_read", "page_lock_anon_vma_read", "i_mmap_lock_read", "anon_vma_lock_read"})
HOTPLUG = frozenset(
    {
        "get_online_mems",
        "mem_hotplug_begin",
        "cpus_read_lock",
        "lock_device_hotplug",
        "lock_device_hotplug_sysfs",
        "cpu_hotplug_begin",
    }
)

# These wait for readers as well, of which any may sleep with the lock (include/linux/memory_hotplug.h, kernel/cpu.c).
HOTPLUG_WRITERS = frozenset({"mem_hotplug_begin", "cpu_hotplug_begin"})
