"""Clean Tang poems for poems.py: python make_poems.py PACKAGE DATA, PACKAGE of npm chinese-poetry.

Writes DATA/train.tsv and DATA/heldout.tsv: form<TAB>title<TAB>lines with a space between them.
Kept are quatrains and eight-line verse of five or seven characters a line, in simplified Chinese.
"""

import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path

import opencc

HANZI = r"[\u3400-\u4dbf\u4e00-\u9fff]"
FORMS = {(4, 5): "五绝", (4, 7): "七绝", (8, 5): "五律", (8, 7): "七律"}
HELD_OUT = 1000
LONGEST_TITLE = 12
RAREST = 3
NOTE = r"（[^（）]*）"
# Rhymed textbooks of medicine and alchemy, and titles that say nothing.
TEXTBOOK = re.compile("百一歌|丹歌|丹诀|还丹|证道歌|脉诀")
EMPTY_TITLES = {"诗", "句", "五言", "七言", "绝句", "偈", "颂", "歌", "残句", "失题", "无题诗"}


def lines_of(paragraphs):
    """The verse lines of a poem, or None where a character is lost, glossed or no hanzi."""
    text = re.sub(NOTE, "", "".join(paragraphs))
    if not re.fullmatch(rf"(?:{HANZI}|[，。？！；])+", text):
        return None
    return [line for line in re.split("[，。？！；]", text) if line]


def plain_title(title):
    """A title without its number in a series and without notes, or "" if it is too long."""
    title = re.sub(r"[（(〔\[].*$", "", title).split(" ")[0]
    title = re.sub(r"[一二三四五六七八九十百]+首$", "", title)
    title = "".join(re.findall(HANZI, title))
    return "" if len(title) > LONGEST_TITLE or title in EMPTY_TITLES else title


def read_package(folder, report):
    """Yield form, title and lines of each poem that has one of the four forms."""
    simplify = opencc.OpenCC("t2s").convert
    paths = sorted(Path(folder).glob("dist/quantangshi/poet.tang.*.json"))
    if not paths:
        sys.exit(f"no dist/quantangshi/poet.tang.*.json in {folder}: unpack chinese-poetry there")
    for path in paths:
        for poem in json.loads(path.read_text(encoding="utf-8")):
            report["poems"] += 1
            lines = lines_of(poem["paragraphs"])
            if lines is None:
                report["odd characters"] += 1
                continue
            form = FORMS.get((len(lines), len(lines[0]) if lines else 0))
            if form is None or len(set(map(len, lines))) > 1:
                report["another form"] += 1
                continue
            title = plain_title(simplify(poem["title"]))
            if TEXTBOOK.search(title):
                report["textbook"] += 1
                continue
            yield form, title, [simplify(line) for line in lines]


def without_repeats(poems, report):
    """Drop a poem that has two lines of one that came before: the same under another name."""
    seen = set()
    for poem in poems:
        if sum(line in seen for line in poem[2]) >= 2:
            report["repeat"] += 1
            continue
        seen.update(poem[2])
        yield poem


def without_rare(poems, report):
    """Drop poems with a character that fewer than RAREST poems have, so that all are learnt."""
    counts = Counter(character for poem in poems for character in set("".join(poem[2])))
    for poem in poems:
        if min(counts[character] for character in "".join(poem[2])) < RAREST:
            report["rare character"] += 1
            continue
        yield poem


def main():
    package, data = Path(sys.argv[1]), Path(sys.argv[2])
    report = Counter()
    poems = list(without_repeats(read_package(package, report), report))
    poems = list(without_rare(poems, report))
    # By hash, so that a poem stays on its side when others come or go.
    poems.sort(key=lambda poem: hashlib.sha256("".join(poem[2]).encode()).digest())
    data.mkdir(parents=True, exist_ok=True)
    for name, part in (("heldout", poems[:HELD_OUT]), ("train", poems[HELD_OUT:])):
        rows = [f"{form}\t{title}\t{' '.join(lines)}\n" for form, title, lines in part]
        (data / f"{name}.tsv").write_text("".join(rows), encoding="utf-8")
        print(f"{len(part):>7,}  {name}: {dict(Counter(poem[0] for poem in part))}")
    for reason, count in report.most_common():
        print(f"{count:>7,}  {reason}")


if __name__ == "__main__":
    main()
