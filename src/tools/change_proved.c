#include "change_proved.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <utlist.h>

#include "change.h"
#include "common.h"
#include "dispatch.h"
#include "link/link.h"
#include "online/ping.h"

#define TRY_TIME      (250 * USEC_PER_MSEC) /* that an answer takes at most */
#define TRIES_AFTER   6			    /* before the change once, after it so often */
#define PROVED_WITHIN (5 * USEC_PER_SEC)    /* more than asking takes */

struct peer {
	struct proof *proof;
	struct management_peer who;
	struct ping *ping;
	sd_event_source *again; /* while there is no way to send to it */
	unsigned tries;		/* that are left */
	bool awaited;		/* answered before another change that is not proved yet */
	bool answers;
	bool has_mark;
	uint64_t mark; /* what it had acknowledged TRY_TIME after the change */
};

struct proof {
	struct tool_call *call;
	change_make_t make;
	struct peer peers[CHANGE_PROVERS_MOST];
	unsigned count;
	unsigned waiting; /* pings under way */
	uint64_t transaction;
	json_t *answer; /* of the change, once it is made */
	bool ended;
	struct proof *prev, *next; /* of the dispatcher's that are under way */
};

/* Before anybody else can have a say: who made it, and who confirms it, may be of one mind. */
static void withdraw_unproved(struct proof *proof)
{
	struct error error;

	if (transaction_withdraw(tool_call_core(proof->call), proof->transaction,
				 "its call ended before it was proved", &error) < 0)
		log_error("transaction %" PRIu64 " cannot be taken back before its deadline: %s",
			  proof->transaction, error.message);
}

static void proof_stop(void *state)
{
	struct proof *proof = state;
	struct proof **proofs = dispatcher_proofs(tool_call_dispatcher(proof->call));

	if (proof->transaction && !proof->ended)
		withdraw_unproved(proof);
	DL_DELETE(*proofs, proof);
	for (unsigned i = 0; i < proof->count; i++) {
		if (proof->peers[i].ping)
			ping_cancel(proof->peers[i].ping);
		sd_event_source_disable_unref(proof->peers[i].again);
	}
	json_decref(proof->answer);
	free(proof);
}

static void proof_go_on(struct proof *proof);

static void peer_done(struct peer *peer, bool answers)
{
	peer->answers = answers;
	if (--peer->proof->waiting == 0)
		proof_go_on(peer->proof);
}

static int ask(struct peer *peer);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct peer *peer = userdata;

	peer->again = sd_event_source_disable_unref(peer->again);
	if (ask(peer) < 0)
		peer_done(peer, false);
	return 0;
}

static int ask_later(struct peer *peer)
{
	return sd_event_add_time_relative(tool_call_event(peer->proof->call), &peer->again,
					  CLOCK_BOOTTIME, TRY_TIME, 1, on_again, peer);
}

/* Does it acknowledge on its connections what was sent to it after the change? That counts as an
 * answer. What was acknowledged before, and only arrives, was in the mark. */
static bool makes_progress(struct peer *peer)
{
	uint64_t before = peer->mark;

	if (!peer->proof->answer)
		return false;
	link_manager_look_at_peers(tool_call_services(peer->proof->call)->link_manager, &peer->who,
				   1);
	peer->mark = peer->who.acknowledged;
	if (peer->has_mark)
		return peer->mark > before;
	peer->has_mark = true;
	return false;
}

/* An error comes sooner than an answer that is awaited in vain. */
static void on_ping_done(const struct ping_result *result, void *userdata)
{
	struct peer *peer = userdata;
	bool answered = result->statistics.answered > 0 || makes_progress(peer);

	peer->ping = NULL;
	if (answered || peer->tries == 0 ||
	    (result->probes[0].outcome == PING_TIMED_OUT ? ask(peer) : ask_later(peer)) < 0)
		peer_done(peer, answered);
}

/* Asks once, or as soon as there is a way again: 0 where peer_done() follows, -ETIMEDOUT when all
 * tries are used up. */
