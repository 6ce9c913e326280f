// A third-party MCP client against a running daemon: lists the tools, calls each of them, checks
// every schema and every result with Ajv in strict mode, reads every resource. Usage:
//
//     node check.mjs AIOSNET SOCKET CLIENT
//
// AIOSNET is the command line program, whose `mcp` pumps between stdio and the socket; CLIENT is
// sdk1, sdk2-legacy or sdk2-auto. The host is that of the lab's topology `home`.
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import assert from "node:assert/strict";

const [program, socket, clientName] = process.argv.slice(2);
const server = { command: program, args: ["--socket", socket, "mcp"] };

// What is called with each client; a call marked so must fail as a tool, not as a protocol.
const calls = [
  ["net.status", {}],
  ["net.interfaces", {}],
  ["net.interfaces", { link: "no-such-link" }, "link.unknown"],
  ["net.route_list", { limit: 5 }],
  ["net.neighbors", {}],
  ["net.explain", { subject: "lo" }],
  ["net.explain", { subject: "nothing" }, "resource.unknown"],
  ["tx.history", { limit: 3, changes: true }],
  ["events.list", { limit: 3 }],
  ["net.ping", { host: "127.0.0.1", count: "4" }, "parameter.type"],
  ["net.route_add", { destination: "198.51.100.1/24", gateway: "192.0.2.1" }, "prefix.host_bits"],
  ["net.route_add", { destination: "198.51.100.0/24", type: "blackhole", dry_run: true }],
  ["tx.plan", { tool: "net.route_add", arguments: { destination: "198.51.100.0/24", type: "blackhole" } }],
  ["tx.undo", { transaction: 999999 }, "tx.unknown"],
  ["net.ping", { host: "192.168.1.1", count: 2 }],
  ["net.ping", { host: "192.168.1.254", count: 1, timeout: 200 }, "timeout"],
  ["net.dns_lookup", { domain: "www.example.com" }],
  ["net.dns_lookup", { domain: "no-such-name.example.com" }, "name.not_found"],
  ["net.connections", {}],
  ["net.bandwidth", { window: 200 }],
  ["net.configure", { link: "eth0", method: "dhcp", dry_run: true }],
  ["net.configure", { link: "eth0", method: "static", gateway: "192.168.1.1" }, "parameter.missing"],
  ["tx.confirm", { transaction: 999999 }, "tx.unknown"],
  ["net.route_add", { destination: "198.51.100.0/24", type: "blackhole", reason: "a test" }],
  ["net.route_del", { destination: "198.51.100.0/24", reason: "a test" }],
  ["net.apply", { links: [{ name: "br7", kind: "bridge", addresses: ["198.18.7.1/24"] }] }],
  ["net.apply", { links: [{ name: "eth0", dhcp: { hostname: "box" } }], dry_run: true }],
  ["net.apply", { links: [{ name: "br7", kind: "no-such-kind" }] }, "parameter.range"],
  ["guard.list", {}],
  ["guard.add", { name: "office", kind: "protect", resources: "rule/*" }],
  ["guard.add", { name: "nothing", kind: "protect" }, "parameter.missing"],
  ["guard.remove", { name: "office" }],
  ["firewall.configure", { mode: "observe", management: ["192.168.1.0/24"] }],
  ["firewall.configure", { mode: "enforce", management: ["0.0.0.0/0"] }, "parameter.range"],
  ["firewall.allow", { port: 80, comment: "a web server" }],
  ["firewall.allow", { ports: ["90-80"] }, "parameter.range"],
  ["firewall.deny", { chain: "output", port: 25, expires_in: 600 }],
  ["firewall.status", {}],
  ["firewall.rules", {}],
  ["firewall.explain", { port: 80, source: "192.168.1.9" }],
  ["firewall.explain", { port: 80 }, "parameter.missing"],
  ["firewall.remove", { rule: "firewall_rule/input/allow/tcp/80" }],
  ["net.export", {}],
  ["net.adopt", { dry_run: true }],
  ["net.import_apply", { format: "ifupdown", files: [{ name: "interfaces", content: "iface eth0 inet dhcp\n" }], dry_run: true }],
  ["net.import", { format: "ifupdown", files: [{ name: "interfaces", content: "iface eth0 inet dhcp\n" }] }],
  ["net.suggest", { link: "eth0", listen_seconds: 1 }],
  ["net.check_port", { host: "192.168.1.1", port: 9 }],
  ["net.traceroute", { host: "1.1.1.1" }],
  ["net.http_probe", { url: "https://api.anthropic.com/" }],
  ["net.http_probe", { url: "ftp://192.168.1.1/" }, "parameter.range"],
];

function compile(tools) {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true });
  addFormats(ajv);
  return new Map(tools.map((tool) => [tool.name, ajv.compile(tool.outputSchema)]));
}

function checkTools(tools) {
  assert.ok(tools.length >= 13);
  const ajv = new Ajv2020({ strict: true, strictRequired: false });
  addFormats(ajv);
  for (const tool of tools) {
    ajv.compile(tool.inputSchema);
    assert.match(tool.name, /^[a-z0-9_.]{1,128}$/);
    assert.ok(tool.title && tool.description);
    for (const hint of ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"])
      assert.equal(typeof tool.annotations[hint], "boolean", `${tool.name} ${hint}`);
    for (const [name, schema] of Object.entries(tool.inputSchema.properties))
      assert.ok(schema.description, `${tool.name} ${name} has no help`);
  }
}

async function checkCalls(client, tools) {
  const validators = compile(tools);
  for (const [name, args, code] of calls) {
    const result = await client.callTool({ name, arguments: args });
    const validate = validators.get(name);
    assert.ok(validate(result.structuredContent), `${name}: ${JSON.stringify(validate.errors)}`);
    assert.ok(result.content[0].text.length > 0);
    assert.equal(result.isError ?? false, code !== undefined, `${name}: ${result.content[0].text}`);
    if (code) assert.equal(result.structuredContent.error.code, code, name);
  }
  for (const { name } of tools)
    assert.ok(calls.some(([called]) => called === name), `${name} is not called`);
  await assert.rejects(client.callTool({ name: "net.pong", arguments: {} }), /net\.pong/);
}

async function checkResources(client) {
  const { resources } = await client.listResources();
  assert.ok(resources.some((resource) => resource.uri === "aiosnet://events"));
  for (const { uri } of resources) {
    const { contents } = await client.readResource({ uri });
    JSON.parse(contents[0].text);
  }
  await assert.rejects(client.readResource({ uri: "aiosnet://nothing" }));
}

async function check(label, client, transport) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  checkTools(tools);
  await checkCalls(client, tools);
  await checkResources(client);
  await client.close();
  console.log(`${label}: ${tools.length} tools, ${calls.length} calls`);
}

const info = { name: "aiosnet-test", version: "1" };

async function sdk1() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  return [new Client(info), new StdioClientTransport(server)];
}

async function sdk2(mode) {
  const { Client } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const client = new Client(info, { capabilities: {}, versionNegotiation: { mode } });
  return [client, new StdioClientTransport(server)];
}

const clients = {
  "sdk1": sdk1,
  "sdk2-legacy": () => sdk2("legacy"),
  "sdk2-auto": () => sdk2("auto"),
};

await check(clientName, ...(await clients[clientName]()));
