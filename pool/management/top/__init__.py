"""`pool top`: the pool live in a terminal. One process, two threads: the view never waits for the database.

aside    reads the figures and carries out orders, in a thread of its own
loop     hears keys, signals and what the aside tells, and draws
state    what is selected, filtered, sorted, asked
picture  figures and state as something rich can draw
screen   the terminal: alternate screen, single keys, everything put back at the end
"""
