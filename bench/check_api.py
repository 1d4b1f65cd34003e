"""schemathesis over the API's own OpenAPI document, all checks: `make check-api`. Server and database are its own.

python -m bench.check_api [--seconds 300] [schemathesis options…]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from bench.site import ROOT, Site, prepare

HOOKS = "bench.schemathesis_hooks"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    given, more = parser.parse_known_args()
    _, secret, stop = prepare(ROOT / "var" / "check-api")
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)
    site = Site(bare=False)
    try:
        site.wait()
        here = Path(__file__).parent
        command = [str(Path(sys.executable).with_name("schemathesis"))]
        command += ["--config-file", str(here / "schemathesis.toml"), "run"]
        command += [f"http://127.0.0.1:{site.port}/api/v1/openapi.json", "--checks", "all"]
        # A busy machine takes longer than ten seconds for the first document.
        command += ["--wait-for-schema", "60", "--request-timeout", "60"]
        command += ["-H", f"Authorization: Bearer {secret}", "--max-time", str(given.seconds), *more]
        return subprocess.run(command, check=False, env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS}).returncode
    finally:
        site.stop()
        stop()


if __name__ == "__main__":
    sys.exit(main())
