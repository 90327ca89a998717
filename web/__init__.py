"""The rooms of the web program: routes, and what they need to read requests and to write answers.

``context`` holds what every route needs; ``problems`` is the only place that makes an error, ``bodies`` and
``multipart`` the only ones that read a body, ``parameters`` the only one that reads a query. Each other file is one
group of routes: a blueprint whose views are thin.
"""