static int ask(struct peer *peer)
{
	struct ping_request request = ping_request_default(&peer->who.address);

	if (peer->tries == 0)
		return -ETIMEDOUT;
	peer->tries--;
	request.count = 1;
	request.timeout = TRY_TIME;
	memcpy(request.interface, peer->who.link, sizeof(request.interface));
	if (ping_start(&peer->ping, tool_call_event(peer->proof->call), &request, on_ping_done,
		       peer, NULL) >= 0)
		return 0;
	peer->ping = NULL;
	return ask_later(peer);
}

/* Who is cut off by another change at present gets the time in which that is withdrawn. */
static void ask_all(struct proof *proof, unsigned tries)
{
	for (unsigned i = 0; i < proof->count; i++) {
		struct peer *peer = &proof->peers[i];

		peer->answers = false;
		peer->tries = peer->awaited ? 2 * tries : tries;
		proof->waiting += ask(peer) >= 0;
	}
}

/* Only those that answer are of interest afterwards. */
static void keep_answering(struct proof *proof)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < proof->count; i++)
		if (proof->peers[i].answers || proof->peers[i].awaited)
			proof->peers[kept++] = proof->peers[i];
	proof->count = kept;
}

static void await_also(struct proof *proof, const struct ip_address *address)
{
	for (unsigned i = 0; i < proof->count; i++)
		if (ip_address_equal(&proof->peers[i].who.address, address))
			proof->peers[i].awaited = true;
}

/* Who does not answer because of the one change has answered before the other, too: otherwise the
 * other would be held to nobody. */
static void await_as(struct proof *proof, const struct proof *made)
{
	for (unsigned i = 0; i < made->count; i++)
		await_also(proof, &made->peers[i].who.address);
}

static void await_in_others(const struct proof *made)
{
	struct proof *other;

	DL_FOREACH(*dispatcher_proofs(tool_call_dispatcher(made->call)), other)
		if (!other->answer)
			await_as(other, made);
}

static void fail_lost(struct proof *proof, const struct peer *peer)
{
	char text[IP_ADDRESS_TEXT_MAX];
	struct error error, failed = {0};

	proof->ended = true;
	ip_address_print(&peer->who.address, text);
	error_set(&error, ERROR_TX_PEER_LOST, NULL,
		  "%s, who manages this host, answered before the change and not after it: it was "
		  "rolled back",
		  text);
	error_hint(&error, "plan it with tx.plan, and look for what its steps do on the way to %s",
		   text);
	error_counterexample(&error, "management.path", text);
	if (transaction_withdraw(tool_call_core(proof->call), proof->transaction,
				 "a peer was not reached any more", &failed) < 0)
		error_hint(&error,
			   "it could not be taken back at once (%s), and is at its "
			   "deadline",
			   failed.message);
	tool_call_fail(proof->call, &error);
}

/* What somebody wants to confirm stays pending, unless it was undone meanwhile. */
static int stay(struct proof *proof, struct error *error)
{
	int64_t within = json_member_integer(tool_call_arguments(proof->call), "confirm_within", 0);
	usec_t deadline;
	int r = transaction_proved(tool_call_core(proof->call), proof->transaction,
				   (usec_t)within * USEC_PER_SEC, &deadline, error);

	if (r < 0)
		return r;
	if (deadline)
		r = json_put(proof->answer, "deadline", json_realtime(deadline));
	else if (json_object_del(proof->answer, "deadline") == 0)
		r = json_put(proof->answer, "state", json_string("committed"));
	return r < 0 ? out_of_memory(error) : 0;
}

/* The peer without whom the change does not hold, or NULL. */
static const struct peer *lost_peer(const struct proof *proof)
{
	const struct peer *lost = NULL;
	bool reached = false;

	for (unsigned i = 0; i < proof->count; i++) {
		const struct peer *peer = &proof->peers[i];
		bool may_be_strange = peer->who.standing == PEER_CONNECTED;

		if (peer->answers)
			reached = reached || !may_be_strange;
		else if (!may_be_strange)
			return peer;
		else
			lost = lost ?: peer;
	}
	return reached ? NULL : lost;
}

static void proof_end(struct proof *proof)
{
	const struct peer *lost = lost_peer(proof);
	struct error error = {0};

	if (lost)
		return fail_lost(proof, lost);
	proof->ended = true;
	if (stay(proof, &error) < 0)
		tool_call_fail(proof->call, &error);
	else
		tool_call_complete(proof->call, json_incref(proof->answer));
}

