"""What the checks share: the project's files, and C++ text without comments and literals."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {".git", "build", "quickstart-out", "__pycache__", ".cache", "node_modules"}

# One alternative per thing that may hide code-like text; the order matters.
_HIDDEN = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\s\\]*)\(.*?\)(?P=delimiter)")
      | (?P<include>^[ \t]*\#[ \t]*include[ \t]*[<"][^>"\n]*[>"])
      | (?P<number>\b\d(?:'?[\w.])*)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<char>'(?:[^'\\\n]|\\.)*')""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def strip(text):
    """Blanks comments, and the content of string and character literals; lines and include paths stay."""

    def blank(match):
        kind = match.lastgroup if match.lastgroup != "delimiter" else "raw"
        if match["include"] or match["number"]:
            return match[0]
        newlines = "\n" * match[0].count("\n")
        if match["comment"]:
            return newlines or " "
        return ('""' if kind in ("raw", "string") else "' '") + newlines

    return _HIDDEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def project_files(root=ROOT):
    """Relative paths of the files under version control or about to be; of all files where there is no git."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return sorted(path for path in set(listed.stdout.split("\0")) if path and (root / path).is_file())
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def is_test(path):
    return path.endswith("_test.cpp")
