"""The measures, one file each: a function that takes a ground (where sites are made) and returns figures by their keys.

A measure makes sites, starts nodes on them and looks from outside. It raises when what it saw is wrong, and then has no
figure.
"""
