"""A daemon of few words: speaks MCP on a Unix socket as a script tells it."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any, Callable, Optional

Message = dict[str, Any]
EVENTS = "aiosnet://events"


def property_of(kind: str, description: str, **more: Any) -> Message:
    return {"type": kind, "description": description, **more}


def tool(name: str, properties: Message, required: list[str], output: Optional[Message] = None) -> Message:
    return {
        "name": name,
        "title": f"Title of {name}",
        "description": f"Describes {name}.",
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        "outputSchema": {"type": "object", "properties": output or {}},
        "annotations": {"readOnlyHint": True, "openWorldHint": name == "net.ping"},
    }


NUMBER = {"number": property_of("integer", "The transaction")}
TOOLS = [
    tool("net.status", {}, []),
    tool("net.interfaces", {}, []),
    tool(
        "net.ping",
        {
            "host": property_of("string", "Name or address"),
            "count": property_of("integer", "Requests (packets)", minimum=1, maximum=1000, default=4),
            "protocol": property_of("string", "How", enum=["icmp", "tcp"]),
        },
        ["host"],
        {"average": property_of("number", "Round trip (ms)")},
    ),
    tool("net.route_list", {}, []),
    tool(
        "net.configure",
        {
            "link": property_of("string", "The link"),
            "method": property_of("string", "How", enum=["dhcp", "static"]),
            "addresses": {"type": "array", "items": {"type": "string"}},
            "dry_run": property_of("boolean", "Only plan"),
        },
        ["link", "method"],
    ),
    tool("net.explain", {"thing": property_of("string", "What")}, ["thing"]),
    tool("tx.plan", {"tool": property_of("string", "T"), "arguments": {"type": "object"}}, ["tool"]),
    tool("tx.confirm", NUMBER, ["number"]),
    tool("tx.undo", NUMBER, ["number"]),
    tool("events.list", {"after": property_of("integer", "A"), "limit": property_of("integer", "L")}, []),
    tool("tx.history", {"limit": property_of("integer", "How many")}, []),
]

Handler = Callable[[Message], Any]


class FakeDaemon:
    """Answers on a socket from a thread. `era` is "modern", "legacy" or "both"."""

    def __init__(self, path: Path, era: str = "both", page: int = 4) -> None:
        self.path, self.era, self.page = path, era, page
        self.requests: list[Message] = []
        self.calls: list[tuple[str, Any]] = []
        self.results: dict[str, Any] = {}
        self.events: list[Message] = []
        self.piece = 1 << 20
        self.delay = 0.0
        self.subscribed = threading.Event()
        self.read_events = threading.Event()
        self.raw: Optional[Callable[[socket.socket], None]] = None
        self.connections: list[socket.socket] = []
        self.subscriptions: list[tuple[socket.socket, Any]] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)

    def publish(self, kind: str, message: str) -> None:
        """A new event, and the notice of it to who subscribed."""
        self.events.append({
            "sequence": len(self.events) + 1,
            "time": "2026-01-02T03:04:05.678Z",
            "kind": kind,
            "message": message,
        })
        for connection, listen in self.subscriptions:
            params: Message = {"uri": EVENTS}
            if listen is not None:
                params["_meta"] = {"io.modelcontextprotocol/subscriptionId": listen}
            self._send(connection, {"method": "notifications/resources/updated", "params": params})

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            serve = self.raw or self._serve
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def _send(self, connection: socket.socket, message: Message) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode() + b"\n"
        try:
            for at in range(0, len(data), self.piece):
                connection.sendall(data[at : at + self.piece])
        except OSError:
            return  # the client is gone

    def _serve(self, connection: socket.socket) -> None:
        initialized = False
        with connection.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                self.requests.append(message)
                if "id" not in message:
                    continue
                modern = "_meta" in message.get("params", {})
                if message["method"] == "initialize" and self.era != "modern":
                    initialized = True
                accepted = self.era != "legacy" if modern else initialized
                try:
                    if not accepted:
                        raise LookupError(-32600, "not initialized")
                    answer = self._answer(connection, message)
                except LookupError as error:
                    answer = {"error": {"code": error.args[0], "message": error.args[1]}}
                if answer is not None:
                    time.sleep(self.delay)
                    self._send(connection, {"id": message["id"], **answer})
        connection.close()

    def _answer(self, connection: socket.socket, message: Message) -> Optional[Message]:
        method, params = message["method"], message.get("params", {})
        handlers: dict[str, Handler] = {
            "initialize": lambda p: {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}},
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": lambda p: {"resources": [{"uri": EVENTS, "name": "events"}]},
            "resources/read": self._read,
            "server/discover": lambda p: {
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "aiosnetd", "version": "9.8.7"}}
            },
        }
        if method in ("resources/subscribe", "subscriptions/listen"):
            listen = message["id"] if method == "subscriptions/listen" else None
            self.subscriptions.append((connection, listen))
            self.subscribed.set()
            if listen is None:
                return {"result": {}}
            self._send(connection, {"method": "notifications/subscriptions/acknowledged", "params": {}})
            return None
        if method not in handlers:
            raise LookupError(-32601, f"no method {method}")
        return {"result": {"resultType": "complete", **handlers[method](params)}}

    def _list_tools(self, params: Message) -> Message:
        start = int(params.get("cursor", 0))
        end = start + self.page
        result: Message = {"tools": TOOLS[start:end]}
        if end < len(TOOLS):
            result["nextCursor"] = str(end)
        return result

    def _call_tool(self, params: Message) -> Message:
        name, arguments = params["name"], params.get("arguments")
        self.calls.append((name, arguments))
        if name not in {tool["name"] for tool in TOOLS}:
            raise LookupError(-32602, f"unknown tool {name}")
        result = self.results.get(name, {"echo": arguments})
        if name == "events.list":
            result = self._list_events(arguments.get("after", 0))
        if isinstance(result, dict) and "error" in result:
            return {"isError": True, "structuredContent": result, "content": [{"type": "text", "text": "failed"}]}
        return {"structuredContent": result, "content": [{"type": "text", "text": json.dumps(result)}]}

    def _list_events(self, after: int) -> Message:
        return {"events": self.events[after:], "last": len(self.events), "missed": 0}

    def _read(self, params: Message) -> Message:
        self.read_events.set()
        text = json.dumps(self._list_events(0))
        return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}
