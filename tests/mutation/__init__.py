"""A mutation run: does a test fail when one comparison, number, sign or flag of the code is changed?

``python -m tests.mutation dims solver --sample 200`` changes one place at a time and prints which changes no test sees.
It is no part of the default run. Every test of a room runs once, and which lines it comes by is noted; a change is then
shown to the tests that come by its line alone, the quickest first, until one fails. None of them needs a framework.
"""
