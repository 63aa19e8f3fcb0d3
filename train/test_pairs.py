"""Broken, miscoded, empty, copied, repeated lines are counted and skipped: python -m unittest."""

import lzma
import tempfile
import unittest
from pathlib import Path

from pairs import Pair, draw, read_folder


class Reading(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def test_bad_lines_are_counted_and_skipped(self):
        lines = [
            "你好。\tHello.\tgreetings".encode(),
            "没有英文".encode(),
            "一\tone\tsource\tmore".encode(),
            b"\xff\xfe\tbroken",
            "\tNo Chinese.".encode(),
            "好的\t好的".encode(),
            "12\tTwelve.".encode(),
            "你好。\tHello.".encode(),
            ("好" * 100 + "\tYes.").encode(),
        ]
        (self.path / "a.tsv").write_bytes(b"\n".join(lines))
        pairs, report = read_folder(self.path)
        self.assertEqual(pairs, [Pair("你好。", "Hello.", "greetings")])
        self.assertEqual(
            dict(report),
            {
                "lines": 9,
                "broken line": 2,
                "wrong encoding": 1,
                "empty side": 1,
                "one side copied from the other": 1,
                "no hanzi in the Chinese": 1,
                "repeat": 1,
                "length ratio": 1,
            },
        )

    def test_compressed_files_are_read_and_name_the_source(self):
        (self.path / "mine.tsv.xz").write_bytes(lzma.compress("谢谢。\tThanks.\r\n".encode()))
        self.assertEqual(read_folder(self.path)[0], [Pair("谢谢。", "Thanks.", "mine")])

    def test_a_folder_without_pairs_is_an_error(self):
        with self.assertRaises(SystemExit):
            read_folder(self.path)


class Drawing(unittest.TestCase):
    def test_weights_repeat_and_leave_out(self):
        pairs = [Pair("甲", "a", "twice"), Pair("乙", "b", "never"), Pair("丙", "c", "other")]
        chosen = draw(pairs, {"twice": 2, "never": 0, "*": 1}, seed=7)
        self.assertEqual(sorted(chosen), [0, 0, 2])
        self.assertEqual(chosen, draw(pairs, {"twice": 2, "never": 0, "*": 1}, seed=7))


if __name__ == "__main__":
    unittest.main()
