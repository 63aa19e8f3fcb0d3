"""Muon beside PyTorch's, the estimated loss beside the exact one, dropout, pairs held out."""

import unittest

import torch

from batches import IGNORED
from model import Loss, build
from muon import Muon
from pairs import Pair, held_out, select

CONFIG = {
    "seed": 1,
    "dropout": 0.0,
    "label_smoothing": 0.1,
    "model": {
        "width": 16,
        "heads": 2,
        "inner_width": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "activation": "swish",
    },
}


class Stepping(unittest.TestCase):
    def test_steps_are_those_of_pytorch(self):
        torch.manual_seed(1)
        mine = [torch.nn.Parameter(torch.randn(s)) for s in ((8, 8), (8, 16), (16, 8), (8, 8))]
        theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in mine]
        settings = {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}
        ours = Muon(mine, **settings)
        other = torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **settings)
        for _ in range(3):
            for one, two in zip(mine, theirs, strict=True):
                one.grad = torch.randn_like(one)
                two.grad = one.grad.clone()
            ours.step()
            other.step()
        for one, two in zip(mine, theirs, strict=True):
            # PyTorch's is in bf16.
            torch.testing.assert_close(one, two, atol=2e-3, rtol=0)


class Losing(unittest.TestCase):
    def loss(self, **more):
        model = build(CONFIG, 50)
        source = torch.tensor([[5, 6, 0], [7, 0, 49]])
        labels = torch.tensor([[8, 9, 0], [8, 0, IGNORED]])
        shifted = torch.tensor([[49, 8, 9], [49, 8, 49]])
        return Loss(model, CONFIG | more)(source, (source != 49).long(), shifted, labels)

    def test_all_drawn_is_the_exact_loss(self):
        torch.testing.assert_close(self.loss(sampled=50), self.loss())

    def test_a_sample_is_right_on_average(self):
        torch.manual_seed(2)
        # The model is built anew with its seed each time, so that only the drawing differs.
        state = torch.random.get_rng_state()
        model = build(CONFIG, 50)
        torch.random.set_rng_state(state)
        hidden, labels = torch.randn(6, 16), torch.tensor([3, 3, 4, 9, 0, 7])
        few, exact = Loss(model, CONFIG | {"sampled": 10}), Loss(model, CONFIG | {"sampled": 50})
        mean = sum(few.estimate(hidden, labels) for _ in range(300)) / 300
        self.assertAlmostEqual(mean.item(), exact.estimate(hidden, labels).item(), delta=0.1)


class Dropping(unittest.TestCase):
    def test_a_share_is_dropped_the_rest_is_scaled_and_evaluation_drops_nothing(self):
        layer = build(CONFIG | {"dropout": 0.25}, 50).model.encoder.layers[0].fc2
        inputs = torch.randn(500, 32)
        whole = layer.eval()(inputs)
        dropped = layer.train()(inputs)
        kept = dropped != 0
        self.assertAlmostEqual(kept.float().mean().item(), 0.75, delta=0.03)
        torch.testing.assert_close(dropped[kept], whole[kept] / 0.75)


class HoldingOut(unittest.TestCase):
    def test_held_out_pairs_and_those_that_share_a_side_are_not_trained_on(self):
        pairs = [Pair(f"句{n}", f"sentence {n}", "mine") for n in range(20)]
        pairs += [Pair(pair.chinese, "another", "other") for pair in pairs]
        config = {"weights": {"*": 1}, "held_out": {"sources": ["mine"], "pairs": 5}}
        apart = held_out(pairs, config)
        self.assertEqual(apart, held_out(list(reversed(pairs)), config))
        self.assertEqual(len(apart), 5)
        self.assertEqual(len(select(pairs, config)), 30)
        texts = {pair.chinese for pair in select(pairs, config)}
        self.assertFalse(texts & {pair.chinese for pair in apart})


if __name__ == "__main__":
    unittest.main()
