"""Beam search of one sentence as transformers does it, and by how much each decision was led."""

import math


def search(following, beams, length_penalty, early_stopping, limit, ends):
    """`following` gives `[n, V]` log-probabilities after n hypotheses. The best hypotheses as
    (score, tokens), best first, and the least distance of two values that a decision hung on: where
    that is more than rounding, every engine must decide alike."""
    live, finished, gaps = [(0.0, [])], [], [math.inf]
    for length in range(1, limit + 1):
        rows = following([tokens for _, tokens in live])
        sums = sorted(
            ((score + value, index, token) for index, (score, _) in enumerate(live)
             for token, value in best_of(rows[index], beams, len(ends))),
            key=lambda candidate: -candidate[0])
        # All are as long as each other. An end token is an end, the limit ends whatever is there.
        candidates = [(value, live[index][1] + [token]) for value, index, token in sums]
        over = [length == limit or tokens[-1] in ends for _, tokens in candidates]

        # Those who go on: sums without a length penalty.
        open_ones = [candidate for candidate, ended in zip(candidates, over) if not ended]
        live = open_ones[:beams]
        gaps += gap(open_ones, beams)
        # Those who are kept: an end token that is not among the best `beams` candidates is lost.
        offered = [candidate for candidate, ended in zip(candidates[:beams], over) if ended]
        for rank, ended in enumerate(over):
            if ended and len(candidates) > beams:
                other = candidates[beams if rank < beams else beams - 1]
                gaps.append(abs(candidates[rank][0] - other[0]))
        # The length counts the end token, and nothing that was given to begin with.
        finished += [(value / length**length_penalty, tokens) for value, tokens in offered]
        finished.sort(key=lambda candidate: -candidate[0])
        gaps += gap(finished, beams)
        finished = finished[:beams]

        if length == limit or len(finished) == beams and early_stopping is True:
            break
        if len(finished) == beams:
            # Can the best of those who go on still become better than the worst that is kept?
            hoped = limit if early_stopping == "never" and length_penalty > 0 else length
            possible, worst = live[0][0] / hoped**length_penalty, finished[-1][0]
            gaps.append(abs(possible - worst))
            if possible <= worst:
                break
    gaps += [abs(a[0] - b[0]) for a, b in zip(finished, finished[1:])]
    return finished, min(gaps)


def best_of(row, beams, ends):
    """As many tokens of one hypothesis as could be candidates, and one more for the gap."""
    best = row.topk(min(len(row), max(2, 1 + ends) * beams + 1))
    pairs = zip(best.indices.tolist(), best.values.tolist())
    return [(token, value) for token, value in pairs if value > -math.inf]


def gap(candidates, count):
    """By how much the last that counts leads the first that doesn't."""
    return [candidates[count - 1][0] - candidates[count][0]] if len(candidates) > count else []
