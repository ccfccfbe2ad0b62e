/* SPDX-License-Identifier: MIT */
/* operator_socket.h - where the operator's socket is and whose: names to numbers, and what to do if
 * it can't be opened. */
#ifndef SERVER_OPERATOR_SOCKET_H
#define SERVER_OPERATOR_SOCKET_H
#include "common/host/stream_socket.h"
#include "server/operator.h"

/* False, and a sentence in error. */
bool operator_socket_open(const struct operator_options *options, struct stream_socket *socket,
                          char error[OPERATOR_ERROR_MAX]) MUST_CHECK;
#endif
