#!/usr/bin/env python3
"""Learns from en.txt and de.txt how greetings begin, and writes the tables that the detector reads.

    python3 media/tests/callee/openings/openings.py

For each kind of speaker it counts words in their order, three at a time, and smooths the counts (Witten-Bell: what was seen
little says little). A row of the table is one to three words and what the last of them says, after those before it, for a
machine, a screening service and a menu against a person: the natural logarithm of how much more often it is said, times a
hundred. The longest row that fits counts; the rows of a text add up. A word in twelve is misheard, and one in five of people's
is one that nobody thought of, so that none counts for much by itself. There is no chance in it: the same sentences make the same tables.
"""

import collections
import itertools
import math
import pathlib

KINDS = ["person", "machine", "screening", "menu"]
START, END, OTHER = "<", ">", "_"
MISHEARD = 1 / 12
UNTHOUGHT = 1 / 5
# What a row says at least, in hundredths, to be kept where a shorter one says the same.
DIFFERS = 5

HERE = pathlib.Path(__file__).parent
TABLES = HERE.parents[2] / "src/detect/openings"


def expanded(pattern):
    """All texts of a pattern, each a tuple of words."""
    choices = []
    for part in pattern.split():
        part, optional = (part[:-1], True) if part.endswith("?") else (part, False)
        texts = [tuple(text.split("~")) for text in part.split("|")]
        choices.append(texts + [()] if optional else texts)
    return [sum(text, ()) for text in itertools.product(*choices)]


def sentences(path):
    """Texts of each kind with their weights."""
    kinds = {kind: [] for kind in KINDS}
    kind, group = None, None
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            kind = line.strip("[]")
            group = (None, [])
            kinds[kind].append(group)
        elif line.startswith("="):
            group = (float(line[1:]), [])
            kinds[kind].append(group)
        elif line:
            group[1].append(expanded(line))
    told = {}
    for kind, groups in kinds.items():
        groups = [(weight or len(lines), lines) for weight, lines in groups if lines]
        # As many texts as there are lines, whatever the weights add up to.
        scale = sum(len(lines) for _, lines in groups) / sum(weight for weight, _ in groups)
        told[kind] = [
            (text, scale * weight / len(lines) / len(texts))
            for weight, lines in groups
            for texts in lines
            for text in texts
        ]
    return told


class Model:
    """How often one kind of speaker says a word after up to two others."""

    def __init__(self, texts, vocabulary):
        self.size = len(vocabulary) + 1
        self.after = collections.defaultdict(collections.Counter)
        for text, weight in texts:
            words = (START, START, *text, END)
            for at in range(2, len(words)):
                for order in range(3):
                    self.after[words[at - order : at]][words[at]] += weight

    def chance(self, before, word):
        shorter = self.chance(before[1:], word) if before else 1 / self.size
        seen = self.after.get(before)
        if not seen:
            return shorter
        total, kinds = sum(seen.values()), len(seen)
        # A text that stands for many has small weights; its words count as seen as often as they weigh.
        kinds = min(kinds, max(total, 1.0))
        return (seen[word] + kinds * shorter) / (total + kinds)


def table(path):
    told = sentences(path)
    vocabulary = sorted({word for texts in told.values() for text, _ in texts for word in text})
    models = {kind: Model(texts, vocabulary) for kind, texts in told.items()}
    noise = {word: sum(model.chance((), word) for model in models.values()) / len(models) for word in vocabulary}

    def says(row):
        *before, word = row

        def chance(kind):
            any_word = UNTHOUGHT if kind == "person" else MISHEARD
            return (1 - any_word) * models[kind].chance(tuple(before), word) + any_word * noise[word]

        return [round(100 * math.log(chance(kind) / chance("person"))) for kind in KINDS[1:]]

    seen = {(*before, word) for model in models.values() for before, words in model.after.items() for word in words}
    seen = {row for row in seen if row[-1] != END}
    rows = {}
    for row in sorted(seen, key=lambda row: (len(row), row)):
        said = says(row)
        shorter = next((rows[row[at:]] for at in range(1, len(row)) if row[at:] in rows), None)
        if shorter is None or any(abs(a - b) >= DIFFERS for a, b in zip(said, shorter)):
            rows[row] = said
    return rows


def main():
    for language in ["en", "de"]:
        rows = table(HERE / f"{language}.txt")
        lines = [
            f"# How greetings begin. Written by openings.py from its {language}.txt; do not edit.",
            "# Words; what the last says for a machine, a screening service, a menu against a person, ln x 100.",
        ]
        lines += [" ".join(row) + " " + " ".join(map(str, said)) for row, said in sorted(rows.items())]
        (TABLES / f"{language}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
