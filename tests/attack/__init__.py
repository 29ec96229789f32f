"""Attacks: files of strangers, damaged at random, given to every command in a child that may not take much.

``python -m tests.attack --cases 100000`` tries many for a night, and says which ended in a traceback, with an exit
code that is no answer, or took too much time or memory. A case has a number: ``--case 4711`` tries that one again,
and ``--keep FOLDER`` writes its file. What once broke something stands in ``past``, and is tried by the tests.
"""