/* Is the change taken back where this one falls silent? See lost_peer(). */
static bool has_a_say(const struct proof *proof, const struct peer *peer)
{
	for (unsigned i = 0; i < proof->count; i++)
		if (proof->peers[i].who.standing > PEER_CONNECTED)
			return peer->who.standing > PEER_CONNECTED;
	return true;
}

/* The peers were asked: now the change. */
static void proof_make(struct proof *proof)
{
	struct ip_address provers[CHANGE_PROVERS_MOST];
	struct proving proving = {.peers = provers};
	struct tool_call *call = proof->call;
	struct error error = {0};

	keep_answering(proof);
	proving.within = proof->count ? PROVED_WITHIN : 0;
	for (unsigned i = 0; i < proof->count; i++)
		if (has_a_say(proof, &proof->peers[i]))
			provers[proving.peers_count++] = proof->peers[i].who.address;
	if (proof->make(call, &proving, &proof->answer, &error) < 0)
		return tool_call_fail(call, &error);
	proof->transaction = (uint64_t)json_member_integer(proof->answer, "transaction", 0);
	if (!transaction_is_unproved(tool_call_core(call), proof->transaction)) {
		proof->ended = true;
		return tool_call_complete(call, json_incref(proof->answer));
	}
	if (json_member_integer(proof->answer, "steps_count", 0) == 0)
		proof->count = 0;
	await_in_others(proof);
	ask_all(proof, TRIES_AFTER);
	if (!proof->waiting)
		proof_end(proof);
}

static void proof_go_on(struct proof *proof)
{
	if (proof->answer)
		proof_end(proof);
	else
		proof_make(proof);
}

static struct proof *proof_new(struct tool_call *call, change_make_t make)
{
	const struct tool_services *services = tool_call_services(call);
	struct management_peer peers[CHANGE_PROVERS_MOST];
	struct proof **proofs = dispatcher_proofs(tool_call_dispatcher(call));
	struct proof *proof = calloc(1, sizeof(*proof)), *other;

	if (!proof)
		return NULL;
	proof->call = call;
	proof->make = make;
	if (services->link_manager)
		proof->count = link_manager_peers(services->link_manager, tool_call_pid(call),
						  peers, CHANGE_PROVERS_MOST);
	for (unsigned i = 0; i < proof->count; i++)
		proof->peers[i] = (struct peer){.proof = proof, .who = peers[i]};
	DL_FOREACH(*proofs, other)
		if (other->answer)
			await_as(proof, other);
	DL_APPEND(*proofs, proof);
	return proof;
}

unsigned change_provers(const struct tool_call *call, struct ip_address ret[CHANGE_PROVERS_MOST])
{
	const struct tool_services *services = tool_call_services(call);
	struct management_peer peers[CHANGE_PROVERS_MOST];
	unsigned count = 0;

	if (services->link_manager)
		count = link_manager_peers(services->link_manager, tool_call_pid(call), peers,
					   CHANGE_PROVERS_MOST);
	for (unsigned i = 0; i < count; i++)
		ret[i] = peers[i].address;
	return count;
}

static int make_dry(struct tool_call *call, change_make_t make, json_t **ret, struct error *error)
{
	struct ip_address provers[CHANGE_PROVERS_MOST];
	const struct proving proving = {.peers = provers,
					.peers_count = change_provers(call, provers)};

	return make(call, &proving, ret, error);
}

int change_make_proved(struct tool_call *call, change_make_t make, json_t **ret,
		       struct error *error)
{
	struct proof *proof;

	if (json_member_true(tool_call_arguments(call), "dry_run"))
		return make_dry(call, make, ret, error);
	proof = proof_new(call, make);
	if (!proof)
		return out_of_memory(error);
	ask_all(proof, 1);
	if (!proof->waiting) {
		proof_stop(proof);
		return make(call, &(struct proving){0}, ret, error);
	}
	tool_call_set_state(call, proof, proof_stop);
	return TOOL_LATER;
}

static int make_proposed(struct tool_call *call, const struct proving *proving, json_t **ret,
			 struct error *error)
{
	return change_run(call, tool_call_tool(call), false, proving, ret, error);
}

int change_run_proved(struct tool_call *call, json_t **ret, struct error *error)
{
	return change_make_proved(call, make_proposed, ret, error);
}
