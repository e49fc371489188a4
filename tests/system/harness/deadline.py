"""Waiting for something to become true, with an end."""
import time

PATIENCE_S = 60  # for what takes a second on an idle machine
POLL_S = 0.05


class Late(AssertionError):
    """What was waited for did not come about in time."""


def until(check, what, seconds=PATIENCE_S):
    """Calls check() until its result is true, and returns that. An AssertionError counts as not
    yet; the last one is in the message when time is up."""
    end = time.monotonic() + seconds
    cause = ""
    while True:
        try:
            result = check()
            if result:
                return result
            cause = ""
        except AssertionError as error:
            cause = f": {error}"
        if time.monotonic() >= end:
            raise Late(f"not within {seconds} s: {what}{cause}")
        time.sleep(POLL_S)
