"""The financial terminal, step by step as the kernel of JR/T 0025.6-2010 has them."""
