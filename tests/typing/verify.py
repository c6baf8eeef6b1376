"""Install it as a user would, and ask pyright how completely it is typed: 100 % is wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PACKAGES = ("csp", "netchannels")
ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Print the scores and whatever lowers them; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        binaries = Path(folder, "Scripts" if os.name == "nt" else "bin")
        pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", str(ROOT)], check=True)
        complete = [is_complete(package, folder, binaries) for package in PACKAGES]
    return 0 if all(complete) else 1


def is_complete(package: str, folder: str, binaries: Path) -> bool:
    """Print the score of a package."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--ignoreexternal", "--outputjson"]
        + ["--verifytypes", package],
        cwd=folder,  # pyright looks for it with the python that is first on PATH
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
    score = report["completenessScore"]
    print(f"pyright --verifytypes {package}: {score:.1%}")
    return bool(score == 1)


if __name__ == "__main__":
    sys.exit(main())
