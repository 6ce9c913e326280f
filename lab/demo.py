"""./run demo: the main job, live.

A bare host with two cables comes online, loses a cable, gets it back, and sees its daemon killed.
Each line is an event: of the daemon, over its socket, or of the kernel, over rtnetlink. Each claim
at the end of an act is checked against them; the exit status is 0 only if all hold.
"""

import itertools
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Iterator

from . import topologies
from .daemon import SOCKET, Daemon, McpClient, client_path, daemon_path
from .host import Host
from .pinger import Count, Pinger
from .rtnetlink import Announcement, KernelMonitor
from .servers.dhcp import Dnsmasq
from .topology import Lab

LINKS = FIRST, SECOND = "eth0", "eth1"
INSIDE = "1.1.1.1"  # pinged all the time, at home in the lab's Internet
PROBED = "8.8.8.8"  # by which link does the kernel send there?
EVENTS = "aiosnet://events"
FLAP = 0.2  # seconds
REST = 1.3  # seconds between acts: the kernel announces a second change of carrier a second late
REORDER = 0.06  # seconds that a line waits for an earlier one from the other source
PATIENCE = 10.0
CLOCK_OFFSET = time.time() - time.monotonic()

GREEN, RED, DIM, BOLD, CYAN, PLAIN = (f"\033[{code}m" for code in (32, 31, 2, 1, 36, 0))


class Screen:
    """Lines for people; colour only on a terminal."""

    def __init__(self) -> None:
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self.colour else text

    def print(self, text: str = "") -> None:
        print(text, flush=True)

    def title(self, text: str, about: str = "") -> None:
        self.print(f"\n{self.paint(BOLD, text)}")
        self.print(f"{self.paint(DIM, about)}\n" if about else "")

    def line(self, milliseconds: float, source: str, text: str) -> None:
        colour = CYAN if source == "aiosnetd" else DIM
        self.print(f"{milliseconds:10.1f}  {self.paint(colour, f'{source:9}')} {text}")

    def verdict(self, good: bool, text: str) -> None:
        mark = self.paint(GREEN, "✓") if good else self.paint(RED, "✗")
        self.print(f"{'':12}{mark} {self.paint(BOLD, text)}")


@dataclass(order=True)
class Line:
    """Something to be told, when its time has come."""

    at: float
    order: int
    source: str = field(compare=False)
    text: str = field(compare=False)


