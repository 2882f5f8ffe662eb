"""What people do from the pages: one view for each verb, POST only.

Each asks `dashboard.access` for leave, calls one of the store's verbs with who asked and from where, says what came of
it, and leads back to where the form was. A script that asks for JSON gets the same words without a new page.
"""
