"""Public functions that solve keep to one thread of BLAS, whose matrices here are too small to be shared out.

Products of a few hundred rows are over before a second thread has woken up; it then waits for the next by spinning, so
that several threads cost a multiple of the processor's time and, beside other work, of the clock's.
"""

import functools
from threading import Lock
from typing import cast

from threadpoolctl import ThreadpoolController

from tabular.base.nouns import F

__all__ = ["one_thread"]

# The number of threads is one of the whole process: the call that holds this has taken them away and gives them back.
_TAKEN = Lock()


@functools.cache
def _controller():
    return ThreadpoolController()


def one_thread(function: F) -> F:
    """The function, during which BLAS uses one thread in this process; afterwards as many as before.

    Calls within such a call, and those that another thread makes meanwhile, leave the number alone: it is back when the
    first call ends.

    >>> from threadpoolctl import threadpool_info
    >>> @one_thread
    ... def threads():
    ...     return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
    >>> threads()
    1
    """

    @functools.wraps(function)
    def limited(*args, **kwargs):
        if not _TAKEN.acquire(blocking=False):
            return function(*args, **kwargs)
        try:
            with _controller().limit(limits=1, user_api="blas"):
                return function(*args, **kwargs)
        finally:
            _TAKEN.release()

    return cast(F, limited)
