"""How Django admin writes dates and times on this site: one folder for each language."""
