"""Stage the pages for MkDocs in .site/src, and make the search of the built site work from disk (`make site`).

`stage` copies the Markdown pages and their figures; links to files that are no pages become plain words. `finish` puts
index and search into one script: pages opened from disk may not fetch files.
"""

import json
import re
import shutil
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
SITE = REPO / ".site"
PAGES = ("README.md", "CHANGELOG.md", "docs/*.md", "config/README.md", "resources/*/README.md")
FIGURES = ("docs/figures/*.*", "docs/figures/gallery/*.*")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\\.|!?\[[^\]]*\])*)\]\(([^()\s]+)\)")

SEARCH = """
document.addEventListener("DOMContentLoaded", () => {
  const index = lunr(function () {
    this.ref("location"); this.field("title", { boost: 8 }); this.field("text");
    SEARCH_INDEX.forEach((page) => this.add(page));
  });
  const of = new Map(SEARCH_INDEX.map((page) => [page.location, page]));
  const box = document.getElementById("mkdocs-search-query"), list = document.getElementById("mkdocs-search-results");
  if (!box) return;
  box.addEventListener("input", () => {
    list.replaceChildren();
    const words = box.value.replace(/[:~^+*-]/g, " ").trim();
    if (words.length < 2) return;
    const found = index.search(words.split(/\\s+/).map((word) => `${word} ${word}*`).join(" ")).slice(0, 30);
    for (const { ref } of found) {
      const page = of.get(ref), item = document.createElement("article"), link = document.createElement("a");
      link.href = `${base_url}/${ref}`;
      link.textContent = page.title;
      const said = document.createElement("p");
      said.textContent = page.text.slice(0, 160);
      item.append(link, said);
      list.append(item);
    }
    if (!found.length) list.textContent = "Nothing found.";
  });
});
"""


def staged():
    """Pages and figures of the site, relative to the repository."""
    return sorted(path.relative_to(REPO) for pattern in (*PAGES, *FIGURES) for path in REPO.glob(pattern))


def without_other_links(text, page, known):
    """Markdown in which links to files that are not on the site are their words alone."""

    def replace(match):
        target = match[2].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        place = (REPO / page.parent / target).resolve()
        here = place.is_relative_to(REPO) and place.relative_to(REPO) in known
        return match[0] if here else match[1]

    return LINK.sub(replace, text)


def stage(folder=SITE / "src"):
    """Copy what the site is made of."""
    shutil.rmtree(folder, ignore_errors=True)
    known = staged()
    for path in known:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = without_other_links((REPO / path).read_text(encoding="utf-8"), path, set(known))
            (folder / path).write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(REPO / path, folder / path)


def finish(folder=SITE / "html"):
    """One script of lunr, index and search in place of those that fetch."""
    search = folder / "search"
    pages = json.loads((search / "search_index.json").read_text(encoding="utf-8"))["docs"]
    lunr = (search / "lunr.js").read_text(encoding="utf-8")
    index = f"const SEARCH_INDEX = {json.dumps(pages)};"
    (search / "main.js").write_text("\n".join([lunr, index, SEARCH]), encoding="utf-8")


if __name__ == "__main__":
    {"stage": stage, "finish": finish}[sys.argv[1]]()
