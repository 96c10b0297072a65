"""Schemas and data made by hypothesis, and what a restore must make of them, worked out in plain Python.

A *world* is a schema and the rows that its tables may have. A *side* is a part of the world's rows that is closed
under references; it becomes a database under ids of its own. Two sides of one world share natural keys, and differ in
ids, in which rows they have, and in some values.
"""
