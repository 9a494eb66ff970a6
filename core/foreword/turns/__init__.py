"""Turns: the order in which tenants use what they share, such as threads and the engine.

    fair_queue      a queue that gives tenants equal shares of the work
    shares          the bound on what may wait, which no tenant can use up alone
    schedule        the decision which call starts next on a pool of threads
    turn_pool       threads that make these calls for asyncio
    cancellation    the signal that nobody waits for a result any more
    slices          work in a thread of its own that goes on in slices between other work

The queue, the shares and the schedule are pure: they read no clock and start no thread.
"""
