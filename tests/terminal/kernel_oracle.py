"""What a payment terminal must decide, written a second time from the standards alone, as a pure function.

It shares nothing with `terminal.flows.financial`: no constant, no bit name, no helper. `test_kernel_oracle` runs both
over random terminals, cards and hosts, and compares. Cards are described by what they will answer, not by bytes on the
line (`kernel_worlds`); whether signatures are right is part of the description. Sources: EMV Book 1 §12, Book 3 §10
and annex C, Book 4 §6 and §12, and the requirements KRN-….
"""

from tests.terminal.kernel_worlds import Card, Host, Listed, Prediction, Request, Terminal

TC, ARQC, AAC = 0x40, 0x80, 0x00
PURCHASE, CASH = 0x00, 0x01
"""Type codes (9C) that may be done offline; all others always ask the host."""
INQUIRY = 0x31
FIELD_55 = frozenset(
    {0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03, 0x9F33}
)
"""What every authorisation carries once."""


class _End(Exception):
    """The transaction is over; its result."""


class Oracle:
    """One prediction."""

    def __init__(self, terminal: Terminal, card: Card, request: Request, host: Host) -> None:
        self.t, self.c, self.r, self.h = terminal, card, request, host
        self.p = Prediction(commands={"20": 0, "82": 0, "script": 0})
        self.cash = False
        self.bypassed = False
        self.cda = False
        self.pins = list(request.pins)
        self.verifications = list(card.verify)

    def run(self) -> Prediction:
        try:
            self._select()
            self._initiate()
            self._authenticate_data()
            self._restrictions()
            self._verify_holder()
            self._risk()
            self._analyse()
        except _End as end:
            self.p.result = str(end)
        return self.p

    # --- bits

    def tvr(self, byte: int, bit: int) -> None:
        self.p.tvr |= 1 << (5 - byte) * 8 + bit - 1

    def tsi(self, bit: int) -> None:
        self.p.tsi |= 1 << 8 + bit - 1

    def has(self, tag: int) -> bool:
        return bool(self.c.objects.get(tag))

    def item(self, tag: int) -> int:
        return int(self.c.objects[tag], 16)

    # --- EMV Book 1 §12.3, §12.4

    def _select(self) -> None:
        apps = {app.aid: app for app in self.c.applications}
        candidates: list[Listed] = []
        if self.c.directory:
            candidates = [app for app in self.c.applications if self._knows(app.aid)]
        if not candidates:
            candidates = self._list_of_aids()
        while candidates:
            app = self._choose(candidates)
            self.p.selected.append(app.aid)
            if apps[app.aid].sw == 0x9000:
                return
            candidates.remove(app)
        raise _End("terminated")

    def _knows(self, aid: str) -> bool:
        return any(aid == known or (longer and aid.startswith(known)) for known, longer in self.t.aids)

    def _list_of_aids(self) -> list[Listed]:
        found: list[Listed] = []
        for aid, more in self.t.aids:
            matching = [app for app in self.c.applications if app.aid.startswith(aid)]
            matching.sort(key=lambda app: app.aid != aid)  # the card's own order: a full name is found first
            for app in matching:
                self.p.selected.append(aid)
                if app.sw not in (0x9000, 0x6283) or (app.aid != aid and not more):
                    break
                if app.sw == 0x9000 and app not in found:
                    # The list method knows the FCI's priority, which the cards of the comparison leave at 01.
                    found.append(Listed(app.aid, 1, app.sw))
                if app.aid == aid:
                    break
            else:
                self.p.selected.append(aid)
        return found

    def _choose(self, candidates: list[Listed]) -> Listed:
        """A terminal without choice: the highest priority that needs no confirmation."""
        free = [app for app in candidates if not (app.priority or 0) & 0x80]
        if not free:
            raise _End("terminated")
        return min(free, key=lambda app: (app.priority or 0) % 16 or 99)

    # --- Book 3 §10.1, §10.2

    def _initiate(self) -> None:
        limit = self.t.floor if self.t.cash_limit is None else self.t.cash_limit
        asks = self.t.cash and self.r.type == PURCHASE and not self.r.cashback and self.r.amount < limit
        self.cash = asks and self.c.wants_cash and self.c.takes_cash
        for tag in (0x5F24, 0x5A, 0x8C, 0x8D):
            if not self.has(tag):
                raise _End("terminated")
        if self.cash and (self.c.balance is None or self.c.threshold is None):
            raise _End("terminated")

    # --- Book 3 §10.3

    def _authenticate_data(self) -> None:
        aip = self.c.aip >> 8
        cda, dda, sda = (aip & mask and self.t.can(3, bit) for mask, bit in ((0x01, 4), (0x20, 7), (0x40, 8)))
        # KRN-REC-015: what the AIP promises has to be there, whichever method is taken.
        promised = ((0x8F, 0x90, 0x9F32) if aip & 0x61 else ()) + ((0x93,) if aip & 0x40 else ())
        if not all(self.has(tag) for tag in promised + ((0x9F46, 0x9F47) if aip & 0x21 else ())):
            self.tvr(1, 6)
        if not (cda or dda or sda):
            self.tvr(1, 8)
            return
        bit = 3 if cda else 4 if dda else 7
        needed = (0x8F, 0x90, 0x9F32) + ((0x93,) if bit == 7 else (0x9F46, 0x9F47))
        if self.c.chain:  # only a certificate that was opened tells that a remainder is needed
            needed += (0x92,) if bit == 7 else (0x92, 0x9F48)
        missing = not all(self.has(tag) for tag in needed)
        if missing:
            self.tvr(1, 6)
        failed = missing or not self.c.chain
        self.cda = bool(cda) and not failed
        if failed or (not cda and not self.c.signature):
            self.tvr(1, bit)
        self.tsi(8)

    # --- Book 3 §10.4

    def _restrictions(self) -> None:
        if self.has(0x9F08) and self.item(0x9F08) != self.t.version:
            self.tvr(2, 8)
        if self.has(0x9F07):
            self._usage(self.item(0x9F07))
        if self.has(0x5F25) and self._date(0x5F25) > self._full(self.t.today):
            self.tvr(2, 6)
        if self._date(0x5F24) < self._full(self.t.today):
            self.tvr(2, 7)

    def _usage(self, auc: int) -> None:
        allowed = bool(auc >> (9 if self.t.atm else 8) & 1)
        if self.has(0x5F28):
            home = self.item(0x5F28) == self.t.country
            if self.r.type == CASH:
                allowed &= bool(auc & (0x8000 if home else 0x4000))
            if self.r.type == PURCHASE:
                allowed &= bool(auc & (0x2800 if home else 0x1400))
            if self.r.cashback:
                allowed &= bool(auc & (0x0080 if home else 0x0040))
        else:
            self.tvr(1, 6)
        if not allowed:
            self.tvr(2, 5)

    def _date(self, tag: int) -> str:
        return self._full(self.c.objects[tag])

    @staticmethod
    def _full(yymmdd: str) -> str:
        return ("20" if yymmdd < "50" else "19") + yymmdd

    # --- Book 3 §10.5, Book 4 §6.3.4.5

    def _verify_holder(self) -> None:
        self.p.cvm = "3F0000"
        if not self.c.aip >> 12 & 1:
            return
        data = bytes.fromhex(self.c.objects.get(0x8E, ""))
        if len(data) in (0, 8):
            self.tvr(1, 6)
            return
        if len(data) < 8 or len(data) % 2:
            raise _End("terminated")
        self.tsi(7)
        x, y = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
        self.p.cvm = "3F0001"
        for rule, condition in zip(data[8::2], data[9::2], strict=True):
            if not self._holds(rule & 0x3F, condition, x, y):
                continue
            if rule & 0x3F == 0:
                self.p.cvm = f"{rule:02X}{condition:02X}01"
                break
            done = self._perform(rule & 0x3F)
            if done is not None:
                self.p.cvm = f"{rule:02X}{condition:02X}{done}"
                if done != "01":
                    return
            if not rule & 0x40:
                break
        self.tvr(3, 8)

    def _supports(self, code: int) -> bool:
        match code:
            case 0x00:
                return True
            case 0x01:
                return self.t.can(2, 8)
            case 0x02:
                return self.t.can(2, 7)
            case 0x03:
                return self.t.can(2, 8) and self.t.can(2, 6)
            case 0x1E:
                return self.t.can(2, 6)
            case 0x1F:
                return self.t.can(2, 4)
            case 0x20:
                return self.t.can(2, 1) and not self.t.unattended
            case _:
                return False

    def _holds(self, code: int, condition: int, x: int, y: int) -> bool:
        cash, back = self.r.type == CASH, bool(self.r.cashback)
        own = self.has(0x9F42) and self.item(0x9F42) == 0x0156
        amount = self.r.amount
        table = {
            0: True,
            1: cash and self.t.unattended,
            2: not cash and not back,
            3: self._supports(code),
            4: cash and not self.t.unattended,
            5: back,
            6: own and amount < x,
            7: own and amount > x,
            8: own and amount < y,
            9: own and amount > y,
        }
        return table.get(condition, False)

    def _perform(self, code: int) -> str | None:
        """Third byte of the CVM results; None where the method is not known or not supported."""
        if code not in (0x01, 0x02, 0x03, 0x04, 0x05, 0x1E, 0x1F, 0x20):
            self.tvr(3, 7)
            return None
        if not self._supports(code):
            pin_part = code in (0x01, 0x02, 0x04, 0x05) or (code == 0x03 and not self.t.can(2, 8))
            if pin_part:
                self.tvr(3, 5)
            return None
        match code:
            case 0x1F:
                return "02"
            case 0x1E:
                return "00"
            case 0x20:
                return self._document()
            case 0x02:
                return "00" if self._online_pin() else "01"
            case _:
                return ("00" if code == 0x03 else "02") if self._offline_pin() else "01"

    def _document(self) -> str:
        if not (self.has(0x9F61) and self.has(0x9F62)):
            self.tvr(1, 6)
            return "01"
        return "02" if self.item(0x9F62) <= 5 else "01"

    def _entered(self) -> bool:
        if not self.t.pad_works:
            self.tvr(3, 5)
            return False
        if self.bypassed and self.t.bypass_lasts:
            self.tvr(3, 4)
            return False
        if (self.pins.pop(0) if self.pins else None) is None:
            if self.t.atm:  # KRN-ATM-004: no bypass, so the holder has cancelled
                raise _End("terminated")
            self.bypassed = True
            self.tvr(3, 4)
            return False
        return True

    def _online_pin(self) -> bool:
        if not self._entered():
            return False
        self.tvr(3, 3)
        self.p.pin_block = True
        return True

    def _offline_pin(self) -> bool:
        if self.t.pad_works and self.c.tries == 0:
            self.tvr(3, 6)
            return False
        while self._entered():
            self.p.commands["20"] += 1
            sw = self.verifications.pop(0) if len(self.verifications) > 1 else self.verifications[0]
            if sw == 0x9000:
                return True
            if sw in (0x63C0, 0x6983, 0x6984):
                self.tvr(3, 6)
                return False
            if sw >> 4 != 0x63C:
                raise _End("terminated")
        return False

    # --- Book 3 §10.6

    def _risk(self) -> None:
        self.tsi(4)
        if self.c.objects[0x5A].rstrip("F") in self.t.exceptions:
            self.tvr(1, 5)
        if self.r.forced:
            self.tvr(4, 4)
        if self.cash:
            return
        if self.r.amount >= self.t.floor:
            self.tvr(4, 8)
        elif self.t.selection and not self.t.offline_only:
            self.tvr(4, 5)
        if self.has(0x9F14) and self.has(0x9F23):
            self._velocity()

    def _velocity(self) -> None:
        last = self.c.last_online
        if last == 0:
            self.tvr(2, 4)
        if last is None or not self.c.read_atc:
            self.tvr(1, 6)
        if last is None or not self.c.read_atc or self.c.atc <= last:
            self.tvr(4, 7)
            self.tvr(4, 6)
            return
        if self.c.atc - last > self.item(0x9F14):
            self.tvr(4, 7)
        if self.c.atc - last > self.item(0x9F23):
            self.tvr(4, 6)

    # --- Book 3 §10.7, JR/T 0025.13 §7.4

    def _hit(self, terminal: int, tag: int, absent: int) -> bool:
        issuer = self.item(tag) if self.has(tag) else absent
        return bool((terminal | issuer) & self.p.tvr)

    def _first_request(self) -> int:
        everything = 0xFFFFFFFFFF
        if self._hit(self.t.denial, 0x9F0E, 0):
            return AAC
        if self.t.offline_only:
            if self.r.type not in (PURCHASE, CASH) or self._hit(self.t.default, 0x9F0D, everything):
                return AAC
            return AAC if self.cash and (self.c.balance or 0) < self.r.amount else TC
        if self.t.online_only or self.r.type not in (PURCHASE, CASH):
            return ARQC
        if self._hit(self.t.online, 0x9F0F, everything):
            return ARQC
        return self._low_balance() if self.cash else TC

    def _low_balance(self) -> int:
        rest = (self.c.balance or 0) - self.r.amount
        if rest < 0:
            return ARQC
        if rest >= (self.c.threshold or 0):
            return TC
        if self.p.pin_block:
            return ARQC
        if not self.t.can(2, 7) or not self.t.pad_works:
            return TC
        return ARQC if self._online_pin_without_mark() else TC

    def _online_pin_without_mark(self) -> bool:
        """The PIN of the low balance: its bypass is no failure of the CVM list."""
        before = self.p.tvr
        if self._online_pin():
            return True
        self.p.tvr = before
        return False

    def _analyse(self) -> None:
        wanted = self._first_request()
        cda = self.cda and wanted != AAC
        self.p.arc = {TC: "Y1", AAC: "Z1"}.get(wanted, "")
        self.p.first_tvr = self.p.tvr
        self.tsi(6)
        self.p.requests.append(wanted | (0x10 if cda else 0))
        cid = wanted if self.c.first is None else self.c.first
        got = cid & 0xC0
        rank = {AAC: 0, ARQC: 1, TC: 2}
        if got == 0xC0 or rank[got] > rank[wanted]:
            raise _End("terminated")
        broken = cda and got != AAC and not self.c.signature
        if broken:
            self.tvr(1, 3)
        if got == AAC or (got == TC and broken):
            self.p.arc = "Z1"
            raise _End("declined")
        if got == TC:
            self.p.arc = "Y1"
            self.p.uploaded = True
            raise _End("approved")
        if broken:
            self.p.arc = "Z1"
            self._second(AAC)
        if self.t.offline_only:
            self._unable()
        self._online()

    # --- Book 3 §10.9 to §10.11

    def _unable(self) -> None:
        tc = not self.t.online_only and not self._hit(self.t.default, 0x9F0D, 0xFFFFFFFFFF)
        if self.r.type not in (PURCHASE, CASH):
            tc = False
        self.p.arc = "Y3" if tc else "Z3"
        self._second(TC if tc else AAC)

    def _online(self) -> None:
        self.p.authorised = True
        moves = self.r.type != INQUIRY
        if self.h.arc is None:
            self.p.reversed = moves
            self._unable()
        assert self.h.arc is not None
        self.p.arc = self.h.arc
        approving = ("00", "10", "11") + (("01", "02") if self.t.accepts_referral else ())
        good = self.h.arc in approving
        if self.h.arpc and self.c.aip >> 10 & 1:
            self.tsi(5)
            self.p.commands["82"] = 1
            if self.c.external != 0x9000:
                self.tvr(5, 7)
        self._scripts(self.h.before, 6)
        self._second(TC if good else AAC, approved_online=good and moves)

    def _scripts(self, commands: int, bit: int) -> None:
        if not commands:
            return
        self.tsi(3)
        self.p.notified = True
        if self.c.script_sw >> 8 in (0x90, 0x62, 0x63):
            self.p.commands["script"] += commands
        else:
            self.p.commands["script"] += 1
            self.tvr(5, bit)

    def _second(self, wanted: int, *, approved_online: bool = False) -> None:
        cda = self.cda and wanted != AAC
        self.p.requests.append(wanted | (0x10 if cda else 0))
        cid = wanted if self.c.second is None else self.c.second
        good = wanted == TC and self.c.second_sw == 0x9000 and cid & 0xC0 == TC
        if good and cda and not self.c.signature:
            self.tvr(1, 3)
            good = False
        if self.p.authorised and self.h.arc is not None:
            self._scripts(self.h.after, 5)
        if approved_online and not good:
            self.p.reversed = True
        if good and self.p.arc == "Y3":
            self.p.uploaded = True
        raise _End("approved" if good else "declined")


def predict(terminal: Terminal, card: Card, request: Request, host: Host) -> Prediction:
    """What the terminal must do with this card, for this wish, with this host."""
    return Oracle(terminal, card, request, host).run()