@dataclass
class Story:
    """What happens in the host, told as it happens, with the time since the act began."""

    host: Host
    screen: Screen
    news: threading.Event = field(default_factory=threading.Event)
    client: McpClient | None = None  # for calls; another connection has the subscription
    began: float = 0.0
    changed: bool = False  # the daemon has new events
    last_event: int = 0
    order: Iterator[int] = field(default_factory=itertools.count)
    waiting: list[Line] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    measured: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.monitor = KernelMonitor(self.host, self.news.set)

    # Acts

    def act(self, title: str, about: str) -> None:
        """Begin an act: the clock starts at zero."""
        self.screen.title(title, about)
        self.announcements.clear()
        self.events.clear()
        self.began = time.monotonic()

    def tell(self, source: str, text: str, at: float | None = None) -> None:
        at = time.monotonic() if at is None else at
        self.waiting.append(Line(at, next(self.order), source, text))

    def claim(self, good: bool, text: str) -> None:
        """Something that has to be so."""
        self.screen.verdict(good, text)
        if not good:
            self.failures.append(text)

    def note(self, what: str, figure: str) -> None:
        """A figure for the end."""
        self.measured.append((what, figure))

    # Listening

    def start(self, daemon: Daemon) -> None:
        """Start the daemon, and subscribe to its events, those from its start included."""
        daemon.start(wait=False)
        if not self.follow(lambda: self._connect(daemon)):
            raise RuntimeError(f"aiosnetd does not answer: {daemon.log()}")
        self.last_event = 0
        self._take_events()

    def _connect(self, daemon: Daemon) -> bool:
        try:
            self.client = daemon.client()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        subscriber = daemon.client()
        subscriber.request("resources/subscribe", uri=EVENTS)
        subscriber.socket.settimeout(None)
        threading.Thread(target=self._hear, args=[subscriber], daemon=True).start()
        return True

    def _hear(self, subscriber: McpClient) -> None:
        """Wait for the daemon's word that there is something new, as long as it lives."""
        try:
            while True:
                subscriber.receive()
                self.changed = True
                self.news.set()
        except OSError:
            subscriber.close()

    def disconnect(self) -> None:
        if self.client:
            self.client.close()
        self.client = None

    def do(self, action: Callable[[], None]) -> None:
        """Do something that takes its time, and tell what happens meanwhile."""
        thread = threading.Thread(target=action)
        thread.start()
        self.follow(lambda: not thread.is_alive())
        thread.join()

    def follow(self, condition: Callable[[], Any], patience: float = PATIENCE) -> bool:
        """Tell what happens until the condition holds; false if it never did."""
        deadline = time.monotonic() + patience
        while not (holds := bool(condition())) and time.monotonic() < deadline:
            self._listen(0.0005)
        return holds

    def follow_for(self, seconds: float) -> None:
        """Tell what happens for a while, and the rest of what waits."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._listen(min(left, 0.02))
        self._print_until(time.monotonic() + 1)

    def _listen(self, seconds: float) -> None:
        self.news.wait(seconds)
        self.news.clear()
        self._take_announcements()
        if self.client and self.changed:
            self._take_events()
        self._print_until(time.monotonic() - REORDER)

    def _take_announcements(self) -> None:
        for announcement in self.monitor.take():
            self.announcements.append(announcement)
            gone = "" if announcement.there or announcement.what == "carrier" else "  gone"
            text = f"{announcement.link}  {announcement.text}{gone}"
            self.tell("kernel", text, announcement.at)

    def _take_events(self) -> None:
        assert self.client
        self.changed = False
        found = self.client.call("events.list", after=self.last_event, limit=1000)
        self.last_event = found["last"]
        for event in found["events"]:
            self.events.append(event)
            self.tell("aiosnetd", event["message"], monotonic(event["time"]))

    def _print_until(self, end: float) -> None:
        self.waiting.sort()
        while self.waiting and self.waiting[0].at <= end:
            line = self.waiting.pop(0)
            self.screen.line((line.at - self.began) * 1000, line.source, line.text)

    # Asking

    def event(self, kind: str, link: str | None = None) -> dict[str, Any] | None:
        """The first event of this kind in the act, on a link if one is named."""
        for event in self.events:
            if event["kind"] == kind and link in (None, event.get("data", {}).get("link")):
                return event
        return None

    def announced(self, what: str, there: bool, link: str | None = None) -> Announcement | None:
        """The first announcement of the kernel of this sort in the act."""
        for found in self.announcements:
            if (found.what, found.there) == (what, there) and link in (None, found.link):
                return found
        return None

    def sends_by(self, link: str) -> bool:
        return self.monitor.outgoing_link(PROBED) == link

    def nothing_removed(self) -> bool:
        """Whether the kernel lost no address and no default route in this act."""
        return not self.announced("address", False) and not self.announced("route", False)


def monotonic(iso: str) -> float:
    """A time of an event on the clock of time.monotonic()."""
    return datetime.fromisoformat(iso).timestamp() - CLOCK_OFFSET


def in_words(count: Count) -> str:
    if count.lost == 0:
        return f"not one of {count.sent} pings lost"
    return f"{count.lost} of {count.sent} pings lost, silence of {count.silence * 1000:.0f} ms"


# The acts


def wake_up(story: Story, daemon: Daemon, pinger: Pinger) -> None:
    host = story.host
    story.act(
        "The host wakes up",
        "Two cables, no address, no route, an empty resolv.conf. aiosnetd starts. Times in ms.",
    )
    bare = not host.default_routes() and not host.read("/etc/resolv.conf").strip()
    story.claim(bare, "nobody has configured it")
    story.began = time.monotonic()
    story.start(daemon)
    online = story.follow(lambda: story.event("online.yes"))
    both = story.follow(lambda: all(story.announced("route", True, link) for link in LINKS))
    if story.follow(pinger.first_answer):
        story.tell("ping", f"{INSIDE} answers", pinger.first_answer())
    story.follow_for(0.3)
    servers = [line for line in host.read("/etc/resolv.conf").splitlines() if "nameserver" in line]
    story.claim(both, "each uplink has a lease and a default route of its own")
    story.claim(bool(servers), f"resolv.conf: {', '.join(servers)}")
    story.claim(pinger.first_answer() is not None, f"{INSIDE} answers from now on")
    event = story.event("online.yes")
    took = (monotonic(event["time"]) - story.began) * 1000 if event else 0.0
    own = event["data"]["after_ms"] if event else 0.0
    text = f"online {took:.0f} ms after the process was started ({own:.1f} ms by its own clock)"
    story.claim(online, f"{text}: packets come back, names resolve")
    story.note("from the start of the process to online", f"{took:.0f} ms")


def pull_the_cable(story: Story, pinger: Pinger) -> None:
    story.act(f"The cable of {FIRST} is pulled", f"A ping of {INSIDE} leaves every 10 ms.")
    story.tell("cable", f"{FIRST}  pulled")
    puller = threading.Thread(target=story.host.pull, args=[FIRST])
    puller.start()
    switched = story.follow(lambda: story.sends_by(SECOND))
    at = time.monotonic()
    puller.join()
    story.tell("kernel", f"{SECOND}  now the way to {PROBED}", at)
    noticed = story.follow(lambda: story.event("link.carrier_lost", FIRST))
    story.follow_for(REST)
    lost = story.announced("carrier", False, FIRST)
    beyond = max(0.0, at - lost.at) * 1000 if lost else 0.0
    count = pinger.count(story.began, story.began + REST)
    story.claim(noticed, "the daemon saw it")
    text = f"failover {beyond:.1f} ms after the kernel announced the loss; {in_words(count)}"
    story.claim(bool(switched and lost), text)
    story.note("failover after the loss of carrier", f"{beyond:.1f} ms, {count.lost} pings lost")


def plug_it_in(story: Story, pinger: Pinger) -> None:
    story.act("The cable is back", "The gateway is asked by ARP, the lease confirmed by DHCP.")
    story.tell("cable", f"{FIRST}  plugged in")
    story.do(lambda: story.host.plug(FIRST))
    back = story.follow(lambda: story.sends_by(FIRST))
    story.tell("kernel", f"{FIRST}  again the way to {PROBED}")
    confirmed = story.follow(lambda: confirmation(story))
    story.follow_for(REST)
    count = pinger.count(story.began, story.began + REST)
    gained, event = story.announced("carrier", True, FIRST), confirmation(story)
    took = (monotonic(event["time"]) - gained.at) * 1000 if event and gained else 0.0
    story.claim(confirmed, f"confirmed {max(took, 0):.0f} ms after carrier")
    story.claim(back, f"{FIRST} is in use again; {in_words(count)}")
    story.note("return of the cable", f"{count.lost} pings lost")


def confirmation(story: Story) -> dict[str, Any] | None:
    kinds = ("link.attachment", "dhcp.renewed", "dhcp.bound")
    return next((event for kind in kinds if (event := story.event(kind, FIRST))), None)


def flap(story: Story, pinger: Pinger) -> None:
    story.act("The cable flaps", f"Out for {FLAP * 1000:.0f} ms.")
    story.tell("cable", f"{FIRST}  pulled")
    story.do(lambda: story.host.pull(FIRST))
    story.follow_for(FLAP)
    story.tell("cable", f"{FIRST}  plugged in")
    story.do(lambda: story.host.plug(FIRST))
    back = story.follow(lambda: story.sends_by(FIRST))
    story.follow_for(REST)
    count = pinger.count(story.began, story.began + REST)
    story.claim(back and story.nothing_removed(), "no address and no route was lost")
    story.claim(back, in_words(count))
    story.note(f"flap of {FLAP * 1000:.0f} ms", f"{count.lost} pings lost")


def kill_the_daemon(story: Story, daemon: Daemon, pinger: Pinger) -> None:
    story.act("kill -9, and a new start", "The network is the kernel's; the daemon only keeps it.")
    story.tell("aiosnetd", "killed")
    daemon.kill()
    story.disconnect()
    story.follow_for(0.5)
    story.tell("aiosnetd", "started anew")
    story.start(daemon)
    online = story.follow(lambda: story.event("online.yes"))
    story.follow_for(0.5)
    count = pinger.count(story.began, time.monotonic())
    story.claim(online and story.nothing_removed(), "it found everything as it had left it")
    story.claim(count.lost == 0, in_words(count))
    story.note("the daemon killed and started anew", f"{count.lost} pings lost")


def status(story: Story) -> None:
    """What a person sees."""
    screen = story.screen
    screen.title("aiosnet status")
    command = [client_path(), "--socket", SOCKET, *([] if screen.colour else ["--no-color"])]
    ended = subprocess.run(story.host.command(*command, "status"), check=False)
    story.claim(ended.returncode == 0, "the daemon answers")


def figures(story: Story) -> None:
    story.screen.title("Measured")
    for what, figure in story.measured:
        story.screen.print(f"  {what:42}{figure}")
    for failure in story.failures:
        story.screen.print(story.screen.paint(RED, f"  this did not hold: {failure}"))
    story.screen.print()


def main() -> int:
    if os.geteuid() != 0:
        print("demo: namespaces need root", file=sys.stderr)
        return 1
    if not daemon_path().exists():
        print(f"demo: {daemon_path()} is not built", file=sys.stderr)
        return 1
    screen = Screen()
    screen.print(f"{screen.paint(BOLD, 'aiosnet')}: a host with two cables, each to a router with")
    screen.print("DHCP, NAT and DNS, behind them an Internet. Real servers, in network namespaces.")
    with Lab(topologies.two_uplinks, dhcp=Dnsmasq) as lab:
        host = lab["host"]
        story = Story(host, screen)
        daemon = Daemon(host, socket_path=SOCKET)
        with story.monitor, Pinger(host, INSIDE) as pinger:
            wake_up(story, daemon, pinger)
            pull_the_cable(story, pinger)
            plug_it_in(story, pinger)
            flap(story, pinger)
            kill_the_daemon(story, daemon, pinger)
            status(story)
            figures(story)
            story.disconnect()
    return 1 if story.failures else 0


if __name__ == "__main__":
    sys.exit(main())
