"""Messages of the local service: JSON objects as the JavaScript wrapper of the field's card driver has them.

A request names the function and its parameters: `{"function": "iReadCardBas", "iType": 3}`. The answer names the
function again, tells in `success` 1 or the code below 0, and holds the output: `{"functionName": "iReadCardBas",
"success": 1, "pOutInfo": "…"}`. An `id` of the request comes back in the answer.
"""

import json
import re
from typing import Any, Final

from terminal.national.codes import SUCCESS, Code, describe
from terminal.national.interface import NationalInterface, Result
from terminal.national.signatures import ALIASES, FUNCTIONS, Function, Kind

DONE: Final = 1
"""What `success` is where all went well."""
MAX_MESSAGE: Final = 64 * 1024
"""Bytes of a request; the longest parameter has 20480."""
_NUMBER: Final = re.compile("[0-9]{1,9}")
_STEP2: Final = "ReadCard_HSM_Step2"
"""The wrapper's name for step 2 of both reading functions."""


class _Bad(Exception):
    """A request that is none: the code, and what is wrong."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


def answer(interface: NationalInterface, message: str | bytes) -> str:
    """Do what a message asks for; the answer as JSON. Never raises for what a client sends."""
    name, identifier = "", None
    try:
        request = _parsed(message)
        identifier = request.get("id")
        name = _name(request)
        function = _function(name, request, interface)
        result = interface.call(function.name, *_arguments(function, request))
    except _Bad as error:
        result = Result(error.code, f"{describe(error.code)}，{error}")
    found: dict[str, Any] = {"functionName": name, "success": result.code, "pOutInfo": result.output}
    if result.code == SUCCESS:
        found["success"] = DONE
    if identifier is not None:
        found["id"] = identifier
    return json.dumps(found, ensure_ascii=False)


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        request = json.loads(message)
        # What comes back of it in the answer must be JSON too: neither NaN nor half of a surrogate pair is.
        json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _Bad(Code.PARAMETER, "不是JSON") from error
    if not isinstance(request, dict):
        raise _Bad(Code.PARAMETER, "不是JSON对象")
    return request


def _name(request: dict[str, Any]) -> str:
    name = request.get("function")
    if not isinstance(name, str):
        raise _Bad(Code.PARAMETER, "function")
    return name


def _function(name: str, request: dict[str, Any], interface: NationalInterface) -> Function:
    """The function of a name, with the wrapper's own ways of writing some of them."""
    meant = ALIASES.get(name, name)
    if name == _STEP2:
        meant = interface.waiting_for or "iReadCard_HSM_Step2"
    elif name == "iReadCard" and "iAuthType" not in request:
        meant = "iReadCard_HSM_Step1"
    if meant not in FUNCTIONS:
        raise _Bad(Code.NOT_SUPPORTED, name)
    return FUNCTIONS[meant]


def _arguments(function: Function, request: dict[str, Any]) -> list[int | str]:
    """The parameters by their names, whatever the case of their letters (the wrapper writes pKey and pkey)."""
    given = {name.lower(): value for name, value in request.items()}
    found: list[int | str] = []
    for parameter in function.inputs:
        value = given.get(parameter.name.lower())
        if parameter.kind is Kind.INT and isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)  # a page takes it from an input field
        if not isinstance(value, int if parameter.kind is Kind.INT else str) or isinstance(value, bool):
            raise _Bad(Code.PARAMETER, parameter.name)
        found.append(value)
    return found
