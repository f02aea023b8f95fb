"""`cardterm explore`: all sequences of an alphabet on a small card, and what never happens in any of them.

alphabet     letters: named steps of the case language, and where they start from
tree         one letter as a tree: after the same answers comes the same next command
subject      the card that is explored: its random numbers are constant
states       states of the card, exactly equal or different; their life cycle and their parts
search       breadth first: every letter in every state, each state once
properties   what has to hold for each transition, as a table
apart        non-interference: what one environment answers does not depend on the other
words        results for people, as JSON, and as a conformance case
graph        the state graph, drawn
"""
