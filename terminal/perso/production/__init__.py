"""A batch at the personaliser (生产): runs, log, waste, duplicates, lists, packing, audit (000 §3.1.4)."""
