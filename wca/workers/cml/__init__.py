"""Worker monitoring as a library for an application with an event loop: the API of the seed.

The public names are those of ``wca.workers``.
"""
