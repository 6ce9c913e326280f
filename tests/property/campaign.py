"""Takes random steps with a real daemon in a real kernel, and holds both to the model."""

import random
import time
from typing import Any, Callable, Iterator

import kernel
import model
from kernel import Kernel
from lab import Lab
from lab.daemon import Daemon, ToolError
from lab.servers import DhcpService, Dnsmasq
from steps import BASE, LEASED, Step

SETTLE = 5.0  # seconds until what follows by itself is done
UNCONFIRMED = 1  # seconds
INTERFERENCES = 2  # so often on one thing: the third time within a minute is a fight
BUGS = {"internal", "tx.verify_failed", "tx.rollback_failed", "out_of_memory"}


class Fault(AssertionError):
    """The daemon or the kernel is not as the model says."""


def alone(lab: Lab) -> None:
    """A host with one cable, to a DHCP server, that is left alone until a step names it."""
    wire = lab.switch("wire")
    service = DhcpService(network="10.99.0.0/24", first="10.99.0.100", last="10.99.0.199",
                          router="10.99.0.1", dns=())  # fmt: skip
    lab.host("server", lan=wire.at("10.99.0.1/24")).serve(Dnsmasq(service))
    lab.host("host", **{LEASED: wire})


class Campaign:
    """One daemon, from its first start."""

    def __init__(self, lab: Lab) -> None:
        self.host = lab["host"]
        self.daemon = Daemon(self.host).start()
        # Named like a container engine's: they are left alone until a step names them.
        for one, other in zip(BASE[::2], BASE[1::2]):
            self.host.run("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        self.intent: model.Intent = {}
        self.changes: list[model.Change] = []
        self.interferences: dict[Any, int] = {}
        self.counts: dict[str, int] = {}
        self.baseline = kernel.look(self.host)
        self.client = self.daemon.client()

    # What has to be

    def faults(self) -> list[str]:
        return list(model.Expected(self.intent, self.baseline).faults(kernel.look(self.host)))

    def settle(self, told: str) -> None:
        """The kernel becomes as intent says."""
        deadline = time.monotonic() + SETTLE
        while faults := self.faults():
            if time.monotonic() > deadline:
                raise Fault(f"{told}: " + "\n".join(faults))
            time.sleep(0.01)

    def stays(self, before: Kernel, told: str) -> None:
        """The whole state of the kernel is as before."""
        deadline = time.monotonic() + SETTLE
        while differences := kernel.difference(before, kernel.look(self.host)):
            if time.monotonic() > deadline:
                raise Fault(f"{told}: the kernel is not as before\n" + "\n".join(differences))
            time.sleep(0.01)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # Steps

    def take(self, step: Step) -> None:
        act: Callable[[Step], None] = getattr(self, f"do_{step['do']}")
        act(step)
        self.count(step["do"])

    def change(self, edits: Callable[[], model.Edits], tool: str, **arguments: Any) -> Any:
        """Call a tool that changes; what it refuses must leave all as it was."""
        before = kernel.look(self.host)
        try:
            answer = self.client.call(tool, **arguments)
        except ToolError as error:
            if error.error.get("code") in BUGS:
                raise Fault(f"{tool}: {error.error}") from error
            self.count(f"refused: {error.error.get('code')}")
            self.stays(before, f"{tool} was refused ({error.error.get('message')})")
            return None
        change = model.carry_out(self.intent, edits(), answer["transaction"])
        if (answer["state"] == "unchanged") != (not change.after):
            raise Fault(f"{tool} says {answer['state']}, the model changed {change.after}")
        if change.after:
            self.changes.append(change)
        self.settle(f"after {tool}")
        return answer

    def apply(self, step: Step, **options: Any) -> Any:
        document = step["document"]
        edits = lambda: model.applied(document, self.intent)  # noqa: E731
        return self.change(edits, "net.apply", **document, **options, take_over=True)

    def do_merge(self, step: Step) -> None:
        self.apply(step)

    do_replace = do_merge

    def do_refused(self, step: Step) -> None:
        if self.apply(step):
            raise Fault("a route by a next hop that nobody has was accepted")

    def do_plan(self, step: Step) -> None:
        before = kernel.look(self.host)
        try:
            self.client.call("net.apply", **step["document"], dry_run=True, take_over=True)
        except ToolError as error:
            self.count(f"refused: {error.error.get('code')}")
        self.stays(before, "a dry run")

    def do_route_add(self, step: Step) -> None:
        route = step["route"]
        if not model.Expected(self.intent, self.baseline).is_up(route["link"]):
            return
        self.change(lambda: {model.route_id(route): route}, "net.route_add", **route)

    def do_route_del(self, step: Step) -> None:
        routes = [id for id in self.intent if id[0] == "route"]
        if not routes:
            return
        id = routes[step["pick"] % len(routes)]
        _, table, destination, metric = id
        self.change(lambda: {id: None}, "net.route_del",
                    destination=destination, table=table, metric=metric)  # fmt: skip

    def do_undo(self, step: Step) -> None:
        if not self.changes:
            return
        change = self.changes.pop(-1 - step["pick"] % min(4, len(self.changes)))
        edits = model.undo(self.intent, change)
        if edits is None:
            self.refused_undo(change)
        else:
            self.change(lambda: edits, "tx.undo", transaction=change.number)

    def refused_undo(self, change: model.Change) -> None:
        before = kernel.look(self.host)
        try:
            self.client.call("tx.undo", transaction=change.number)
        except ToolError as error:
            if error.error["code"] != "tx.not_undoable":
                raise Fault(f"tx.undo: {error.error}") from error
            self.stays(before, "an undo that was refused")
        else:
            raise Fault(f"transaction {change.number} was undone, though a later one depends on it")

    def do_confirm(self, step: Step) -> None:
        if answer := self.apply(step, confirm_within=60):
            if answer["state"] == "pending":
                self.client.call("tx.confirm", transaction=answer["transaction"])

    def do_unconfirmed(self, step: Step) -> None:
        intent = dict(self.intent)
        before = kernel.look(self.host)
        answer = self.apply(step, confirm_within=UNCONFIRMED)
        if not answer or answer["state"] == "unchanged":
            return
        self.changes.pop()
        self.intent = intent
        time.sleep(UNCONFIRMED)
        self.settle("after a change that nobody confirmed")
        self.stays(before, "a change that nobody confirmed")

    def do_interference(self, step: Step) -> None:
        """Somebody else changes what intent holds."""
        targets = sorted(self.targets(), key=str)
        targets = [t for t in targets if self.interferences.get(t[0], 0) < INTERFERENCES]
        if not targets:
            return
        id, commands = random.Random(step["pick"]).choice(targets)
        self.interferences[id] = self.interferences.get(id, 0) + 1
        for command in commands:
            self.host.run("sh", "-c", command, check=False)
        self.settle(f"after {commands} of somebody else")

    def targets(self) -> Iterator[tuple[model.Id, list[str]]]:
        expected = model.Expected(self.intent, self.baseline)
        for id, resource in self.intent.items():
            spec = resource.spec
            if model.link_of(id, spec) not in (*expected.links, None):
                continue
            if id[0] == "address":
                yield id, [f"ip addr del {id[2]} dev {id[1]}"]
            elif id[0] == "link" and spec["up"]:
                yield id, [f"ip link set {id[1]} down"]
            elif id[0] == "route" and expected.has_route(id):
                metric = model.metric_in_kernel(id)
                yield id, [f"ip route del {id[2]} table {id[1]} metric {metric}"]
            elif id[0] == "dhcp":
                yield id, [f"ip route del default dev {id[1]}"]
            elif id[0] == "rule":
                yield id, [f"ip rule del priority {id[2]}"]
            elif id[0] == "setting":
                yield id, [f"echo {1 - spec} > /proc/sys/net/ipv4/conf/{id[1]}/{id[2]}"]
            elif id[0] == "device":
                yield id, [f"ip link del {id[1]}"]

    def do_kill(self, step: Step) -> None:
        self.again(self.daemon.kill)

    def do_restart(self, step: Step) -> None:
        self.again(self.daemon.stop)

    def again(self, end: Callable[[], Any]) -> None:
        before = kernel.look(self.host)
        self.client.close()
        end()
        self.stays(before, "an end of the daemon")
        self.daemon.start()
        self.client = self.daemon.client()
        self.stays(before, "a start of the daemon")
        self.interferences.clear()

    def close(self) -> None:
        self.client.close()
        self.daemon.stop()


def run(steps: list[Step], progress: Callable[[int], None] = lambda number: None) -> dict[str, int]:
    """Take all steps; raises Fault at the first that fails, with its number."""
    with Lab(alone) as lab:
        campaign = Campaign(lab)
        for number, step in enumerate(steps):
            progress(number)
            try:
                campaign.take(step)
            except (Fault, ToolError, ConnectionError, RuntimeError, TimeoutError) as fault:
                end = campaign.daemon.log()[-2000:]
                raise Fault(f"step {number}, {step['do']}: {fault}\n{end}") from fault
        campaign.close()
        return campaign.counts


def fails(steps: list[Step]) -> bool:
    try:
        run(steps)
    except Fault:
        return True
    return False


def shrink(steps: list[Step], tries: int = 60) -> list[Step]:
    """Leave out as many steps as the failure can do without."""
    size = max(1, len(steps) // 2)
    while tries > 0:
        for start in range(0, len(steps) - 1, size):
            fewer = steps[:start] + steps[start + size :]
            tries -= 1
            if fewer and fails(fewer):
                steps = fewer
                break
        else:
            if size == 1:
                break
            size = max(1, size // 2)
    return steps
