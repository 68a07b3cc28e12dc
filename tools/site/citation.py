"""CITATION.cff as BibTeX, and what else the site says of itself: version, date, address."""

from __future__ import annotations

import yaml

from dfdlib.core import paths

KINDS = {"conference-paper": "inproceedings", "article": "article"}  # anything else: misc
FIELDS = {"collection-title": "booktitle", "journal": "journal", "year": "year", "version": "version", "doi": "doi"}
FIELDS |= {"repository-code": "url"}


def about() -> dict:
    """What CITATION.cff says."""
    return yaml.safe_load((paths.root() / "CITATION.cff").read_text(encoding="utf-8"))


def bibtex() -> str:
    """The paper that the study reproduces, then the study."""
    study = about()
    study["year"] = study["date-released"].year
    return "\n\n".join(_entry(work) for work in (study["preferred-citation"], study))


def _entry(work: dict) -> str:
    fields = {"author": " and ".join(map(_author, work["authors"])), "title": f"{{{work['title']}}}"}
    fields |= {name: work[key] for key, name in FIELDS.items() if key in work}
    if "start" in work:
        fields["pages"] = f"{work['start']}--{work['end']}"
    if "publisher" in work:
        fields["publisher"] = work["publisher"]["name"]
    first = work["authors"][0].get("family-names", "study").lower()
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{KINDS.get(work['type'], 'misc')}{{{first}{fields['year']},\n{lines}}}"


def _author(person: dict) -> str:
    if "family-names" in person:
        return f"{person['family-names']}, {person['given-names']}"
    return f"{{{person['name']}}}"  # braces: not taken apart into given and family names
