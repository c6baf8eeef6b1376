"""Install csp as a user would, and ask pyright how completely it is typed: 100 % is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Print the score and whatever lowers it; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        binaries = Path(folder, "Scripts" if os.name == "nt" else "bin")
        pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", str(ROOT)], check=True)
        done = subprocess.run(
            [sys.executable, "-m", "pyright", "--ignoreexternal", "--outputjson"]
            + ["--verifytypes", "csp"],
            cwd=folder,  # pyright looks for csp with the python that is first on PATH
            env=os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
    report = json.loads(done.stdout)["typeCompleteness"]
    for symbol in report["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            print(symbol["name"], *(each["message"] for each in symbol.get("diagnostics", ())))
    if not report["symbols"]:
        print(done.stdout)
    print(f"pyright --verifytypes csp: {report['completenessScore']:.1%}")
    return 0 if report["completenessScore"] == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
