"""Files of the runtime folder in which the servers of a host remember names (expiring_set.py), and how large they are.

    set of WAYS entries:   WAYS words   until when (Unix ms), 0: free, below: about to be taken (claims.py)
                           2 * WAYS     the names: 16 bytes that nobody can choose

Apart from what uses them, which imports Numba.
"""

from typing import Final

USED_SIGNATURES: Final = "used-signatures"
ENDED_SESSIONS: Final = "ended-sessions"  # the sessions that a log-out ended
SETS: Final = 1 << 17  # 25 MB, a million places: at a window of 60 s, good for 10,000 requests/s
NAME_BYTES: Final = 16
WAYS: Final = 8
SET_WORDS: Final = 3 * WAYS
LAYOUT: Final = 2
