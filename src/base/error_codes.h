/*
 * Every error that a person or an agent can meet, in one table: stable code, errno, what it means.
 *
 * Codes never change their meaning once released. The third column is the errno whose negative
 * error_set() returns; the fourth tells the reader of this table what the code means.
 */
#pragma once

#define ERROR_CODES(X)                                                                             \
	X(NONE, "none", 0, "No error.")                                                            \
	/* What the caller said */                                                                 \
	X(REQUEST_MALFORMED, "request.malformed", EBADMSG, "The request is not valid JSON-RPC.")   \
	X(REQUEST_TOO_LARGE, "request.too_large", EMSGSIZE, "The request exceeds the size limit.") \
	X(TOOL_UNKNOWN, "tool.unknown", ENOENT, "There is no tool of this name.")                  \
	X(TOOL_TIMEOUT, "tool.timeout", ETIME, "The tool did not finish within its time limit.")   \
	X(TOOL_BUSY, "tool.busy", EBUSY, "Too many calls are under way at once.")                  \
	X(PARAMETER_UNKNOWN, "parameter.unknown", EINVAL, "The tool has no such parameter.")       \
	X(PARAMETER_MISSING, "parameter.missing", EINVAL, "A required parameter was not given.")   \
	X(PARAMETER_TYPE, "parameter.type", EINVAL, "The parameter is of the wrong type.")         \
	X(PARAMETER_RANGE, "parameter.range", ERANGE, "The parameter is outside of its range.")    \
	X(PARAMETER_CONFLICT, "parameter.conflict", EINVAL, "Two parameters exclude each other.")  \
	X(ADDRESS_INVALID, "address.invalid", EINVAL, "The text is not an IP address.")            \
	X(PREFIX_INVALID, "prefix.invalid", EINVAL, "The text is not an IP prefix.")               \
	X(PREFIX_HOST_BITS, "prefix.host_bits", EINVAL, "The prefix has host bits set.")           \
	X(GATEWAY_OUTSIDE, "gateway.outside_prefix", EINVAL,                                       \
	  "No prefix of the link has the gateway.")                                                \
	X(MAC_INVALID, "mac.invalid", EINVAL, "The text is not a usable hardware address.")        \
	X(NAME_INVALID, "name.invalid", EINVAL, "The text is not a valid name.")                   \
	/* Who may */                                                                              \
	X(ROLE_INSUFFICIENT, "role.insufficient", EACCES, "The caller's role may not do this.")    \
	X(GUARD_REFUSED, "guard.refused", EPERM, "A guard rail forbids the change.")               \
	X(GUARD_UNPROVED, "guard.unproved", EPERM,                                                 \
	  "Nothing proves that the change keeps what a guard rail holds.")                         \
	/* What there is */                                                                        \
	X(LINK_UNKNOWN, "link.unknown", ENODEV, "There is no interface of this name.")             \
	X(LINK_FOREIGN, "link.foreign", EPERM, "The interface belongs to somebody else.")          \
	X(LINK_BUSY, "link.busy", EBUSY, "The link refuses the setting in its present state.")     \
	X(LINK_EXISTS, "link.exists", EEXIST, "An interface of this name is of another kind.")     \
	X(LINK_IMMUTABLE, "link.immutable", EINVAL, "An existing interface cannot change so.")     \
	X(LINK_PORT, "link.port", EBUSY, "The interface is a port of another device.")             \
	X(LINK_KIND_UNSUPPORTED, "link.kind_unsupported", EOPNOTSUPP,                              \
	  "The kernel lacks this kind of interface.")                                              \
	X(MANAGER_RUNNING, "manager.running", EBUSY, "Another manager of the network still runs.") \
	X(ROUTE_UNKNOWN, "route.unknown", ESRCH, "There is no such route in intent.")              \
	X(ROUTE_EXISTS, "route.exists", EEXIST, "Somebody else's route holds this place.")         \
	X(RESOURCE_UNKNOWN, "resource.unknown", ENOENT, "Intent holds no such resource.")          \
	/* Transactions */                                                                         \
	X(TX_UNKNOWN, "tx.unknown", ENOENT, "There is no transaction of this number.")             \
	X(TX_NOT_PENDING, "tx.not_pending", EINVAL, "The transaction awaits no confirmation.")     \
	X(TX_NOT_UNDOABLE, "tx.not_undoable", EBUSY, "A later change depends on the transaction.") \
	X(TX_VERIFY_FAILED, "tx.verify_failed", EIO,                                               \
	  "The kernel's state did not become as planned.")                                         \
	X(TX_PEER_LOST, "tx.peer_lost", EIO,                                                       \
	  "Who manages this host was not reached any more: the change was rolled back.")           \
	/* The firewall */                                                                         \
	X(RULESET_MALFORMED, "firewall.malformed", EINVAL, "The ruleset cannot be followed.")      \
	/* The world outside */                                                                    \
	X(KERNEL_REFUSED, "kernel.refused", EIO, "The kernel refused the operation.")              \
	X(KERNEL_UNSUPPORTED, "kernel.unsupported", EOPNOTSUPP, "The kernel lacks this feature.")  \
	X(HOST_UNREACHABLE, "host.unreachable", EHOSTUNREACH, "No route or no answer.")            \
	X(NAME_NOT_FOUND, "name.not_found", ENOENT, "The name does not resolve.")                  \
	X(DNS_FAILED, "dns.failed", EIO, "The name server gave no usable answer.")                 \
	X(CONNECTION_REFUSED, "connection.refused", ECONNREFUSED, "The other side refused.")       \
	X(PROTOCOL_FAILED, "protocol.failed", EPROTO, "The other side speaks otherwise.")          \
	X(TIMEOUT, "timeout", ETIMEDOUT, "No answer came in time.")                                \
	/* Ourselves */                                                                            \
	X(STORE_FAILED, "store.failed", EIO, "The state database could not be read or written.")   \
	X(STORE_CORRUPT, "store.corrupt", EUCLEAN, "The state database is damaged.")               \
	X(AUDIT_BROKEN, "audit.broken", EBADMSG, "The audit chain does not verify.")               \
	X(HOST_NAMESPACE, "daemon.host_namespace", EPERM,                                          \
	  "Refused to manage the host's own network.")                                             \
	X(DAEMON_RUNNING, "daemon.running", EADDRINUSE, "Another daemon holds the socket.")        \
	X(DAEMON_UNREACHABLE, "daemon.unreachable", ECONNREFUSED, "The daemon does not answer.")   \
	X(OUT_OF_MEMORY, "memory.exhausted", ENOMEM, "Memory is exhausted.")                       \
	X(INTERNAL, "internal", EIO, "A fault of the program itself.")
