"""Read a folder of TSVs into clean pairs, counting what is skipped and why.

A line is Chinese<TAB>English, perhaps <TAB>source. python pairs.py DATA [CONFIG [FILE]]
reports, and writes the pairs that the config holds out to FILE.
"""

import hashlib
import json
import lzma
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HANZI = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
LATIN = re.compile(r"[A-Za-z]")


class Pair(NamedTuple):
    chinese: str
    english: str
    source: str


def lines_of(path):
    """Yield each line as text, or None where the bytes are not UTF-8."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rb") as file:
        for raw in file:
            try:
                yield raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                yield None


def fault(chinese, english):
    """Name what is wrong with a pair, or return None when nothing is."""
    if not chinese or not english:
        return "empty side"
    if chinese == english:
        return "one side copied from the other"
    if not HANZI.search(chinese):
        return "no hanzi in the Chinese"
    if not LATIN.search(english):
        return "no letters in the English"
    if HANZI.search(english):
        return "hanzi in the English"
    # An English word takes 1.6 hanzi on average; beyond these bounds the sides differ in meaning.
    hanzi, words = len(HANZI.findall(chinese)), len(english.split())
    if hanzi > 5 * words + 8 or words > 2 * hanzi + 8:
        return "length ratio"
    return None


def read_file(path, report):
    """Yield the clean pairs of one file; add the reasons for all others to `report`."""
    name = path.name.removesuffix(".xz").removesuffix(".tsv")
    for line in lines_of(path):
        report["lines"] += 1
        if line is None:
            report["wrong encoding"] += 1
            continue
        columns = line.split("\t")
        if len(columns) not in (2, 3):
            report["broken line"] += 1
            continue
        chinese, english = columns[0].strip(), columns[1].strip()
        reason = fault(chinese, english)
        if reason:
            report[reason] += 1
            continue
        yield Pair(chinese, english, columns[2] if len(columns) == 3 else name)


def read_folder(folder):
    """All clean pairs of a folder without repeats, and the report of what was skipped."""
    paths = sorted([*Path(folder).glob("*.tsv"), *Path(folder).glob("*.tsv.xz")])
    if not paths:
        sys.exit(f"no .tsv or .tsv.xz file in {folder}: expected lines of Chinese<TAB>English")
    report, pairs, seen = Counter(), [], set()
    for path in paths:
        for pair in read_file(path, report):
            if pair[:2] in seen:
                report["repeat"] += 1
                continue
            seen.add(pair[:2])
            pairs.append(pair)
    if not pairs:
        sys.exit(f"no usable pair in {folder}: {dict(report)}")
    return pairs, report


def is_sentence(pair):
    """True for a full sentence, as opposed to a name, a menu entry or a template with holes."""
    return (
        pair.chinese[-1] in "。！？.!?"
        and pair.english[-1] in ".!?\"'"
        and not re.search(r"[%<>{}\\|_=#@/]", pair.chinese + pair.english)
    )


def held_out(pairs, config):
    """Pairs that are never trained on: the same sample whatever else the folder holds."""
    wish = config.get("held_out", {"sources": [], "pairs": 0})
    candidates = [pair for pair in pairs if pair.source in wish["sources"]]
    return sorted(candidates, key=lambda pair: hashlib.sha256(pair.chinese.encode()).digest())[
        : wish["pairs"]
    ]


def select(pairs, config):
    """Keep the pairs of the weighted sources that pass that source's own limits.

    Nothing that shares a side with a pair held out is kept.
    """
    apart = held_out(pairs, config)
    chinese, english = {pair.chinese for pair in apart}, {pair.english for pair in apart}
    sentences_only = set(config.get("sentences_only", []))
    longest = config.get("longest_hanzi", {})
    kept = []
    for pair in pairs:
        if pair.source not in config["weights"] and "*" not in config["weights"]:
            continue
        if pair.chinese in chinese or pair.english in english:
            continue
        if pair.source in sentences_only and not is_sentence(pair):
            continue
        if len(pair.chinese) > longest.get(pair.source, longest.get("*", 10_000)):
            continue
        kept.append(pair)
    return kept


def draw(pairs, weights, seed):
    """Indices of one epoch: a pair of weight 2.3 is there twice, and thrice with chance 0.3."""
    generator = random.Random(seed)
    chosen = []
    for index, pair in enumerate(pairs):
        weight = weights.get(pair.source, weights.get("*", 0.0))
        copies = int(weight) + (generator.random() < weight - int(weight))
        chosen.extend([index] * copies)
    generator.shuffle(chosen)
    return chosen


if __name__ == "__main__":
    pairs, report = read_folder(sys.argv[1])
    for reason, count in report.most_common():
        print(f"{count:>9,}  {reason}")
    if len(sys.argv) > 2:
        config = json.loads(Path(sys.argv[2]).read_text())
        if len(sys.argv) > 3:
            lines = [f"{pair.chinese}\t{pair.english}\n" for pair in held_out(pairs, config)]
            Path(sys.argv[3]).write_text("".join(lines), encoding="utf-8")
        pairs = select(pairs, config)
    for source, count in Counter(pair.source for pair in pairs).most_common():
        hanzi = sum(len(pair.chinese) for pair in pairs if pair.source == source)
        print(f"{count:>9,}  kept from {source}, {hanzi / count:.1f} characters on average")
