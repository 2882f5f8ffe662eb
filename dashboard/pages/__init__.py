"""The pages for staff, drawn by the server from the read services: one file per page, one view each.

Scripts bring them up to date; without scripts they can be read and worked with all the same.
"""
