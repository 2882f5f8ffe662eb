"""The edge to other packages, one file each."""
