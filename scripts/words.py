"""Find the words that the glossary replaces: ``python scripts/words.py [FILE …]``.

The list is the table "Preferred words" of ``docs/glossary.md``: what its first column has in
backticks is searched for; the rest of the table is advice. Without arguments, every text of the
repository is read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "Preference", "find", "preferences", "texts"]

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = Path("docs/glossary.md")
_KINDS = {".py", ".md", ".html", ".js", ".sh", ".yaml", ".yml", ".toml"}
_FOLDERS = ("node_modules", "_build", "var", "artifacts")
# History is not rewritten, and the glossary has to name what it replaces.
_EXEMPT = ("docs/decisions", "docs/reference/api", str(GLOSSARY))
# A phrase may go on in the next line: of a comment, or of a string in several pieces.
_GAP = r"""(?:\s+(?:#:?\s+)?|\s*["']\s+f?["']\s*)"""


@dataclass(frozen=True)
class Preference:
    """One phrase that is replaced, and what it is replaced with."""

    phrase: str
    better: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The phrase as a regular expression: whole words, in any case, across lines."""
        words = _GAP.join(map(re.escape, self.phrase.split()))
        return re.compile(rf"(?<![\w-]){words}(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One use of such a phrase."""

    path: Path
    line: int
    preference: Preference

    def __str__(self) -> str:
        wanted = self.preference
        return f"{self.path}:{self.line}: “{wanted.phrase}”: prefer “{wanted.better}”"


def preferences(glossary: str) -> list[Preference]:
    """Return what the glossary's table asks to search for."""
    table = glossary.partition("## Preferred words")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return [
        Preference(phrase, better)
        for replaced, better in rows
        for phrase in re.findall(r"`([^`]+)`", replaced)
    ]


def texts(root: Path) -> Iterator[Path]:
    """Yield the repository's files that people read, relative to its top."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        hidden = any(part.startswith(".") and part != ".github" for part in name.parts)
        if path.suffix in _KINDS and not hidden and not set(name.parts) & set(_FOLDERS):
            yield name


def find(root: Path, paths: Iterable[Path], wanted: Iterable[Preference]) -> Iterator[Finding]:
    """Yield each use of a phrase that the glossary replaces."""
    searched = [(preference, preference.pattern) for preference in wanted]
    for path in paths:
        if str(path).startswith(_EXEMPT):
            continue
        text = (root / path).read_text(encoding="utf-8")
        for preference, pattern in searched:
            for match in pattern.finditer(text):
                yield Finding(path, text.count("\n", 0, match.start()) + 1, preference)


def main(arguments: list[str]) -> int:
    """Print what is found; return the exit code."""
    wanted = preferences((ROOT / GLOSSARY).read_text(encoding="utf-8"))
    paths = [Path(name) for name in arguments] or texts(ROOT)
    found = list(find(ROOT, paths, wanted))
    for finding in found:
        sys.stderr.write(f"{finding}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
