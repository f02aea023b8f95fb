"""What must live here: the bank's authorisation host, its accounts and books (发卡行主机).

`host` takes messages; `checks` says what is declined and why; `booking` what moves when it is approved; `cash` keeps
the bank's view of the card's electronic cash; `scripts` makes issuer scripts and knows what became of them; `accounts`
is the counter and the operator's desk; `batches` takes the department's files; `clearing` makes the day's file;
`issuing` opens accounts for new cards.
"""

from terminal.hosts.bank.accounts import Enrolment
from terminal.hosts.bank.codes import Code
from terminal.hosts.bank.host import BankHost

__all__ = ["BankHost", "Code", "Enrolment"]
