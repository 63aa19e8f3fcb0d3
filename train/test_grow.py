"""A grown vocabulary keeps the old ids, spells as its merges say, and starts sensibly."""

import json
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from grow import allowed, grow_embedding, grow_model, grow_tokenizer, learn_merges
from make_tokenizer import train_tokenizer

OLD_TEXTS = ["the cat sat on the mat.", "the hat", "我吃了一个苹果。", "我吃了"] * 5
NEW_TEXTS = ["the kitten learns the transformer.", "the kitten", "机器学习", "机器学习很难。"] * 5


def spelled_by_order(tokenizer, word):
    """Merges applied strictly in their order, commonest first: what the ids must follow."""
    settings = json.loads(tokenizer.to_str())["model"]
    pieces = []
    for character in word:
        known = character in settings["vocab"]
        pieces += [character] if known else [f"<0x{b:02X}>" for b in character.encode()]
    order = {tuple(merge): number for number, merge in enumerate(settings["merges"])}
    while True:
        pairs = zip(pieces, pieces[1:], strict=False)
        places = [(order.get(pair, len(order)), at) for at, pair in enumerate(pairs)]
        if not places or min(places)[0] == len(order):
            return pieces
        at = min(places)[1]
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]


class Growing(unittest.TestCase):
    def setUp(self):
        self.old = train_tokenizer(OLD_TEXTS, 290, 40)
        self.size = self.old.get_vocab_size() + 15
        self.new = grow_tokenizer(self.old, NEW_TEXTS, self.size, 2)

    def test_old_ids_stay_and_padding_is_last(self):
        old, new = self.old.get_vocab(), self.new.get_vocab()
        self.assertEqual(len(new), self.size)
        self.assertEqual((new["</s>"], new["<pad>"]), (0, self.size - 1))
        self.assertEqual({t: n for t, n in old.items() if t != "<pad>" and new[t] != n}, {})
        self.assertEqual(sorted(new.values()), list(range(self.size)))

    def test_hanzi_that_were_bytes_become_tokens_and_words_grow(self):
        self.assertIn("机", self.new.get_vocab())
        self.assertLess(len(self.new.encode("the kitten")), len(self.old.encode("the kitten")))

    def test_ids_follow_the_order_of_the_merges_and_decode_to_the_text(self):
        for text in (*OLD_TEXTS[:4], *NEW_TEXTS[:4], "a rare 龘 here"):
            self.assertEqual(self.new.decode(self.new.encode(text).ids), text)
        for word in ("▁the", "▁kitten", "▁机器学习", "▁transformer", "▁hat"):
            tokens = [piece.value for piece in self.new.model.tokenize(word)]
            self.assertEqual(tokens, spelled_by_order(self.new, word))

    def test_new_rows_are_the_mean_of_the_old_spelling(self):
        weight = torch.randn(self.old.get_vocab_size(), 64)
        grown = grow_embedding(weight, self.old, self.new)
        self.assertTrue(torch.equal(grown[: len(weight) - 1], weight[:-1]))
        self.assertTrue(torch.equal(grown[-1], weight[-1]))
        number = self.new.get_vocab_size() - 2
        pieces = self.old.model.tokenize(self.new.id_to_token(number))
        mean = weight[[piece.id for piece in pieces]].mean(0)
        self.assertGreater(torch.cosine_similarity(grown[number], mean, dim=0), 0.95)

    def test_a_model_folder_is_written_whole(self):
        with tempfile.TemporaryDirectory() as place:
            folder, target = Path(place, "old"), Path(place, "new")
            folder.mkdir()
            size = self.old.get_vocab_size()
            weights = {"model.shared.weight": torch.randn(size, 8).half()}
            save_file(weights | {"other": torch.ones(2)}, folder / "model.safetensors")
            for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
                (folder / name).write_text("{}")
            grow_model(folder, target, self.old, self.new)
            grown = load_file(target / "model.safetensors")
            self.assertEqual(grown["model.shared.weight"].shape, (self.size, 8))
            self.assertEqual(grown["final_logits_bias"].shape, (1, self.size))
            self.assertTrue(torch.equal(grown["other"], torch.ones(2)))
            settings = json.loads((target / "config.json").read_text())
            self.assertEqual(settings["vocab_size"], self.size)


class Merging(unittest.TestCase):
    def test_the_commonest_pair_first_and_counts_follow(self):
        spelled = [list("abab"), list("abc"), list("bc")]
        self.assertEqual(
            learn_merges(spelled, [1, 5, 4], set("abc"), 2), [("b", "c"), ("a", "bc")]
        )

    def test_bytes_never_merge_and_no_token_is_made_twice(self):
        spelled = [["<0xE4>", "<0xBD>"], ["a", "bc"], ["ab", "c"]]
        self.assertEqual(
            learn_merges(spelled, [9, 2, 3], {"a", "bc", "ab", "c"}, 9), [("ab", "c")]
        )

    def test_phrases_are_left_in_words(self):
        self.assertTrue(allowed("人工智能") and allowed("▁transformer"))
        self.assertFalse(allowed("我吃了一个") or allowed("▁我"))


if __name__ == "__main__":
    unittest.main()
