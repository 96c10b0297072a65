"""The foreign-key graph: restore order, cycles, and natural keys expanded to their leaves."""
