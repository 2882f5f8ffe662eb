"""What runs in the processes of a peer, in its own virtual environment. Nothing here is imported by the driver, but
`jobs`, which needs nothing but Python.

A module for each peer holds its set-up and three functions: `prepare()`, once before anything runs; `submit(kind, key,
*arguments)`, which returns when the peer has acknowledged the job; and `outcomes()`, what the peer knows of all jobs.
"""
