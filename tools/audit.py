"""Look up the locked packages in the database of known vulnerabilities, or say that it can't be reached.

python tools/audit.py PIP_AUDIT, where PIP_AUDIT is the program of the package pip-audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.txt"


def audit(program: str) -> tuple[int, str]:
    """An exit code (1 if a vulnerability is known) and a sentence or a list."""
    command = [program, "-r", str(LOCK), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run([*command, "--timeout", "10"], capture_output=True, text=True, timeout=300)
        packages = json.loads(done.stdout)["dependencies"]
    except FileNotFoundError:
        return 0, "Dependency audit skipped: pip-audit is not installed."
    except (json.JSONDecodeError, KeyError, subprocess.TimeoutExpired):
        return 0, "Dependency audit skipped: its database of vulnerabilities can't be reached from here."
    found = [f"{p['name']} {p['version']}: {v['id']}" for p in packages for v in p.get("vulns", ())]
    passed = [p["name"] for p in packages if "skip_reason" in p]
    if len(passed) == len(packages):
        reason = packages[0]["skip_reason"] if packages else "it names no package"
        return 0, f"Dependency audit skipped: the database knows none of the locked packages ({reason})."
    told = f"Dependency audit: {len(packages) - len(passed)} packages looked up, {len(found)} vulnerabilities."
    return int(bool(found)), "\n".join([told, *found])


if __name__ == "__main__":
    code, text = audit(sys.argv[1] if len(sys.argv) > 1 else "pip-audit")
    print(text)
    sys.exit(code)
