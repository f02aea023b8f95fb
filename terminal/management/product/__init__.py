"""Rules of the product (产品规则) as data: who may get a card, what it costs, who makes it, and who has approved it.

The rules stand in vectors/perso/product.toml; a workshop may have its own. Every rule is a pure function: it gives
None, or the `Refusal` that says which rule forbids and why.
"""
