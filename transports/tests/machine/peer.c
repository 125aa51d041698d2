/*
 * A peer made of usrsctp, an SCTP stack that shares nothing with this project, which speaks the lane protocol over UDP.
 *
 *   peer listen           serves one association: sends back on each lane what comes on it
 *   peer dial PORT LANES BYTES
 *                         opens so many lanes, sends so many bytes on each, and expects them back
 *
 * It prints its UDP port first, then what happens, one line each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <usrsctp.h>

enum { PORT = 5000, LANES = 64, WINDOW = 1 << 20, PIECE = 20000, LONGEST = 1 << 17 };
enum { DATA = 53, CONTROL = 50 };
enum { OPEN = 1, OPENED, CREDIT, END, STOP, ABORT, CLOSED };

struct lane {
	int is_open, we_ended, they_ended, is_closed;
	uint32_t credit, read;
	/* What waits for credit: bytes to send back, or how much of the pattern is left. */
	char *waiting;
	size_t waiting_len, left, expected, received;
};

static int udp = -1;
static struct sockaddr_in other;
static struct socket *association;
static struct lane lanes[LANES];
static int is_dialer;

static void fail(const char *what) {
	printf("failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static int output(void *address, void *bytes, size_t len, uint8_t tos, uint8_t df) {
	(void)address, (void)tos, (void)df;
	sendto(udp, bytes, len, 0, (struct sockaddr *)&other, sizeof other);
	return 0;
}

static void *input(void *unused) {
	static char bytes[1 << 16];
	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		ssize_t len = recvfrom(udp, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
		if (len < 0) continue;
		other = from;
		usrsctp_conninput(&udp, bytes, (size_t)len, 0);
	}
	return unused;
}

static void send_message(uint16_t stream, uint32_t ppid, const void *bytes, size_t len) {
	struct sctp_sndinfo info;
	memset(&info, 0, sizeof info);
	info.snd_sid = stream;
	info.snd_ppid = htonl(ppid);
	if (usrsctp_sendv(association, bytes, len, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0) {
		fail("usrsctp_sendv");
	}
}

static void say(uint16_t stream, uint8_t kind) {
	send_message(stream, CONTROL, &kind, 1);
}

static void say_number(uint16_t stream, uint8_t kind, uint32_t number) {
	uint8_t bytes[5] = {kind, number >> 24, number >> 16, number >> 8, number};
	send_message(stream, CONTROL, bytes, sizeof bytes);
}

static char pattern(size_t at) {
	return (char)(at % 251);
}

/* Sends what the peer has room for, and says the end when there is no more to come. */
static void pump(uint16_t stream) {
	struct lane *lane = &lanes[stream];
	static char piece[PIECE];
	while (lane->left > 0 && lane->credit > 0) {
		size_t len = lane->left < PIECE ? lane->left : PIECE;
		if (len > lane->credit) len = lane->credit;
		for (size_t at = 0; at < len; at++) piece[at] = pattern(lane->expected - lane->left + at);
		send_message(stream, DATA, piece, len);
		lane->left -= len;
		lane->credit -= len;
	}
	while (lane->waiting_len > 0 && lane->credit > 0) {
		size_t len = lane->waiting_len < PIECE ? lane->waiting_len : PIECE;
		if (len > lane->credit) len = lane->credit;
		send_message(stream, DATA, lane->waiting, len);
		memmove(lane->waiting, lane->waiting + len, lane->waiting_len - len);
		lane->waiting_len -= len;
		lane->credit -= len;
	}
	int is_done = is_dialer ? lane->left == 0 : lane->they_ended && lane->waiting_len == 0;
	if (is_done && !lane->we_ended) {
		lane->we_ended = 1;
		say(stream, END);
	}
}

static void on_data(uint16_t stream, const char *bytes, size_t len) {
	struct lane *lane = &lanes[stream];
	if (!lane->is_open || lane->they_ended) fail("DATA out of turn");
	if (is_dialer) {
		for (size_t at = 0; at < len; at++) {
			if (bytes[at] != pattern(lane->received + at)) fail("wrong bytes came back");
		}
	} else {
		lane->waiting = realloc(lane->waiting, lane->waiting_len + len);
		memcpy(lane->waiting + lane->waiting_len, bytes, len);
		lane->waiting_len += len;
	}
	lane->received += len;
	lane->read += len;
	if (lane->read > WINDOW / 2) {
		say_number(stream, CREDIT, lane->read);
		lane->read = 0;
	}
}

static void on_control(uint16_t stream, const unsigned char *bytes, size_t len) {
	struct lane *lane = &lanes[stream];
	uint32_t number = len == 5 ? (uint32_t)bytes[1] << 24 | bytes[2] << 16 | bytes[3] << 8 | bytes[4] : 0;
	switch (bytes[0]) {
	case OPEN:
		memset(lane, 0, sizeof *lane);
		lane->is_open = 1;
		lane->credit = number;
		say_number(stream, OPENED, WINDOW);
		break;
	case OPENED:
		lane->is_open = 1;
		lane->credit = number;
		break;
	case CREDIT:
		lane->credit += number;
		break;
	case END:
		lane->they_ended = 1;
		break;
	case STOP:
		lane->waiting_len = 0;
		if (!lane->we_ended) say(stream, END);
		lane->we_ended = 1;
		break;
	case ABORT:
		printf("lane %u aborted\n", stream);
		lane->waiting_len = 0;
		lane->they_ended = 1;
		if (!lane->we_ended) say(stream, ABORT);
		lane->we_ended = 1;
		break;
	case CLOSED:
		lane->is_closed = 1;
		break;
	default:
		fail("an unknown control message");
	}
}

static void on_message(uint16_t stream, uint32_t ppid, char *bytes, size_t len) {
	struct lane *lane = &lanes[stream];
	if (stream >= LANES) fail("an unknown stream");
	if (ppid == DATA) {
		on_data(stream, bytes, len);
	} else if (ppid == CONTROL) {
		on_control(stream, (unsigned char *)bytes, len);
	} else {
		fail("an unknown payload protocol");
	}
	if (lane->is_open && !lane->is_closed) pump(stream);
	if (!is_dialer && lane->is_open && lane->we_ended && lane->they_ended) {
		printf("lane %u closed after %zu bytes\n", stream, lane->received);
		lane->is_open = 0;
		say(stream, CLOSED);
	}
}

static int are_all_closed(int count) {
	for (int at = 0; at < count; at++) {
		if (!lanes[at].is_closed) return 0;
	}
	return 1;
}

/* Until the association ends, or so many lanes are closed. */
static void serve(int count) {
	static char message[LONGEST];
	size_t len = 0;
	while (count == 0 || !are_all_closed(count)) {
		struct sctp_rcvinfo info;
		socklen_t info_len = sizeof info, from_len = 0;
		unsigned int type = 0;
		int flags = 0;
		ssize_t got = usrsctp_recvv(association, message + len, sizeof message - len, NULL, &from_len, &info,
		                            &info_len, &type, &flags);
		if (got <= 0) {
			printf(got == 0 ? "association ended\n" : "association aborted\n");
			return;
		}
		len += (size_t)got;
		if (!(flags & MSG_EOR)) continue;
		on_message(info.rcv_sid, ntohl(info.rcv_ppid), message, len);
		len = 0;
	}
}

static struct socket *make_socket(void) {
	struct sctp_initmsg init;
	struct sockaddr_conn local;
	int on = 1, room = 4 << 20;
	struct socket *made = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (made == NULL) fail("usrsctp_socket");
	memset(&init, 0, sizeof init);
	init.sinit_num_ostreams = init.sinit_max_instreams = LANES;
	usrsctp_setsockopt(made, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init);
	usrsctp_setsockopt(made, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on);
	usrsctp_setsockopt(made, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
	usrsctp_setsockopt(made, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	usrsctp_setsockopt(made, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	memset(&local, 0, sizeof local);
	local.sconn_family = AF_CONN;
	local.sconn_port = htons(PORT);
	local.sconn_addr = &udp;
	if (usrsctp_bind(made, (struct sockaddr *)&local, sizeof local) < 0) fail("usrsctp_bind");
	return made;
}

static void dial(int count, size_t bytes) {
	struct sockaddr_conn remote;
	memset(&remote, 0, sizeof remote);
	remote.sconn_family = AF_CONN;
	remote.sconn_port = htons(PORT);
	remote.sconn_addr = &udp;
	association = make_socket();
	if (usrsctp_connect(association, (struct sockaddr *)&remote, sizeof remote) < 0) fail("usrsctp_connect");
	for (int at = 0; at < count; at++) {
		lanes[at].left = lanes[at].expected = bytes;
		say_number((uint16_t)at, OPEN, WINDOW);
	}
	serve(count);
	for (int at = 0; at < count; at++) {
		if (lanes[at].received != bytes) fail("not all came back");
	}
	printf("all came back\n");
	usrsctp_shutdown(association, SHUT_WR);
	serve(0);
}

static void listen_once(unsigned port) {
	struct socket *listener = make_socket();
	if (usrsctp_listen(listener, 1) < 0) fail("usrsctp_listen");
	printf("port %u\n", port);
	association = usrsctp_accept(listener, NULL, NULL);
	if (association == NULL) fail("usrsctp_accept");
	serve(0);
}

int main(int argc, char **argv) {
	struct sockaddr_in local;
	socklen_t local_len = sizeof local;
	pthread_t thread;
	is_dialer = argc == 5 && strcmp(argv[1], "dial") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	memset(&local, 0, sizeof local);
	local.sin_family = AF_INET;
	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(udp, (struct sockaddr *)&local, sizeof local) < 0) fail("bind");
	getsockname(udp, (struct sockaddr *)&local, &local_len);
	other = local;
	if (is_dialer) other.sin_port = htons((uint16_t)atoi(argv[2]));
	usrsctp_init(0, output, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_register_address(&udp);
	pthread_create(&thread, NULL, input, NULL);
	if (is_dialer) {
		printf("port %u\n", ntohs(local.sin_port));
		dial(atoi(argv[3]), (size_t)atol(argv[4]));
	} else {
		listen_once(ntohs(local.sin_port));
	}
	/* usrsctp_finish sometimes never finishes. */
	_exit(0);
}
