"""PSAM (安全存取模块), the security access module of social-security terminals: a card of its own (SSC part 9).

It holds the keys of the three levels (national, provincial, city), derives a user card's keys from them inside itself,
and serves social security alone.
"""
