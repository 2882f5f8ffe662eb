"""Words and rules of the pool. Pure: no Django, no clock, no input or output."""
