"""The API by its own OpenAPI document: generated clients on a round, then schemathesis with all checks.

`make check-api`. Server and database are its own.

python -m bench.check_api [--seconds 300] [schemathesis options…]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

from bench import generated_clients
from bench.site import ROOT, Site, prepare

HOOKS = "bench.schemathesis_hooks"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300, help="of schemathesis; 0 leaves it out")
    given, more = parser.parse_known_args()
    machine, _, stop = prepare(ROOT / "var" / "check-api")
    from django.core.management import call_command

    from people.access import machines
    from people.models import Scope

    scopes = (Scope.SUBMIT, Scope.CURATE, Scope.MACHINES)
    secret = machines.make_token(machine, machine.owner, scopes)
    call_command("collectstatic", verbosity=0, interactive=False)
    site = Site(bare=False)
    try:
        site.wait()
        address = f"http://127.0.0.1:{site.port}"
        with urllib.request.urlopen(f"{address}/api/v1/openapi.json", timeout=60) as answer:  # noqa: S310 - http
            document = answer.read()
        try:
            generated_clients.check(address, document, secret)
        except generated_clients.Failed as error:
            print(error)
            return 1
        if not given.seconds:
            return 0
        here = Path(__file__).parent
        command = [str(Path(sys.executable).with_name("schemathesis"))]
        command += ["--config-file", str(here / "schemathesis.toml"), "run"]
        command += [f"{address}/api/v1/openapi.json", "--url", address, "--checks", "all"]
        # A busy machine takes longer than ten seconds for the first document.
        command += ["--wait-for-schema", "60", "--request-timeout", "60"]
        command += ["-H", f"Authorization: Bearer {secret}", "--max-time", str(given.seconds), *more]
        return subprocess.run(command, check=False, env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS}).returncode
    finally:
        site.stop()
        stop()


if __name__ == "__main__":
    sys.exit(main())
