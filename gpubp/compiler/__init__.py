"""Record a function once, rewrite what it does, plan its memory, run it again and again."""
