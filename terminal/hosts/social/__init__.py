"""The social-security department's host (人社部门): registers, accounts, settlement, and services of its HSM."""
