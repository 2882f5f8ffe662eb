"""The only writer of the tables: one file per verb, one dialect switch (`database.py`)."""
