"""What changes as a run uses up its time: the learning rate and what an epoch is drawn from.

Both follow the share of the time budget that is gone, not steps: a slow or busy machine makes fewer
steps, but its learning rate still reaches zero when the time is over.
"""


def rate(progress, config):
    """Learning-rate factor: a linear warm-up, a plateau, then linearly to zero."""
    warm, hold = config["warm_up"], config["hold"]
    if progress < warm:
        return progress / warm
    if progress < hold:
        return 1.0
    return max(0.0, (1.0 - progress) / (1.0 - hold))


def settings_at(progress, config):
    """The config for an epoch that starts here: its part `late` replaces fields near the end.

    Everyday sentences and the spellings that decoding will see are best learnt last.
    """
    late = config.get("late", {"from": 1.0})
    return config | late if progress >= late["from"] else config
