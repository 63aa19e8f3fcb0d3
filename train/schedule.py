"""What changes as a run uses up its time: the learning rate and the weights of the sources.

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


def weights_at(progress, config):
    """The source weights of an epoch that starts here; late ones may prefer everyday speech."""
    late = config.get("late")
    return late["weights"] if late and progress >= late["from"] else config["weights"]
