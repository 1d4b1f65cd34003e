"""What the guest need not compile: the code of each module of the probe, beside the archive that it runs from.

Python keeps no compiled code of what it loads from an archive, so each start compiled all of it, twice. On an emulated
processor of a busy host that was most of the minute between a guest's first program and the first word of its probe.
The archive itself stays as it is, byte for byte: the reports name it by its digest.
"""

from __future__ import annotations

import io
import marshal
import zipfile
from typing import Dict

# Python of the guest, which is the one that runs the lab. What is not among the codes is loaded as ever.
START = b"""import marshal, sys, zipimport

with open("/lab/probe.codes", "rb") as kept:
    codes = marshal.load(kept)


class Importer(zipimport.zipimporter):
    def get_code(self, fullname):
        return codes.get(fullname) or super().get_code(fullname)

    def get_filename(self, fullname):  # else it compiles, to know whence the code would come
        return codes[fullname].co_filename if fullname in codes else super().get_filename(fullname)


class Unused:
    add = staticmethod(lambda *_: None)


# A guest only runs cases. These bring in what takes longer to load than all the rest: the lab, and the reading of logs.
unused = "probes.command.lab", "probes.command.diagnose_log", "probes.command.monitor", "diagnosis.formats.kernel_log"
sys.modules.update(dict.fromkeys(unused, Unused))

sys.path_hooks.insert(0, Importer)
sys.path[0] = "/lab/probe.pyz"
sys.argv[0] = "/lab/probe.pyz"

from probes.command.cli import main

sys.exit(main())
"""


def of(archive: bytes, path: str) -> bytes:
    """The code of all modules of an archive that will lie at `path`, which is where tracebacks look for their lines."""
    codes: Dict[str, object] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        for name in packed.namelist():
            if name.endswith(".py") and "/" in name:
                module = name[: -len(".py")].replace("/", ".")
                module = module[: -len(".__init__")] if module.endswith(".__init__") else module
                codes[module] = compile(packed.read(name), "%s/%s" % (path, name), "exec", dont_inherit=True)
    return marshal.dumps(codes)
