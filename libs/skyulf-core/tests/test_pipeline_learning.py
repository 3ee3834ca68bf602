"""Warnings of nodes that learn side by side: each thread hears its own, and the filters of the process stay."""

import threading
import warnings

from skyulf_core.pipeline.learning import learning
from skyulf_core.problems import FitWarning


class ConvergenceWarning(UserWarning):
    """As a library's."""


def test_threads_that_learn_side_by_side_hear_their_own_warnings():
    began, ended, texts = threading.Barrier(2), threading.Barrier(2), {}

    def learn(node, unsettled):
        try:
            with learning(node):
                began.wait(10)
                if unsettled:
                    warnings.warn("no end", ConvergenceWarning, stacklevel=1)
                    warnings.warn("library", DeprecationWarning, stacklevel=1)
                else:
                    ended.wait(10)
        finally:
            if unsettled:
                ended.wait(10)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        threads = [threading.Thread(target=learn, args=("a", True)), threading.Thread(target=learn, args=("b", False))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        texts = [(one.category, str(one.message)) for one in caught]
        assert warnings.filters == before

    assert texts == [(FitWarning, texts[0][1])]
    assert texts[0][1].startswith("a has not settled within its iterations")


def test_a_node_within_a_node_hears_its_own_warnings():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with learning("outer"), learning("inner"):
            warnings.warn("no end", ConvergenceWarning, stacklevel=1)

    assert [str(one.message).split()[0] for one in caught] == ["inner"]
    assert warnings.showwarning is not None


def test_filters_are_as_they_were_after_an_error():
    before, show = list(warnings.filters), warnings.showwarning

    try:
        with learning("node"):
            raise ValueError("broken")
    except ValueError:
        pass

    assert (warnings.filters, warnings.showwarning) == (before, show)
