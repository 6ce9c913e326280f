"""What all servers have in common."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..host import Host, Process


class Unsupported(ValueError):
    """This program cannot do what the service asks for."""


class Server:
    """A program in a host. Subclasses say how it is configured, started and known to be ready."""

    name = "server"
    start_cost = 0  # milliseconds, roughly: the slowest are started first
    host: "Host"
    process: "Process | None" = None

    def configure(self) -> None:
        """Write the configuration into the host."""

    def command(self) -> list[str]:
        """The program, in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str] | None:
        """The environment it needs, if not the common one."""
        return None

    def ready(self) -> bool:
        """Whether it answers by now."""
        raise NotImplementedError

    def file(self, name: str) -> str:
        """A path in the host for a file of this server."""
        return f"/run/lab/{self.name}/{name}"

    def start(self) -> None:
        """Configure and start it; wait_until_ready() has to follow."""
        self.host.path(self.file("")).mkdir(parents=True, exist_ok=True)
        self.configure()
        self.process = self.host.popen(
            *self.command(), name=self.name, env=self.environment()
        )

    def wait_until_ready(self, timeout: float = 10.0) -> None:
        """Wait until it answers; raises with its log if it ends instead."""
        from ..host import wait_for

        assert self.process
        process = self.process

        def settled() -> bool:
            return not process.running or self.ready()

        try:
            wait_for(settled, timeout, interval=0.002)
        except TimeoutError:
            raise RuntimeError(f"{self.name} does not get ready: {process.log()}") from None
        if not process.running:
            raise RuntimeError(f"{self.name} does not start: {process.log()}")

    def stop(self) -> None:
        """End it the polite way."""
        assert self.process
        self.process.stop()

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        assert self.process
        self.process.kill()

    def restart(self) -> None:
        """Stop it and start it again with a configuration written anew."""
        self.stop()
        self.start()
        self.wait_until_ready()

    def log(self) -> str:
        """What it wrote."""
        assert self.process
        return self.process.log()


def program(name: str) -> str:
    """The path of a script that runs inside hosts."""
    return str(Path(__file__).parent.parent / "programs" / f"{name}.py")
