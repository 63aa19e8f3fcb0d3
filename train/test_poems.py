"""Poems become texts and labels as the model is to read them: python -m unittest."""

import types
import unittest

from evaluate_poems import keeps, lines_of, longest_run, rhyme_share
from make_poems import lines_of as read_lines
from make_poems import plain_title
from poems import Poem, batches_of, make_tokenizer, text_of

POEM = Poem("五绝", "登楼", ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"])
ALONE = types.SimpleNamespace(rank=0, count=1)


class Reading(unittest.TestCase):
    def test_notes_go_and_lost_characters_refuse_a_poem(self):
        self.assertEqual(read_lines(["白日依山尽（一作近），", "黄河入海流。"])[0], "白日依山尽")
        self.assertIsNone(read_lines(["白日□山尽，"]))

    def test_titles_lose_their_numbers(self):
        self.assertEqual(plain_title("帝京篇十首 六"), "帝京篇")
        self.assertEqual(plain_title("诗"), "")
        self.assertEqual(plain_title("一" * 13), "")


class Writing(unittest.TestCase):
    def test_form_and_title_may_be_left_out(self):
        body = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。"
        self.assertEqual(text_of(POEM), f"五绝《登楼》\n{body}")
        self.assertEqual(text_of(POEM, form=False, title=False), body)
        self.assertEqual(text_of(POEM, title=False), f"五绝\n{body}")

    def test_ids_give_the_text_back_and_what_is_typed_is_brought_to_their_marks(self):
        tokenizer = make_tokenizer([POEM])
        ids = tokenizer.encode("白 日依山尽,欲穷?").ids
        self.assertEqual(ids[0], 0)
        self.assertEqual(tokenizer.decode(ids), "白日依山尽，欲穷。")

    def test_labels_are_the_next_ids_and_unknown_characters_are_none(self):
        tokenizer = make_tokenizer([POEM])
        config = {"forms": 1, "titles": 1, "batch_tokens": 1000}
        poems = [POEM._replace(title="黄髓")]
        [(inputs, labels)] = batches_of(poems, tokenizer, config, 1, ALONE)
        self.assertEqual(labels.shape, inputs.shape)
        known = labels[0] != -100
        self.assertEqual(int((~known).sum()), 1)
        self.assertEqual(labels[0, :-1][known[:-1]].tolist(), inputs[0, 1:][known[:-1]].tolist())
        self.assertEqual(labels[0, -1], tokenizer.token_to_id("</s>"))


class Measuring(unittest.TestCase):
    def test_form_and_rhyme(self):
        lines = lines_of(text_of(POEM))
        self.assertEqual(lines, POEM.lines)
        self.assertTrue(keeps("五绝", lines))
        self.assertFalse(keeps("七绝", lines) or keeps("五律", lines))
        self.assertEqual(rhyme_share([lines]), 1)

    def test_copies_are_found_across_lines(self):
        self.assertEqual(longest_run(["甲黄河入", "海流乙丙"], "黄河入海流"), 5)


if __name__ == "__main__":
    unittest.main()
