"""The web program: groups of routes, and what they need to read requests and to answer them.

``context`` holds what every route needs. Only ``problems`` answers with an error, only ``request_body`` reads a body
(``request_schemas`` and ``multipart`` say what it means), only ``parameters`` reads a query. A group of routes is a
blueprint whose views are thin.
"""
