"""What a running flow knows, besides its book: parameters and moving parts, in arrays of int64.

Real numbers stand in them by their bits (see arithmetic.py). Allocated once by generator.py; only kernels write.
"""

from typing import NamedTuple

from engine_core.jit.rows import Rows

# numbers: whole numbers
CAPACITY = 0  # orders that can be live at once; agenda ids above it are markets
MARKETS = 1
ACCOUNTS = 2
MODEL = 3  # one of the next three
ZERO_INTELLIGENCE, HAWKES, QUEUE_REACTIVE = 0, 1, 2
OPENING = 4  # orders that are sent at time 0, of all markets together
OPENED = 5  # of these so far
ORDERS = 6  # number of the last order
NOW = 7  # ns
SPREAD = 8  # ticks
PARTS = 9  # of an iceberg
CLASSES = 10  # of orders that arrive
OPEN_CLASSES = 22  # of those that rest at the start
SCALES = 11  # of time, of a Hawkes process
CANCELS_EXCITE = 12  # 1: what is withdrawn excites
BANDS = 13  # of zero intelligence: rows of [ticks, withdrawals a second]
LEVELS = 14  # of the queue-reactive model, on each side
UNITS = 15  # columns of its tables
UNIT_LOTS = 16
STEPS = 17  # of the regime
WITHDRAWN = 18  # cancels written
MARKED = 19  # 1: sizes count in what they excite
STATES = 21  # of the pace
SCHEDULED = 20  # agenda entries
TOGETHER_NS = 23  # what is due within that may go with what happens now; 0: nothing does
QUOTES = 24  # on the side that a jump of the reference leaves behind; 0: there is none
QUOTES_AHEAD = 25  # on the other side
AGAIN_NS = 26  # so soon after a jump another one knows its way
NUMBERS = 32

# shares: real numbers
POST_ONLY, ICEBERG, STOP = 0, 1, 2  # of resting orders, cumulative
MARKET, IOC, FOK = 3, 4, 5  # of takers, cumulative
AMEND_PRICE = 6
SELF_TRADE = 7
FOLLOW = 8
MARK_POWER = 9
MARK_PLACE, MARK_TAKE, MARK_PROBE = 10, 11, 12  # what sizes are divided by, after the power
TOGETHER = 13
AGAIN = 14
PROBE_AGAIN = 15
SHARES = 16

# mixtures, by number; those of class c are FIRST_CLASS + 3 c and the two after it, the opening book's classes last
TAKE_SIZE, TAKE_THROUGH, PROBE_SIZE, PROBE_THROUGH, PROBE_DELAY, STOP_DISTANCE = range(6)
JUMP_WAIT, JUMP_TICKS, QUOTE_DELAY, QUOTE_SIZE, QUOTE_LIFETIME = range(6, 11)
FIRST_CLASS = 11
DISTANCE, SIZE, LIFETIME = 0, 1, 2

# words of a row
MIXTURE_WORDS = 4  # first law, law after the last, least (real), most (real)
LAW_WORDS = 4  # cumulative share (real), law, two parameters (real)
STEP_WORDS = 19  # all but the first are real
STEP_NS = 0
STEP_CANCELS = 1  # of bids, of asks
STEP_FACTORS = 3  # one for each type; of a Hawkes process what is left of it, at most 1
STEP_RATES = 11  # of each type, cumulative, of what depends on nothing but the regime
CLOCK_WORDS = 14  # of a market
CLOCK_NS = 0  # its excitations are as of then
CLOCK_STEP = 1  # of the regime
CLOCK_STEP_END = 2  # ns
CLOCK_STATE = 6  # of its pace
CLOCK_STATE_END = 7  # ns
CLOCK_NEXT = 5  # ns, of the arrival on the agenda, if its intensities are known
CLOCK_MIDDLE = 4  # queue-reactive: best bid + best ask when last seen
CLOCK_REFERENCE = 3  # queue-reactive: the highest price of the bids' side; else the last price known
CLOCK_JUMP = 8  # ns, of the reference price of the makers
CLOCK_SIGN = 9  # +1 or -1: of its last jump
CLOCK_ASK = 10  # the best price to sell that it led to
CLOCK_QUOTES = 11  # bids that are still to come at the reference; the word after it: asks
CLOCK_JUMPED = 13  # ns, of its last jump

REACTION_NS = 1_500_000  # mean time in which those who watch a market react
NS = 1e9
MOST_S = 1e9  # what comes later never comes
FAR_NS = 1 << 61  # when that is
FOREVER_NS = 4e18  # of a lifetime


class World(NamedTuple):
    numbers: Rows[int]
    shares: Rows[int]  # real
    random: Rows[int]  # the state of the random numbers
    mixtures: Rows[int]
    laws: Rows[int]
    classes: Rows[int]  # real: cumulative shares, first of what arrives, then of what rests at the start
    even: Rows[int]  # real, by mixture, and last of both kinds of classes: where in 0 to 1 draws are (see drawing.py)
    strides: Rows[int]  # real, in the same order: how far each draw goes on
    accounts: Rows[int]  # two words each: chance to stay (real), and else which
    popularity: Rows[int]  # real, by market: its factor on all rates; index 0 unused
    states: Rows[int]  # real: rate, mean seconds, then cumulative shares of what follows, of each state of the pace
    pace: Rows[int]  # real, by market: popularity * rate of its state
    steps: Rows[int]
    base: Rows[int]  # real: the queue-reactive tables (see queues.py)
    decays: Rows[int]  # real, by scale: a second; of zero intelligence its bands
    excitation: Rows[int]  # real, by scale, source and type: jump of the intensity, children * decay
    children: Rows[int]  # real, by scale and source: events of any type that follow from one
    offspring: Rows[int]  # real, by source: the same over all scales
    excited: Rows[int]  # real, by market and scale (see hawkes.py)
    rates: Rows[int]  # real, by market: cumulative rates of what may happen next
    clocks: Rows[int]  # by market
    due: Rows[int]  # agenda, a heap: ns; place 0 unused
    who: Rows[int]  # by place: slot of an order, CAPACITY + market, or CAPACITY + MARKETS + market: its reference
    place: Rows[int]  # by id: where in the agenda, 0: not there
